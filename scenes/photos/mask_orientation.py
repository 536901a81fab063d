"""Which way up a mask lies, and at which size, so that it covers its photo.

Photos are turned as their EXIF orientation says. Masks mostly carry no EXIF block, and were made either of the photo as
people see it or of its stored pixels, by tools that ignore EXIF. Where the orientation swaps the sides of a photo that
is not square, the size tells. Otherwise (180 degrees, mirrored) the pictures do: along its outline a mask that fits
has edges of the photo, and it parts colours from one another. With both ways measured on a small copy,

    evidence = (mean of root gradient on the outline, in standard deviations, of one way less the other)
             + 4 (share of the mask's entropy that colours explain, of one way less the other).

On 272 photos of 16 collections its sign was right in all but one, for 180 degrees and for mirrors. Masks of one
collection are mostly made by one tool, so that photos whose evidence is weak follow the others.

A mask of another size is scaled to its photo where both have the same shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from ..error import some_of
from .decode import as_stored, upright
from .mask_file import SUBJECT_LEVEL, MaskPicture
from .photo import Photo

_SMALL = 160
"""Longest side in pixels of the copies that are compared."""
_CLEAR = 0.3
"""Evidence from here on speaks for itself, whatever the other photos of the collection say."""
_SHAPE_TOLERANCE = 0.01
_ENTROPY_WEIGHT = 4.0


@dataclass(frozen=True, eq=False)
class PlacedMasks:
    """How the masks of a collection lie on their photos."""

    masks: list[UInt8[np.ndarray, "_h _w"] | None]
    """At the size of `Photo.pixels`; None where there was none, or it has another shape than its photo."""
    misshapen: dict[int, str]
    """Why masks were not taken, by the photo's index; reads on from the mask's name."""
    notes: list[str]


def place_masks(photos: Sequence[Photo], pictures: Sequence[MaskPicture | None], names: Sequence[str]) -> PlacedMasks:
    """Masks turned and scaled onto their photos; `names` are for notes."""
    ways = [{} if picture is None else _ways(picture, photo) for photo, picture in zip(photos, pictures, strict=True)]
    chosen, notes = _choose(photos, ways, names)
    masks: list[UInt8[np.ndarray, "_h _w"] | None] = []
    misshapen, scaled = {}, []
    for index, (photo, picture) in enumerate(zip(photos, pictures, strict=True)):
        mask = None if picture is None else ways[index].get(chosen[index])
        if picture is not None and mask is None:
            misshapen[index] = (
                f"is {picture.width}x{picture.height} but its photo is {photo.width}x{photo.height}, another shape"
            )
        if picture is not None and mask is not None:
            if sorted((picture.width, picture.height)) != sorted((photo.width, photo.height)):
                scaled.append(f"{names[index]} ({picture.width}x{picture.height})")
            mask = _at_size(mask, photo.pixels.shape[1], photo.pixels.shape[0])
        masks.append(mask)
    if scaled:
        notes.append(f"{some_of(scaled, 3)}: of another size than the photo; scaled to it")
    return PlacedMasks(masks, misshapen, notes)


def _ways(picture: MaskPicture, photo: Photo) -> dict[str, UInt8[np.ndarray, "_h _w"]]:
    """How a mask may lie on its photo, those ways that have its shape; the first is what its file says."""
    stored = as_stored(picture.values, picture.orientation)
    turns = {"file": picture.orientation, "upright": 1, "stored": photo.orientation}
    ways: dict[str, UInt8[np.ndarray, "_h _w"]] = {}
    seen = set()
    for way, turn in turns.items():
        swapped = (turn >= 5) != (picture.orientation >= 5)
        size = (picture.height, picture.width) if swapped else (picture.width, picture.height)
        if turn not in seen and _same_shape(size, (photo.width, photo.height)):
            ways[way] = upright(stored, turn)
        seen.add(turn)
    return ways


def _same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes differ by a factor only, give or take a pixel of rounding."""
    (width, height), (wide, high) = size, other
    off = abs(width - height * wide / high), abs(height - width * high / wide)
    return min(off) <= 1 or off[0] <= _SHAPE_TOLERANCE * width


