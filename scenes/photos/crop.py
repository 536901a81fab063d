"""Square crops round the subject, and the exact map between crop and original pixels.

A crop is a square [x0, x0 + side] x [y0, y0 + side] of the ORIGINAL photo, resampled to size x size pixels:

    crop = (original - (x0, y0)) * size / side,

both with pixel centres at half integers, so crop coordinates span [0, size]. Its corner and side need not be whole
numbers, and it may reach beyond the frame: what lies there is unknown, not background, and `valid` says so.
Content is resampled by `resample.py`: area averages when shrinking, linear interpolation when enlarging, no shift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from .photo import SUBJECT_LEVEL, Photo
from .resample import axis, resample

Number = TypeVar("Number")


@dataclass(frozen=True)
class Crop:
    """A square of the original photo, in original pixels."""

    x0: float
    """Left edge."""
    y0: float
    """Upper edge."""
    side: float

    def to_crop(self, points: Float[np.ndarray, "*B 2"], size: int) -> Float[np.ndarray, "*B 2"]:
        """Original pixel positions (column, row) in the crop of `size` pixels."""
        return (points - np.array([self.x0, self.y0])) * (size / self.side)

    def to_original(self, points: Float[np.ndarray, "*B 2"], size: int) -> Float[np.ndarray, "*B 2"]:
        """Positions in the crop of `size` pixels in original pixels; the inverse of `to_crop`."""
        return points * (self.side / size) + np.array([self.x0, self.y0])


class Cut(NamedTuple):
    """The content of a crop of S pixels."""

    pixels: Float32[np.ndarray, "S S 3"]
    """sRGB-encoded, [0, 1]; beyond the photo's frame 0."""
    mask: Float32[np.ndarray, "S S"]
    """Share of each pixel that is visible subject, [0, 1], of the part inside the frame; beyond it 0."""
    valid: Float32[np.ndarray, "S S"]
    """Share of each pixel that lies inside the photo's frame: 0 = nothing is known there."""


def crop_for_mask(
    mask: UInt8[np.ndarray, "h w"],
    margin: float = 0.15,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    smallest_speck: float = 0.005,
) -> Crop:
    """The square round a mask's subject, its side the longer side of the subject's box plus `margin` of it on each end.

    scale: mask pixels per original pixel along x and y (`Photo.scale`).
    smallest_speck: separate blobs below this share of the largest one are taken for dirt and do not count.
    Raises ValueError for an empty mask and a negative margin.
    """
    if margin < 0:
        raise ValueError(f"margin is {margin}; expected 0 or more")
    subject = (mask >= SUBJECT_LEVEL).astype(np.uint8)
    _, _, blobs, _ = cv2.connectedComponentsWithStats(subject, connectivity=8)
    blobs = blobs[1:]
    if len(blobs) == 0:
        raise ValueError(f"the mask marks no subject (largest value {mask.max()}, 255 = subject)")
    area = blobs[:, cv2.CC_STAT_AREA]
    blobs = blobs[area >= smallest_speck * area.max()]
    low = blobs[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]]
    high = (low + blobs[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]).max(axis=0) / np.array(scale)
    low = low.min(axis=0) / np.array(scale)
    side = float((high - low).max()) * (1 + 2 * margin)
    corner = (low + high) / 2 - side / 2
    return Crop(float(corner[0]), float(corner[1]), side)


def crop_for_photo(photo: Photo, margin: float = 0.15) -> Crop:
    """`crop_for_mask` of a photo that has a mask, in its original pixels."""
    if photo.mask is None:
        raise ValueError(f"{photo.path.name} has no mask to crop by; add masks/{photo.stem}.png")
    return crop_for_mask(photo.mask, margin, scale=photo.scale)


def cut(photo: Photo, crop: Crop, size: int) -> Cut:
    """What the crop shows, at `size` x `size` pixels; without a mask `Cut.mask` is 0 everywhere.

    Exact to sub-pixel positions: a shape's area and centroid are those of the photo, mapped by `crop.to_crop`.
    """
    if size < 1:
        raise ValueError(f"size is {size}; expected at least 1 pixel")
    if not crop.side > 0:
        raise ValueError(f"the crop's side is {crop.side}; expected more than 0 pixels")
    scale_x, scale_y = photo.scale
    columns = axis(crop.x0 * scale_x, crop.side * scale_x, size, photo.pixels.shape[1])
    rows = axis(crop.y0 * scale_y, crop.side * scale_y, size, photo.pixels.shape[0])
    valid = np.outer(rows.inside, columns.inside)
    pixels = np.stack([resample(photo.pixels[..., channel], rows, columns) for channel in range(3)], axis=-1)
    mask = np.zeros_like(valid) if photo.mask is None else resample(photo.mask, rows, columns) / 255
    # Sums of float32 weights may leave [0, 1] by their rounding.
    return Cut((pixels / 255).clip(0, 1), mask.clip(0, 1), valid.clip(0, 1))


def known_share(photo: Photo, crop: Crop, size: int) -> Float32[np.ndarray, "{size} {size}"]:
    """Share of each crop pixel of which the mask says whether it shows the subject: 0 = it may be there, unseen.

    That is the frame, and what lies beyond a side of it that the mask does not reach: a subject is in one piece, so it
    cannot go on there. `Cut.valid` is stricter, since colours are only known inside the frame.
    """
    if photo.mask is None:
        raise ValueError(f"{photo.path.name} has no mask to tell its subject by; add masks/{photo.stem}.png")
    subject = photo.mask >= SUBJECT_LEVEL
    rows, columns = np.asarray(subject.any(axis=1)), np.asarray(subject.any(axis=0))
    shares = []
    for start, length, line in ((crop.y0, photo.height, rows), (crop.x0, photo.width, columns)):
        edges = start + np.arange(size + 1) * (crop.side / size)
        low, high = 0.0 if line[0] else -np.inf, float(length) if line[-1] else np.inf
        shares.append(np.diff(edges.clip(low, high)) / (crop.side / size))
    return np.outer(*shares).clip(0, 1).astype(np.float32)


def crop_intrinsics(
    fx: Number, fy: Number, cx: Number, cy: Number, crop: Crop, size: int
) -> tuple[Number, Number, Number, Number]:
    """Intrinsics (fx, fy, cx, cy) of the crop from those of the original photo; numbers, arrays or tensors."""
    zoom = size / crop.side
    return fx * zoom, fy * zoom, (cx - crop.x0) * zoom, (cy - crop.y0) * zoom  # pyright: ignore
