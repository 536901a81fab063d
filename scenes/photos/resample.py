"""Resampling of pictures that keeps positions and areas exactly.

Each output pixel is the average of the input over a box round its centre, one output pixel wide but never narrower
than an input pixel. Shrinking, that is the exact area average (no aliasing); enlarging, it is linear interpolation;
one formula for both, with no jump between them and no shift of the picture. (Pillow's BOX counts whole pixels only and
at ratios near 1 moves things by half a pixel.)

Boxes need not lie inside the input: averages are over the part inside, and `Axis.inside` says how large it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from jaxtyping import Float, Float32, UInt8
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Axis:
    """Averages over `size` boxes along one axis of the input."""

    weights: scipy.sparse.csr_array
    """(size, length of `window`), float32; row sums equal `inside`."""
    window: slice
    """The input pixels that are needed."""
    inside: Float32[np.ndarray, " size"]
    """Share of each box that lies inside the input, [0, 1]."""


def axis(start: float, side: float, size: int, length: int) -> Axis:
    """Averages of `length` pixels over `size` equal boxes that span [start, start + side]; pixel k is [k, k + 1]."""
    width = max(side / size, 1.0)
    centre = start + (np.arange(size) + 0.5) * (side / size)
    low, high = np.clip(centre - width / 2, 0, length), np.clip(centre + width / 2, 0, length)
    first = min(int(np.floor(low.min())), length - 1)
    last = min(max(int(np.ceil(high.max())), first + 1), length)
    # A box touches at most ceil(width) + 1 pixels.
    pixel = np.floor(low).astype(np.int64)[:, None] + np.arange(int(np.ceil(width)) + 1)
    overlap = np.minimum(high[:, None], pixel + 1) - np.maximum(low[:, None], pixel)
    row = np.broadcast_to(np.arange(size)[:, None], pixel.shape)
    used = (overlap > 0) & (pixel >= first) & (pixel < last)
    weights = scipy.sparse.csr_array(
        ((overlap[used] / width).astype(np.float32), (row[used], pixel[used] - first)), shape=(size, last - first)
    )
    return Axis(weights, slice(first, last), ((high - low) / width).astype(np.float32))


def resample(
    channel: UInt8[np.ndarray, "h w"] | Float[np.ndarray, "h w"], rows: Axis, columns: Axis, rows_at_once: int = 64
) -> Float32[np.ndarray, "H W"]:
    """Averages of one channel over the boxes of both axes, 0 where a box lies outside.

    Works through `rows_at_once` output rows at a time, so a large input is never copied to floats as a whole.
    """
    result = np.zeros((len(rows.inside), len(columns.inside)), np.float32)
    for start in range(0, len(result), rows_at_once):
        weights = rows.weights[start : start + rows_at_once]
        if weights.nnz == 0:
            continue
        first, last = int(weights.indices.min()), int(weights.indices.max()) + 1
        top = rows.window.start + first
        block = channel[top : top + last - first, columns.window].astype(np.float32)
        result[start : start + rows_at_once] = (columns.weights @ (weights[:, first:last] @ block).T).T
    inside = np.outer(rows.inside, columns.inside)
    return result / np.where(inside > 0, inside, 1)


def to_bytes(picture: Tensor | np.ndarray) -> np.ndarray:
    """A picture or a list of colours as uint8: floats in [0, 1] are clipped and rounded, uint8 passes through."""
    values = picture.detach().cpu().numpy() if isinstance(picture, Tensor) else np.asarray(picture)
    if values.dtype == np.uint8:
        return values
    if not np.isfinite(values).all():
        raise ValueError(
            f"{int((~np.isfinite(values)).sum())} values of a picture are not finite; it cannot be written"
        )
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
