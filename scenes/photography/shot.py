"""One photo and everything there is to know about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from .label import Labels
from .scenery import SceneryKind


@dataclass(frozen=True, eq=False)
class Shot:
    """One photo and the truth about it. Row 0 on top; positions in the photo's pixels, centres at half integers."""

    photo: UInt8[np.ndarray, "H W 3"]
    """sRGB-encoded, as it is in `jpeg`."""
    jpeg: bytes
    """The file, without EXIF."""
    visible: UInt8[np.ndarray, "H W"]
    """Share of each pixel that shows the subject, 255 = all."""
    amodal: UInt8[np.ndarray, "H W"]
    """The same as if nothing stood in front of it."""
    labels: Labels
    keypoints: Float32[np.ndarray, "K 2"]
    """(column, row) of the sitter's keypoints; may lie outside the photo."""
    visibility: Int64[np.ndarray, " K"]
    """0 outside the photo, 1 hidden, 2 visible."""
    world_from_camera: Float64[np.ndarray, "4 4"]
    """OpenGL axes."""
    focal: float
    """In pixels."""
    centre: tuple[float, float]
    """Where the optical axis meets the photo; not the middle where it was cut from a larger frame."""
    focal_35mm: int | None
    """What the camera records of its lens."""
    pose: str
    place: SceneryKind
    azimuth_deg: float
    """Of the camera about the rest place of the subject: 0 its front, 90 its left."""
    elevation_deg: float
