"""Accounts of a photo: from where it may have been taken, all round the circle, and which of them survive.

A silhouette alone can't tell some views apart: from the front left and from the rear left, with the head pointing the
same way in the picture, outlines are alike, and so are a view and its mirror image. So every photo starts with azimuths
all round, the rear included, and even the best account is confronted with its mirror images before it is believed.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from ..representations.mesh import SkinnedMesh
from ..representations.skeleton import Skeleton, mirrored_pose
from ..scenes.placement import Placement
from .silhouette_loss import USUAL_ELEVATION_DEG

_STRIDE_DEG = 30.0
"""By which upper limbs are swung forward and back to find those that are lost."""
MISFIT = 3.0
"""Times the usual loss from which on a photo is one."""


def circle(
    mesh: SkinnedMesh,
    joint_count: int,
    intrinsics: Intrinsics,
    boxes: Float[Tensor, "N 4"],
    count: int,
    azimuth_deg: Float[Tensor, "N {count}"] | None = None,
    elevation_deg: Float[Tensor, "N {count}"] | None = None,
) -> Placement:
    """`count` azimuths for each of N photos, evenly spaced unless given, at the usual elevation unless given, unposed.

    Distance and offset are such that the projected mesh fills the mask's box (left, top, right, bottom in crop pixels)
    as well as a pinhole camera can: same centre, same geometric mean of width and height.
    """
    photo_count = boxes.shape[0]
    photo = torch.arange(photo_count, device=boxes.device).repeat_interleave(count)
    azimuth = (evenly(photo_count, count).to(boxes) if azimuth_deg is None else azimuth_deg).reshape(-1)
    lens = intrinsics.select(photo)
    box = boxes[photo]
    size = torch.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]], dim=1)
    centre = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], dim=1) / 2
    camera = OrbitCamera(
        azimuth_deg=azimuth,
        elevation_deg=torch.full_like(azimuth, USUAL_ELEVATION_DEG)
        if elevation_deg is None
        else elevation_deg.reshape(-1),
        roll_deg=torch.zeros_like(azimuth),
        distance=lens.fx / size.amax(1),
        offset=torch.zeros(len(photo), 2, device=boxes.device),
    )
    vertices = mesh.vertices.detach().expand(len(photo), -1, 3)
    for _ in range(12):
        clip = project(vertices, camera, lens)
        points = to_pixels(clip, lens.width, lens.height)
        low, high = points.amin(1), points.amax(1)
        ratio = ((high - low).prod(1) / size.prod(1)).sqrt()
        distance = camera.distance * ratio
        shift = ((low + high) / 2 - centre) * (distance / lens.fx)[:, None]
        offset = camera.offset * ratio[:, None] + shift * shift.new_tensor([1.0, -1.0])
        camera = OrbitCamera(camera.azimuth_deg, camera.elevation_deg, camera.roll_deg, distance, offset)
    return Placement(photo, camera, joint_count)


def evenly(photo_count: int, count: int) -> Float[Tensor, "{photo_count} {count}"]:
    """`count` azimuths all round in degrees, from the front on, the same for each photo."""
    return (torch.arange(count) * (360 / count)).expand(photo_count, -1)


def rivals(placement: Placement, mirror: Int[Tensor, " J"]) -> Placement:
    """Each entry followed by the three that its outline is most easily mistaken for.

    They are: from the opposite side of the picture plane with the same side of the body in view (azimuth 180 - a), from
    straight behind the subject (a + 180), and the mirror image (-a, left and right swapped in the pose).
    """
    camera = placement.camera()
    azimuth = camera.azimuth_deg
    swapped = mirrored_pose(placement.pose, mirror)
    azimuths = torch.stack([azimuth, 180 - azimuth, azimuth + 180, -azimuth], dim=1).reshape(-1)
    poses = torch.stack([placement.pose, placement.pose, swapped, swapped], dim=1).flatten(0, 1)
    again = torch.arange(len(placement), device=azimuth.device).repeat_interleave(4)
    camera = camera.select(again)
    camera = OrbitCamera(azimuths, camera.elevation_deg, camera.roll_deg, camera.distance, camera.offset)
    return placement.others(placement.photo[again], camera, poses)


def neighbours(placement: Placement, offsets_deg: tuple[float, ...] = (-40, -20, 20, 40, 180)) -> Placement:
    """Each entry followed by copies turned by `offsets_deg` of azimuth that start from the shared pose again.

    A view that is a little off has bent its pose until the outline fits, and sits in a minimum of its own; from the
    shared pose the right view is reached. The opposite view is asked for once more, now that colours are sharp.
    """
    count = 1 + len(offsets_deg)
    again = torch.arange(len(placement), device=placement.photo.device).repeat_interleave(count)
    camera = placement.camera().select(again)
    turn = camera.azimuth_deg.new_tensor([0.0, *offsets_deg]).repeat(len(placement))
    camera = OrbitCamera(
        camera.azimuth_deg + turn, camera.elevation_deg, camera.roll_deg, camera.distance, camera.offset
    )
    pose = placement.pose[again] * (turn == 0)[:, None, None]
    return placement.others(placement.photo[again], camera, pose)


def strides(placement: Placement, skeleton: Skeleton, pair: Literal["front", "hind"]) -> Placement:
    """Each entry followed by three with other poses of its fore or hind limbs.

    They are: left and right exchanged, and one limb forward and the other back, either way round, otherwise as all
    photos have them on average. A limb that has taken the other one's place in the outline, or hides behind it, stays
    there: nothing leads it to its own.
    """
    own = placement.pose.detach()
    limb = torch.tensor([f"_{pair}_" in part for part in skeleton.parts], device=own.device)[:, None]
    mirror = torch.tensor(skeleton.mirror, device=own.device)
    swing = torch.zeros_like(own)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper = [joint for joint, part in enumerate(skeleton.parts) if part == f"{side}_{pair}_upper"]
        swing[:, upper, 0] = sign * math.radians(_STRIDE_DEG)
    poses = [own, *(own.where(~limb, other) for other in (mirrored_pose(own, mirror), swing, -swing))]
    again = torch.arange(len(placement), device=own.device).repeat_interleave(len(poses))
    return placement.others(
        placement.photo[again], placement.camera().select(again), torch.stack(poses, dim=1).flatten(0, 1)
    )


def best(
    photo: Int[Tensor, " B"],
    loss: Float[Tensor, " B"],
    azimuth: Float[Tensor, " B"],
    count: int,
    apart_deg: float = 20.0,
) -> Int[Tensor, " K"]:
    """Entries to keep: of each photo the `count` with the least loss, no two within `apart_deg` of each other.

    Grouped by photo in rising order, best first. Fewer where a photo has not enough that differ. Azimuths in radians.
    """
    chosen: list[int] = []
    loss_list, photo_list, azimuth_list = loss.tolist(), photo.tolist(), azimuth.tolist()
    for one in sorted(set(photo_list)):
        mine = sorted((k for k, p in enumerate(photo_list) if p == one), key=lambda k: (loss_list[k], k))
        kept: list[int] = []
        for k in mine:
            gaps = [abs((azimuth_list[k] - azimuth_list[j] + math.pi) % (2 * math.pi) - math.pi) for j in kept]
            if len(kept) < count and all(gap > math.radians(apart_deg) for gap in gaps):
                kept.append(k)
        chosen += kept
    return torch.tensor(chosen, device=photo.device)


def least_by_photo(photo: Int[Tensor, " B"], values: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """The least value among each photo's entries."""
    none = torch.full((int(photo.max()) + 1,), torch.inf, device=values.device)
    return none.scatter_reduce(0, photo, values, "amin")


