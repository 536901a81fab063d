"""Masks for the photos that come without one, and where a run keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ...priors.canonical_foreground import canonical_foreground
from ...priors.segmentation import EstimatedMask, segment
from ...priors.semantic import SemanticNetwork
from ...scenes.error import InputError, PhotoError, some_of
from ...scenes.photos.collection import FEWEST_PHOTOS, Collection, MaskSource, Rejected, load_collection
from ...scenes.photos.photo import Photo, read_mask, require_subject, shrunk, write_mask
from ...scenes.run_folder import RunFolder
from ..config import FitConfig
from .semantic_prior import SemanticPrior

_ALL = ("estimate", "rembg")
"""What `--masks` may say to have every mask estimated."""
_SIDE = 768
"""Longest side of the copies that masks are looked for in."""


def with_masks(collection: Collection, config: FitConfig, prior: SemanticPrior) -> tuple[Collection, tuple[str, ...]]:
    """The collection with a mask in every photo, and the stems of those whose mask was estimated.

    Photos whose mask cannot be trusted are left out, saying why. Raises InputError where nothing can estimate masks,
    or where too few photos remain.
    """
    bare = [index for index, photo in enumerate(collection.photos) if photo.mask is None]
    if not bare:
        return collection, ()
    source, named = _source(collection, config, prior)
    # What photos have in common, those with a mask show as well.
    looked_at = range(len(collection.photos)) if isinstance(source, SemanticNetwork) else bare
    pictures = [torch.from_numpy(shrunk(collection.photos[k].pixels, _SIDE)).float() / 255 for k in looked_at]
    estimates = dict(zip(looked_at, segment(pictures, source, seed=config.seed), strict=True))
    kept, rejected, sure = [], list(collection.rejected), []
    for index, photo in enumerate(collection.photos):
        if photo.mask is not None:
            kept.append(photo)
            continue
        try:
            kept.append(replace(photo, mask=_as_mask(estimates[index], photo)))
            sure.append(estimates[index].confidence)
        except PhotoError as error:
            rejected.append(Rejected(photo.path.name, str(error)))
    rejected.sort(key=lambda entry: entry.name)
    fewest = 1 if collection.known_cameras else FEWEST_PHOTOS
    if len(kept) < fewest:
        raise InputError(
            f"{collection.root}: masks were found in {len(kept)} photos ({named}) and {fewest} are needed; "
            f"give masks as {collection.root.name}/masks/STEM.png (255 = subject) or as alpha channels"
        )
    notes = collection.notes
    if sure:
        doubt = f"confidence {min(sure):.2f} to {max(sure):.2f}"
        notes = (*notes, f"masks estimated: {len(sure)} of {len(bare)} ({named}), {doubt}")
    estimated = tuple(collection.photos[index].stem for index in bare)
    return replace(collection, photos=tuple(kept), rejected=tuple(rejected), notes=notes), estimated


def mask_source(config: FitConfig) -> MaskSource:
    """What `load_collection` is to take masks from."""
    return "none" if config.masks in _ALL else _given_masks(config)


def check_mask_source(config: FitConfig) -> None:
    """Raises InputError, before any work, where what is to estimate masks cannot be had."""
    if config.masks == "rembg":
        from ...priors.rembg_foreground import require_rembg

        try:
            require_rembg(offline=config.offline)
        except OSError as error:
            raise InputError(f"--masks rembg: {error}") from error


def mask_estimator(collection: Collection, config: FitConfig, prior: SemanticPrior) -> str:
    """What would estimate missing masks, for people; "" where none are. Raises InputError as `with_masks`."""
    bare = any(photo.mask is None for photo in collection.photos)
    if bare and config.masks == "rembg":
        # Its model is loaded, and perhaps downloaded, by the fit alone.
        check_mask_source(config)
        return "rembg"
    return _source(collection, config, prior)[1] if bare else ""


def write_masks(collection: Collection, stems: tuple[str, ...], folder: Path) -> None:
    """Masks of the photos named, as STEM.png of the original's size, 255 = subject."""
    for photo in collection.photos:
        if photo.stem in stems and photo.mask is not None:
            folder.mkdir(parents=True, exist_ok=True)
            whole = cv2.resize(photo.mask, (photo.width, photo.height), interpolation=cv2.INTER_LINEAR)
            write_mask(folder / f"{photo.stem}.png", whole)


def load_run_photos(config: FitConfig, root: Path) -> Collection:
    """The photos of a run, or of `root` in their place, with masks: given ones first, else those of the run."""
    photos = load_collection(root, _given_masks(config), config.cameras)
    return _with_written(photos, RunFolder(config.out).masks)


def _with_written(collection: Collection, folder: Path) -> Collection:
    """The collection with masks from `write_masks` where it has none; photos that stay without are left out."""
    kept = []
    for photo in collection.photos:
        path = folder / f"{photo.stem}.png"
        if photo.mask is not None:
            kept.append(photo)
        elif path.is_file():
            kept.append(replace(photo, mask=read_mask(path, photo, str(path))))
    return replace(collection, photos=tuple(kept))


def _given_masks(config: FitConfig) -> MaskSource:
    """Where masks that are given lie, also where a fit is not to look at them."""
    return "alpha" if config.masks == "alpha" else "folder" if config.masks == "folder" else "auto"


def _source(
    collection: Collection, config: FitConfig, prior: SemanticPrior
) -> tuple[SemanticNetwork | Callable[[Tensor], Tensor], str]:
    if config.masks == "rembg":
        from ...priors.rembg_foreground import rembg_foreground

        try:
            return rembg_foreground(offline=config.offline), "rembg"
        except OSError as error:
            raise InputError(f"--masks rembg: {error}") from error
    told = _given_masks(config) != "auto"
    if told or (prior.network is None and prior.canonical is None):
        bare = [photo.path.name for photo in collection.photos if photo.mask is None]
        why = f"--masks {config.masks}" if told else "--semantic none"
        raise InputError(
            f"{some_of(bare, 3)}: no mask, and {why} has none estimated; give each photo one as "
            f"{collection.root.name}/masks/STEM.png (255 = subject) or as its alpha channel, or leave that option out"
        )
    if prior.network is not None and len(collection.photos) >= FEWEST_PHOTOS:
        return prior.network, f"co-segmentation by {prior.network.name}"
    assert prior.canonical is not None
    return canonical_foreground(prior.canonical), "embedded network"


def _as_mask(estimate: EstimatedMask, photo: Photo) -> np.ndarray:
    if estimate.fault is not None:
        raise PhotoError(f"has no mask and none could be estimated ({estimate.fault}); add masks/{photo.stem}.png")
    small = estimate.mask.cpu().numpy().astype(np.uint8) * 255
    mask = cv2.resize(small, photo.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    require_subject(mask, photo.width, photo.height, "its estimated mask")
    mask.setflags(write=False)
    return mask
