"""Views of a subject that no photo has: from anywhere on a band, in poses between those that the photos show.

A pose is a point on the shortest way between the poses of two photos, joint by joint, so that it is one that the
subject could take; the whole body stays where it rests. Light and background differ from one exploration to the next,
so that nothing is learned of either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..representations.camera import Intrinsics, OrbitCamera, project
from ..representations.mesh import SkinnedMesh
from ..representations.rendering.render import Look, Paint, render
from ..representations.rendering.shading import Light
from ..representations.rendering.topology import Topology
from ..representations.rotation import slerp
from ..representations.skeleton import Skeleton, forward_kinematics
from ..representations.skinning import skin
from ..scenes.turntable import fitting_distance

_FIELD_OF_VIEW_DEG = 30.0


@dataclass(frozen=True)
class ExplorationConfig:
    """From where, and how large."""

    elevation_deg: tuple[float, float] = (-10.0, 40.0)
    """Of cameras, drawn evenly; azimuths are drawn all round."""
    size: int = 128
    """Side of the pictures in pixels."""
    margin: float = 0.12
    """Room round the subject, in parts of the picture."""
    light: tuple[float, float] = (0.45, 0.9)
    """Share of the light that comes from everywhere; the rest has a direction."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """B views of one mesh."""

    mesh: SkinnedMesh
    vertices: Float[Tensor, "B V 3"]
    camera: OrbitCamera
    intrinsics: Intrinsics
    look: Look
    topology: Topology

    def pictures(self, paint: Paint) -> Float[Tensor, "B 3 S S"]:
        """The mesh painted so, sRGB-encoded in [0, 1]; differentiable in the paint and in `vertices`."""
        clip = project(self.vertices, self.camera, self.intrinsics)
        drawn = render(clip, self.vertices, self.mesh.faces, paint, self.look, self.topology)
        return drawn.color.permute(0, 3, 1, 2).clamp(0, 1)


def explore(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    poses: Float[Tensor, "P J 4"],
    count: int,
    config: ExplorationConfig,
    generator: torch.Generator,
    topology: Topology | None = None,
) -> Exploration:
    """`count` views, drawn by `generator` on the CPU; `poses` are the joint rotations of the photos.

    Light and background are the same for these views and others for the next.
    """
    device = poses.device
    first, second = torch.randint(len(poses), (2, count), generator=generator).to(device)
    share = torch.rand(count, 1, 1, generator=generator).to(device)
    between = slerp(poses[first], poses[second], share)
    vertices = skin(mesh.vertices, mesh.weights, forward_kinematics(skeleton, between))
    azimuth = 360 * torch.rand(count, generator=generator)
    low, high = config.elevation_deg
    elevation = low + (high - low) * torch.rand(count, generator=generator)
    middle = (vertices.amin(1) + vertices.amax(1)) / 2
    # Cameras look at the middle of each body.
    vertices = vertices - middle[:, None]
    none = torch.zeros(count, device=device)
    aim = OrbitCamera(azimuth.to(device), elevation.to(device), none, none + 1, torch.zeros(count, 2, device=device))
    distance = fitting_distance(vertices.detach(), aim, _FIELD_OF_VIEW_DEG, config.margin)
    camera = OrbitCamera(aim.azimuth_deg, aim.elevation_deg, aim.roll_deg, none + distance, aim.offset)
    lens = Intrinsics.from_field_of_view(_FIELD_OF_VIEW_DEG, config.size, config.size, count, device=device)
    topology = Topology.of(mesh.faces) if topology is None else topology
    return Exploration(mesh, vertices, camera, lens, _look(config, generator), topology)


def _look(config: ExplorationConfig, generator: torch.Generator) -> Look:
    ambient = config.light[0] + (config.light[1] - config.light[0]) * float(torch.rand(1, generator=generator))
    turn, height = (2 * torch.rand(2, generator=generator)).tolist()
    direction = (math.cos(math.pi * turn), 0.3 + height, math.sin(math.pi * turn))
    grey, red, green, blue = torch.rand(4, generator=generator).tolist()
    background = tuple(0.75 * grey + 0.25 * colour for colour in (red, green, blue))
    light = Light(direction, ambient, 1 - ambient)
    return Look(size=(config.size, config.size), light=light, background=background, mipmap=False)
