"""Masks for photos that have none: where the subject is, how sure that is, and which photos not to trust.

The foreground comes from the features of the whole collection (co-segmentation) or from a network that gives it
directly; either way it is refined along the photo's edges. A mask's confidence is the product of four shares in [0, 1]:

    agreement   intersection over union of the mask and the foreground above a threshold, the best threshold for it
    one piece   share of the refined mask that its one kept piece holds
    inside      1 - twice the share of the photo's border that the mask touches (0 from one half on)
    size        1 while the area is within a factor of 3 of the collection's median, falling as 3 / factor beyond
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from ..representations.tensor_structure import TensorStructure
from .cosegmentation import collection_space, first_guess, middle_weight
from .feature_cache import cached_maps
from .mask_refinement import cleaned, refine
from .semantic import FeatureMaps, SemanticNetwork

Foreground: TypeAlias = Callable[[Tensor], Tensor]
"""Pictures (B, H, W, 3) in [0, 1] to foreground probabilities (B, H, W)."""

_SIDE = 512
"""Longest side of the pictures whose features are taken."""
_ROUNDS = 1
_TRUSTED = 0.4
"""Confidence from which a photo's mask takes part in the collection's vote."""
_LEAST_AREA, _MOST_AREA, _LEAST_AGREEMENT, _LEAST_INSIDE, _LEAST_SIZE = 0.003, 0.9, 0.5, 0.2, 0.3


class EstimatedMask(TensorStructure):
    """The subject of one photo, as far as it was found."""

    mask: Bool[Tensor, "H W"]
    """In the photo's resolution; the best there is even where it is at fault."""
    confidence: float
    """In [0, 1], as defined at the top of the file."""
    fault: str | None
    """Why the mask is not to be used, in one line; None for a good one."""


def segment(
    pictures: Sequence[Float[Tensor, "_ _ 3"]], source: SemanticNetwork | Foreground, *, seed: int = 0
) -> tuple[EstimatedMask, ...]:
    """Masks of the photos of one collection, in their order.

    pictures: in [0, 1], sRGB-encoded, of any sizes. source: a network whose features are clustered over the whole
    collection, or one that gives the foreground of a picture.
    """
    if not pictures:
        return ()
    if isinstance(source, SemanticNetwork):
        foregrounds = cosegment(pictures, source, seed=seed)
    else:
        foregrounds = [source(picture[None])[0] for picture in pictures]
    refined = [refine(picture, foreground) for picture, foreground in zip(pictures, foregrounds, strict=True)]
    return _judged(foregrounds, refined)


def cosegment(
    pictures: Sequence[Float[Tensor, "_ _ 3"]], network: SemanticNetwork, *, seed: int = 0
) -> list[Float[Tensor, "_ _"]]:
    """The foreground of each photo in [0, 1] on the grid of its features, from what the collection has in common.

    Votes and cuts take turns: clusters of the current masks judge every photo's cells, and the cut along the photo's
    edges gives cleaner masks to cluster. Photos whose masks are not to be trusted are judged but do not vote.
    """
    from skimage.filters import threshold_otsu

    small = [_at_most(picture, _SIDE) for picture in pictures]
    maps = [_maps(network, picture) for picture in small]
    features = [one.features[0] for one in maps]
    guesses = [first_guess(one.features[0], None if one.attention is None else one.attention[0]) for one in maps]
    masks = [guess > float(threshold_otsu(guess.cpu().numpy())) for guess in guesses]
    foregrounds = _voted(features, masks, seed)
    for _ in range(_ROUNDS):
        refined = [refine(picture, foreground) for picture, foreground in zip(small, foregrounds, strict=True)]
        judged = _judged(foregrounds, refined)
        voters = [index for index, one in enumerate(judged) if one.fault is None and one.confidence >= _TRUSTED]
        if not voters:
            break
        masks = [_on_grid(judged[index].mask, features[index]) for index in voters]
        foregrounds = _voted(features, masks, seed, voters)
    return foregrounds


def _voted(features: list[Tensor], masks: list[Tensor], seed: int, voters: Sequence[int] | None = None) -> list[Tensor]:
    voters = range(len(features)) if voters is None else voters
    space = collection_space([features[index] for index in voters], masks, seed=seed)
    saliency = [space.saliency(one[None])[0] for one in features]
    return [one * middle_weight(*one.shape).to(one).sqrt() for one in saliency]


def _judged(foregrounds: Sequence[Tensor], refined: Sequence[Tensor]) -> tuple[EstimatedMask, ...]:
    masks = [cleaned(mask, foreground) for mask, foreground in zip(refined, foregrounds, strict=True)]
    areas = [float(mask.float().mean()) for mask in masks]
    found = [area for area in areas if area > 0]
    usual = median(found) if found else 0.0
    return tuple(
        _judge(foreground, raw, mask, area, usual)
        for foreground, raw, mask, area in zip(foregrounds, refined, masks, areas, strict=True)
    )


def _judge(foreground: Tensor, raw: Tensor, mask: Tensor, area: float, usual: float) -> EstimatedMask:
    if area < _LEAST_AREA:
        return EstimatedMask(mask, 0.0, f"no subject was found: {area:.2%} of the photo, at least {_LEAST_AREA:.1%}")
    agreement = _agreement(foreground, mask)
    one_piece = min(1.0, float((mask & raw).sum() / raw.sum().clamp_min(1)))
    border = torch.cat([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    inside = max(0.0, 1 - 2 * float(border.float().mean()))
    size = min(1.0, 3 / max(area / usual, usual / area))
    confidence = agreement * one_piece * inside * size
    fault = None
    if area > _MOST_AREA:
        fault = f"the mask covers {area:.0%} of the photo, at most {_MOST_AREA:.0%}"
    elif agreement < _LEAST_AGREEMENT:
        fault = f"features and edges disagree about the subject: agreement {agreement:.2f}, at least {_LEAST_AGREEMENT}"
    elif inside < _LEAST_INSIDE:
        fault = f"the mask runs along the photo's border: {(1 - inside) / 2:.0%} of it"
    elif size < _LEAST_SIZE:
        fault = f"the mask covers {area:.1%} of the photo and the collection's median is {usual:.1%}"
    return EstimatedMask(mask, confidence, fault)


def _agreement(foreground: Tensor, mask: Tensor) -> float:
    """The best intersection over union that cutting the foreground map at one value reaches with the mask."""
    values, order = foreground.detach().cpu().flatten().sort(descending=True)
    inside = _on_grid(mask, foreground[None]).cpu().flatten()[order].double()
    kept = torch.arange(1, len(values) + 1)
    common = inside.cumsum(0)
    overlap = common / (kept + inside.sum() - common).clamp_min(1)
    # A threshold cannot part places of one value.
    ends = torch.cat([values[:-1] != values[1:], torch.ones(1, dtype=torch.bool)])
    return float(overlap[ends].max())


def _maps(network: SemanticNetwork, picture: Tensor) -> FeatureMaps:
    return cached_maps(network, picture[None])


def _on_grid(mask: Tensor, features: Tensor) -> Tensor:
    return interpolate(mask[None, None].float(), size=tuple(features.shape[1:]), mode="area")[0, 0] > 0.5


def _at_most(picture: Tensor, side: int) -> Tensor:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(height * scale)), max(1, round(width * scale))
    planes = interpolate(picture.movedim(-1, 0)[None], size=size, mode="bilinear", antialias=True)
    return planes[0].movedim(0, -1)
