"""Annotations of a photo's stored pixels, turned as EXIF turns the photo.

A camera held on its side stores the picture lying and says so in EXIF (orientations 1 to 8; 5 to 8 swap the sides).
Some tools annotate the pixels as they are stored, others what people see. The size that they record tells the two apart
where the sides are swapped. Points turn by `camera_orientation.turned_pixels`, masks by `decode.upright`.
"""

from __future__ import annotations

import numpy as np

from ..photos.camera_orientation import turned_pixels
from .dataset import Box


def upright_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """A box of the stored picture of `size` (width, height) in the upright one."""
    left, top, width, height = box
    corners = turned_pixels(np.array([[left, top], [left + width, top + height]]), *size, orientation)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return left, top, right - left, bottom - top
