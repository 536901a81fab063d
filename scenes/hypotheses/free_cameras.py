"""Hypotheses whose cameras are free: an orbit camera for each, judged photo by photo."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ...representations.body.skeleton import Skeleton, mirrored_pose
from ...representations.camera import Intrinsics, OrbitCamera, project, to_pixels
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.tensor_structure import TensorStructure
from .hypotheses import AZIMUTH_JITTER, ColorEvidence, Hypotheses, LimbPair, either_way
from .selection import best_of_photo, responsibilities

USUAL_ELEVATION_DEG = 12.0
"""Photos of animals are mostly taken from slightly above."""
_ELEVATION_SPREAD_DEG = 12.0
_ELEVATION_JITTER_DEG = 2.0
"""Largest change of a first elevation that a seed makes."""
_ROLL_SPREAD_DEG = 5.0
_LENS_SPREAD = 0.3
"""Standard deviation of the logarithm of a focal length about its first guess."""
_STRIDE_DEG = 30.0
"""Angle by which upper limbs are swung forward and back to find those that are lost."""


class FreeLens(TensorStructure):
    """The focal length of those of N photos whose cameras did not record it: one factor on a first guess for all."""

    unknown: Float[Tensor, " N"]
    """1 for such a photo, else 0."""
    log_focal: Float[Tensor, ""]
    """Logarithm of the factor."""


class FreeCameras(Hypotheses):
    """Hypotheses with a free camera each. Angles are held in radians, distances as logarithms.

    Distances are those at the first guess of the lens: with a longer lens the camera steps back, and the subject stays
    as large in the picture.
    """

    per_hypothesis = Hypotheses.per_hypothesis | {"azimuth", "elevation", "roll", "log_distance", "offset"}

    def __init__(
        self,
        photo: Int[Tensor, " B"],
        camera: OrbitCamera,
        joint_count: int,
        pose: Float[Tensor, "B J 3"] | None = None,
        lens: FreeLens | None = None,
    ) -> None:
        """`lens`: by default all are known."""
        super().__init__(photo, joint_count, pose)
        self.unknown: Tensor
        nothing = camera.distance.new_zeros(int(photo.max()) + 1 if len(photo) else 0)
        self.register_buffer("unknown", nothing if lens is None else lens.unknown)
        self.log_focal = nn.Parameter(nothing.new_zeros(()) if lens is None else lens.log_focal.detach().clone())
        self.azimuth = nn.Parameter(torch.deg2rad(camera.azimuth_deg.detach().clone()))
        self.elevation = nn.Parameter(torch.deg2rad(camera.elevation_deg.detach().clone()))
        self.roll = nn.Parameter(torch.deg2rad(camera.roll_deg.detach().clone()))
        self.log_distance = nn.Parameter((camera.distance.log() - self._log_zoom()).detach())
        self.offset = nn.Parameter(camera.offset.detach().clone())

    def camera(self) -> OrbitCamera:
        """The cameras as the renderer takes them (differentiable)."""
        azimuth, elevation, roll = (torch.rad2deg(a) for a in (self.azimuth, self.elevation, self.roll))
        return OrbitCamera(azimuth, elevation, roll, (self.log_distance + self._log_zoom()).exp(), self.offset)

    def _log_zoom(self) -> Float[Tensor, " B"]:
        return self.log_focal * self.unknown.index_select(0, self.photo)

    def free_lens(self) -> FreeLens:
        """The lens as it stands."""
        return FreeLens(self.unknown, self.log_focal)

    def lens(self, intrinsics: Intrinsics) -> Intrinsics:
        """Intrinsics of all N photos as they stand, where they were `intrinsics` at first (differentiable)."""
        zoom = (self.log_focal * self.unknown).exp()
        return replace(intrinsics, fx=intrinsics.fx * zoom, fy=intrinsics.fy * zoom)

    def others(self, photo: Int[Tensor, " B"], camera: OrbitCamera, pose: Float[Tensor, "B J 3"]) -> FreeCameras:
        """Other hypotheses of the same photos."""
        return FreeCameras(photo, camera, pose.shape[1], pose, self.free_lens())

    def select(self, index: Int[Tensor, " K"]) -> FreeCameras:
        """New hypotheses that start from those at `index`."""
        return self.others(self.photo[index], self.camera().select(index), self.pose.detach()[index])

    def unposed(self, joint_count: int) -> FreeCameras:
        """The same hypotheses of an unbent body of so many joints, through the first guess of a lens."""
        lens = FreeLens(self.unknown, torch.zeros_like(self.log_focal))
        return FreeCameras(self.photo, self.camera(), joint_count, lens=lens)

    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""
        with torch.no_grad():
            moved = self.camera().rotation() @ centre
            distance = scale * (self.camera().distance - moved[:, 2])
            self.offset.copy_(scale * (self.offset - moved[:, :2]))
            self.log_distance.copy_(distance.log() - self._log_zoom())

    def restored(self, state: dict[str, Any]) -> FreeCameras:
        """The hypotheses whose `state_dict` this is."""
        nothing = torch.zeros(len(state["photo"]), device=state["photo"].device)
        camera = OrbitCamera(nothing, nothing, nothing, nothing + 1, torch.stack([nothing, nothing], dim=1))
        lens = FreeLens(state["unknown"], state["log_focal"])
        hypotheses = FreeCameras(state["photo"], camera, state["pose"].shape[1], lens=lens)
        hypotheses.load_state_dict(state)
        return hypotheses

    def all_round(
        self,
        mesh: SkinnedMesh,
        intrinsics: Intrinsics,
        boxes: Float[Tensor, "N 4"],
        count: int,
        azimuth_deg: Float[Tensor, "N {count}"] | None = None,
        generator: torch.Generator | None = None,
    ) -> FreeCameras:
        """`count` azimuths for each of N photos, evenly spaced unless given, at the usual elevation, unposed.

        Distance and offset are such that the projected mesh fills the mask's box (left, top, right, bottom in crop
        pixels) as well as a pinhole camera can: same centre, same geometric mean of width and height.
        """
        photo_count = boxes.shape[0]
        photo = torch.arange(photo_count, device=boxes.device).repeat_interleave(count)
        if azimuth_deg is None:
            azimuth = (torch.arange(count, device=boxes.device) * (360 / count)).repeat(photo_count)
        else:
            azimuth = azimuth_deg.reshape(-1)
        elevation = torch.full_like(azimuth, USUAL_ELEVATION_DEG)
        if generator is not None:
            spread = AZIMUTH_JITTER * (360 / count)
            azimuth = (azimuth + spread * either_way(generator, len(photo)).to(azimuth)) % 360
            elevation = elevation + _ELEVATION_JITTER_DEG * either_way(generator, len(photo)).to(azimuth)
        lens = intrinsics.select(photo)
        box = boxes[photo]
        size = torch.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]], dim=1)
        centre = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], dim=1) / 2
        camera = OrbitCamera(
            azimuth_deg=azimuth,
            elevation_deg=elevation,
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
        around = FreeCameras(photo, camera, self.pose.shape[1])
        return self.others(photo, around.camera(), around.pose)

    def mirrored(self, mirror: Int[Tensor, " J"]) -> FreeCameras:
        """Each hypothesis followed by the three that its outline is most easily mistaken for.

        They are: from the opposite side of the picture plane with the same side of the body in view (azimuth 180 - a),
        from straight behind the subject (a + 180), and the mirror image (-a, left and right swapped in the pose).
        """
        camera = self.camera()
        azimuth = camera.azimuth_deg
        swapped = mirrored_pose(self.pose, mirror)
        azimuths = torch.stack([azimuth, 180 - azimuth, azimuth + 180, -azimuth], dim=1).reshape(-1)
        poses = torch.stack([self.pose, self.pose, swapped, swapped], dim=1).flatten(0, 1)
        again = torch.arange(len(self), device=azimuth.device).repeat_interleave(4)
        camera = camera.select(again)
        camera = OrbitCamera(azimuths, camera.elevation_deg, camera.roll_deg, camera.distance, camera.offset)
        return self.others(self.photo[again], camera, poses)

    def neighbours(self, offsets_deg: tuple[float, ...] = (-40, -20, 20, 40, 180)) -> FreeCameras:
        """Each hypothesis followed by copies turned by `offsets_deg` of azimuth that start from the shared pose again.

        A view that is a little off has bent its pose until the outline fits, and sits in a minimum of its own; from the
        shared pose the right view is reached. The opposite view is asked for once more, now that colours are sharp.
        """
        count = 1 + len(offsets_deg)
        again = torch.arange(len(self), device=self.photo.device).repeat_interleave(count)
        camera = self.camera().select(again)
        turn = camera.azimuth_deg.new_tensor([0.0, *offsets_deg]).repeat(len(self))
        camera = OrbitCamera(
            camera.azimuth_deg + turn, camera.elevation_deg, camera.roll_deg, camera.distance, camera.offset
        )
        pose = self.pose[again] * (turn == 0)[:, None, None]
        return self.others(self.photo[again], camera, pose)

    def limb_swaps(self, skeleton: Skeleton, pair: LimbPair) -> FreeCameras:
        """Each hypothesis followed by three with other poses of its fore or hind limbs.

        They are: left and right exchanged, and one limb forward and the other back, either way round, otherwise as all
        photos have them on average. A limb that has taken the other one's place in the outline, or hides behind it,
        stays there: nothing leads it to its own.
        """
        own = self.pose.detach()
        limb = torch.tensor([f"_{pair}_" in part for part in skeleton.parts], device=own.device)[:, None]
        mirror = torch.tensor(skeleton.mirror, device=own.device)
        swing = torch.zeros_like(own)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            upper = [joint for joint, part in enumerate(skeleton.parts) if part == f"{side}_{pair}_upper"]
            swing[:, upper, 0] = sign * math.radians(_STRIDE_DEG)
        poses = [own, *(own.where(~limb, other) for other in (mirrored_pose(own, mirror), swing, -swing))]
        again = torch.arange(len(self), device=own.device).repeat_interleave(len(poses))
        return self.others(self.photo[again], self.camera().select(again), torch.stack(poses, dim=1).flatten(0, 1))

    def best(self, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
        """Rows of the `count` best hypotheses of each photo, of azimuths that differ; the best ones first."""
        return best_of_photo(self.photo, loss, self.azimuth.detach(), count)

    def responsibilities(self, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """How much each hypothesis counts for what is shared; sums to one over a photo."""
        return responsibilities(self.photo, loss)

    def joint_loss(self, loss: Float[Tensor, " B"], colors: ColorEvidence, weight: float) -> Float[Tensor, " B"]:
        """Losses joined with how far photos agree on colours."""
        return colors.joint_loss(self.photo, loss, weight)

    def camera_penalties(self) -> dict[str, Tensor]:
        """Unusual elevation, roll and focal length."""
        elevation = (self.elevation - math.radians(USUAL_ELEVATION_DEG)) / math.radians(_ELEVATION_SPREAD_DEG)
        roll, lens = self.roll / math.radians(_ROLL_SPREAD_DEG), self.log_focal / _LENS_SPREAD
        return {"elevation": elevation.square(), "roll": roll.square(), "lens": lens.square()}

    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Cameras, poses, and the focal length where there are photos that did not record it."""
        angles = [(angle, "angle") for angle in (self.azimuth, self.elevation, self.roll)]
        groups = {"camera": [*angles, (self.log_distance, "distance"), (self.offset, "offset")]}
        if bool(self.unknown.any()):
            groups["lens"] = [(self.log_focal, "lens")]
        return {"pose": [(self.pose, "pose")], **groups}


def wrapped_deg(angle_deg: Tensor) -> Tensor:
    """Angles brought into [-180, 180).

    >>> wrapped_deg(torch.tensor([190.0, -180.0])).tolist()
    [-170.0, -180.0]
    """
    return (angle_deg + 180) % 360 - 180
