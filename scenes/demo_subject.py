"""A small subject that the package makes up itself: an animal on the quadruped template, photographed from all sides.

Its proportions, coat and poses come from a seed. It is there to try the whole way from photos to scene on a machine
that has nothing else; it is simpler than any animal, and scores on it say little about photographs.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..representations.camera import Intrinsics, OrbitCamera, project
from ..representations.chart import PARTS
from ..representations.harmonic import band_degrees
from ..representations.mesh import SkinnedMesh, vertex_normals
from ..representations.motion.gait import walk
from ..representations.part_surface import PartSurfaces
from ..representations.rendering import barycentrics, interpolate, rasterize
from ..representations.rotation import multiply, quaternion_from_vector
from ..representations.skeleton import Skeleton, forward_kinematics
from ..representations.skinning import skin
from ..representations.template import template
from .atomic import atomic_write
from .mesh_file import write_ply
from .nerfstudio import CameraFrame, write_transforms

_FIELD_OF_VIEW_DEG = 30.0
_SUPERSAMPLING = 3
_MAKER = "zoetrope.scenes.demo_subject"
_COAT, _BELLY, _DARK = (0.76, 0.40, 0.16), (0.93, 0.88, 0.80), (0.16, 0.12, 0.11)


def write_demo_subject(folder: Path, *, seed: int = 0, photo_count: int = 12, size: int = 256) -> None:
    """Writes a collection to `folder`: photos NNN.png, masks/, and the truth about them in truth/.

    Every photo has its own pose, light, backdrop and camera: azimuths all round, elevation 0 to 25 degrees, field of
    view 30 degrees. The same arguments write the same files. World: the package's rest frame, the rest subject's box
    centred, its longest side 1.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        subject = _subject(generator)
        mesh, skeleton = _normalised(subject.shared(), subject.skeleton())
        rotations = _poses(skeleton, photo_count, generator)
        posed = skin(mesh.vertices, mesh.weights, forward_kinematics(skeleton, rotations))
        camera = _cameras(posed, generator)
        lens = Intrinsics.from_field_of_view(_FIELD_OF_VIEW_DEG, size, size, photo_count)
        photos, masks = _photograph(posed, mesh, camera, lens, generator)
    frames = []
    for k, matrix in enumerate(camera.world_from_camera().double().numpy()):
        stem = f"{k:03d}"
        _write_png(folder / f"{stem}.png", photos[k])
        _write_png(folder / "masks" / f"{stem}.png", masks[k])
        write_ply(folder / "truth" / f"{stem}.ply", posed[k], mesh.faces)
        focal, middle = float(lens.fx[k]), size / 2
        frames.append(CameraFrame(f"../{stem}.png", matrix, focal, focal, middle, middle, size, size))
    write_ply(folder / "truth" / "rest.ply", mesh.vertices, mesh.faces)
    write_transforms(folder / "truth" / "transforms.json", frames, extra={"made_by": _MAKER, "seed": seed})


def is_demo_subject(folder: Path) -> bool:
    """Whether `write_demo_subject` filled this folder, so that it may be replaced."""
    path = folder / "truth" / "transforms.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("made_by") == _MAKER


def _subject(generator: torch.Generator) -> PartSurfaces:
    """The template with other proportions and softer forms; mirror symmetric by construction."""
    subject = PartSurfaces(template("quadruped"), photo_count=1, level=3, degree=4)
    subject.cutoff = 4.0
    # Rough modes take less: an animal has muscles, not lumps.
    smoothness = 1 / (1 + band_degrees(4).float())[:, None]
    for parameter, deviation in (
        (subject.log_length, 0.1),
        (subject.log_girth, 0.06),
        (subject.coefficients, 0.05 * smoothness),
    ):
        parameter.copy_(deviation * torch.randn(parameter.shape, generator=generator))
    # Fuller than the template, which is lean.
    subject.log_girth.add_(0.15)
    return subject


def _normalised(mesh: SkinnedMesh, skeleton: Skeleton) -> tuple[SkinnedMesh, Skeleton]:
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    centre, scale = (low + high) / 2, 1 / (high - low).max()
    vertices = (mesh.vertices - centre) * scale
    return mesh.with_vertices(vertices), skeleton.with_rest(
        (skeleton.joints - centre) * scale, (skeleton.tips - centre) * scale
    )


def _poses(skeleton: Skeleton, count: int, generator: torch.Generator) -> Float[Tensor, "B J 4"]:
    """Moments of a walk, with the head and tail turned at random."""
    clip = walk(skeleton)
    times = clip.duration * torch.rand(count, generator=generator)
    turns = torch.zeros(count, len(skeleton), 3)
    for name, pitch_deg, yaw_deg in (("neck", 25, 20), ("head", 15, 20), ("tail_1", 25, 25), ("tail_2", 15, 20)):
        free = 2 * torch.rand(count, 2, generator=generator) - 1
        joint = skeleton.index(name)
        turns[:, joint, 0] = math.radians(pitch_deg) * free[:, 0]
        turns[:, joint, 1] = math.radians(yaw_deg) * free[:, 1]
    return multiply(clip.sample(times), quaternion_from_vector(turns))


