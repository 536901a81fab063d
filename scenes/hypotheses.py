"""Where the camera stands and how the body is bent, for a batch of photos or of hypotheses about photos."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..representations.camera import Camera, Intrinsics, OrbitCamera
from ..representations.rotation import quaternion_from_vector
from ..representations.tensor_structure import TensorStructure


class Hypotheses(nn.Module, ABC):
    """B hypotheses, each of one photo: a pose of its own, and a camera that subclasses say where to find."""

    per_hypothesis: ClassVar[frozenset[str]] = frozenset({"photo", "pose"})
    """Names of the tensors that have a row for each hypothesis; all others are shared."""

    def __init__(self, photo: Int[Tensor, " B"], joint_count: int, pose: Float[Tensor, "B J 3"] | None = None) -> None:
        super().__init__()
        self.photo: Tensor
        self.register_buffer("photo", photo)
        start = torch.zeros(len(photo), joint_count, 3, device=photo.device) if pose is None else pose.detach().clone()
        self.pose = nn.Parameter(start)
        """Rotation vectors of the joints on top of the shared rest pose; the root's row is not used."""

    def __len__(self) -> int:
        return self.photo.shape[0]

    def own_pose(self) -> Float[Tensor, "B J 3"]:
        """Rotation vectors of the joints on top of the shared rest pose, as they count (differentiable)."""
        return self.pose

    def rotations(self, shared: Float[Tensor, "J 3"]) -> Float[Tensor, "B J 4"]:
        """Joint rotations as quaternions: each photo's own pose added to the shared one; the root stays still."""
        vector = self.own_pose() + shared
        return quaternion_from_vector(torch.cat([torch.zeros_like(vector[:, :1]), vector[:, 1:]], dim=1))

    @abstractmethod
    def camera(self) -> Camera:
        """The cameras as the renderer takes them, in the body's frame (differentiable)."""

    def lens(self, intrinsics: Intrinsics) -> Intrinsics:
        """Intrinsics of all N photos as they stand, where they were `intrinsics` at first (differentiable)."""
        return intrinsics

    def part(self, index: Int[Tensor, " K"]) -> Hypotheses:
        """The hypotheses at `index` as they stand, for one look at them: gradients flow back to these hypotheses."""
        part = copy.copy(self)
        part._parameters, part._buffers = {}, {}
        for name, tensor in (*self.named_parameters(), *self.named_buffers()):
            setattr(part, name, tensor.index_select(0, index) if name in self.per_hypothesis else tensor)
        return part

    @abstractmethod
    def select(self, index: Int[Tensor, " K"]) -> Hypotheses:
        """New hypotheses that start from the hypotheses at `index`."""

    @abstractmethod
    def unposed(self, joint_count: int) -> Hypotheses:
        """The same hypotheses of an unbent body of so many joints."""

    @abstractmethod
    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""

    @abstractmethod
    def restored(self, state: dict[str, Any]) -> Hypotheses:
        """The hypotheses, of this kind and about these photos, whose `state_dict` this is."""


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
        """A new hypotheses that starts from the hypotheses at `index`."""
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


def wrapped_deg(angle_deg: Tensor) -> Tensor:
    """Angles brought into [-180, 180).

    >>> wrapped_deg(torch.tensor([190.0, -180.0])).tolist()
    [-170.0, -180.0]
    """
    return (angle_deg + 180) % 360 - 180
