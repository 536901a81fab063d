"""What photos say of a finished subject's colours: light of each photo, an atlas, and textures of all and of each."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.atlas import unwrap
from ...representations.geometry.mesh import SkinnedMesh, vertex_normals
from ...representations.rendering.photo_light import PhotoLight
from ...representations.rendering.shading import linear_from_srgb
from ...representations.rendering.vertex_sampling import fold_mirror_images, sample_at_vertices
from ...representations.tensor_structure import TensorStructure
from ...scenes.scene import Scene
from ..observe.observations import Observations, View
from .backproject import Textures, backproject
from .lighting import estimate_light

TEXTURE_SIZE = 512
"""Side of the textures in texels."""
_PAINTING_SIZE = 384
"""Side in pixels of the crops that colours are taken from."""


class TexturedScene(TensorStructure):
    """The bodies of all N photos, one for each, with what they wear."""

    mesh: SkinnedMesh
    """At rest, the shape that all photos share, with texture coordinates."""
    posed: Float[Tensor, "N V 3"]
    """Vertices in each photo's own shape and pose, in the subject's frame."""
    light: PhotoLight
    """Light in each photo, by which its colours were divided."""
    textures: Textures


@torch.no_grad()
def texture_scene(scene: Scene, observations: Observations, light: PhotoLight | None = None) -> TexturedScene:
    """Textures of a scene with one hypothesis of each photo; `light` is estimated from the photos unless given.

    Raises ValueError if the surface is not united yet: textures need the one watertight mesh.
    """
    surface = scene.surface
    if not surface.united:
        raise ValueError("the parts are not united yet: outputs need the one watertight mesh")
    mesh, camera = surface.shared(), scene.hypotheses.camera()
    posed = scene.posed(mesh)
    view = observations.at(_PAINTING_SIZE).through(scene.hypotheses)
    light = photo_light(scene, mesh, posed, view) if light is None else light
    atlas = unwrap(mesh.vertices, mesh.faces, resolution=TEXTURE_SIZE)
    seen = (view.intrinsics, view.pixels, view.shown)
    textures = backproject(mesh.faces, surface.mirror, atlas, TEXTURE_SIZE, posed, camera, *seen, light)
    worn = SkinnedMesh(**{**vars(mesh), "uv": atlas.uv, "uv_faces": atlas.uv_faces})
    return TexturedScene(worn, posed, light, textures)


def photo_light(scene: Scene, mesh: SkinnedMesh, posed: Float[Tensor, "N V 3"], view: View) -> PhotoLight:
    """Light in each photo, from the colours that photos put onto the same places of the body."""
    camera, pixels = scene.hypotheses.camera(), linear_from_srgb(view.pixels)
    samples = sample_at_vertices(posed, mesh.faces, camera, view.intrinsics, pixels, view.shown)
    rotation = camera.rotation()
    normals = vertex_normals(posed, mesh.faces) @ rotation.transpose(1, 2)
    return estimate_light(samples, normals, rotation[:, :, 1], fold_mirror_images(scene.surface.mirror))
