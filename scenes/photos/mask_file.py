"""One mask file to a picture of the subject, 255 = subject: whatever way tools store masks.

White or any brightness (grey, RGB, 16-bit, floating point, JPEG), an alpha channel, numbers of objects (0 and 1; the
palettes of PASCAL VOC and DAVIS; one colour for each object; the trimaps of Oxford-IIIT Pet), red or blue on black.
What a file cannot tell is settled over the whole collection: which of several objects is the subject, whether white is
the subject or its surroundings (`mask_sense.py`), and which way up a mask lies (`mask_orientation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int32, Shaped, UInt8

from ..error import PhotoError
from .decode import StoredValues, decode, stored_values, upright

SUBJECT_LEVEL = 128
"""Mask values from here on count as subject where a yes or no is needed."""

_ALSO_READ = ("GIF", "PPM")
"""Pillow's names of formats that hold masks and no photos."""
_MOST_OBJECTS = 64
"""Files with more levels or colours hold no numbers of objects."""
_VOC_SEAM = 255
"""PASCAL VOC's number of the seam between objects, which may belong to either."""
_SEAM = -1
_SEAM_COLOUR = (224, 224, 192)
_HALF = 127
_COLOURED = 48
"""Channels that differ by more than this are a colour; JPEG tints grey by less."""
_EXTREME, _EXTREME_SHARE = 40, 0.85
"""Of a picture in black and white at least this share lies within so many levels of its darkest or brightest."""
_LOOKED_AT = 512
"""Longest side of the copies that are looked at."""


