"""Visibility by nvdiffrast on CUDA (an optional extra; its licence is non-commercial).

Its conventions and what is done about them:
* rows count from the bottom, faces from 1 with 0 for nothing: turned over and shifted;
* clip space is cut at |z| <= w: z is set here so that w = `near` (or the nearest vertex, if farther) falls on -1 and
  the farthest vertex on +1, which spends the depth buffer's precision on what is there;
* sides must be multiples of 8: the picture is drawn larger to the right and below, then cropped;
* vertices snap to a fraction of a pixel, so a pixel within that fraction of an edge may go to the neighbouring face.
Depth is recomputed from the faces found, in the shared arithmetic.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

from ..interpolate import metric_depth
from .backend_choice import not_installed
from .torch_backend import check_finite

FACE_LIMIT = 1 << 24
"""Face numbers come back as float32."""

_contexts: dict[torch.device, Any] = {}


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    try:
        library = importlib.import_module("nvdiffrast.torch")
    except ImportError as error:
        raise not_installed("nvdiffrast", error) from error
    check_finite(vertices_clip)
    batch, (height, width) = vertices_clip.shape[0], size
    padded = -(-height // 8) * 8, -(-width // 8) * 8
    positions = clip_positions(vertices_clip, size, padded, near)
    triangles, ranges = faces.int().contiguous(), None
    kept = None
    if cull:
        kept, triangles, ranges = front_faces(vertices_clip, faces)
        positions = positions.reshape(-1, 4)
    if triangles.shape[0] >= FACE_LIMIT:
        raise ValueError(
            f"{triangles.shape[0]} faces in one call; nvdiffrast can number {FACE_LIMIT - 1}: split the batch"
        )
    if triangles.shape[0] == 0:
        face = torch.full((batch, height, width), -1, dtype=torch.int32, device=vertices_clip.device)
    else:
        if vertices_clip.device not in _contexts:
            _contexts[vertices_clip.device] = library.RasterizeCudaContext(device=vertices_clip.device)
        context = _contexts[vertices_clip.device]
        found, _ = library.rasterize(context, positions, triangles, padded, ranges=ranges, grad_db=False)
        face = face_numbers(found, size)
        if kept is not None:
            face = torch.where(face < 0, face, kept[face.clamp(min=0).long()])
    return face, metric_depth(face, vertices_clip, faces)


def clip_positions(vertices_clip: Tensor, size: tuple[int, int], padded: tuple[int, int], near: float) -> Tensor:
    """Clip coordinates (B, V, 4) float32 for a picture of `padded` size whose top left part is the one of `size`."""
    x, y, _, w = vertices_clip.double().unbind(-1)
    x = (x + w) * (size[1] / padded[1]) - w
    y = w - (w - y) * (size[0] / padded[0])
    front = torch.where(w >= near, w, torch.inf).amin(dim=1, keepdim=True)
    # A little room on both sides, but never before the near plane, and not a range of no depth.
    first = torch.where((w < near).any(dim=1, keepdim=True), near, (0.999 * front).clamp(min=near))
    last = torch.maximum(1.001 * w.amax(dim=1, keepdim=True), 1.001 * first)
    first = torch.where(torch.isfinite(first), first, near)
    last = torch.where(torch.isfinite(last), last, 2 * near)
    z = ((last + first) * w - 2 * last * first) / (last - first)
    return torch.stack([x, y, z, w], dim=-1).float().contiguous()


def front_faces(vertices_clip: Tensor, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Faces that wind counter-clockwise as seen, for nvdiffrast's range mode.

    Returns their numbers (n,) int32, their corners (n, 3) int32 in the batch's vertices one after another, and each
    picture's start and count (B, 2) int32 on the CPU.
    """
    batch, count, _ = vertices_clip.shape
    positions = vertices_clip.double()[..., [0, 1, 3]]
    a, b, c = (positions.index_select(1, faces[:, corner]) for corner in range(3))
    front = (a * torch.linalg.cross(b, c)).sum(dim=-1) > 0
    picture, face = front.nonzero(as_tuple=True)
    number = torch.bincount(picture, minlength=batch)
    ranges = torch.stack([number.cumsum(0) - number, number], dim=1).int().cpu()
    return face.int(), (faces[face] + picture[:, None] * count).int().contiguous(), ranges


def face_numbers(found: Tensor, size: tuple[int, int]) -> Tensor:
    """Faces (B, H, W) int32, -1 for none, from nvdiffrast's picture (B, H', W', 4) of u, v, z/w, number from 1."""
    return (found[..., 3].flip(1)[:, : size[0], : size[1]].round().int() - 1).contiguous()