def _cameras(posed: Float[Tensor, "B V 3"], generator: torch.Generator) -> OrbitCamera:
    """Round the whole circle in even steps, shuffled and jittered, just far enough to see everything."""
    count = posed.shape[0]
    jitter = torch.rand(count, 4, generator=generator)
    step = 360 / count
    azimuth = step * (torch.randperm(count, generator=generator) + 0.5 * (jitter[:, 0] - 0.5))
    radius = float(posed.norm(dim=-1).max())
    distance = radius / math.sin(math.radians(_FIELD_OF_VIEW_DEG / 2)) * (0.95 + 0.15 * jitter[:, 1])
    offset = 0.04 * (jitter[:, 2:] - 0.5)
    return OrbitCamera(azimuth, 25 * torch.rand(count, generator=generator), torch.zeros(count), distance, offset)


def _photograph(
    posed: Float[Tensor, "B V 3"],
    mesh: SkinnedMesh,
    camera: OrbitCamera,
    lens: Intrinsics,
    generator: torch.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Photos (B, S, S, 3) and masks (B, S, S), 8-bit: Lambert shading in linear light, averaged over subpixels."""
    count, size = posed.shape[0], lens.width * _SUPERSAMPLING
    clip = project(posed, camera, lens.resized(size, size))
    fragments = rasterize(clip, mesh.faces, (size, size))
    coat = _linear(_coat(mesh)).expand(count, -1, -1)
    attributes = torch.cat([coat, vertex_normals(posed, mesh.faces)], dim=-1)
    seen = interpolate(attributes, mesh.faces, fragments, barycentrics(fragments, clip, mesh.faces))
    light = torch.tensor([0.0, 1.0, 0.0]) + 0.6 * torch.randn(count, 3, generator=generator)
    light = torch.nn.functional.normalize(light, dim=-1)[:, None, None]
    normal = torch.nn.functional.normalize(seen[..., 3:], dim=-1)
    sun = (normal * light).sum(-1, keepdim=True).clamp_min(0)
    picture = seen[..., :3] * (0.35 + 0.75 * sun)
    covered = (fragments.face >= 0).float()[..., None]
    picture = picture * covered + _linear(_backdrops(count, size, generator)) * (1 - covered)
    picture, covered = _averaged(picture), _averaged(covered)
    return _bytes(_encoded(picture)), _bytes(covered[..., 0])


def _coat(mesh: SkinnedMesh) -> Float[Tensor, "V 3"]:
    """Rust above, pale below, dark feet and ear tips, a pale tip of the tail, faint bands across the trunk."""
    normal = vertex_normals(mesh.vertices, mesh.faces)
    coat, belly, dark = (torch.tensor(colour) for colour in (_COAT, _BELLY, _DARK))
    names = [PARTS[k] for k in mesh.part.tolist()]

    def belongs(*endings: str) -> Tensor:
        return torch.tensor([name.endswith(endings) for name in names])[:, None]

    bands = 1 - 0.25 * (mesh.vertices[:, 2:] * 60).sin().clamp_min(0) * belongs(
        "trunk_rear", "trunk_middle", "trunk_front"
    )
    colour = coat * bands
    below = torch.sigmoid(12 * (-normal[:, 1:2] - 0.35)) * belongs(
        "_rear", "_middle", "_front", "neck", "head", "muzzle"
    )
    colour = torch.lerp(colour, belly.expand_as(colour), below)
    colour = torch.where(belongs("cannon", "foot", "_ear"), dark, colour)
    return torch.where(belongs("tail_3"), belly, colour)


def _backdrops(count: int, size: int, generator: torch.Generator) -> Float[Tensor, "B S S 3"]:
    """Soft grey blotches over a sky and a ground."""
    coarse = torch.rand(count, 1, 8, 8, generator=generator) - 0.5
    blotches = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    height = torch.linspace(1, 0, size)[None, :, None, None]
    sky, ground = torch.tensor([0.62, 0.74, 0.86]), torch.tensor([0.42, 0.52, 0.32])
    backdrop = torch.lerp(ground, sky, torch.sigmoid(12 * (height - 0.45)))
    return (backdrop + 0.3 * blotches.movedim(1, -1)).clamp(0, 1)


def _averaged(picture: Float[Tensor, "B H W C"]) -> Float[Tensor, "B h w C"]:
    return torch.nn.functional.avg_pool2d(picture.movedim(-1, 1), _SUPERSAMPLING).movedim(1, -1)


def _linear(encoded: Tensor) -> Tensor:
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _encoded(linear: Tensor) -> Tensor:
    bent = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, bent).clamp(0, 1)


def _bytes(picture: Tensor) -> np.ndarray:
    return (picture * 255).round().to(torch.uint8).numpy()


def _write_png(path: Path, picture: np.ndarray) -> None:
    with atomic_write(path) as temporary:
        Image.fromarray(picture).save(temporary)
