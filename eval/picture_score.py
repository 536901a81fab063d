"""What pictures of a run score: each fitted photo drawn again beside the photo, and the subject seen from all around.

PSNR and SSIM of `redraw`'s pairs are always taken. Networks judge where they are given: LPIPS of the same pairs, FID of
all drawings against all photos (squares of 299 pixels), both distances on another network's features under that
network's name, CLIP similarity of the subject in its rest pose and shared texture to all photos.

PSNR ends at 60 dB, about what rounding to 8 bits leaves: 10 log10(12 * 255^2) = 58.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..priors.canonical import CanonicalPrior
from ..scenes.error import InputError
from ..scenes.photos.collection import Collection
from ..scenes.zoo.species import species_key
from .embedded_judge import embedded_features, load_embedded_judge, species_odds
from .metrics.clip_similarity import ClipModel, clip_similarity, load_clip, orbit_views, square_on_white
from .metrics.feature_distance import (
    FeatureNetwork,
    feature_distance,
    frechet_feature_distance,
    load_mobilenet,
    name_of,
)
from .metrics.fid import Fid, load_fid
from .metrics.image_quality import psnr, ssim
from .metrics.lpips import Lpips, load_lpips
from .redraw import Redrawn
from .textured import load_textured

HIGHEST_PSNR_DB = 60.0
_SET_SIZE = 299
"""Pixels of a picture where sets are compared: what FID's network takes."""


@dataclass(frozen=True, eq=False)
class Judges:
    """Networks that look at the pictures; None: not asked. Made by `load_judges`."""

    clip: ClipModel | None = None
    category: str = ""
    """What CLIP is to see in the subject, in a word."""
    lpips: Lpips | None = None
    fid: Fid | None = None
    features: FeatureNetwork | None = None
    embedded: CanonicalPrior | None = None
    """Which says whether it recognises the subject, by the same word as CLIP's."""


def load_judges(
    *,
    clip: str | Path | None = None,
    category: str | None = None,
    lpips: bool = False,
    fid: bool = False,
    features: str | Path | None = None,
    allow_download: bool = False,
) -> Judges:
    """The networks that are asked for: CLIP by hub id or folder, LPIPS on AlexNet, FID, and as `features` MobileNetV2
    from a file, or the network that the package carries ("embedded").

    Raises InputError, one line, where one is not on this machine and may not be downloaded, or CLIP has no category.
    """
    if clip is not None and not category:
        raise InputError("CLIP similarity needs to know what the subject is; name it, such as --category fox")
    embedded = load_embedded_judge() if features == "embedded" else None
    return Judges(
        clip=None if clip is None else load_clip(clip, allow_download=allow_download),
        category=category or "",
        lpips=load_lpips(allow_download=allow_download) if lpips else None,
        fid=load_fid(allow_download=allow_download) if fid else None,
        features=_features(features) if embedded is None else embedded_features(embedded),
        embedded=embedded,
    )


def _features(weights: str | Path | None) -> FeatureNetwork | None:
    return None if weights is None else load_mobilenet(Path(weights))


def score_pairs(pairs: Mapping[str, Redrawn], judges: Judges) -> dict[str, dict[str, float]]:
    """Each photo's scores by stem; names as in `measure`."""
    return {stem: _score_pair(pair, judges) for stem, pair in pairs.items()}


def score_sets(pairs: Mapping[str, Redrawn], judges: Judges) -> dict[str, float]:
    """Distances between all drawings and all photos; {} where no judge compares sets or there are not two pictures."""
    if len(pairs) < 2 or (judges.fid is None and judges.features is None):
        return {}
    squares = [pair.square(_SET_SIZE) for pair in pairs.values()]
    drawn, photos = torch.stack([pair.drawn for pair in squares]), torch.stack([pair.photo for pair in squares])
    scores = {}
    if judges.fid is not None:
        scores["fid"] = judges.fid.distance(drawn, photos)
    if judges.features is not None:
        name = name_of("frechet_distance", judges.features)
        scores[name] = frechet_feature_distance(judges.features, drawn, photos)
    return scores


def score_subject(run: Path, photos: Collection, judges: Judges) -> dict[str, Any]:
    """CLIP similarity of the run's subject to the photos that have a mask, with its model and prompt, and the odds that
    the embedded network gives its species, where that is told; {} without either judge.

    Raises InputError where the run has no textured subject or no photo has a mask.
    """
    known = judges.embedded is not None and species_key(judges.category) in judges.embedded.meaning.species
    if judges.clip is None and not known:
        return {}
    subject = load_textured(run)
    if subject.texture is None:
        raise InputError(f"{run} has a subject without a texture, which nothing can be recognised in")
    views = orbit_views(subject.mesh.vertices, subject.mesh, subject.texture.float() / 255)
    scores: dict[str, Any] = {}
    if judges.embedded is not None and known:
        scores["species_odds"] = species_odds(judges.embedded, views, judges.category)
    if judges.clip is None:
        return scores
    cut = [
        square_on_white(torch.from_numpy(photo.pixels / 255).float(), torch.from_numpy(photo.mask / 255).float())
        for photo in photos.photos
        if photo.mask is not None
    ]
    if not cut:
        raise InputError(f"no photo in {photos.root} has a mask to cut it out by for CLIP; add masks/STEM.png")
    found = clip_similarity(judges.clip, views, torch.stack(cut), judges.category)
    return scores | {
        "clip_image_similarity": found.image,
        "clip_text_similarity": found.text,
        "clip_model": found.model,
        "clip_prompt": found.prompt,
    }


def _score_pair(pair: Redrawn, judges: Judges) -> dict[str, float]:
    drawn, photo = pair.drawn[None], pair.photo[None]
    scores = {"psnr_db": min(float(psnr(drawn, photo)), HIGHEST_PSNR_DB), "ssim": float(ssim(drawn, photo))}
    if judges.lpips is not None:
        scores["lpips"] = float(judges.lpips.distance(drawn, photo))
    if judges.features is not None:
        scores[name_of("feature_distance", judges.features)] = float(feature_distance(judges.features, drawn, photo))
    return scores
