"""Hypotheses about a world of known cameras: which way the subject faces, one answer for all photos.

The same steps as for single photos (`hypothesis.py`), but what competes is worlds: all photos of a world stand or fall
together, by the mean of their losses, so that a photo which cannot tell front from rear is carried by those that can.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..representations.camera import Intrinsics, project, to_pixels
from ..representations.mesh import SkinnedMesh
from ..representations.skeleton import mirrored_pose
from ..scenes.known_placement import KnownPlacement, Worlds
from .appearance import Sample, disagreement
from .hypothesis import best, responsibilities

_ROUNDS = 12
_NEAREST = 0.7
"""Cameras stay at least so far from the middle of a body of length 1, or it would reach behind them."""
_ALL_ROUND = 0.5
"""Length of the cameras' mean direction (level, unit vectors) below which they stand all round the subject."""


def circle_of_worlds(
    mesh: SkinnedMesh,
    start: KnownPlacement,
    intrinsics: Intrinsics,
    boxes: Float[Tensor, "N 4"],
    count: int,
    turn_deg: Float[Tensor, " {count}"] | None = None,
) -> KnownPlacement:
    """`count` evenly spaced headings, with `turn_deg` added, unposed and upright; each with all N photos, grouped by
    world.

    Scale and place of each are such that the projected meshes fill the masks' boxes (left, top, right, bottom in crop
    pixels) as well as one body can: the median over photos of the boxes' sizes, their middles by least squares.
    """
    photo_count = boxes.shape[0]
    photo = torch.arange(photo_count, device=boxes.device).repeat(count)
    world = torch.arange(count, device=boxes.device).repeat_interleave(photo_count)
    lens, box = intrinsics.select(photo), boxes[photo]
    size = torch.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]], dim=1)
    middle = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], dim=1) / 2
    given = start.given
    headings = torch.arange(count, device=boxes.device) * (2 * math.pi / count)
    if turn_deg is not None:
        headings = headings + torch.deg2rad(turn_deg)
    worlds = Worlds.facing(headings, start.pose.shape[1])
    vertices = mesh.vertices.detach().expand(len(photo), -1, 3)
    # Where the picture plane's axes point; shifts along them move the body in the pictures.
    plane = given.rotations[:, :2].repeat(count, 1, 1)
    normal = (plane.transpose(1, 2) @ plane).reshape(count, photo_count, 3, 3).sum(1)
    # Along the only ray of a single photo nothing moves it.
    normal = normal + 1e-3 * photo_count * torch.eye(3, device=boxes.device)
    with torch.no_grad():
        for _ in range(_ROUNDS):
            camera = KnownPlacement(given, photo, world, worlds).camera()
            points = to_pixels(project(vertices, camera, lens), lens.width, lens.height)
            low, high = points.amin(1), points.amax(1)
            depth = -camera.translation()[:, 2] * worlds.log_scale.exp()[world]
            ratio = ((high - low).prod(1) / size.prod(1)).sqrt().log().reshape(count, photo_count)
            off = ((low + high) / 2 - middle) * depth[:, None]
            off = torch.stack([off[:, 0] / lens.fx, -off[:, 1] / lens.fy], dim=1)
            pull = (plane.transpose(1, 2) @ off[..., None]).reshape(count, photo_count, 3).sum(1)
            shift = worlds.shift - torch.linalg.solve(normal, pull)
            nearest = depth.reshape(count, photo_count).amin(1).clamp_min(1e-3)
            log_scale = torch.minimum(worlds.log_scale - ratio.median(1).values, (nearest / _NEAREST).log())
            worlds = replace(worlds, log_scale=log_scale, shift=shift)
    return KnownPlacement(given, photo, world, worlds)


def world_rivals(placement: KnownPlacement, mirror: Int[Tensor, " J"]) -> KnownPlacement:
    """Each world followed by the three that it is most easily mistaken for.

    Facing the other way, and, where all cameras stand on one side, the mirror images of these two across the cameras'
    mean direction, as for single photos (azimuths a, 180 - a, a + 180, -a). Cameras all round rule mirror images out;
    then the subject is turned by right angles instead. Poses have left and right swapped where the outline asks for it.
    """
    count = len(placement.yaw)
    azimuth, all_round = mean_azimuth(placement)
    straight = azimuth.new_tensor(math.pi)
    across = torch.where(all_round, straight / 2, 2 * azimuth)
    turns = torch.stack([torch.zeros_like(azimuth), across - straight, straight.expand_as(azimuth), across], dim=1)
    worlds = placement.worlds().select(torch.arange(count, device=azimuth.device).repeat_interleave(4))
    swap = torch.arange(4 * count, device=azimuth.device) % 4 >= 2
    common = torch.where(swap[:, None, None], mirrored_pose(worlds.pose, mirror), worlds.pose)
    worlds = replace(worlds, yaw=worlds.yaw + turns.reshape(-1), pose=common)
    order, world = _copies(placement, 4)
    rival = (world % 4)[:, None]
    pose = placement.pose.detach()
    pose = torch.where(swap[world, None, None], mirrored_pose(pose, mirror)[order], pose[order])
    # A motion of its own belongs to the heading it was found with.
    motion = placement.turn.detach()[order] * (rival == 0), placement.step.detach()[order] * (rival == 0)
    return KnownPlacement(placement.given, placement.photo[order], world, worlds, pose, motion)


