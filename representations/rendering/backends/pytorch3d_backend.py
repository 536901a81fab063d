"""Visibility by PyTorch3D, on CUDA or CPU (an optional extra).

Its conventions and what is done about them:
* it takes projected corners: the shared code cuts faces at the near plane first, so every corner has a positive depth;
* x points left, and the shorter side of a picture spans [-1, 1]: corners are put there from pixels;
* faces are numbered through the whole batch: numbers are led back to the faces the cut pieces come from;
* a centre exactly on an edge belongs to no face there: the picture is moved by a hair to the left and by a smaller one
  upward, which gives such centres to the face whose top or left edge it is, as the rules have it;
* it computes in float32, so a centre within about a thousandth of a pixel of an edge may go to the neighbouring face,
  and on CUDA ties in depth are not ordered.
Depth is recomputed from the faces found, in the shared arithmetic.
"""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from ..interpolate import metric_depth
from .backend_choice import not_installed
from .torch_backend import check_finite, visible_triangles

LEFT, UP = 2.0**-18, 2.0**-22
"""How far the picture is moved, in halves of its shorter side: 32 and 2 units in the last place of float32 at 1."""


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    try:
        rasterize_meshes = importlib.import_module("pytorch3d.renderer.mesh.rasterize_meshes").rasterize_meshes
        meshes_type = importlib.import_module("pytorch3d.structures").Meshes
    except ImportError as error:
        raise not_installed("pytorch3d", error) from error
    check_finite(vertices_clip)
    batch, (height, width) = vertices_clip.shape[0], size
    corners, picture, face = visible_triangles(vertices_clip, faces, size, near, cull)
    order = torch.argsort(picture, stable=True)
    corners, picture, face = corners[order], picture[order], face[order]
    if len(face) == 0:
        seen = torch.full((batch, height, width), -1, dtype=torch.int32, device=vertices_clip.device)
        return seen, metric_depth(seen, vertices_clip, faces)
    counts = torch.bincount(picture, minlength=batch).tolist()
    points = ndc_corners(corners, size).split(counts)
    meshes = meshes_type(
        verts=[block.reshape(-1, 3) for block in points],
        faces=[torch.arange(3 * count, device=corners.device).reshape(-1, 3) for count in counts],
    )
    found = rasterize_meshes(
        meshes, image_size=size, blur_radius=0.0, faces_per_pixel=1, perspective_correct=True, cull_backfaces=False
    )[0]
    number = found[..., 0]
    seen = torch.where(number < 0, -1, face[number.clamp(min=0)]).int()
    return seen, metric_depth(seen, vertices_clip, faces)


def ndc_corners(corners: Tensor, size: tuple[int, int]) -> Tensor:
    """Corners (n, 3, 3) of x (left), y (up) and depth, float32, from (column, row, 1/w); moved by `LEFT` and `UP`."""
    height, width = size
    half = 0.5 * min(height, width)
    column, row, inverse = corners.unbind(-1)
    left, up = (0.5 * width - column) / half + LEFT, (0.5 * height - row) / half + UP
    return torch.stack([left, up, 1 / inverse], dim=-1).float()
