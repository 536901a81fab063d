"""`torch_coverage.areas_torch` by Triton kernels on CUDA, with an analytic backward pass.

The reference spreads every piece of outline over a whole row of pixels and keeps some ten such lists for the backward
pass. Here one program per row of pixels adds up the pieces that cross it, in the order of the list, and in the backward
pass one program per segment walks through the pixels it crosses and no others. If a segment from a to b lies in a pixel
of gradient g for s in [s0, s1], and d = b - a, then

    dL/da = jump * (-d_y, d_x) * sum over pixels of g * integral of (1 - s) ds,    dL/db likewise with s.

Pixels beside a segment gain by its one end what they lose by the next segment's, so only those crossed count: the
outline must be closed. No two programs write to the same place, so the result does not depend on their order.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from .backends.triton_backend import INTERPRETED
from .torch_coverage import rows_crossed

COLUMNS = 64
"""Pixels of a row that one program holds, a power of 2."""
CROSSED = 32
"""Pixels that a segment crosses in one step of the backward pass, a power of 2."""
SEGMENTS_PER_STEP = 2
"""Segments that such a program adds in one step, a power of 2."""
_SEGMENTS_PER_STEP_INTERPRETED = 16
"""The same in Triton's interpreter, where every step costs some milliseconds however much it does."""


def areas(ends: Tensor, jump: Tensor, block: Tensor, blocks: int, size: tuple[int, int]) -> Tensor:
    """Mean number of faces over each pixel (blocks, H, W), as `torch_coverage.areas_torch`; outlines must be closed."""
    return _Areas.apply(ends, jump, block, blocks, size)  # type: ignore[return-value]


