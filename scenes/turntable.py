"""The subject turning before the camera, still or moving: what a zoetrope shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..representations.camera import Intrinsics, OrbitCamera, to_camera
from ..representations.mesh import SkinnedMesh
from ..representations.motion.clip import Clip
from ..representations.rendering.topology import Topology
from ..representations.skeleton import Skeleton, forward_kinematics
from ..representations.skinning import skin
from .studio import Studio, photograph


@dataclass(frozen=True)
class TurntableConfig:
    """How a turntable looks."""

    size: int = 512
    """Width and height in pixels."""
    seconds: float = 6.0
    """One turn, about: with a clip the turn takes a whole number of its repeats, so that the film closes."""
    frames_per_second: float = 24.0
    elevation_deg: float = 12.0
    start_deg: float = 40.0
    """Azimuth of the first frame: 0 looks at the front, 90 at the left."""
    field_of_view_deg: float = 30.0
    margin: float = 0.08
    """Free share of the picture on each side."""
    studio: Studio = field(default_factory=Studio)
    """Light and background."""


def orbit_cameras(
    count: int,
    *,
    distance: float,
    elevation_deg: float = 12.0,
    start_deg: float = 0.0,
    device: torch.device | str = "cpu",
) -> OrbitCamera:
    """`count` cameras evenly round the subject, by increasing azimuth (towards its left), aimed at the origin.

    >>> orbit_cameras(4, distance=3.0).azimuth_deg.tolist()
    [0.0, 90.0, 180.0, 270.0]
    """
    azimuth = start_deg + torch.arange(count, device=device) * (360.0 / count)
    same = torch.ones_like(azimuth)
    return OrbitCamera(azimuth, elevation_deg * same, 0 * same, distance * same, torch.zeros(count, 2, device=device))


def fitting_distance(
    vertices: Float[Tensor, "B V 3"], camera: OrbitCamera, field_of_view_deg: float, margin: float = 0.08
) -> Float[Tensor, " B"]:
    """The least distance at which each camera sees the whole of its vertices in a square picture, `margin` left free.

    The cameras' own distances do not count. A point at (x, y) and depth offset z is seen at x / (distance - z).
    """
    aimed = replace(camera, distance=torch.zeros_like(camera.distance))
    x, y, z = to_camera(vertices, aimed).unbind(-1)
    half = math.tan(math.radians(field_of_view_deg / 2)) * (1 - 2 * margin)
    return (torch.maximum(x.abs(), y.abs()) / half + z).amax(1)


def render_turntable(
    mesh: SkinnedMesh,
    skeleton: Skeleton,
    texture: Float[Tensor, "H W 3"] | None = None,
    *,
    clip: Clip | None = None,
    config: TurntableConfig | None = None,
) -> Iterator[Float[Tensor, "S S 3"]]:
    """Frames of one full turn, made one by one: write them with `film.write_film(path, frames, frames_per_second)`.

    `texture` is sRGB-encoded in [0, 1] and needs `mesh.uv`; without it the subject is of clay. `clip` moves it. The
    subject is centred, and as large as fits in all frames. Raises ValueError where a texture comes without uv.
    """
    config = TurntableConfig() if config is None else config
    if texture is not None and mesh.uv is None:
        raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
    with torch.no_grad():
        rotations = _rotations(skeleton, clip, config)
        maps = forward_kinematics(skeleton.to("cpu"), rotations)
        # In pieces: blending the joints' maps takes several times the room of the vertices.
        pieces = [skin(mesh.vertices.detach().cpu(), mesh.weights.detach().cpu(), piece) for piece in maps.split(16)]
        posed = torch.cat(pieces)
        posed = posed - (posed.amin((0, 1)) + posed.amax((0, 1))) / 2
        aim = orbit_cameras(len(posed), distance=1.0, elevation_deg=config.elevation_deg, start_deg=config.start_deg)
        distance = fitting_distance(posed, aim, config.field_of_view_deg, config.margin).max()
        camera = replace(aim, distance=distance.expand_as(aim.distance))
    return _frames(mesh.to("cpu"), texture, posed, camera, config)


def _frames(
    mesh: SkinnedMesh, texture: Tensor | None, posed: Tensor, camera: OrbitCamera, config: TurntableConfig
) -> Iterator[Tensor]:
    texture = None if texture is None else texture.detach().cpu()
    topology = Topology.of(mesh.faces)
    # A few at a time: the renderer shares pictures among the processor's cores.
    for index in torch.arange(len(posed)).split(4):
        lens = Intrinsics.from_field_of_view(config.field_of_view_deg, config.size, config.size, len(index))
        pictures = photograph(posed[index], mesh, camera.select(index), lens, texture, config.studio, topology)
        yield from pictures.color


def _rotations(skeleton: Skeleton, clip: Clip | None, config: TurntableConfig) -> Tensor:
    if clip is None or clip.duration == 0:
        count = max(1, round(config.seconds * config.frames_per_second))
        rotations = torch.zeros(count, len(skeleton), 4)
        rotations[..., 0] = 1
        return rotations if clip is None else clip.rotations[:1].cpu().float().expand(count, -1, -1)
    repeats = max(1, round(config.seconds / clip.duration))
    count = max(1, round(repeats * clip.duration * config.frames_per_second))
    return clip.sample(torch.arange(count) * (repeats * clip.duration / count)).cpu().float()
