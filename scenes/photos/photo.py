"""One photo as the rest of the package sees it: upright sRGB pixels, perhaps a mask, a focal length, a camera.

Every position that leaves the package (cameras, crops, keypoints) is in ORIGINAL pixels: those of the file as it was
given, after EXIF rotation. `Photo.pixels` and `Photo.mask` are a working copy, at most 2048 pixels long, so that a
folder of 50-megapixel photos fits into memory; `Photo.scale` is the exact factor from original to working pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ..atomic import atomic_write
from ..error import PhotoError
from .decode import decode
from .lens import focal_from_exif
from .mask_file import SUBJECT_LEVEL, read_mask_file
from .nerfstudio import CameraFrame

WORKING_SIDE = 2048
"""Longest side of the working copy in pixels."""
SMALLEST_SIDE = 32
"""Photos whose shorter side is below this hold too little of a subject."""
LARGEST_SHARE = 0.995
"""Masks that cover more of the picture than this say nothing about the subject's outline."""
SMALLEST_SUBJECT = 16
"""Masks whose subject is nowhere longer than this many original pixels are taken for mistakes."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A usable photo. Arrays are read-only."""

    stem: str
    """File name without its ending; names every output that belongs to this photo."""
    path: Path
    pixels: UInt8[np.ndarray, "h w 3"]
    """Working copy: sRGB-encoded, upright, row 0 on top."""
    width: int
    """Of the original, upright."""
    height: int
    mask: UInt8[np.ndarray, "h w"] | None = None
    """Aligned with `pixels`: 255 = visible part of the subject, 0 = not, soft in between; None = not given."""
    focal_px: float | None = None
    """Focal length in original pixels as the camera recorded it; None = not recorded."""
    camera: CameraFrame | None = None
    """Known camera, for original pixels; None = to be estimated."""
    notes: tuple[str, ...] = ()
    """Oddities that did not stop the reading."""
    orientation: int = 1
    """EXIF orientation, 1 to 8, that turned the stored pixels into `pixels`."""

    @property
    def scale(self) -> tuple[float, float]:
        """Working pixels per original pixel along x and y: `working = original * scale`."""
        return self.pixels.shape[1] / self.width, self.pixels.shape[0] / self.height

    def mirrored(self) -> Photo:
        """The photo, its mask with it, left and right exchanged; the camera stays as it is."""
        pixels, mask = np.ascontiguousarray(self.pixels[:, ::-1]), self.mask
        mask = None if mask is None else np.ascontiguousarray(mask[:, ::-1])
        for array in (pixels, mask):
            if array is not None:
                array.setflags(write=False)
        return replace(self, pixels=pixels, mask=mask)


def read_photo(path: Path, max_side: int = WORKING_SIDE, *, alpha_is_mask: bool = True) -> Photo:
    """The photo in a picture file; its mask is the file's alpha channel, if wanted and there is one that is not opaque.

    Raises PhotoError, one clear line, for files that cannot be decoded and for photos that show nothing: tiny, of one
    colour, fully transparent.
    """
    picture = decode(path, max_side)
    width, height, alpha, notes = picture.width, picture.height, picture.alpha, picture.notes
    if min(width, height) < SMALLEST_SIDE:
        raise PhotoError(f"is {width}x{height}; its shorter side must be at least {SMALLEST_SIDE} pixels")
    if alpha is not None:
        if alpha.max() == 0:
            raise PhotoError("is fully transparent; save it with its subject visible")
        if alpha_is_mask and (alpha >= SUBJECT_LEVEL).mean() > LARGEST_SHARE:
            notes = (*notes, "its alpha channel leaves nearly everything opaque and cuts out no subject; left out")
            alpha = None
        elif alpha_is_mask:
            require_subject(alpha, width, height, "its alpha channel")
    if (picture.pixels == picture.pixels[0, 0]).all():
        raise PhotoError(f"is one colour throughout (#{picture.pixels[0, 0].tobytes().hex()}); replace it or delete it")
    for array in (picture.pixels, picture.alpha):
        if array is not None:
            array.setflags(write=False)
    return Photo(
        stem=path.stem,
        path=path,
        pixels=picture.pixels,
        width=width,
        height=height,
        mask=alpha if alpha_is_mask else None,
        focal_px=focal_from_exif(picture.exif, width, height),
        notes=notes,
        orientation=picture.orientation,
    )


def read_mask(path: Path, photo: Photo, name: str) -> UInt8[np.ndarray, "h w"]:
    """The mask in a file that is known to be for this very photo, at the size of `photo.pixels`: 255 = subject.

    `name` is what messages call the file. Masks that people give are read by `mask_attach.py`, which is not so strict.
    Raises PhotoError when it cannot be read, has another size than the photo (after rotation), or marks nothing or all.
    """
    try:
        picture = read_mask_file(path, max(photo.pixels.shape[:2]))
    except PhotoError as error:
        raise PhotoError(f"{name} {error}") from error
    if (picture.width, picture.height) != (photo.width, photo.height):
        found, wanted = f"{picture.width}x{picture.height}", f"{photo.width}x{photo.height}"
        raise PhotoError(f"{name} is {found} but its photo is {wanted}; resize the mask or make a new one")
    mask = picture.values
    require_subject(mask, photo.width, photo.height, name)
    mask.setflags(write=False)
    return mask


def write_mask(path: Path, mask: UInt8[np.ndarray, "h w"]) -> None:
    """A mask as a PNG file, 255 = subject."""
    with atomic_write(path) as temporary:
        Image.fromarray(mask).save(temporary)


def shrunk(pixels: UInt8[np.ndarray, "h w *C"], side: int) -> UInt8[np.ndarray, "p q *C"]:
    """A picture or mask whose longer side is `side`; as it is where that would enlarge it."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def require_subject(mask: UInt8[np.ndarray, "h w"], width: int, height: int, name: str) -> None:
    """Refuse a mask that is empty, covers everything or marks a speck; `width`, `height` are the original's."""
    subject = mask >= SUBJECT_LEVEL
    if not subject.any():
        raise PhotoError(
            f"{name} marks no subject: its largest value is {mask.max()}, 255 = subject; mark the subject in white"
        )
    if subject.mean() > LARGEST_SHARE:
        raise PhotoError(f"{name} marks {subject.mean():.1%} of the picture as subject; mark only the subject in white")
    columns, rows = np.flatnonzero(subject.any(axis=0)), np.flatnonzero(subject.any(axis=1))
    extent_x = (columns[-1] - columns[0] + 1) * width / mask.shape[1]
    extent_y = (rows[-1] - rows[0] + 1) * height / mask.shape[0]
    if max(extent_x, extent_y) < SMALLEST_SUBJECT:
        raise PhotoError(
            f"{name} marks a subject of {extent_x:.0f}x{extent_y:.0f} pixels; it must be at least {SMALLEST_SUBJECT} "
            "pixels long"
        )