class _Areas(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ends: Tensor, jump: Tensor, block: Tensor, blocks: int, size: tuple[int, int]) -> Tensor:
        height, width = size
        ends, jump, block = ends.detach().contiguous(), jump.contiguous(), block.contiguous()
        segment, row = rows_crossed(ends, height)
        line, order = (block[segment] * height + row).sort(stable=True)
        begin = torch.searchsorted(line, torch.arange(blocks * height + 1, device=ends.device))
        number = torch.zeros((blocks, height, width), dtype=torch.float64, device=ends.device)
        constants: dict[str, Any] = {
            "COLUMNS": COLUMNS,
            "SEGMENTS_PER_STEP": _SEGMENTS_PER_STEP_INTERPRETED if INTERPRETED else SEGMENTS_PER_STEP,
        }
        if len(segment) and width:
            with torch.cuda.device_of(ends):
                _add_row[(blocks * height, -(-width // COLUMNS))](
                    ends, jump, segment[order], begin, number, height, width, **constants
                )
        ctx.save_for_backward(ends, jump, block)
        return number

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        ends, jump, block = ctx.saved_tensors
        height, width = grads[0].shape[1:]
        gradient = torch.zeros_like(ends)
        constants: dict[str, Any] = {"COLUMNS": CROSSED}
        if len(ends) and height and width:
            with torch.cuda.device_of(ends):
                _walk[(len(ends),)](ends, jump, block, grads[0].contiguous(), gradient, height, width, **constants)
        return gradient, None, None, None, None


@triton.jit
def _add_row(
    ends, jump, listed, begin, number, height, width, COLUMNS: tl.constexpr, SEGMENTS_PER_STEP: tl.constexpr
):  # fmt: skip
    """One row of pixels: the sum of what the segments `listed` for it cover to their right."""
    line = tl.program_id(0)
    start, stop = tl.load(begin + line), tl.load(begin + line + 1)
    if stop > start:
        column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
        row, left = (line % height).to(tl.float64), column[None, :].to(tl.float64)
        total = tl.zeros((COLUMNS,), tl.float64)
        for first in range(start, stop, SEGMENTS_PER_STEP):
            place = first + tl.arange(0, SEGMENTS_PER_STEP)[:, None]
            segment = tl.load(listed + place, mask=place < stop, other=0)
            corner = ends + segment * 4
            xa, ya, xb, yb = tl.load(corner), tl.load(corner + 1), tl.load(corner + 2), tl.load(corner + 3)
            top, bottom, slope = tl.maximum(ya, row), tl.minimum(yb, row + 1), (xb - xa) / (yb - ya)
            x0, x1 = xa + (top - ya) * slope, xa + (bottom - ya) * slope
            low, high = tl.minimum(x0, x1), tl.maximum(x0, x1)
            # Of each pixel, the share to the right of the piece: all while x < c, and c + 1 - x while x is inside.
            before = tl.maximum(tl.minimum(high, left) - low, 0.0)
            enter, leave = tl.maximum(low, left), tl.minimum(high, left + 1)
            inside = tl.maximum(leave - enter, 0.0) * (left + 1 - 0.5 * (enter + leave))
            slanted = (before + inside) / tl.where(high > low, high - low, 1.0)
            upright = tl.minimum(tl.maximum(left + 1 - low, 0.0), 1.0)
            share = tl.where(high > low, slanted, upright) * ((bottom - top) * tl.load(jump + segment))
            total += tl.sum(tl.where(place < stop, share, 0.0), axis=0)
        tl.store(number + line.to(tl.int64) * width + column, total, mask=column < width)


@triton.jit
def _walk(ends, jump, block, grad, gradient, height, width, COLUMNS: tl.constexpr):
    """One segment: the gradient of its two ends, gathered from the pixels it crosses."""
    segment = tl.program_id(0).to(tl.int64)
    corner = ends + segment * 4
    xa, ya, xb, yb = tl.load(corner), tl.load(corner + 1), tl.load(corner + 2), tl.load(corner + 3)
    dx, dy = xb - xa, yb - ya
    # Integrals of gradient ds and gradient s ds.
    whole, second = tl.zeros((COLUMNS,), tl.float64), tl.zeros((COLUMNS,), tl.float64)
    first_row = tl.floor(tl.minimum(tl.maximum(ya, 0.0), height)).to(tl.int32)
    last_row = tl.ceil(tl.minimum(tl.maximum(yb, 0.0), height)).to(tl.int32)
    # A level segment is in one row all the way, and in none if that is above or below the picture.
    level = dy == 0
    last_row = tl.where(level & (ya >= 0) & (ya < height), first_row + 1, last_row)
    for row in range(first_row, last_row):
        start = tl.where(level, 0.0, (tl.maximum(ya, row) - ya) / tl.where(level, 1.0, dy))
        stop = tl.where(level, 1.0, (tl.minimum(yb, row + 1) - ya) / tl.where(level, 1.0, dy))
        low, high = tl.minimum(xa + start * dx, xa + stop * dx), tl.maximum(xa + start * dx, xa + stop * dx)
        first = tl.floor(tl.minimum(tl.maximum(low, 0.0), width)).to(tl.int32)
        last = tl.floor(tl.minimum(tl.maximum(high + 1, 0.0), width)).to(tl.int32)
        line = grad + (tl.load(block + segment) * height + row) * width
        for begin in range(first, last, COLUMNS):
            column = begin + tl.arange(0, COLUMNS)
            weight = tl.load(line + column, mask=column < last, other=0.0)
            left = column.to(tl.float64)
            # An upright segment is in one pixel all the way.
            enter = tl.where(dx == 0, start, (left - xa) / tl.where(dx == 0, 1.0, dx))
            leave = tl.where(dx == 0, stop, (left + 1 - xa) / tl.where(dx == 0, 1.0, dx))
            s0 = tl.maximum(tl.minimum(enter, leave), start)
            s1 = tl.maximum(tl.minimum(tl.maximum(enter, leave), stop), s0)
            whole += weight * (s1 - s0)
            second += weight * (0.5 * (s1 - s0) * (s1 + s0))
    step = tl.load(jump + segment)
    by_b = tl.sum(second, axis=0) * step
    by_a = tl.sum(whole, axis=0) * step - by_b
    out = gradient + segment * 4
    tl.store(out, -dy * by_a)
    tl.store(out + 1, dx * by_a)
    tl.store(out + 2, -dy * by_b)
    tl.store(out + 3, dx * by_b)
