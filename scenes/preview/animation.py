"""A subject in motion before a camera that circles it or stands still: each frame's mesh and camera, ready to be drawn.

The subject is centred over the whole video, and as large as fits in all frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.body.dual_quaternion import skin_dual
from ...representations.body.skeleton import Skeleton, forward_kinematics, posed_joints
from ...representations.body.skinning import skin
from ...representations.camera import Intrinsics, OrbitCamera, project
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.motion.clip import Clip
from ...representations.rendering.flow import Flow, surface_flow
from ...representations.rendering.topology import Topology
from ...representations.rotation import multiply
from ...representations.tensor_structure import TensorStructure
from .studio import GBuffer, Image, Studio, draw_subject
from .turntable_camera import fitting_distance, orbit_cameras

Skinning = Literal["linear", "dual"]

_AT_ONCE = 4
"""Frames drawn together: the renderer shares pictures among the processor's cores."""


@dataclass(frozen=True)
class AnimationConfig:
    """How a video is taken."""

    size: int = 512
    """Width and height in pixels."""
    seconds: float = 6.0
    """Time of the video, about: with a clip that repeats it takes a whole number of its repeats, so that it closes."""
    frames: int | None = None
    """Exact number of frames, in place of `seconds`; a clip is played a little faster or slower, so that it closes."""
    frames_per_second: float = 24.0
    turns: int = 1
    """How often the camera goes round, towards the subject's left; 0 lets it stand."""
    elevation_deg: float = 12.0
    start_deg: float = 40.0
    """Azimuth of the first frame: 0 looks at the front, 90 at the left."""
    field_of_view_deg: float = 30.0
    margin: float = 0.08
    """Free share of the picture on each side."""
    skinning: Skinning = "linear"
    """How the mesh follows its joints: as files have it, or by dual quaternions, which keep twisted limbs round."""
    studio: Studio = field(default_factory=Studio)
    """Light and background."""


class Animation(TensorStructure):
    """F frames of one mesh."""

    mesh: SkinnedMesh
    vertices: Float[Tensor, "F V 3"]
    skeleton: Skeleton
    bones: Float[Tensor, "F J 2 3"]
    """Start and tip of each joint's bone."""
    camera: OrbitCamera
    config: AnimationConfig
    closes: bool
    """Whether the first frame follows on the last."""

    @staticmethod
    def of(mesh: SkinnedMesh, skeleton: Skeleton, clip: Clip | None, config: AnimationConfig) -> Animation:
        """The subject at rest, or moved by a clip; on the CPU."""
        with torch.no_grad():
            times = video_times(clip, config)
            skeleton, maps = skeleton.to("cpu"), posed_maps(skeleton, clip, times)
            vertices = _skinned(mesh, maps, config.skinning)
            bones = torch.stack([posed_joints(maps, ends) for ends in (skeleton.joints, skeleton.tips)], dim=2)
            middle = (vertices.amin((0, 1)) + vertices.amax((0, 1))) / 2
            vertices, bones = vertices - middle, bones - middle
            aim = orbit_cameras(
                len(times), distance=1.0, elevation_deg=config.elevation_deg, start_deg=config.start_deg,
                turns=config.turns,
            )  # fmt: skip
            distance = fitting_distance(vertices, aim, config.field_of_view_deg, config.margin).max()
            camera = replace(aim, distance=distance.expand_as(aim.distance))
        closes = clip is None or clip.loop
        return Animation(mesh.to("cpu"), vertices, skeleton, bones, camera, config, closes)

    def __len__(self) -> int:
        return len(self.vertices)

    @cached_property
    def topology(self) -> Topology:
        """Of the mesh."""
        return Topology.of(self.mesh.faces)

    def lens(self, count: int, size: int) -> Intrinsics:
        """The lens of `count` frames of that size."""
        device = self.vertices.device
        return Intrinsics.from_field_of_view(self.config.field_of_view_deg, size, size, count, device=device)

    def parts(self) -> tuple[Int[Tensor, " P"], ...]:
        """All frames, in groups that are best drawn together."""
        return torch.arange(len(self), device=self.vertices.device).split(_AT_ONCE)

    def draw(self, index: Int[Tensor, " P"], texture: Float[Tensor, "H W 3"] | None, size: int | None = None) -> Image:
        """Some frames; `texture` is sRGB-encoded in [0, 1], without it the subject is of clay."""
        lens = self.lens(len(index), size or self.config.size)
        camera, studio = self.camera.select(index), self.config.studio
        return draw_subject(self.vertices[index], self.mesh, camera, lens, texture, studio, self.topology)

    def gbuffer(self, index: Int[Tensor, " P"]) -> GBuffer:
        """What some frames see of the subject, to be painted."""
        lens, rays = self.lens(len(index), self.config.size), self.config.studio.supersampling
        return GBuffer.of(self.vertices[index], self.mesh, self.camera.select(index), lens, rays, self.topology)

    def flow(self, index: Int[Tensor, " P"], other: Int[Tensor, " P"], size: int) -> Flow:
        """From some frames to others, drawn at that size."""
        lens = self.lens(len(index), size)
        clips = [project(self.vertices[k], self.camera.select(k), lens) for k in (index, other)]
        return surface_flow(clips[0], clips[1], self.topology, (size, size))


