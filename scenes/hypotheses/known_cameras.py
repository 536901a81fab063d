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

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor, nn

from ...representations.body.skeleton import Skeleton, mirrored_pose
from ...representations.camera import Intrinsics, RigidCamera, project, to_pixels
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rotation import matrix_from_quaternion, quaternion_from_vector
from ...representations.tensor_structure import TensorStructure
from .hypotheses import AZIMUTH_JITTER, ColorEvidence, Hypotheses, LimbPair, either_way
from .selection import best_of_photo, responsibilities

_ROUNDS = 12
_NEAREST = 0.7
"""Cameras stay at least so far from the middle of a body of length 1, or it would reach behind them."""
_ALL_ROUND = 0.5
"""Length of the cameras' mean direction (level, unit vectors) below which they stand all round the subject."""
_TILT_SPREAD_DEG = 5.0
_TURN_SPREAD_DEG = 10.0
_STEP_SPREAD = 0.05
"""Standard deviation of a body's own step in a world of known cameras, from photo to photo (rest frame units)."""


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
        """The hypotheses whose `state_dict` this is; the guess is that of these ones."""
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

    def to_world(self, points: Float[Tensor, "B V 3"]) -> Float[Tensor, "B V 3"]:
        """Body points of every hypothesis in the given world, their own motion applied."""
        turn = matrix_from_quaternion(quaternion_from_vector(self.turn))
        moved = (points @ turn.transpose(1, 2) + self.step[:, None]).detach().cpu().double().numpy()
        matrix = self.world_from_rest()
        return torch.from_numpy(moved @ matrix[:3, :3].T + matrix[:3, 3])

    def all_round(
        self,
        mesh: SkinnedMesh,
        intrinsics: Intrinsics,
        boxes: Float[Tensor, "N 4"],
        count: int,
        azimuth_deg: Float[Tensor, "N {count}"] | None = None,
        generator: torch.Generator | None = None,
    ) -> KnownCameras:
        """`count` evenly spaced headings, unposed and upright; each with all N photos, grouped by world.

        Scale and place of each are such that the projected meshes fill the masks' boxes as well as one body can: the
        median over photos of the boxes' sizes, their middles by least squares. `azimuth_deg` is passed over: cameras
        are known.
        """
        photo_count = boxes.shape[0]
        photo = torch.arange(photo_count, device=boxes.device).repeat(count)
        world = torch.arange(count, device=boxes.device).repeat_interleave(photo_count)
        lens, box = intrinsics.select(photo), boxes[photo]
        size = torch.stack([box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]], dim=1)
        middle = torch.stack([box[:, 0] + box[:, 2], box[:, 1] + box[:, 3]], dim=1) / 2
        given = self.given
        headings = torch.arange(count, device=boxes.device) * (2 * math.pi / count)
        if generator is not None:
            turn_deg = AZIMUTH_JITTER * (360 / count) * either_way(generator, count).to(boxes)
            headings = headings + torch.deg2rad(turn_deg)
        worlds = Worlds.facing(headings, self.pose.shape[1])
        vertices = mesh.vertices.detach().expand(len(photo), -1, 3)
        # Where the picture plane's axes point; shifts along them move the body in the pictures.
        plane = given.rotations[:, :2].repeat(count, 1, 1)
        normal = (plane.transpose(1, 2) @ plane).reshape(count, photo_count, 3, 3).sum(1)
        # Along the only ray of a single photo nothing moves it.
        normal = normal + 1e-3 * photo_count * torch.eye(3, device=boxes.device)
        with torch.no_grad():
            for _ in range(_ROUNDS):
                camera = KnownCameras(given, photo, world, worlds).camera()
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
        return KnownCameras(given, photo, world, worlds)

    def mirrored(self, mirror: Int[Tensor, " J"]) -> KnownCameras:
        """Each world followed by the three that it is most easily mistaken for.

        Facing the other way, and, where all cameras stand on one side, the mirror images of these two across the
        cameras' mean direction, as for single photos (azimuths a, 180 - a, a + 180, -a). Cameras all round rule mirror
        images out; then the subject is turned by right angles instead. Poses have left and right swapped where the
        outline asks for it.
        """
        count = len(self.yaw)
        azimuth, all_round = self.mean_azimuth()
        straight = azimuth.new_tensor(math.pi)
        across = torch.where(all_round, straight / 2, 2 * azimuth)
        turns = torch.stack([torch.zeros_like(azimuth), across - straight, straight.expand_as(azimuth), across], dim=1)
        worlds = self.worlds().select(torch.arange(count, device=azimuth.device).repeat_interleave(4))
        swap = torch.arange(4 * count, device=azimuth.device) % 4 >= 2
        common = torch.where(swap[:, None, None], mirrored_pose(worlds.pose, mirror), worlds.pose)
        worlds = replace(worlds, yaw=worlds.yaw + turns.reshape(-1), pose=common)
        order, world = self._copies(4)
        rival = (world % 4)[:, None]
        pose = self.pose.detach()
        pose = torch.where(swap[world, None, None], mirrored_pose(pose, mirror)[order], pose[order])
        # A motion of its own belongs to the heading it was found with.
        motion = self.turn.detach()[order] * (rival == 0), self.step.detach()[order] * (rival == 0)
        return KnownCameras(self.given, self.photo[order], world, worlds, pose, motion)

    def neighbours(self, offsets_deg: tuple[float, ...] = (-40, -20, 20, 40)) -> KnownCameras:
        """Each world followed by copies whose subject is turned by `offsets_deg`, unposed; see
        `FreeCameras.neighbours`."""
        number = 1 + len(offsets_deg)
        order, world = self._copies(number)
        worlds = self.worlds().select(torch.arange(len(self.yaw), device=order.device).repeat_interleave(number))
        turn = torch.deg2rad(worlds.yaw.new_tensor([0.0, *offsets_deg])).repeat(len(self.yaw))
        same = (turn == 0).to(worlds.yaw)
        worlds = replace(worlds, yaw=worlds.yaw + turn, pose=worlds.pose * same[:, None, None])
        kept = same[world][:, None]
        pose = self.pose.detach()[order] * kept[..., None]
        motion = self.turn.detach()[order] * kept, self.step.detach()[order] * kept
        return KnownCameras(self.given, self.photo[order], world, worlds, pose, motion)

    def limb_swaps(self, skeleton: Skeleton, pair: LimbPair) -> KnownCameras:
        """Raises ValueError: photos of a world are judged as a whole, and one photo's limbs decide nothing there."""
        raise ValueError("other poses of limbs are tried for free cameras only; leave that stage out")

    def best(self, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
        """Hypotheses of the `count` worlds with the least mean loss, no two headings within 20 degrees; best world
        first."""
        total = self._mean_by_world(loss)
        chosen = best_of_photo(torch.zeros_like(total, dtype=torch.int64), total, self.yaw.detach(), count)
        return torch.cat([(self.world == k).nonzero()[:, 0] for k in chosen])

    def responsibilities(self, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """How much each hypothesis counts for the shared shape: its world's share, by the mean losses of the worlds."""
        total = self._mean_by_world(loss)
        return responsibilities(torch.zeros_like(total, dtype=torch.int64), total)[self.world]

    def joint_loss(self, loss: Float[Tensor, " B"], colors: ColorEvidence, weight: float) -> Float[Tensor, " B"]:
        """Loss and disagreement of colours together, the same for all of a world, each in units of its least.

        Photos are compared within their world only: what other headings put onto the body is no evidence about this
        one.
        """
        differing = torch.zeros_like(loss)
        for k in range(len(self.yaw)):
            mine = self.world == k
            differing[mine] = colors.disagreement(mine, self.photo)
        total, distance = self._mean_by_world(loss), self._mean_by_world(differing)
        total, distance = total / total.min().clamp_min(1e-8), distance / distance.min().clamp_min(1e-8)
        return (total + weight * distance)[self.world]

    def camera_penalties(self) -> dict[str, Tensor]:
        """The world's tilt and the bodies' own motions, all with roll's weight."""
        tilt = (self.tilt / math.radians(_TILT_SPREAD_DEG)).square().sum(-1)[self.world]
        turn, step = self.turn / math.radians(_TURN_SPREAD_DEG), self.step / _STEP_SPREAD
        return {"roll": tilt + turn.square().sum(-1) + step.square().sum(-1)}

    def parameter_groups(self) -> dict[str, list[tuple[nn.Parameter, str]]]:
        """Where the subject stands in the given world, and each body's pose with a motion of its own."""
        camera = [(self.yaw, "angle"), (self.tilt, "angle"), (self.log_scale, "distance"), (self.shift, "offset")]
        own = [(self.pose, "pose"), (self.turn, "angle"), (self.step, "offset")]
        return {"pose": [(self.common_pose, "pose")] if self.still else own, "camera": camera}

    @property
    def one_shape(self) -> bool:
        """Whether all photos show the subject at one moment."""
        return self.still

    @property
    def note(self) -> str:
        """Whether the subject is taken to move between photos."""
        kind = "one still subject, one pose for all" if self.still else "a subject that moves, a pose for each"
        return f"known cameras, which are kept; the outlines are those of {kind}"

    def mean_azimuth(self) -> tuple[Float[Tensor, " H"], Bool[Tensor, " H"]]:
        """From where each world's cameras look at the subject on the whole (radians), and whether they stand all
        round."""
        back = self.camera().rotation().detach()[:, 2]
        level = torch.nn.functional.normalize(back[:, [0, 2]], dim=1)
        total = level.new_zeros(len(self.yaw), 2).index_add(0, self.world, level)
        number = level.new_zeros(len(self.yaw)).index_add(0, self.world, torch.ones_like(level[:, 0]))
        return torch.atan2(total[:, 0], total[:, 1]), total.norm(dim=1) < _ALL_ROUND * number

    def _copies(self, number: int) -> tuple[Int[Tensor, " K"], Int[Tensor, " K"]]:
        """Every world's hypotheses `number` times, and the worlds that the copies make up, `number` for each in its
        order."""
        members = [(self.world == k).nonzero()[:, 0] for k in range(len(self.yaw))]
        which = torch.arange(number, device=self.photo.device)
        world = [(number * k + which).repeat_interleave(len(mine)) for k, mine in enumerate(members)]
        return torch.cat([mine.repeat(number) for mine in members]), torch.cat(world)

    def _mean_by_world(self, values: Float[Tensor, " B"]) -> Float[Tensor, " H"]:
        """Mean of the hypotheses' values in each world."""
        zero = values.new_zeros(len(self.yaw))
        number = zero.index_add(0, self.world, torch.ones_like(values))
        return zero.index_add(0, self.world, values) / number
