"""How good canonical maps of a collection are, before any fit.

Each photo is cut as a fit cuts it, to a square round the subject, and the maps are held against what is known: masks,
keypoints, cameras and, of collections of the zoo, maps of parts. Without masks the prior finds the subject by itself,
in a look at the whole photo and a closer one (`priors.canonical_foreground`), and gets no mask for the square either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..priors.canonical import CanonicalMaps, CanonicalPrior
from ..priors.canonical_foreground import canonical_foreground
from ..priors.mask_refinement import refine
from ..scenes.photography.label import LEFT, NONE, RIGHT, Labels
from ..scenes.photos.collection import Collection
from ..scenes.photos.crop import Crop, crop_for_mask, crop_for_photo, cut
from ..scenes.photos.photo import Photo, shrunk
from .metrics.keypoint_transfer import TransferPhoto, collect_transfers, score_transfers
from .metrics.map_transfer import carry_by_maps
from .metrics.silhouette import mask_iou
from .truth import Truth

_MARGIN = 0.2
_SIDE = 256
_FOUND_SIDE = 384
"""Longest side of the copies in which the prior looks for the subject."""


@dataclass(frozen=True)
class CanonicalScore:
    """Means over photos or pixels; None where the collection does not tell."""

    foreground_iou: float | None
    """Of the visible foreground with the mask; given masks, at the maps' resolution, else in the photo."""
    refined_iou: float | None
    """Of what `priors.mask_refinement.refine` makes of the foreground along the photo's edges; without masks alone."""
    part_accuracy: float | None
    """Share of the subject's visible pixels with the right kind of part."""
    side_accuracy: float | None
    """Share of those with a side on which the odds are right."""
    place_error: float | None
    """Median distance on the reference body, a trunk being 1 long, with the side given."""
    calibration: float | None
    """Mean spread that is said over the mean error in a coordinate of `canonical_xyz`: below 1 is too sure of
    itself."""
    azimuth_error_deg: float | None
    """Median of the best guess."""
    azimuth_within_30: float | None
    keypoint_transfer: float | None
    """PCK@0.1 of the tight box through the maps alone."""
    identity: float | None
    """The same for copied positions."""


def score_canonical(
    prior: CanonicalPrior, photos: Collection, truth: Truth, labels: dict[str, Labels], with_masks: bool
) -> CanonicalScore:
    """Scores of one collection; `labels` of zoo photos by stem, or none. Photos without a mask are left out."""
    chosen = [photo for photo in photos.photos if photo.mask is not None]
    found = [] if with_masks else [_found(prior, photo) for photo in chosen]
    crops = [crop_for_photo(photo, _MARGIN) for photo in chosen] if with_masks else [one.crop for one in found]
    cuts = [cut(photo, crop, _SIDE) for photo, crop in zip(chosen, crops, strict=True)]
    pixels, masks = (torch.from_numpy(np.stack([one[k] for one in cuts])) for k in (0, 1))
    maps = prior(pixels, masks if with_masks else None).to("cpu")
    side = maps.foreground.shape[1]
    subject = torch.nn.functional.interpolate(masks[:, None], (side, side), mode="area")[:, 0]
    overlap = [one.iou for one in found]
    if with_masks:
        overlap = mask_iou(maps.foreground.numpy() > 0.5, subject.numpy() > 0.5)
    known = subject if with_masks else maps.foreground
    parts, sides, places, calibration = _label_scores(maps, chosen, crops, labels, side)
    errors = _azimuth_errors(maps, chosen, truth)
    transferred = _transfers(maps, known, chosen, crops, truth)
    return CanonicalScore(
        foreground_iou=float(np.mean(overlap)),
        refined_iou=None if with_masks else float(np.mean([one.refined_iou for one in found])),
        part_accuracy=parts,
        side_accuracy=sides,
        place_error=places,
        calibration=calibration,
        azimuth_error_deg=None if errors is None else float(np.median(errors)),
        azimuth_within_30=None if errors is None else float(np.mean(errors <= 30)),
        keypoint_transfer=transferred[0],
        identity=transferred[1],
    )


@dataclass(frozen=True)
class _Found:
    """What the prior finds in a photo: its overlap with the mask, as it is and refined, and the square round it."""

    iou: float
    refined_iou: float
    crop: Crop


def _found(prior: CanonicalPrior, photo: Photo) -> _Found:
    assert photo.mask is not None
    picture = torch.from_numpy(shrunk(photo.pixels, _FOUND_SIDE)).float() / 255
    subject = shrunk(photo.mask, _FOUND_SIDE) > 127
    foreground = canonical_foreground(prior)(picture[None])[0]
    seen = foreground.numpy() > 0.5
    crop = whole_photo(photo)
    if seen.any():
        scale = seen.shape[1] / photo.width, seen.shape[0] / photo.height
        crop = crop_for_mask(seen.astype(np.uint8) * 255, _MARGIN, scale=scale, smallest_speck=0.2)
    refined = refine(picture, foreground).numpy()
    return _Found(float(mask_iou(seen, subject)), float(mask_iou(refined, subject)), crop)