def _choose(
    photos: Sequence[Photo], ways: Sequence[dict[str, UInt8[np.ndarray, "_h _w"]]], names: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The way of each mask, and what is to be said about it."""
    chosen = [next(iter(candidates), "") for candidates in ways]
    open_ones = [index for index, candidates in enumerate(ways) if len(candidates) > 1]
    scores = {
        index: {way: _agreement(photos[index].pixels, mask) for way, mask in ways[index].items()} for index in open_ones
    }
    by_size = [
        index for index in range(len(ways)) if index not in scores and chosen[index] and photos[index].orientation != 1
    ]
    # What the tool did, for masks whose own evidence is weak.
    votes: dict[str, float] = dict.fromkeys(("file", "stored", "upright"), 0.0)
    for index in by_size:
        votes[chosen[index]] += 1.0
    for index, candidates in scores.items():
        for way, score in candidates.items():
            votes[way] += score - candidates[chosen[index]]
    for index, candidates in scores.items():
        best = max(candidates, key=lambda way: candidates[way])
        lead = candidates[best] - max(score for way, score in candidates.items() if way != best)
        usual = max(candidates, key=lambda way: votes[way])
        chosen[index] = best if lead >= _CLEAR else usual
    notes = []
    for indices, why in ((by_size, "as their size says"), (open_ones, "as the photos' edges and colours say")):
        for way, what in (
            ("stored", "of the stored pixels of photos that EXIF turns; turned with them"),
            ("upright", "turned already, though EXIF in them says otherwise; left as they are"),
        ):
            found = [names[index] for index in indices if chosen[index] == way]
            if found:
                notes.append(f"{some_of(found, 3)}: {what}, {why}")
    return chosen, notes


def _agreement(pixels: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "p q"]) -> float:
    """How well a mask's outline and inside agree with a photo; only differences between masks mean anything."""
    scale = min(1.0, _SMALL / max(pixels.shape[:2]))
    width, height = (max(8, round(side * scale)) for side in pixels.shape[1::-1])
    lab = cv2.cvtColor(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    subject = _at_size(mask, width, height) >= SUBJECT_LEVEL
    if subject.all() or not subject.any():
        return 0.0
    gradient = np.zeros((height, width), np.float32)
    for channel in np.moveaxis(lab.astype(np.float32), -1, 0):
        gradient += np.hypot(cv2.Sobel(channel, cv2.CV_32F, 1, 0), cv2.Sobel(channel, cv2.CV_32F, 0, 1))
    strength = np.sqrt(gradient)
    outline = cv2.morphologyEx(subject.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    # The frame is no edge of the photo.
    outline[[0, -1]] = outline[:, [0, -1]] = False
    edges = (strength[outline].mean() - strength.mean()) / max(float(strength.std()), 1e-6) if outline.any() else 0.0
    return float(edges) + _ENTROPY_WEIGHT * _explained(lab, subject)


def _explained(lab: UInt8[np.ndarray, "h w 3"], subject: Bool[np.ndarray, "h w"]) -> float:
    """Share of the mask's entropy that coarse colours explain, 0 to 1."""
    bins = (lab // 32).astype(np.int64) @ np.array([64, 8, 1])
    counts = np.stack([np.bincount(bins[subject == inside], minlength=512) for inside in (True, False)])
    joint = counts / counts.sum()

    def entropy(share: np.ndarray) -> float:
        share = share[share > 0]
        return float(-(share * np.log(share)).sum())

    of_mask = entropy(joint.sum(axis=1))
    return (of_mask + entropy(joint.sum(axis=0)) - entropy(joint)) / of_mask


def _at_size(mask: UInt8[np.ndarray, "h w"], width: int, height: int) -> UInt8[np.ndarray, "{height} {width}"]:
    if mask.shape == (height, width):
        return mask
    # Of the ways to enlarge, this one keeps thin limbs best.
    way = cv2.INTER_AREA if mask.shape[0] > height else cv2.INTER_LANCZOS4
    return cv2.resize(mask, (width, height), interpolation=way)
