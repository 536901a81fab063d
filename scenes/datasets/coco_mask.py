"""COCO segmentations as masks: run lengths, compressed or not, and polygons.

Run lengths count pixels column by column, off and on in turn, starting with off. Compressed (COCO API `maskApi.c`),
each count is written in groups of five bits, lowest first, one character a group: 48 + bits + 32 if more groups follow;
the fifth bit of the last group is the sign; from the fourth count on it is the difference to the count two before.

A string cut short or of another picture's size is refused: its runs must fill the picture exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool
from skimage.draw import polygon2mask

from ..error import PhotoError


def mask_from_segmentation(segmentation: Any, width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    """The mask of a COCO annotation's `segmentation` (polygons, or run lengths as list or string) in its picture.

    Raises PhotoError when it is none of these, broken, or of another size.

    >>> mask_from_segmentation({"size": [2, 3], "counts": [1, 2, 3]}, 3, 2).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    if isinstance(segmentation, dict):
        if list(segmentation.get("size", (height, width))) != [height, width]:
            raise PhotoError(f"has a mask of size {segmentation['size']} (rows, columns) in a photo {width}x{height}")
        counts = segmentation.get("counts")
        if isinstance(counts, (str, bytes)):
            return mask_from_string(counts, width, height)
        return _mask_from_runs(_integers(counts), width, height)
    if not isinstance(segmentation, (list, tuple)) or not segmentation:
        raise PhotoError("has a segmentation that is neither polygons nor run lengths")
    mask = np.zeros((height, width), bool)
    for polygon in segmentation:
        mask |= _mask_from_polygon(polygon, width, height)
    return mask


def mask_from_string(text: str | bytes, width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    """The mask in a compressed run-length string. Raises PhotoError where its runs do not fill the picture."""
    characters = text.encode("ascii", "replace") if isinstance(text, str) else text
    counts: list[int] = []
    value, shift = 0, 0
    for character in characters:
        group = character - 48
        if not 0 <= group < 64:
            raise PhotoError("has a run-length mask with characters that do not belong into one")
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value, shift = 0, 0
    if shift:
        raise PhotoError("has a run-length mask that ends in the middle of a number")
    return _mask_from_runs(counts, width, height)


def _mask_from_runs(counts: list[int], width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    if any(count < 0 for count in counts) or sum(counts) != width * height:
        raise PhotoError(f"has a run-length mask of {sum(counts)} pixels in a photo of {width * height}")
    runs = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(runs.reshape(width, height).T)


def _mask_from_polygon(polygon: Any, width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise PhotoError("has a polygon that is no list of x, y, x, y, ...") from error
    if len(points) < 3 or not np.isfinite(points).all():
        raise PhotoError(f"has a polygon of {len(points)} points or with numbers that are not finite")
    # A pixel belongs to the polygon if its centre does; centres are at half integers.
    return polygon2mask((height, width), points[:, ::-1] - 0.5)


def _integers(counts: Any) -> list[int]:
    if not isinstance(counts, list) or not all(isinstance(count, int) for count in counts):
        raise PhotoError("has run lengths that are no list of whole numbers")
    return counts
