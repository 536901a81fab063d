"""Views of a subject that no photo has: from anywhere on a band, in poses between those that the photos show.

A pose is a point on the shortest way between the poses of two photos, joint by joint, so that it is one that the
subject could take; the whole body stays where it rests. Light and background differ from one exploration to the next,
so that nothing is learned of either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.body.skeleton import Skeleton, forward_kinematics
from ...representations.body.skinning import skin
from ...representations.camera import Intrinsics, OrbitCamera, project, to_camera
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.render import Material, RenderSettings, render
from ...representations.rendering.shading import Light
from ...representations.rendering.topology import Topology
from ...representations.rotation import slerp
from ...representations.tensor_structure import TensorStructure
from ...scenes.preview.turntable_camera import fitting_distance

_FIELD_OF_VIEW_DEG = 30.0
_FAR, _AIMING_ROUNDS = 10.0, 3


@dataclass(frozen=True)
class ExplorationConfig:
    """From where, and how large."""

    elevation_deg: tuple[float, float] = (-10.0, 40.0)
    """Of cameras, drawn evenly; azimuths are drawn all round."""
    size: int = 128
    """Side of the pictures in pixels."""
    margin: float = 0.07
    """Least room on each side of the subject, in parts of the picture: much is lost on what is small."""
    light: tuple[float, float] = (0.45, 0.9)
    """Share of the light that comes from everywhere; the rest has a direction."""


class Draw(TensorStructure):
    """What is drawn of B views; light and background are the same for all."""

    first: Int[Tensor, " B"]
    """A pose is between this one of those given and the second, by the share."""
    second: Int[Tensor, " B"]
    share: Float[Tensor, " B"]
    azimuth_deg: Float[Tensor, " B"]
    elevation_deg: Float[Tensor, " B"]
    light: Float[Tensor, " 4"]
    """The direction to it, and the share that comes from everywhere."""
    background: Float[Tensor, " 3"]


class Exploration(TensorStructure):
    """B views of one mesh."""

    mesh: SkinnedMesh
    vertices: Float[Tensor, "B V 3"]
    camera: OrbitCamera
    intrinsics: Intrinsics
    look: RenderSettings
    topology: Topology
    unknown: Float[Tensor, "B S S"] | None = None
    """How far nothing is known of what each pixel shows, 0 to 1; None: a rule may change all of it."""

    def pictures(self, paint: Material) -> Float[Tensor, "B 3 S S"]:
        """The mesh painted so, sRGB-encoded in [0, 1]; differentiable in the paint, the mesh and its poses."""
        return self._drawn(paint, self.look)

    def knowing(self, paint: Material) -> Exploration:
        """The same views; `paint`: a grey that says how far is known what is there, 0 to 1. Backgrounds are known."""
        flat = replace(self.look, light=None, background=(1.0, 1.0, 1.0))
        with torch.no_grad():
            return replace(self, unknown=1 - self._drawn(paint, flat)[:, 0])

    def _drawn(self, paint: Material, look: RenderSettings) -> Float[Tensor, "B 3 S S"]:
        clip = project(self.vertices, self.camera, self.intrinsics)
        drawn = render(clip, self.vertices, self.mesh.faces, paint, look, self.topology)
        return drawn.color.permute(0, 3, 1, 2).clamp(0, 1)


def draw_views(pose_count: int, count: int, config: ExplorationConfig, generator: torch.Generator) -> Draw:
    """`count` views between that many poses, drawn by `generator` on the CPU."""
    first, second = torch.randint(pose_count, (2, count), generator=generator)
    share = torch.rand(count, generator=generator)
    azimuth = 360 * torch.rand(count, generator=generator)
    low, high = config.elevation_deg
    elevation = low + (high - low) * torch.rand(count, generator=generator)
    ambient = config.light[0] + (config.light[1] - config.light[0]) * float(torch.rand(1, generator=generator))
    turn, height = (2 * torch.rand(2, generator=generator)).tolist()
    light = torch.tensor([math.cos(math.pi * turn), 0.3 + height, math.sin(math.pi * turn), ambient])
    grey, *colour = torch.rand(4, generator=generator).tolist()
    background = 0.75 * grey + 0.25 * torch.tensor(colour)
    return Draw(first, second, share, azimuth, elevation, light, background)


def explore(
    drawn: Draw,
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    poses: Float[Tensor, "P J 4"],
    config: ExplorationConfig,
    topology: Topology | None = None,
) -> Exploration:
    """The mesh in the views drawn; `poses` are the joint rotations of the photos. Each camera looks at the middle of
    what it sees of its body, from as far as that takes, without gradient."""
    device, count = poses.device, len(drawn.share)
    first, second = poses[drawn.first.to(device)], poses[drawn.second.to(device)]
    between = slerp(first, second, drawn.share.to(device)[:, None, None])
    vertices = skin(mesh.vertices, mesh.weights, forward_kinematics(skeleton, between))
    with torch.no_grad():
        none = torch.zeros(count, device=device)
        angles = drawn.azimuth_deg.to(device), drawn.elevation_deg.to(device)
        camera = OrbitCamera(*angles, none, none + _FAR, torch.zeros(count, 2, device=device))
        for _ in range(_AIMING_ROUNDS):
            seen = to_camera(vertices, camera)
            slope = seen[..., :2] / -seen[..., 2:]
            aside = (slope.amin(1) + slope.amax(1)) / 2 * camera.distance[:, None]
            camera = replace(camera, offset=camera.offset + aside)
            distance = fitting_distance(vertices, camera, _FIELD_OF_VIEW_DEG, config.margin)
            camera = replace(camera, distance=distance)
    lens = Intrinsics.from_field_of_view(_FIELD_OF_VIEW_DEG, config.size, config.size, count, device=device)
    topology = Topology.of(mesh.faces) if topology is None else topology
    x, y, z, ambient = drawn.light.tolist()
    red, green, blue = drawn.background.tolist()
    light = Light((x, y, z), ambient, 1 - ambient)
    look = RenderSettings(size=(config.size, config.size), light=light, background=(red, green, blue))
    return Exploration(mesh, vertices, camera, lens, look, topology)
