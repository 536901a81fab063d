"""Annotations of a photo's stored pixels, turned as EXIF turns the photo.

A camera held on its side stores the picture lying and says so in EXIF (orientations 1 to 8; 5 to 8 swap the sides).
Some tools annotate the pixels as they are stored, others what people see. The size that they record tells the two apart
where the sides are swapped.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64

from .dataset import Box

_MIRRORED_X = (2, 3, 6, 7)
"""Orientations that are undone by turning columns round, after the sides are swapped where they are."""
_MIRRORED_Y = (3, 4, 7, 8)


def upright_points(
    points: Float64[np.ndarray, "N 2"], size: tuple[int, int], orientation: int
) -> Float64[np.ndarray, "N 2"]:
    """Positions (column, row) in the stored picture of `size` (width, height) as positions in the upright one.

    >>> upright_points(np.array([[1.0, 0.0]]), (4, 3), 6).tolist()
    [[3.0, 1.0]]
    """
    x, y = points.T
    width, height = size
    if orientation >= 5:
        x, y, width, height = y, x, height, width
    if orientation in _MIRRORED_X:
        x = width - x
    if orientation in _MIRRORED_Y:
        y = height - y
    return np.stack([x, y], axis=1)


def upright_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """A box of the stored picture in the upright one."""
    left, top, width, height = box
    corners = upright_points(np.array([[left, top], [left + width, top + height]]), size, orientation)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return left, top, right - left, bottom - top


def upright_mask(mask: Bool[np.ndarray, "h w"], orientation: int) -> Bool[np.ndarray, "p q"]:
    """A mask of the stored picture as one of the upright picture."""
    if orientation >= 5:
        mask = mask.T
    if orientation in _MIRRORED_X:
        mask = mask[:, ::-1]
    if orientation in _MIRRORED_Y:
        mask = mask[::-1]
    return np.ascontiguousarray(mask)
