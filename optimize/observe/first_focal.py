"""A first guess of the focal lengths of photos that record none: pixels again where one camera took them all.

In order: the focal length in pixels of photos from whose frame this one may have been cut, where all that record a lens
have the same; the mean angle of view of those that record one; the usual angle for animals, which are photographed from
afar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...scenes.photos.photo import Photo

FIELD_OF_VIEW_DEG = 30.0
"""Spans the longer side of a photo where nothing is recorded anywhere."""
_SAME = 0.02
"""Relative difference up to which focal lengths and sizes are taken for the same."""


def first_focals(photos: Sequence[Photo]) -> tuple[tuple[float, ...], tuple[bool, ...]]:
    """Focal lengths in original pixels, and for each whether it was recorded or known rather than guessed."""
    recorded = [_recorded(photo) for photo in photos]
    known = [(focal, photo) for focal, photo in zip(recorded, photos, strict=True) if focal is not None]
    focals = [_guess(photo, known) if focal is None else focal for focal, photo in zip(recorded, photos, strict=True)]
    return tuple(focals), tuple(focal is not None for focal in recorded)


def _recorded(photo: Photo) -> float | None:
    return photo.focal_px if photo.camera is None else (photo.camera.fx + photo.camera.fy) / 2


def _guess(photo: Photo, known: list[tuple[float, Photo]]) -> float:
    long_side, short_side = _sides(photo)
    if not known:
        return long_side / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
    focals = np.array([focal for focal, _ in known])
    frames = np.array([_sides(other) for _, other in known], np.float64)
    alike = np.ptp(focals) <= _SAME * focals.mean() and bool((np.ptp(frames, 0) <= _SAME * frames.mean(0)).all())
    frame = frames.mean(0)
    if alike and long_side <= frame[0] and short_side <= frame[1] and (long_side, short_side) != tuple(frame):
        return float(focals.mean())
    return float(np.exp(np.log(focals / frames[:, 0]).mean())) * long_side


def _sides(photo: Photo) -> tuple[int, int]:
    return max(photo.width, photo.height), min(photo.width, photo.height)