@dataclass(frozen=True, eq=False)
class MaskPicture:
    """A mask as its file says it, its own EXIF orientation undone."""

    values: UInt8[np.ndarray, "h w"]
    """255 = subject, 0 = not, soft in between; at most `max_side` pixels long."""
    width: int
    """Of the file, in pixels."""
    height: int
    orientation: int
    """EXIF orientation that was undone, 1 to 8."""
    objects: Int32[np.ndarray, "h w"] | None = None
    """Numbers of objects, the same in all files of one tool, 0 = none, -1 = a seam; None where the file has none."""

    @property
    def object_sizes(self) -> dict[int, int]:
        """Pixels of each object."""
        if self.objects is None:
            return {}
        numbers, counts = np.unique(self.objects[self.objects > 0], return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    def of_object(self, number: int) -> MaskPicture:
        """The mask of one of the objects alone."""
        assert self.objects is not None
        return replace(self, values=np.where(self.objects == number, 255, 0).astype(np.uint8))


def read_mask_file(path: Path, max_side: int) -> MaskPicture:
    """The mask in a picture file, its longest side at most `max_side` pixels.

    Raises PhotoError where it cannot be read or is a picture in colours; whether it makes sense is asked later.
    """
    try:
        picture = decode(path, max_side, also=_ALSO_READ)
    except PhotoError:
        # Numbers of other types are no photo, but may be a mask.
        stored = stored_values(path, also=_ALSO_READ)
        if stored.values.ndim != 2 or stored.values.dtype == np.uint8:
            raise
        return _from_numbers(stored, max_side)
    alpha = picture.alpha
    if alpha is not None and alpha.min() < SUBJECT_LEVEL <= alpha.max():
        return MaskPicture(alpha, picture.width, picture.height, picture.orientation)
    values = brightness(picture.pixels)
    plain = not _is_coloured(picture.pixels) and not _holds_a_seam(values)
    if plain and values.max() >= SUBJECT_LEVEL:
        return MaskPicture(values, picture.width, picture.height, picture.orientation)
    # Among others, files in which nothing is opaque: their colours were not weighed and stand in the file alone.
    return _from_numbers(stored_values(path, also=_ALSO_READ), max_side)


def holds_mask(path: Path) -> bool:
    """Whether a picture's colours are a mask's, not a photo's: black and white, or numbers of objects.

    A picture that cannot be read holds none.
    """
    try:
        picture = decode(path, _LOOKED_AT, also=_ALSO_READ)
        if not _is_coloured(picture.pixels) and _is_two_valued(brightness(picture.pixels)):
            return True
        return _objects(stored_values(path, also=_ALSO_READ)) is not None
    except PhotoError:
        return False


def is_cut_out(path: Path) -> bool:
    """Whether a picture's alpha channel cuts something out of it. A picture that cannot be read cuts out nothing."""
    try:
        alpha = decode(path, _LOOKED_AT, also=_ALSO_READ).alpha
    except PhotoError:
        return False
    return alpha is not None and alpha.min() < SUBJECT_LEVEL <= alpha.max() and _is_two_valued(alpha)


def brightness(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    """Of sRGB bytes. Masks are grey; the weights only matter for ones that are drawn in colour."""
    return np.round(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def _from_numbers(stored: StoredValues, max_side: int) -> MaskPicture:
    objects = _objects(stored)
    if objects is None:
        values = _levels(stored)
    else:
        values = np.where(objects == 0, 0, np.where(objects == _SEAM, _HALF, 255)).astype(np.uint8)
    values = upright(values, stored.orientation)
    height, width = values.shape
    scale = min(1.0, max_side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1:
        values = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    if objects is not None:
        objects = cv2.resize(upright(objects, stored.orientation), size, interpolation=cv2.INTER_NEAREST)
    return MaskPicture(values, width, height, stored.orientation, objects)


def _objects(stored: StoredValues) -> Int32[np.ndarray, "h w"] | None:
    """Numbers of objects from 1 on, 0 = none, -1 = a seam; None where the file holds no numbers of objects."""
    values = stored.values
    colours = values if stored.palette is None else stored.palette[np.minimum(values, len(stored.palette) - 1)]
    if colours.ndim == 3:
        if _is_coloured(colours):
            return _by_colour(colours, values if values.ndim == 2 else _packed(colours))
        values = colours[..., 0]
    found = _few(values)
    if found is None or not np.isfinite(found).all():
        return None
    whole = np.issubdtype(values.dtype, np.integer) and found[-1] < 1 << 30
    if stored.is_lossy or len(found) == 2:
        # 0 and 1 in JPEG are 0 to 2.
        number = int(found[-1]) - int(found[0]) if whole and not stored.is_lossy else 1
        return np.where(values > (float(found[0]) + float(found[-1])) / 2, number, 0).astype(np.int32)
    if found[0] == 1 and found[-1] == 3:
        # Oxford-IIIT Pet: 1 = the animal, 2 = its surroundings, 3 = the seam between them.
        return np.select([values == 1, values == 3], [1, _SEAM], 0).astype(np.int32)
    if not whole or (found[-1] > _MOST_OBJECTS and not _holds_a_seam(values)):
        return None
    numbers = values.astype(np.int32) - int(found[0])
    return np.where(values == _VOC_SEAM, _SEAM, numbers).astype(np.int32)


def _by_colour(colours: UInt8[np.ndarray, "h w 3"], keys: Shaped[np.ndarray, "h w"]) -> Int32[np.ndarray, "h w"] | None:
    """One object for each colour; black is none, or else what is most frequent along the border."""
    found = _few(keys)
    if found is None:
        return None
    empty = (colours == 0).all(axis=2)
    if not empty.any():
        along = np.concatenate([keys[0], keys[-1], keys[:, 0], keys[:, -1]])
        empty = keys == found[np.bincount(np.searchsorted(found, along)).argmax()]
    seam = (colours == np.array(_SEAM_COLOUR)).all(axis=2)
    # One more than the key, since an index of 0 need not be black.
    return np.where(empty, 0, np.where(seam, _SEAM, keys.astype(np.int32) + 1)).astype(np.int32)


def _levels(stored: StoredValues) -> UInt8[np.ndarray, "h w"]:
    """Soft values of files that hold no objects: floating point, 16 bit, or red or blue on black."""
    values = stored.values
    if values.ndim == 3 or stored.palette is not None:
        colours = values[..., :3] if stored.palette is None else stored.palette[values]
        strongest = colours.max(axis=2).astype(np.uint8)
        if _is_coloured(colours) and not _is_two_valued(strongest):
            raise PhotoError("is a picture in colours, not a mask; save it in black and white, white = subject")
        return strongest
    if not np.isfinite(values).all():
        raise PhotoError("has values that are not finite; save it as 8-bit grey, 255 = subject")
    largest = float(values.max())
    whole = 1.0 if largest <= 1 else 255.0 if largest <= 255 else 65535.0 if largest <= 65535 else largest
    return np.round(values.astype(np.float64).clip(0) * (255 / whole)).astype(np.uint8)


def _few(values: Shaped[np.ndarray, "h w"]) -> Shaped[np.ndarray, " n"] | None:
    """The different values in ascending order, at least 2; None where there are too many for objects."""
    # Most pictures have too many already in a few rows.
    if len(np.unique(values[:: max(1, len(values) // 16)])) > _MOST_OBJECTS:
        return None
    found = np.unique(values)
    return found if 2 <= len(found) <= _MOST_OBJECTS else None


def _packed(colours: UInt8[np.ndarray, "h w 3"]) -> Shaped[np.ndarray, "h w"]:
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return (red << 16) | (green << 8) | blue


def _holds_a_seam(values: Shaped[np.ndarray, "h w"]) -> bool:
    """Whether small numbers stand beside a 255 that is rarer than they are: PASCAL VOC's numbers saved as grey."""
    seam = int((values == _VOC_SEAM).sum())
    numbers = int(((values > 0) & (values < _MOST_OBJECTS)).sum())
    between = int(((values >= _MOST_OBJECTS) & (values < _VOC_SEAM)).sum())
    return between == 0 and 0 < seam < numbers


def _is_coloured(pixels: UInt8[np.ndarray, "h w 3"]) -> bool:
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool((spread > _COLOURED).mean() > 1e-3)


def _is_two_valued(values: UInt8[np.ndarray, "h w"]) -> bool:
    low, high = int(values.min()), int(values.max())
    if high - low < 2 * _EXTREME:
        return high == low
    near = (values < low + _EXTREME) | (values > high - _EXTREME)
    return bool(near.mean() >= _EXTREME_SHARE)