def whole_photo(photo: Photo) -> Crop:
    """The square that a whole photo fills in one direction, its middle in the middle."""
    side = float(max(photo.width, photo.height))
    return Crop((photo.width - side) / 2, (photo.height - side) / 2, side)


def best_azimuth_deg(maps: CanonicalMaps) -> Float[Tensor, " B"]:
    """The most probable azimuth, to a fraction of a bin: the mean direction of the best bin and its neighbours."""
    odds = maps.view.sum(2)
    count = odds.shape[1]
    best = odds.argmax(1)
    near = (best[:, None] + torch.arange(-2, 3)) % count
    angle = torch.deg2rad((near + 0.5) * (360 / count))
    weight = odds.gather(1, near)
    return torch.rad2deg(torch.atan2((weight * angle.sin()).sum(1), (weight * angle.cos()).sum(1))) % 360


def _azimuth_errors(maps: CanonicalMaps, chosen: list[Photo], truth: Truth) -> np.ndarray | None:
    guesses = best_azimuth_deg(maps).numpy()
    errors = []
    for photo, guess in zip(chosen, guesses, strict=True):
        if photo.stem in truth.cameras:
            towards = truth.cameras[photo.stem].camera_to_world[:3, 2]
            azimuth = np.degrees(np.arctan2(towards[0], towards[2]))
            errors.append(abs((guess - azimuth + 180) % 360 - 180))
    return np.array(errors) if errors else None


def _label_scores(
    maps: CanonicalMaps, chosen: list[Photo], crops: list[Crop], labels: dict[str, Labels], side: int
) -> tuple[float | None, float | None, float | None, float | None]:
    parts, sides, places, errors, spreads = [], [], [], [], []
    ticks = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) + 0.5).reshape(-1, 2)
    for k, (photo, crop) in enumerate(zip(chosen, crops, strict=True)):
        one = labels.get(photo.stem)
        if one is None or one.part is None or one.side is None or one.reference is None or photo.mask is None:
            continue
        height, width = photo.mask.shape
        at = np.floor(crop.to_original(ticks, side) * np.array(photo.scale)).astype(int)
        inside = ((at >= 0) & (at < [width, height])).all(axis=1)
        column, row = at[inside].T
        seen = (photo.mask[row, column] > 127) & (one.part[row, column] != NONE)
        column, row = column[seen], row[seen]
        pixel = np.flatnonzero(inside)[seen]
        parts.append(maps.part[k].flatten(1).argmax(0).numpy()[pixel] == one.part[row, column])
        left = maps.left[k].flatten().numpy()[pixel] > 0.5
        true = one.side[row, column]
        sides.append((left == (true == LEFT))[(true == LEFT) | (true == RIGHT)])
        reference = one.reference[row, column].astype(np.float32)
        reference[:, 0] = np.abs(reference[:, 0])
        wrong = maps.canonical_xyz[k].flatten(0, 1).numpy()[pixel] - reference
        places.append(np.linalg.norm(wrong, axis=1))
        errors.append(np.abs(wrong).mean(1))
        spreads.append(maps.spread[k].flatten().numpy()[pixel])
    if not parts:
        return None, None, None, None
    return (
        float(np.concatenate(parts).mean()),
        float(np.concatenate(sides).mean()),
        float(np.median(np.concatenate(places))),
        float(np.concatenate(spreads).mean() / max(float(np.concatenate(errors).mean()), 1e-9)),
    )


def _transfers(
    maps: CanonicalMaps, subjects: Float[Tensor, "B H W"], chosen: list[Photo], crops: list[Crop], truth: Truth
) -> tuple[float | None, float | None]:
    index = {photo.stem: k for k, photo in enumerate(chosen) if photo.stem in truth.keypoints}
    if len(index) < 2:
        return None, None
    photos = {stem: TransferPhoto(truth.keypoints[stem], truth.box(stem), None) for stem in index}

    def carry(source: str, target: str) -> np.ndarray:
        s, t = index[source], index[target]
        positions = photos[source].keypoints.positions / np.array(chosen[s].scale)
        arrived = carry_by_maps(maps, subjects, s, t, crops[s].to_crop(positions, 1))
        return crops[t].to_original(arrived, 1) * np.array(chosen[t].scale)

    score = score_transfers(collect_transfers(photos, carry))
    return score.pooled, score.identity_pooled
