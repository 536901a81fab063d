"""The masks of a collection's photos: read, laid upon their photos, turned the right way round, checked.

A mask that cannot be used never takes its photo with it: it is left out with a note, and the photo stays without a mask
(a fit then estimates one). Only where a mask says that its photo shows no subject (nothing is marked, or a speck) is
the photo left out, since an estimate would find something else there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from ..error import PhotoError, some_of
from .mask_file import SUBJECT_LEVEL, MaskPicture, read_mask_file
from .mask_orientation import place_masks
from .mask_sense import is_noise, turn_inverted
from .photo import LARGEST_SHARE, Photo, require_subject


@dataclass(frozen=True, eq=False)
class Attached:
    """Photos with their masks."""

    photos: tuple[Photo, ...]
    without_subject: dict[Path, str]
    """Files of photos whose mask marks nothing, and why they were left out."""
    notes: tuple[str, ...]


def attach_masks(photos: Sequence[Photo], files: Mapping[Path, Path], names: Mapping[Path, str]) -> Attached:
    """Photos with the masks that lie in `files`, by the photo's file; their own (alpha) masks are checked with them.

    names: what messages call the mask of a photo, by the photo's file ("masks/a.png").
    """
    notes: list[str] = []
    shown = [names.get(photo.path, f"{photo.path.name} (alpha channel)") for photo in photos]
    pictures = [_read(photo, files.get(photo.path), name, notes) for photo, name in zip(photos, shown, strict=True)]
    pictures = _one_object(pictures, shown, notes)
    placed = place_masks(photos, pictures, shown)
    notes += placed.notes
    notes += [f"{shown[index]} {reason}; the mask was left out" for index, reason in placed.misshapen.items()]
    masks = [photo.mask if mask is None else mask for photo, mask in zip(photos, placed.masks, strict=True)]
    judged = turn_inverted([photo.pixels for photo in photos], masks, shown)
    notes += judged.notes
    kept, without_subject = [], {}
    for photo, mask, name in zip(photos, judged.masks, shown, strict=True):
        if mask is not None and mask is not photo.mask:
            useless = _why_useless(mask)
            if useless is None:
                try:
                    require_subject(mask, photo.width, photo.height, name)
                except PhotoError as error:
                    without_subject[photo.path] = str(error)
                    continue
            else:
                notes.append(f"{name} {useless}; the mask was left out")
                mask = None
        if mask is not None:
            mask.setflags(write=False)
        kept.append(replace(photo, mask=mask))
    return Attached(tuple(kept), without_subject, tuple(notes))


def _read(photo: Photo, path: Path | None, name: str, notes: list[str]) -> MaskPicture | None:
    if path is None:
        return None
    try:
        return read_mask_file(path, max(photo.pixels.shape[:2]))
    except PhotoError as error:
        notes.append(f"{name} {error}; the mask was left out")
        return None


def _one_object(
    pictures: Sequence[MaskPicture | None], names: Sequence[str], notes: list[str]
) -> list[MaskPicture | None]:
    """Masks of one object each: where there are several, the one that most photos show, or else the largest."""
    sizes = [{} if picture is None else picture.object_sizes for picture in pictures]
    several = [index for index, found in enumerate(sizes) if len(found) > 1]
    if not several:
        return list(pictures)

    def frequency(number: int) -> tuple[int, int]:
        return sum(number in found for found in sizes), sum(found.get(number, 0) for found in sizes)

    result = list(pictures)
    for index in several:
        picture, found = pictures[index], sizes[index]
        assert picture is not None
        # An object of few pixels in one photo may be the commonest of all; size decides between equals.
        result[index] = picture.of_object(max(found, key=frequency))
    counts = sorted({len(sizes[index]) for index in several})
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    notes.append(
        f"{some_of([names[index] for index in several], 3)}: {many} objects; the one that most photos show is taken. "
        "If they are parts of one subject, give them one value"
    )
    return result


def _why_useless(mask: UInt8[np.ndarray, "h w"]) -> str | None:
    """Why a mask says nothing about the subject's outline though it marks something; None where it does."""
    share = (mask >= SUBJECT_LEVEL).mean()
    if share > LARGEST_SHARE:
        return f"marks {share:.1%} of the picture as subject"
    if is_noise(mask):
        return "falls into hundreds of pieces and marks no subject"
    return None
