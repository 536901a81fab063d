"""What the photos of a collection show in common, from their features alone.

A first guess for each photo by itself: the subject is unlike the photo's own border and stands near its middle,

    s_0(x) = mean over the k nearest border cells b of |f(x) - f(b)|, times exp(-|x - middle|^2 / (2 sigma^2))

and, where the network is a transformer with a class token, is what that token looks at (Caron et al., ICCV 2021). Then
the whole collection votes: clusters of what was taken for subject and for background in all photos (see
`feature_space`) judge every photo again.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .feature_space import FeatureSpace

_RING, _NEAREST, _APART = 2, 5, 4
"""Cells that count as border; of them the nearest k; a cell is not compared with those closer than this many cells."""
_SIGMA = 0.35
"""Of the middle's weight, in sides of the picture."""
_DIMENSIONS, _SUBJECT_CLUSTERS = 48, 8


def first_guess(
    features: Float[Tensor, "C h w"], attention: Float[Tensor, "h w"] | None = None
) -> Float[Tensor, "h w"]:
    """How much each cell stands out from the photo's border, in [0, 1]; features of unit length."""
    height, width = features.shape[1:]
    cells = features.flatten(1).T
    ticks = (torch.arange(side, device=features.device) for side in (height, width))
    place = torch.cartesian_prod(*ticks).to(features)
    inner = (place >= _RING) & (place < place.new_tensor([height, width]) - _RING)
    border = ~inner.all(1)
    distance = torch.cdist(cells, cells[border])
    # A border cell would find itself; a neighbour says nothing either.
    distance = distance + 10.0 * (torch.cdist(place, place[border]) < _APART)
    novelty = distance.topk(min(_NEAREST, distance.shape[1]), dim=1, largest=False).values.mean(1)
    guess = _stretched(novelty.reshape(height, width)) * middle_weight(height, width).to(features)
    return guess if attention is None else (guess + _stretched(attention)) / 2


def collection_space(
    features: Sequence[Float[Tensor, "C _ _"]], masks: Sequence[Bool[Tensor, "_ _"]], *, seed: int = 0
) -> FeatureSpace:
    """The clusters of what all photos hold for subject and for background; features and masks on the same grids.

    Raises ValueError where all masks together are too small for that.
    """
    subject = torch.cat([one.movedim(0, -1)[mask] for one, mask in zip(features, masks, strict=True)])
    background = torch.cat([one.movedim(0, -1)[~mask] for one, mask in zip(features, masks, strict=True)])
    dimensions = min(_DIMENSIONS, subject.shape[1])
    return FeatureSpace.fit_cells(subject, background, dimensions, _SUBJECT_CLUSTERS, seed)


def middle_weight(height: int, width: int) -> Float[Tensor, "h w"]:
    """A Gaussian round the middle of a picture, 1 there.

    >>> middle_weight(3, 3)[1, 1].item()
    1.0
    """
    rows, columns = ((torch.arange(count) + 0.5) / count - 0.5 for count in (height, width))
    return torch.exp(-(rows[:, None].square() + columns.square()) / (2 * _SIGMA**2))


def _stretched(values: Tensor) -> Tensor:
    low, high = values.amin(), values.amax()
    return (values - low) / (high - low).clamp_min(1e-12)
