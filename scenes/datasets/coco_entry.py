"""Entries of COCO files as the tools of the field write them: ids, flags, sizes, boxes and keypoints, read by meaning.

One tool writes ids as numbers, another as texts ("1") or floats (1.0); `iscrowd` is 0, false or "0"; a box is missing
where there is a polygon; keypoints come flat or as triples, with null where a point is absent. All of that is one thing
and is read as one. What cannot be read so is a PhotoError.
"""

from __future__ import annotations

import math
import re

import numpy as np
from jaxtyping import Float64

from ..error import PhotoError
from ..json_file import JsonObject
from .dataset import Box

_SEVERAL = {"iscrowd", "crowd", "isgroup", "isgroupof", "groupof", "group"}
"""Flags, without case and underscores, by which data sets say that one mask or box holds several animals (COCO,
Objects365: iscrowd; Open Images: IsGroupOf)."""
_MOST_PIXELS = 2**28
"""Of a photo; a size beyond that is a slip of the pen, and a mask of that size would fill the memory."""


def identity(value: object) -> str | None:
    """An id as a text that is equal for equal ids: 1, 1.0, "1" and "01" are one. None where there is none.

    >>> identity(7), identity("7"), identity(7.0), identity("zebra"), identity(None)
    ('7', '7', '7', 'zebra', None)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value.is_integer() else None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip()
    whole = re.fullmatch(r"([+-]?)0*(\d+)(\.0*)?", text, re.ASCII)
    return f"{whole[1].replace('+', '')}{whole[2]}" if whole else text


def means_several(annotation: JsonObject) -> str | None:
    """Name of the flag that says that the annotation holds several animals; None where none is set.

    >>> means_several({"iscrowd": 0}), means_several({"iscrowd": "1"}), means_several({"IsGroupOf": True})
    (None, 'iscrowd', 'IsGroupOf')
    """
    attributes = annotation.get("attributes")
    for entry in (annotation, attributes if isinstance(attributes, dict) else {}):
        for name, value in entry.items():
            if name.lower().replace("_", "") in _SEVERAL and is_flag_set(value):
                return name
    return None


def is_flag_set(value: object) -> bool:
    """Whether a flag is set: true, 1, 1.0, "1", "true", "yes"."""
    if isinstance(value, str):
        return value.strip().lower() in ("1", "1.0", "true", "yes")
    return isinstance(value, (bool, int, float)) and value == 1


def size_of(image: JsonObject) -> tuple[int, int] | None:
    """Width and height in pixels; None where they are not recorded (missing, null or 0).

    Raises PhotoError where they are no numbers of pixels.
    """
    values = [_number(image.get(name)) for name in ("width", "height")]
    if any(value is None or value == 0 for value in values):
        return None
    width, height = (value if value is not None else math.nan for value in values)
    if not (width >= 1 and height >= 1 and width * height <= _MOST_PIXELS and width % 1 == height % 1 == 0):
        raise PhotoError(f"has a size of {width:g}x{height:g} pixels")
    return int(width), int(height)


def annotation_box(annotation: JsonObject, corners: bool) -> Box | None:
    """Its bbox, or that of its polygons; None where it has neither. corners: bbox is left, top, right, bottom."""
    values = annotation.get("bbox")
    if isinstance(values, (list, tuple)) and len(values) == 4:
        left, top, a, b = (math.nan if (value := _number(each)) is None else value for each in values)
        box = (left, top, a - left, b - top) if corners else (left, top, a, b)
        if all(map(math.isfinite, box)) and box[2] > 0 and box[3] > 0:
            return box
    points = _polygon_points(annotation.get("segmentation"))
    if len(points) < 3:
        return None
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return (left, top, right - left, bottom - top) if right > left and bottom > top else None


def keypoints_of(annotation: JsonObject, count: int, only_visible: bool) -> Float64[np.ndarray, "K 3"] | None:
    """Keypoints (`count`, 3): column, row, flag 0, 1 or 2; None where there are none.

    only_visible: the flag tells visible ones (1) from absent ones (0), as in Animal-Pose.
    Points without coordinates are absent. Raises PhotoError where there are not `count` of them, or flags are others.
    """
    listed = annotation.get("keypoints")
    if count == 0 or listed is None or listed == []:
        return None
    try:
        values = np.array(listed, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise PhotoError("keypoints that are no numbers x, y, v") from error
    if values.size == 2 * count:
        # Some tools leave the flags out.
        places = values.reshape(count, 2)
        keypoints = np.column_stack([places, np.where((places != 0).any(axis=1), 2.0, 0.0)])
    elif values.size == 3 * count:
        keypoints = values.reshape(count, 3)
    else:
        raise PhotoError(f"{values.size} numbers for {count} keypoints x, y, v")
    keypoints[~np.isfinite(keypoints).all(axis=1)] = 0
    if only_visible:
        keypoints[:, 2] = np.where(keypoints[:, 2] > 0, 2, 0)
    if not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        raise PhotoError("keypoint flags other than 0, 1, 2")
    return keypoints


def _number(value: object) -> float | None:
    """A number that may stand as a text; None where it is missing, NaN where it is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except ValueError:
        return math.nan


def _polygon_points(segmentation: object) -> Float64[np.ndarray, "N 2"]:
    """Corners of all polygons that are lists of numbers x, y, x, y, ...; run lengths and what is broken give none."""
    found = [np.zeros((0, 2))]
    for polygon in segmentation if isinstance(segmentation, list) else ():
        try:
            values = np.array(polygon, np.float64).reshape(-1)
        except (TypeError, ValueError, OverflowError):
            # The mask's own reader says what is wrong with it.
            continue
        if values.size >= 6 and values.size % 2 == 0 and np.isfinite(values).all():
            found.append(values.reshape(-1, 2))
    return np.concatenate(found)
