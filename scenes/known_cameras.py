"""Hypotheses of photos whose cameras are known: what is free is where the subject stands in the given world.

A world hypothesis is one similarity for all photos. It takes points p of the body to the given world,

    p_world = W (s R (Q p + d) + t),        R = tilt * yaw,

where W is a fixed first guess, which makes s, R and t numbers of ordinary size whatever the given world's units are,
and Q, d a small motion of the whole body that a photo may have of its own (a gallop's bounce). Cameras stay as they
were given; divided by the scale, they are rigid cameras in the body's frame, which is all that the renderer needs.

Photos of one moment, such as a turnaround, share one pose and one shape in each world (`GivenCameras.still`); of an
animal that moved between the photos, every photo has its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor, nn

from ..representations.camera import RigidCamera
from ..representations.rotation import matrix_from_quaternion, quaternion_from_vector
from ..representations.tensor_structure import TensorStructure
from .hypotheses import Hypotheses


class GivenCameras(TensorStructure):
    """N known cameras, brought near the subject by a first guess of where it stands."""

    rotations: Float[Tensor, "N 3 3"]
    """Rows are the camera's right, up and back axes in the guess's frame."""
    translations: Float[Tensor, "N 3"]
    """`p_camera = rotation @ p + translation`, in units of the guess."""
    world_from_guess: Float64[np.ndarray, "4 4"]
    """Similarity W of the guess: scale, rotation (+Y is up) and the subject's centre."""
    still: bool = False
    """True: all photos show the subject in one pose."""

    @staticmethod
    def of(camera_to_world: Float64[np.ndarray, "N 4 4"], world_from_guess: Float64[np.ndarray, "4 4"]) -> GivenCameras:
        """Cameras as a `transforms.json` has them, seen from the guess; computed in float64."""
        rows = camera_to_world[:, :3, :3].transpose(0, 2, 1)
        scale = np.cbrt(np.linalg.det(world_from_guess[:3, :3]))
        offsets = np.einsum("nij,nj->ni", rows, world_from_guess[:3, 3] - camera_to_world[:, :3, 3]) / scale
        rotations = rows @ (world_from_guess[:3, :3] / scale)
        return GivenCameras(torch.from_numpy(rotations).float(), torch.from_numpy(offsets).float(), world_from_guess)


class Worlds(TensorStructure):
    """H hypotheses about the similarity between the body's frame and the guess's."""

    yaw: Float[Tensor, " H"]
    """Radians about +Y: where the subject's front points; 0 is +Z, a right angle +X."""
    tilt: Float[Tensor, "H 2"]
    """Rotation vector (x, z) after the yaw, radians: how far the given world's up is off the subject's."""
    log_scale: Float[Tensor, " H"]
    shift: Float[Tensor, "H 3"]
    pose: Float[Tensor, "H J 3"]
    """Rotation vectors that all photos of a world share on top of the rest pose, which unlike this one is mirror
    symmetric. Zero unless the subject is still."""

    @staticmethod
    def facing(yaw: Float[Tensor, " H"], joint_count: int) -> Worlds:
        """Upright at the guess's place and size, unposed, in the given headings."""
        none = yaw.new_zeros(len(yaw), joint_count, 3)
        return Worlds(yaw, none[:, 0, :2], none[:, 0, 0], none[:, 0], none)

    def rotations(self) -> Float[Tensor, "H 3 3"]:
        """R: body to guess."""
        zero = torch.zeros_like(self.yaw)
        heading = quaternion_from_vector(torch.stack([zero, self.yaw, zero], 1))
        tilt = quaternion_from_vector(torch.stack([self.tilt[:, 0], zero, self.tilt[:, 1]], 1))
        return matrix_from_quaternion(tilt) @ matrix_from_quaternion(heading)

    def select(self, index: Int[Tensor, " K"]) -> Worlds:
        """The hypotheses at `index`, detached."""
        return self.map(lambda value: value.detach()[index])


