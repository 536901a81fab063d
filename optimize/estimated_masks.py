"""Masks for the photos that come without one, and where a run keeps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ..priors.canonical_foreground import canonical_foreground
from ..priors.segmentation import EstimatedMask, segment
from ..priors.semantic import SemanticNetwork
from ..scenes.atomic import atomic_write
from ..scenes.collection import FEWEST_PHOTOS, Collection, MaskSource, Rejected, load_collection
from ..scenes.error import InputError, PhotoError
from ..scenes.photo import Photo, read_mask, require_subject
from .config import FitConfig
from .run_folder import RunFolder
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
    # Whatever their masks, all photos of a collection show one kind of animal.
    pictures = [_small(photo) for photo in collection.photos]
    if not isinstance(source, SemanticNetwork):
        pictures = [pictures[index] for index in bare]
    found = segment(pictures, source, seed=config.seed)
    estimates = dict(zip(bare, found if len(found) == len(bare) else [found[index] for index in bare], strict=True))
    kept, rejected, sure = [], list(collection.rejected), []
    for index, photo in enumerate(collection.photos):
        if index not in estimates:
            kept.append(photo)
            continue
        try:
            kept.append(replace(photo, mask=_as_mask(estimates[index], photo)))
            sure.append(estimates[index].confidence)
        except PhotoError as fault:
            rejected.append(Rejected(photo.path.name, str(fault)))
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
    return config.masks if config.masks in ("alpha", "folder") else "none" if config.masks in _ALL else "auto"  # type: ignore[return-value]


def mask_estimator(collection: Collection, config: FitConfig, prior: SemanticPrior) -> str:
    """What would estimate missing masks, for people; "" where none are. Raises InputError as `with_masks`."""
    bare = any(photo.mask is None for photo in collection.photos)
    return _source(collection, config, prior)[1] if bare else ""


def write_masks(collection: Collection, stems: tuple[str, ...], folder: Path) -> None:
    """Masks of the photos named, as STEM.png of the original's size, 255 = subject."""
    for photo in collection.photos:
        if photo.stem in stems and photo.mask is not None:
            folder.mkdir(parents=True, exist_ok=True)
            whole = cv2.resize(photo.mask, (photo.width, photo.height), interpolation=cv2.INTER_LINEAR)
            done, file = cv2.imencode(".png", whole)
            if not done:
                raise RuntimeError(
                    f"OpenCV could not encode the mask of {photo.path.name}, {photo.width}x{photo.height}"
                )
            with atomic_write(folder / f"{photo.stem}.png") as temporary:
                temporary.write_bytes(file.tobytes())


def load_run_photos(config: FitConfig, root: Path) -> Collection:
    """The photos of a run, or of `root` in their place, with masks: given ones first, else those of the run."""
    source = config.masks if config.masks in ("alpha", "folder") else "auto"
    photos = load_collection(root, source, config.cameras)  # type: ignore[arg-type]
    return read_masks(photos, RunFolder(config.out).masks)


def read_masks(collection: Collection, folder: Path) -> Collection:
    """The collection with masks from `write_masks` where it has none; photos that stay without are left out."""
    kept = []
    for photo in collection.photos:
        path = folder / f"{photo.stem}.png"
        if photo.mask is not None:
            kept.append(photo)
        elif path.is_file():
            kept.append(replace(photo, mask=read_mask(path, photo, str(path))))
    return replace(collection, photos=tuple(kept))


def _source(
    collection: Collection, config: FitConfig, prior: SemanticPrior
) -> tuple[SemanticNetwork | Callable[[Tensor], Tensor], str]:
    if config.masks == "rembg":
        from ..priors.rembg_foreground import rembg_foreground

        try:
            return rembg_foreground(), "rembg"
        except OSError as fault:
            raise InputError(f"--masks rembg: {fault}") from fault
    if config.masks in ("alpha", "folder") or (prior.network is None and prior.canonical is None):
        bare = [photo.path.name for photo in collection.photos if photo.mask is None]
        shown = ", ".join(bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        why = f"--masks {config.masks}" if config.masks in ("alpha", "folder") else "--semantic none"
        raise InputError(
            f"{shown}: no mask, and {why} has none estimated; give each photo one as "
            f"{collection.root.name}/masks/STEM.png (255 = subject) or as its alpha channel, or leave that option out"
        )
    if prior.network is not None and len(collection.photos) >= FEWEST_PHOTOS:
        return prior.network, f"co-segmentation by {prior.network.name}"
    assert prior.canonical is not None
    return canonical_foreground(prior.canonical), "embedded network"


def _small(photo: Photo) -> Tensor:
    height, width = photo.pixels.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return torch.from_numpy(cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA)).float() / 255


def _as_mask(estimate: EstimatedMask, photo: Photo) -> np.ndarray:
    if estimate.fault is not None:
        raise PhotoError(f"has no mask and none could be estimated ({estimate.fault}); add masks/{photo.stem}.png")
    small = estimate.mask.cpu().numpy().astype(np.uint8) * 255
    mask = cv2.resize(small, photo.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    require_subject(mask, photo.width, photo.height, "its estimated mask")
    mask.setflags(write=False)
    return mask