def video_times(clip: Clip | None, config: AnimationConfig) -> Float[Tensor, " F"]:
    """Moments of the frames in seconds. A clip that does not repeat is played once, whatever `config.seconds` says."""
    rate, exact = config.frames_per_second, config.frames
    if clip is None or clip.duration == 0:
        return torch.arange(exact or max(1, round(config.seconds * rate))) / rate
    if not clip.loop:
        return clip.frame_times(rate) if exact is None else torch.linspace(0, clip.duration, exact)
    repeats = max(1, round((config.seconds if exact is None else exact / rate) / clip.duration))
    count = exact or max(1, round(repeats * clip.duration * rate))
    return torch.arange(count) * (repeats * clip.duration / count)


def posed_maps(skeleton: Skeleton, clip: Clip | None, times: Float[Tensor, " F"]) -> Float[Tensor, "F J 3 4"]:
    """Rest-to-posed maps of the joints at moments of a clip, with what its root does by itself; at rest without a clip.

    On the CPU.
    """
    skeleton = skeleton.to("cpu")
    rotations = torch.zeros(len(times), len(skeleton), 4)
    rotations[..., 0] = 1
    if clip is None:
        return forward_kinematics(skeleton, rotations)
    root = clip.sample_root(times)
    rotations, shifts = clip.sample(times).cpu().float(), root.shifts.cpu().float()
    rotations[:, 0] = multiply(root.turns.cpu().float(), rotations[:, 0])
    maps = forward_kinematics(skeleton, rotations)
    return torch.cat([maps[..., :3], maps[..., 3:] + shifts[:, None, :, None]], dim=-1)


def posed_vertices(
    mesh: SkinnedMesh, skeleton: Skeleton, clip: Clip | None, times: Float[Tensor, " F"]
) -> Float[Tensor, "F V 3"]:
    """The mesh at moments of a clip, as `posed_maps` has its joints."""
    return _skinned(mesh, posed_maps(skeleton, clip, times))


def _skinned(
    mesh: SkinnedMesh, maps: Float[Tensor, "F J 3 4"], skinning: Skinning = "linear"
) -> Float[Tensor, "F V 3"]:
    # In pieces: blending the joints' maps takes several times the room of the vertices.
    rest, weights = mesh.vertices.detach().cpu(), mesh.weights.detach().cpu()
    move = skin if skinning == "linear" else skin_dual
    return torch.cat([move(rest, weights, piece) for piece in maps.split(16)])
