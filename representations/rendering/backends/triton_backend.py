"""Visibility on CUDA by a Triton kernel. Triton comes with PyTorch's wheels for CUDA.

The picture is cut into tiles of 8x8 pixels. Torch lists every triangle with every tile that its box touches and sorts
the list by tile; then one program per tile goes through its triangles with the tile's nearest 1/w and its faces in
registers. Nothing is written by two programs, so the result does not depend on their order.

It is the arithmetic of `torch_backend`, in the same order and in float64, with multiplications and additions rounded
one by one (no fused multiply-add), so that two faces at an edge compute the same numbers with opposite signs, and the
faces are those of the reference bit for bit.

Triton compiles a small launcher with the system's C compiler the first time a machine uses it: gcc or clang must be in
PATH or named in CC. On CPU tensors the kernel runs in Triton's interpreter only, slowly, for tests: set
TRITON_INTERPRET=1 before Triton is first imported.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .torch_backend import check_finite, in_chunks, pixel_boxes, visible_triangles

TILE = 8
"""Side of a tile in pixels, a power of 2. One warp draws it: two pixels per thread."""
TRIANGLES_PER_STEP = 2
"""Triangles that a tile tests in one step, a power of 2."""
_TRIANGLES_PER_STEP_INTERPRETED = 32
"""The same in Triton's interpreter, where every step costs some milliseconds however much it does."""
_TRIANGLES_AT_ONCE = 1 << 21
_PAIRS_AT_ONCE = 1 << 23
LAUNCH = {"num_warps": 1, "enable_fp_fusion": False}
"""How the kernel is compiled: one warp a tile, no fused multiply-add."""


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    if vertices_clip.device.type != "cuda" and not INTERPRETED:
        raise ValueError(
            f"backend triton draws tensors on CUDA but vertices_clip is on {vertices_clip.device}; use backend='auto', "
            "or set TRITON_INTERPRET=1 before Python starts to run the kernel in Triton's interpreter (slow, for tests)"
        )
    check_finite(vertices_clip)
    batch, (height, width) = vertices_clip.shape[0], size
    step = max(1, _TRIANGLES_AT_ONCE // faces.shape[0])
    nearest = torch.zeros((batch, height, width), dtype=torch.float64, device=vertices_clip.device)
    owner = torch.full((batch, height, width), -1, dtype=torch.int32, device=vertices_clip.device)
    for start in range(0, batch, step):
        triangles = visible_triangles(vertices_clip[start : start + step], faces, size, near, cull)
        _draw(*triangles, nearest[start : start + step], owner[start : start + step])
    depth = torch.where(owner >= 0, 1 / nearest, torch.inf).to(vertices_clip.dtype)
    return owner, depth


def _draw(corners: Tensor, picture: Tensor, face: Tensor, nearest: Tensor, owner: Tensor) -> None:
    """Draws triangles (n, 3, 3) of faces (n,) into pictures (n,): `nearest` 1/w and `owner` (B, H, W), in place."""
    batch, height, width = owner.shape
    across, down = -(-width // TILE), -(-height // TILE)
    first, last = pixel_boxes(corners, (height, width))
    # Many small triangles hold no pixel centre at all.
    kept = (last > first).all(dim=1).nonzero()[:, 0]
    corners, picture, face, first, last = (t[kept] for t in (corners, picture, face, first, last))
    box, number = torch.cat([first, last], dim=1).int(), face.int()
    first, last = first // TILE, (last + TILE - 1) // TILE
    extent = last - first
    constants = {
        "TILE": TILE,
        "TRIANGLES_PER_STEP": _TRIANGLES_PER_STEP_INTERPRETED if INTERPRETED else TRIANGLES_PER_STEP,
        **LAUNCH,
    }
    borders = torch.arange(batch * down * across + 1, device=owner.device)
    for triangle, place in in_chunks(extent[:, 0] * extent[:, 1], _PAIRS_AT_ONCE):
        column = first[triangle, 0] + place % extent[triangle, 0]
        row = first[triangle, 1] + place // extent[triangle, 0]
        tile, order = ((picture[triangle] * down + row) * across + column).sort()
        begin = torch.searchsorted(tile, borders)
        with torch.cuda.device_of(owner):
            _draw_tile[(batch * down * across,)](
                corners, box, number, triangle[order], begin, nearest, owner, height, width, across, down, **constants
            )


@triton.jit
def _draw_tile(
    corners, box, number, listed, begin, nearest, owner, height, width, across, down,
    TILE: tl.constexpr, TRIANGLES_PER_STEP: tl.constexpr,
):  # fmt: skip
    """One tile: goes through the triangles `listed` for it and keeps the nearest face of each pixel."""
    tile = tl.program_id(0)
    start, stop = tl.load(begin + tile), tl.load(begin + tile + 1)
    if stop > start:
        lane = tl.arange(0, TILE * TILE)
        column = (tile % across) * TILE + lane % TILE
        row = (tile // across % down) * TILE + lane // TILE
        within = (column < width) & (row < height)
        cell = ((tile // (across * down)).to(tl.int64) * height + row) * width + column
        most = tl.load(nearest + cell, mask=within, other=0.0)
        face = tl.load(owner + cell, mask=within, other=-1)
        # From here on triangles go down and pixels across.
        column, row = column[None, :], row[None, :]
        x, y = column.to(tl.float64) + 0.5, row.to(tl.float64) + 0.5
        for first in range(start, stop, TRIANGLES_PER_STEP):
            place = first + tl.arange(0, TRIANGLES_PER_STEP)[:, None]
            triangle = tl.load(listed + place, mask=place < stop, other=0)
            corner, side = corners + triangle * 9, box + triangle * 4
            x0, y0, z0 = tl.load(corner), tl.load(corner + 1), tl.load(corner + 2)
            x1, y1, z1 = tl.load(corner + 3), tl.load(corner + 4), tl.load(corner + 5)
            x2, y2, z2 = tl.load(corner + 6), tl.load(corner + 7), tl.load(corner + 8)
            a0, b0, a1, b1, a2, b2 = x0 - x, y0 - y, x1 - x, y1 - y, x2 - x, y2 - y
            e0, e1, e2 = a1 * b2 - b1 * a2, a2 * b0 - b2 * a0, a0 * b1 - b0 * a1
            total = e0 + e1 + e2
            turn = tl.where(total > 0, 1.0, -1.0).to(tl.float64)
            hit = ((e0 >= 0) & (e1 >= 0) & (e2 >= 0)) | ((e0 <= 0) & (e1 <= 0) & (e2 <= 0))
            hit &= (total != 0) & (place < stop)
            hit &= (column >= tl.load(side)) & (row >= tl.load(side + 1))
            hit &= (column < tl.load(side + 2)) & (row < tl.load(side + 3))
            hit &= (e0 != 0) | _owns(turn * (x2 - x1), turn * (y2 - y1))
            hit &= (e1 != 0) | _owns(turn * (x0 - x2), turn * (y0 - y2))
            hit &= (e2 != 0) | _owns(turn * (x1 - x0), turn * (y1 - y0))
            inverse = (e0 * z0 + e1 * z1 + e2 * z2) / tl.where(total == 0, 1.0, total)
            inverse = tl.where(hit & (inverse > 0), inverse, 0.0)
            best = tl.max(inverse, axis=0)
            index = tl.where(hit & (inverse == tl.expand_dims(best, 0)), tl.load(number + triangle), 2147483647)
            lowest = tl.min(index, axis=0)
            wins = (best > most) | ((best == most) & (lowest < face))
            most, face = tl.where(wins, best, most), tl.where(wins, lowest, face)
        tl.store(nearest + cell, most, mask=within)
        tl.store(owner + cell, face, mask=within)


@triton.jit
def _owns(dx, dy):
    """Top-left rule for an edge that runs with the interior on its right hand as seen (rows grow downward)."""
    return (dy < 0) | ((dy == 0) & (dx > 0))


INTERPRETED = not isinstance(_draw_tile, triton.runtime.JITFunction)
"""Whether Triton was imported with TRITON_INTERPRET=1: then its kernels run in Python, on any device."""