def times_usual(photo: Int[Tensor, " B"], loss: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """The loss of each photo's best entry over the median of all photos'."""
    least = least_by_photo(photo, loss)
    return least / least.median().clamp_min(1e-12)


def trust(photo: Int[Tensor, " B"], loss: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """How far each photo has a say in what all share, in (0, 1]: one half for a misfit, 1 for what is usual.

    A photo of something else, or one with a wrong mask, would otherwise bend the body most, since it pulls hardest.
    The weight is Geman and McClure's (1987) of the loss above the usual one.
    """
    excess = (times_usual(photo, loss) - 1).clamp_min(0) / (MISFIT - 1)
    return 1 / (1 + excess.square())


def responsibilities(
    photo: Int[Tensor, " B"], loss: Float[Tensor, " B"], softness: float = 0.15
) -> Float[Tensor, " B"]:
    """How much each entry counts for the shared shape: a softmax over the accounts of one photo, summing to one each.

    An entry whose loss is `softness` times the photo's least loss above it counts 1/e of the best.
    """
    least = least_by_photo(photo, loss)[photo]
    weight = torch.exp(-(loss - least) / (softness * least).clamp_min(1e-6))
    total = torch.zeros(int(photo.max()) + 1, device=loss.device).index_add(0, photo, weight)[photo]
    return weight / total
