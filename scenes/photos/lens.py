"""The focal length a camera wrote into its photo, in pixels.

Two ways lead there. The 35 mm equivalent f35 belongs to a frame of 36 mm x 24 mm; here its long side is taken, so

    focal_px = f35 / 36 * long side in pixels.

(CIPA compares diagonals; on 4:3 sensors makers differ by up to 4 %, less than other errors of a casual photo.)
Without it, the true focal length f in millimetres and the sensor's pixel density serve: focal_px = f * pixels per mm.

A photo resized after the shot keeps its angle of view, so both scale with it. A photo CROPPED after the shot does not:
where the sizes in the EXIF block and of the pixels differ in shape, the focal length is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from PIL import Image

_EXIF_BLOCK = 0x8769
_FOCAL_LENGTH, _FOCAL_LENGTH_35MM = 0x920A, 0xA405
_WIDTH, _HEIGHT = 0xA002, 0xA003
_PLANE_X_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA210
_UNIT_IN_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

_RANGE_35MM = (4.0, 3000.0)
"""Lenses that exist, as 35 mm equivalents; a number outside is a placeholder or a fault."""
_SHAPE_TOLERANCE = 0.02


def focal_from_exif(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels of a photo of `width` x `height` pixels (either orientation), or None if not recorded.

    None as well where the photo was cropped after the shot, or where the numbers describe no possible lens.
    """
    block = exif.get_ifd(_EXIF_BLOCK)
    long_side, short_side = max(width, height), min(width, height)
    recorded = sorted(_number(block, tag) or 0.0 for tag in (_WIDTH, _HEIGHT))
    if recorded[0] > 0:
        shape = recorded[1] / recorded[0] / (long_side / short_side)
        if abs(shape - 1) > _SHAPE_TOLERANCE:
            return None
    focal_35mm = _number(block, _FOCAL_LENGTH_35MM)
    if focal_35mm is not None and _possible(focal_35mm):
        return focal_35mm / 36 * long_side
    focal_mm, density = _number(block, _FOCAL_LENGTH), _number(block, _PLANE_X_RESOLUTION)
    unit = _UNIT_IN_MM.get(int(_number(block, _PLANE_UNIT) or 2))
    if focal_mm is None or density is None or unit is None:
        return None
    # The density belongs to the picture as it was shot; a smaller copy has fewer pixels per millimetre.
    resized = long_side / recorded[1] if recorded[0] > 0 else 1.0
    focal_px = focal_mm * density / unit * resized
    return focal_px if _possible(focal_px * 36 / long_side) else None


def _number(block: Mapping[int, Any], tag: int) -> float | None:
    """A positive finite number, or None: cameras write 0, 0/0 or text where they do not know."""
    try:
        value = float(block[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _possible(focal_35mm: float) -> bool:
    return _RANGE_35MM[0] <= focal_35mm <= _RANGE_35MM[1]