def world_neighbours(placement: KnownPlacement, offsets_deg: tuple[float, ...] = (-40, -20, 20, 40)) -> KnownPlacement:
    """Each world followed by copies whose subject is turned by `offsets_deg`, unposed; see `hypothesis.neighbours`."""
    number = 1 + len(offsets_deg)
    order, world = _copies(placement, number)
    worlds = placement.worlds().select(torch.arange(len(placement.yaw), device=order.device).repeat_interleave(number))
    turn = torch.deg2rad(worlds.yaw.new_tensor([0.0, *offsets_deg])).repeat(len(placement.yaw))
    same = (turn == 0).to(worlds.yaw)
    worlds = replace(worlds, yaw=worlds.yaw + turn, pose=worlds.pose * same[:, None, None])
    kept = same[world][:, None]
    pose = placement.pose.detach()[order] * kept[..., None]
    motion = placement.turn.detach()[order] * kept, placement.step.detach()[order] * kept
    return KnownPlacement(placement.given, placement.photo[order], world, worlds, pose, motion)


def _copies(placement: KnownPlacement, number: int) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
    """Every world's entries `number` times, and the worlds that the copies make up, `number` for each in its order."""
    members = [(placement.world == k).nonzero()[:, 0] for k in range(len(placement.yaw))]
    which = torch.arange(number, device=placement.photo.device)
    world = [(number * k + which).repeat_interleave(len(mine)) for k, mine in enumerate(members)]
    return torch.cat([mine.repeat(number) for mine in members]), torch.cat(world)


def mean_azimuth(placement: KnownPlacement) -> tuple[Float[Tensor, " H"], Tensor]:
    """From where each world's cameras look at the subject on the whole (radians), and whether they stand all round."""
    back = placement.camera().rotation().detach()[:, 2]
    level = torch.nn.functional.normalize(back[:, [0, 2]], dim=1)
    total = level.new_zeros(len(placement.yaw), 2).index_add(0, placement.world, level)
    number = level.new_zeros(len(placement.yaw)).index_add(0, placement.world, torch.ones_like(level[:, 0]))
    return torch.atan2(total[:, 0], total[:, 1]), total.norm(dim=1) < _ALL_ROUND * number


def best_worlds(placement: KnownPlacement, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
    """Entries of the `count` worlds with the least mean loss, no two headings within 20 degrees; best world first."""
    total = mean_by_world(placement, loss)
    chosen = best(torch.zeros_like(total, dtype=torch.int64), total, placement.yaw.detach(), count)
    return torch.cat([(placement.world == k).nonzero()[:, 0] for k in chosen])


def world_responsibilities(placement: KnownPlacement, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """How much each entry counts for the shared shape: its world's share, by the mean losses of the worlds."""
    total = mean_by_world(placement, loss)
    return responsibilities(torch.zeros_like(total, dtype=torch.int64), total)[placement.world]


def settle_worlds(
    placement: KnownPlacement,
    samples: Sample,
    fold: Int[Tensor, " V"],
    loss: Float[Tensor, " B"],
    weight: float,
) -> Float[Tensor, " B"]:
    """Loss and disagreement of colours together, the same for all entries of a world, each in units of its least.

    Photos are compared within their world only: what other headings put onto the body is no evidence about this one.
    """
    differing = torch.zeros_like(loss)
    for k in range(len(placement.yaw)):
        mine = placement.world == k
        own = Sample(samples.feature[mine], samples.weight[mine])
        differing[mine] = disagreement(own, fold, placement.photo[mine], torch.ones_like(loss[mine]))
    total, colors = mean_by_world(placement, loss), mean_by_world(placement, differing)
    total, colors = total / total.min().clamp_min(1e-8), colors / colors.min().clamp_min(1e-8)
    return (total + weight * colors)[placement.world]


def mean_by_world(placement: KnownPlacement, values: Float[Tensor, " B"]) -> Float[Tensor, " H"]:
    """Mean of the entries' values in each world."""
    zero = values.new_zeros(len(placement.yaw))
    number = zero.index_add(0, placement.world, torch.ones_like(values))
    return zero.index_add(0, placement.world, values) / number
