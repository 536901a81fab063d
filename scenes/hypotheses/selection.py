"""Which hypotheses of a photo survive, how much each counts, and which photos are outliers."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

OUTLIER = 3.0
"""Times the usual loss from which on a photo is an outlier."""


def best_of_photo(
    photo: Int[Tensor, " B"],
    loss: Float[Tensor, " B"],
    azimuth: Float[Tensor, " B"],
    count: int,
    apart_deg: float = 20.0,
) -> Int[Tensor, " K"]:
    """Hypotheses to keep: of each photo the `count` with the least loss, no two within `apart_deg` of each other.

    Grouped by photo in rising order, best first. Fewer where a photo has not enough that differ. Azimuths in radians.
    """
    chosen: list[int] = []
    loss_list, photo_list, azimuth_list = loss.tolist(), photo.tolist(), azimuth.tolist()
    for one in sorted(set(photo_list)):
        mine = sorted((k for k, p in enumerate(photo_list) if p == one), key=lambda k: (loss_list[k], k))
        kept: list[int] = []
        for k in mine:
            gaps = [abs((azimuth_list[k] - azimuth_list[j] + math.pi) % (2 * math.pi) - math.pi) for j in kept]
            if len(kept) < count and all(gap > math.radians(apart_deg) for gap in gaps):
                kept.append(k)
        chosen += kept
    return torch.tensor(chosen, device=photo.device)


def least_by_photo(photo: Int[Tensor, " B"], values: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """The least value among each photo's hypotheses."""
    none = torch.full((int(photo.max()) + 1,), torch.inf, device=values.device)
    return none.scatter_reduce(0, photo, values, "amin")


def times_usual(photo: Int[Tensor, " B"], loss: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """The loss of each photo's best hypothesis over the median of all photos'."""
    least = least_by_photo(photo, loss)
    return least / least.median().clamp_min(1e-12)


def robust_weight(photo: Int[Tensor, " B"], loss: Float[Tensor, " B"]) -> Float[Tensor, " N"]:
    """How far each photo counts for what all photos share, in (0, 1]: one half for an outlier, 1 for what is usual.

    A photo of something else, or one with a wrong mask, would otherwise bend the body most, since it pulls hardest.
    The weight is Geman and McClure's (1987) of the loss above the usual one.
    """
    excess = (times_usual(photo, loss) - 1).clamp_min(0) / (OUTLIER - 1)
    return 1 / (1 + excess.square())


def responsibilities(
    photo: Int[Tensor, " B"], loss: Float[Tensor, " B"], softness: float = 0.15
) -> Float[Tensor, " B"]:
    """How much each hypothesis counts for the shared shape: a softmax over the hypotheses of one photo, summing to one
    each.

    A hypothesis whose loss is `softness` times the photo's least loss above it counts 1/e of the best.
    """
    least = least_by_photo(photo, loss)[photo]
    weight = torch.exp(-(loss - least) / (softness * least).clamp_min(1e-6))
    total = torch.zeros(int(photo.max()) + 1, device=loss.device).index_add(0, photo, weight)[photo]
    return weight / total