class KnownCameras(Hypotheses):
    """B hypotheses of photos, each within one of H world hypotheses; their cameras are never changed."""

    per_hypothesis = Hypotheses.per_hypothesis | {"world", "turn", "step"}

    def __init__(
        self,
        given: GivenCameras,
        photo: Int[Tensor, " B"],
        world: Int[Tensor, " B"],
        worlds: Worlds,
        pose: Float[Tensor, "B J 3"] | None = None,
        motion: tuple[Float[Tensor, "B 3"], Float[Tensor, "B 3"]] | None = None,
    ) -> None:
        """`motion` is each hypothesis's own (turn, step), none by default."""
        super().__init__(photo, worlds.pose.shape[1], pose)
        self.world: Tensor
        self.register_buffer("world", world)
        self.given_rotations: Tensor
        self.register_buffer("given_rotations", given.rotations.clone())
        self.given_translations: Tensor
        self.register_buffer("given_translations", given.translations.clone())
        self.world_from_guess, self.still = given.world_from_guess, given.still
        self.yaw = nn.Parameter(worlds.yaw.detach().clone())
        self.tilt = nn.Parameter(worlds.tilt.detach().clone())
        self.log_scale = nn.Parameter(worlds.log_scale.detach().clone())
        self.shift = nn.Parameter(worlds.shift.detach().clone())
        self.common_pose = nn.Parameter(worlds.pose.detach().clone())
        none = torch.zeros(len(photo), 3, device=photo.device)
        turn, step = (none, none) if motion is None else motion
        self.turn = nn.Parameter(turn.detach().clone())
        """Rotation vector of each body as a whole, in its own frame (radians)."""
        self.step = nn.Parameter(step.detach().clone())
        """Translation of each body as a whole, in its own frame's units."""

    @property
    def given(self) -> GivenCameras:
        """The known cameras."""
        return GivenCameras(self.given_rotations, self.given_translations, self.world_from_guess, self.still)

    def worlds(self) -> Worlds:
        """The hypotheses as they stand (differentiable)."""
        return Worlds(self.yaw, self.tilt, self.log_scale, self.shift, self.common_pose)

    def own_pose(self) -> Float[Tensor, "B J 3"]:
        """Each photo's own pose and its world's, of which one is zero (differentiable)."""
        return self.pose + self.common_pose.index_select(0, self.world)

    def camera(self) -> RigidCamera:
        """The known cameras as each hypothesis's body sees them (differentiable)."""
        rotation, scale = self.worlds().rotations()[self.world], self.log_scale.exp()[self.world, None]
        seen = self.given_rotations[self.photo]
        centre = (seen @ self.shift[self.world, :, None])[..., 0] + self.given_translations[self.photo]
        turned = seen @ rotation
        translation = (turned @ self.step[..., None])[..., 0] + centre / scale
        return RigidCamera(turned @ matrix_from_quaternion(quaternion_from_vector(self.turn)), translation)

    def select(self, index: Int[Tensor, " K"]) -> KnownCameras:
        """New hypotheses that start from the hypotheses at `index`; worlds without any hypothesis are dropped."""
        left, world = torch.unique(self.world[index], return_inverse=True)
        motion = self.turn.detach()[index], self.step.detach()[index]
        worlds, pose = self.worlds().select(left), self.pose.detach()[index]
        return KnownCameras(self.given, self.photo[index], world, worlds, pose, motion)

    def unposed(self, joint_count: int) -> KnownCameras:
        """The same hypotheses of an unbent body of so many joints, without motions of their own."""
        none = self.yaw.new_zeros(len(self.yaw), joint_count, 3)
        return KnownCameras(self.given, self.photo, self.world, replace(self.worlds(), pose=none))

    def follow(self, scale: float, centre: Float[Tensor, " 3"]) -> None:
        """Keeps every picture what it was when body points p become `scale * (p - centre)`."""
        with torch.no_grad():
            turn = matrix_from_quaternion(quaternion_from_vector(self.turn))
            self.step.copy_(scale * (self.step + turn @ centre - centre))
            self.shift.add_(self.log_scale.exp()[:, None] * (self.worlds().rotations() @ centre))
            self.log_scale.sub_(float(np.log(scale)))

    def restored(self, state: dict[str, Any]) -> KnownCameras:
        """The hypotheses whose `state_dict` this is; the guess is this hypotheses's."""
        worlds = Worlds(state["yaw"], state["tilt"], state["log_scale"], state["shift"], state["common_pose"])
        motion = state["turn"], state["step"]
        given = GivenCameras(state["given_rotations"], state["given_translations"], self.world_from_guess, self.still)
        return KnownCameras(given, state["photo"], state["world"], worlds, state["pose"], motion)

    def world_from_rest(self) -> Float64[np.ndarray, "4 4"]:
        """The similarity from the body's frame to the given world. Raises ValueError while several are in question."""
        if len(self.yaw) != 1:
            raise ValueError(f"{len(self.yaw)} world hypotheses are left; keep one before going back to the world")
        matrix = np.eye(4)
        matrix[:3, :3] = (
            float(self.log_scale.detach().exp()) * self.worlds().rotations()[0].detach().cpu().double().numpy()
        )
        matrix[:3, 3] = self.shift[0].detach().cpu().double().numpy()
        return self.world_from_guess @ matrix

    def to_world(self, points: Float[Tensor, "B V 3"]) -> Float64[np.ndarray, "B V 3"]:
        """Body points of every hypothesis in the given world, their own motion applied."""
        turn = matrix_from_quaternion(quaternion_from_vector(self.turn))
        moved = (points @ turn.transpose(1, 2) + self.step[:, None]).detach().cpu().double().numpy()
        matrix = self.world_from_rest()
        return moved @ matrix[:3, :3].T + matrix[:3, 3]
