"""Held-out views: a sitter's bare colours seen from where no photo was taken, to score how a fit looks from there.

truth/novel/transforms.json   cameras, each with the name of the photo whose pose it shows: "pose": "003"
truth/novel/NNN.png           the posed sitter alone, its albedo without any light, RGBA (see `scenes.flat`)

Eight cameras of a field of view of 30 degrees stand evenly round the subject, at azimuths 22.5 + 45 k degrees, ten
degrees above the middle of the posed mesh, which they look at. Its bounding sphere takes four fifths of the picture's
side. View k shows the pose of photo floor(k N / 8) of N. Nothing here is drawn by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from ...representations.camera import Intrinsics, OrbitCamera, to_camera
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.topology import Topology
from ...representations.tensor_structure import TensorStructure
from ..error import InputError
from ..photos.nerfstudio import CameraFrame, read_notes, read_transforms, write_transforms
from .flat import FlatPicture, draw_flat, read_flat, write_flat
from .sitter import Poses, Sitter

_COUNT = 8
_FIRST_AZIMUTH_DEG = 22.5
_ELEVATION_DEG = 10.0
_HALF_VIEW = math.tan(math.radians(30.0 / 2))
"""Half the picture's side at distance 1."""
_FILL = 0.8
"""Share of the picture's side that the bounding sphere takes up."""


class HeldOutView(TensorStructure):
    """One view and the truth that is seen in it."""

    camera: CameraFrame
    pose: str
    """The photo whose pose it shows."""
    picture: FlatPicture


def write_held_out(folder: Path, sitter: Sitter, poses: Poses, stems: Sequence[str], size: int) -> None:
    """Writes the views to `folder`; `stems` names the photo of each pose, `size` is the side of the pictures in pixels.

    The same arguments give the same bytes.
    """
    texture, mesh = sitter.texture.float() / 255, _mesh(sitter)
    topology = Topology.of(mesh.faces)
    frames, notes = [], []
    for k in range(_COUNT):
        index = k * len(stems) // _COUNT
        vertices = poses.vertices[index].double()
        middle = (vertices.amin(0) + vertices.amax(0)) / 2
        camera, focal = _stand(k, float((vertices - middle).norm(dim=1).max())), size / 2 / _HALF_VIEW
        long, half = torch.tensor([focal]), torch.tensor([size / 2])
        lens = Intrinsics(long, long, half, half, size, size)
        seen = to_camera((vertices - middle)[None], camera)[0].float()
        write_flat(folder / f"{k:03d}.png", draw_flat(seen, mesh, lens, texture, topology))
        to_world = camera.world_from_camera()[0].numpy()
        to_world[:3, 3] += middle.numpy()
        frames.append(CameraFrame(f"{k:03d}.png", to_world, focal, focal, size / 2, size / 2, size, size))
        notes.append({"pose": stems[index]})
    write_transforms(folder / "transforms.json", frames, notes=notes)


def read_held_out(folder: Path) -> tuple[HeldOutView, ...]:
    """The views in `folder`, in the file's order. Raises InputError where they are missing or cannot be read."""
    path = folder / "transforms.json"
    poses, views = read_notes(path, "pose"), []
    for camera in read_transforms(path):
        pose = poses.get(camera.stem)
        if not isinstance(pose, str):
            raise InputError(f"{path}: {camera.stem} has no 'pose', the photo whose pose it shows; add its name")
        picture = read_flat(folder / camera.file_path)
        height, width = picture.coverage.shape
        if (width, height) != (camera.width, camera.height):
            wanted = f"{camera.width}x{camera.height}"
            raise InputError(f"{folder / camera.file_path} is {width}x{height} but its camera is for {wanted}")
        views.append(HeldOutView(camera, pose, picture))
    if not views:
        raise InputError(f"{path} has no frames; write the collection again")
    return tuple(views)


def _stand(k: int, radius: float) -> OrbitCamera:
    """Camera k round the middle of a sphere, in double precision."""
    # A sphere is seen as a disc whose edge lies r / sqrt(d^2 - r^2) off the axis.
    distance = radius * math.sqrt(1 + 1 / (_FILL * _HALF_VIEW) ** 2)
    one = torch.ones(1, dtype=torch.float64)
    azimuth_deg = _FIRST_AZIMUTH_DEG + 360 / _COUNT * k
    return OrbitCamera(azimuth_deg * one, _ELEVATION_DEG * one, 0 * one, distance * one, 0 * one.expand(1, 2))


def _mesh(sitter: Sitter) -> SkinnedMesh:
    """The sitter as pictures want it; nothing of the rig shows in them."""
    count = len(sitter.vertices)
    return SkinnedMesh(
        sitter.vertices,
        sitter.faces,
        torch.ones(count, 1),
        torch.zeros(count, dtype=torch.int64),
        sitter.vertices,
        sitter.uv,
        sitter.uv_faces,
    )
