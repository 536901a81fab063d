"""Where the camera stands and how the body is bent, for a batch of photos or of hypotheses about photos."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..representations.camera import Camera, OrbitCamera
from ..representations.rotation import quaternion_from_vector


class Accounts(nn.Module, ABC):
    """B accounts, each of one photo: a pose of its own, and a camera that subclasses say where to find."""

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

    @abstractmethod
    def select(self, index: Int[Tensor, " K"]) -> Accounts:
        """New accounts that start from the entries at `index`."""

    @abstractmethod
    def unposed(self, joint_count: int) -> Accounts:
        """The same accounts of an unbent body of so many joints."""

    @abstractmethod
    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""

    @abstractmethod
    def restored(self, state: dict[str, Any]) -> Accounts:
        """The accounts, of this kind and about these photos, whose `state_dict` this is."""


class Placement(Accounts):
    """Accounts with a free camera each. Angles are held in radians, distances as logarithms."""

    def __init__(
        self,
        photo: Int[Tensor, " B"],
        camera: OrbitCamera,
        joint_count: int,
        pose: Float[Tensor, "B J 3"] | None = None,
    ) -> None:
        super().__init__(photo, joint_count, pose)
        self.azimuth = nn.Parameter(torch.deg2rad(camera.azimuth_deg.detach().clone()))
        self.elevation = nn.Parameter(torch.deg2rad(camera.elevation_deg.detach().clone()))
        self.roll = nn.Parameter(torch.deg2rad(camera.roll_deg.detach().clone()))
        self.log_distance = nn.Parameter(camera.distance.detach().log())
        self.offset = nn.Parameter(camera.offset.detach().clone())

    def camera(self) -> OrbitCamera:
        """The cameras as the renderer takes them (differentiable)."""
        azimuth, elevation, roll = (torch.rad2deg(a) for a in (self.azimuth, self.elevation, self.roll))
        return OrbitCamera(azimuth, elevation, roll, self.log_distance.exp(), self.offset)

    def select(self, index: Int[Tensor, " K"]) -> Placement:
        """A new placement that starts from the entries at `index`."""
        return Placement(self.photo[index], self.camera().select(index), self.pose.shape[1], self.pose.detach()[index])

    def unposed(self, joint_count: int) -> Placement:
        """The same accounts of an unbent body of so many joints."""
        return Placement(self.photo, self.camera(), joint_count)

    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""
        with torch.no_grad():
            moved = self.camera().rotation() @ centre
            distance = scale * (self.log_distance.exp() - moved[:, 2])
            self.offset.copy_(scale * (self.offset - moved[:, :2]))
            self.log_distance.copy_(distance.log())

    def restored(self, state: dict[str, Any]) -> Placement:
        """The placement whose `state_dict` this is."""
        nothing = torch.zeros(len(state["photo"]), device=state["photo"].device)
        camera = OrbitCamera(nothing, nothing, nothing, nothing + 1, torch.stack([nothing, nothing], dim=1))
        placement = Placement(state["photo"], camera, state["pose"].shape[1])
        placement.load_state_dict(state)
        return placement


def wrapped_deg(angle_deg: Tensor) -> Tensor:
    """Angles brought into [-180, 180).

    >>> wrapped_deg(torch.tensor([190.0, -180.0])).tolist()
    [-170.0, -180.0]
    """
    return (angle_deg + 180) % 360 - 180
