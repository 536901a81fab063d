"""COCO segmentations as masks: run lengths, compressed or not, and polygons.

Run lengths count pixels column by column, off and on in turn, starting with off. Compressed (COCO API `maskApi.c`),
each count is written in groups of five bits, lowest first, one character a group: 48 + bits + 32 if more groups follow;
the fifth bit of the last group is the sign; from the fourth count on it is the difference to the count two before.

A string cut short or of another picture's size is refused: its runs must fill the picture exactly. Of several polygons
those that enclose nothing (none or two corners, half a corner, numbers that are not finite) are left out and noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from skimage.draw import polygon2mask

from ..error import PhotoError

_MOST_BITS = 60
"""Of one run length."""


def mask_from_segmentation(
    segmentation: Any, width: int, height: int, odd: list[str] | None = None
) -> Bool[np.ndarray, "{height} {width}"]:
    """The mask of a COCO annotation's `segmentation` (polygons, or run lengths as list or string) in its picture.

    odd: takes a note where polygons were left out.
    Raises PhotoError when it is none of these, broken, or of another size, and when no polygon encloses anything.

    >>> mask_from_segmentation({"size": [2, 3], "counts": [1, 2, 3]}, 3, 2).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    if isinstance(segmentation, dict):
        return _mask_from_run_lengths(segmentation, width, height)
    if not isinstance(segmentation, (list, tuple)) or not segmentation:
        raise PhotoError("has a segmentation that is neither polygons nor run lengths")
    mask = np.zeros((height, width), bool)
    broken: list[PhotoError] = []
    parts = _parts(segmentation)
    for part in parts:
        try:
            if isinstance(part, dict):
                mask |= _mask_from_run_lengths(part, width, height)
            else:
                mask |= _mask_from_polygon(part, width, height)
        except PhotoError as error:
            broken.append(error)
    if len(broken) == len(parts):
        raise broken[0]
    if broken and odd is not None:
        odd.append(f"{len(broken)} of its {len(parts)} polygons left out of the mask (the first {broken[0]})")
    return mask


def mask_from_string(text: str | bytes, width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    """The mask in a compressed run-length string. Raises PhotoError where its runs do not fill the picture."""
    if isinstance(text, str):
        # What Python prints for bytes, where a tool wrote str(counts): b'...' with its backslashes doubled.
        if len(text) >= 3 and text[0] == "b" and text[1] == text[-1] and text[1] in "'\"":
            text = text[2:-1].replace("\\\\", "\\")
        text = text.encode("ascii", "replace")
    characters = text
    counts: list[int] = []
    value, shift = 0, 0
    for character in characters:
        group = character - 48
        if not 0 <= group < 64:
            raise PhotoError("has a run-length mask with characters that do not belong into one")
        value |= (group & 31) << shift
        shift += 5
        if shift > _MOST_BITS:
            raise PhotoError("has a run-length mask with a number that no picture is large enough for")
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


def _mask_from_run_lengths(entry: dict[str, Any], width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    size = entry.get("size")
    if size is not None and (not isinstance(size, (list, tuple)) or _integers(list(size)) != [height, width]):
        raise PhotoError(f"has a mask of size {str(size)[:40]} (rows, columns) in a photo {width}x{height}")
    counts = entry.get("counts")
    if isinstance(counts, (str, bytes)):
        return mask_from_string(counts, width, height)
    return _mask_from_runs(_integers(counts), width, height)


def _parts(segmentation: Sequence[Any]) -> Sequence[Any]:
    """Polygons, or run lengths, each of which is a part of the mask."""
    if all(isinstance(value, (int, float)) for value in segmentation):
        # One polygon that was not put into a list.
        return [segmentation]
    pairs = all(isinstance(value, (list, tuple)) and len(value) == 2 for value in segmentation)
    if pairs and len(segmentation) >= 3 and not any(isinstance(value, (list, tuple)) for value in segmentation[0]):
        # One polygon of corners [x, y].
        return [segmentation]
    return segmentation


def _mask_from_polygon(polygon: Any, width: int, height: int) -> Bool[np.ndarray, "{height} {width}"]:
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError) as fault:
        raise PhotoError("has a polygon that is no list of x, y, x, y, ...") from fault
    if len(points) < 3 or not np.isfinite(points).all():
        raise PhotoError(f"has a polygon of {len(points)} points or with numbers that are not finite")
    # A pixel belongs to the polygon if its centre does; centres are at half integers.
    return polygon2mask((height, width), points[:, ::-1] - 0.5)


def _integers(counts: Any) -> list[int]:
    """Whole numbers, which some tools write as 3.0 or "3"."""
    if not isinstance(counts, (list, tuple)):
        raise PhotoError("has run lengths that are no list of whole numbers")
    try:
        whole = [int(count) for count in counts]
        # A text that is no number raises ValueError as 0.5 does here.
        if any(float(count) != value for count, value in zip(counts, whole, strict=True)):
            raise ValueError("a fraction")
    except (TypeError, ValueError, OverflowError) as error:
        raise PhotoError("has run lengths that are no list of whole numbers") from error
    return whole
