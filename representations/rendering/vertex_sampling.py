"""Pictures looked up at the vertices of posed meshes: which vertices a picture shows, and what it has there."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..camera import Camera, Intrinsics, project, to_pixels
from ..geometry.mesh import vertex_normals
from ..tensor_structure import TensorStructure
from .fragment import rasterize
from .fragments import Fragments


class VertexSamples(TensorStructure):
    """Features that each of B hypotheses puts onto the V vertices."""

    feature: Float[Tensor, "B V C"]
    weight: Float[Tensor, "B V"]
    """How well the vertex is seen: 0 hidden or off the mask, up to 1 facing the camera."""


def sample_at_vertices(
    vertices: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    camera: Camera,
    intrinsics: Intrinsics,
    feature: Float[Tensor, "B S S C"],
    mask: Float[Tensor, "B S S"],
) -> VertexSamples:
    """Bilinear look-up of the pictures at the projections of posed vertices, weighted by visibility and facing."""
    size = mask.shape[1]
    clip = project(vertices, camera, intrinsics)
    visible = visible_vertices(rasterize(clip, faces, (size, size)), faces, vertices.shape[1])
    centre = camera.world_from_camera()[:, :3, 3]
    viewing = torch.nn.functional.normalize(centre[:, None] - vertices, dim=-1)
    facing = (vertex_normals(vertices, faces) * viewing).sum(-1)
    grid = (to_pixels(clip, size, size) / size * 2 - 1)[:, None]
    # Border pixels mix subject and background: colours are averaged under the mask.
    channels = torch.cat([feature * mask[..., None], mask[..., None]], dim=-1).permute(0, 3, 1, 2)
    looked_up = torch.nn.functional.grid_sample(channels, grid, align_corners=False)[:, :, 0].transpose(1, 2)
    share = looked_up[..., -1]
    color = looked_up[..., :-1] / share[..., None].clamp_min(1e-3)
    weight = visible.float() * facing.clamp(0, 1) * (share > 0.7)
    return VertexSamples(color, weight)


def visible_vertices(fragments: Fragments, faces: Int[Tensor, "F 3"], vertex_count: int) -> Bool[Tensor, "B V"]:
    """Vertices of faces that are seen in at least one pixel."""
    batch = fragments.face.shape[0]
    face = fragments.face.reshape(batch, -1).long()
    seen_faces = torch.zeros(batch, faces.shape[0] + 1, dtype=torch.bool, device=face.device)
    # -1 (nothing seen) goes into the extra last column.
    seen_faces.scatter_(1, face.where(face >= 0, faces.shape[0]), True)
    picture, which = seen_faces[:, :-1].nonzero(as_tuple=True)
    seen = torch.zeros(batch, vertex_count, dtype=torch.bool, device=face.device)
    for corner in range(3):
        seen[picture, faces[which, corner]] = True
    return seen


def fold_mirror_images(mirror: Int[Tensor, " V"]) -> Int[Tensor, " V"]:
    """The lower index of each vertex and its mirror image: left and right share a place."""
    return torch.minimum(mirror, torch.arange(len(mirror), device=mirror.device))
