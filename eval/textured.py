"""A run's textured subject in the pose and the colours of one photo: what pictures of a fit are drawn from.

The mesh is `posed/STEM.ply`, the texture that of `instances/STEM.glb`, on the atlas of the run's exact subject.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..representations.rendering.photo_light import PhotoLight
from ..representations.rendering.shading import srgb_from_linear
from ..representations.rendering.topology import Topology
from ..representations.tensor_structure import TensorStructure
from ..scenes.error import InputError
from ..scenes.gltf.file import GltfFile
from ..scenes.gltf.material import read_materials
from ..scenes.photos.photo_light_note import read_lights
from ..scenes.run_folder import RunFolder
from ..scenes.subject import Subject, load_subject
from .metrics.alignment import Mesh


class Wardrobe(TensorStructure):
    """A run's subject and the textures of its photos."""

    run: Path
    subject: Subject
    topology: Topology
    """Of the subject's mesh."""
    lights: dict[str, PhotoLight]
    """That photos were taken in, by stem; textures are free of it."""

    @staticmethod
    def of(run: Path) -> Wardrobe:
        """The run's. Raises InputError where it has no exact subject, no texture on it, or no readable cameras."""
        subject = load_textured(run)
        return Wardrobe(run, subject, Topology.of(subject.mesh.faces), read_lights(RunFolder(run).cameras))

    def texture(self, stem: str, mesh: Mesh) -> Float[Tensor, "H W 3"]:
        """What `mesh`, the run's in the pose of photo `stem`, wears there; sRGB-encoded.

        Raises InputError where the mesh has other triangles than the subject, or the photo's texture cannot be read.
        """
        vertices, faces = mesh
        own = self.subject.mesh
        if len(vertices) != len(own.vertices) or not np.array_equal(faces, own.faces.numpy()):
            raise InputError(f"posed/{stem}.ply has other triangles than the run's subject; run the fit again")
        path = RunFolder(self.run).instances / f"{stem}.glb"
        picture = read_materials(GltfFile(path))[0].picture
        if picture is None:
            raise InputError(f"{path} has no texture; run the fit again")
        return srgb_from_linear(picture.pixels[..., :3].clamp(0, 1))


def load_textured(run: Path) -> Subject:
    """The run's exact subject. Raises InputError where the run has none or it has no texture."""
    path = RunFolder(run).exact_subject
    subject = load_subject(path)
    if subject.texture is None or subject.mesh.uv is None:
        raise InputError(f"{path} has no texture; run the fit again")
    return subject
