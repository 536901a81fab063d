"""Keypoint transfer through canonical maps alone: no fit, no mesh, what the maps themselves are worth.

A keypoint of the source is what the map says at the nearest pixel of its subject; its place in the target is where the
map says the most similar thing. With a the distance from the plane of symmetry, q = (y, z) the rest of the place on the
reference body and l the odds of being on the left, two pixels differ by

    d(u, v) = |q_u - q_v| + P(same side) |a_u - a_v| + P(other side) (a_u + a_v),

what is expected of the distance of their places. The prediction is the mean of the target's pixels weighted by
exp(-d / 0.05) relative to the best one.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.spatial import KDTree
from torch import Tensor

from ...priors.canonical import CanonicalMaps

_REACH = 0.05


def place_distance(
    canonical_xyz: Float[Tensor, "N 3"],
    left: Float[Tensor, " N"],
    places: Float[Tensor, "M 3"],
    lefts: Float[Tensor, " M"],
) -> Float[Tensor, "N M"]:
    """The expected distance d of all pairs; places with the distance from the plane of symmetry first."""
    same = left[:, None] * lefts + (1 - left[:, None]) * (1 - lefts)
    a, b = canonical_xyz[:, None, 0], places[None, :, 0]
    rest = (canonical_xyz[:, None, 1:] - places[None, :, 1:]).square().sum(-1).sqrt()
    return rest + same * (a - b).abs() + (1 - same) * (a + b)


def carry_by_maps(
    maps: CanonicalMaps,
    subjects: Float[Tensor, "B H W"],
    source: int,
    target: int,
    positions: Float64[np.ndarray, "K 2"],
) -> Float64[np.ndarray, "K 2"]:
    """Where points of picture `source` lie in picture `target`; (column, row) in [0, 1] of the square pictures.

    `subjects`: where each subject is, above a half; not finite where one of the two has none.
    """
    found = np.full(positions.shape, np.nan)
    size = subjects.shape[1]
    pixels = [(subjects[k] > 0.5).nonzero() for k in (source, target)]
    if min(len(some) for some in pixels) == 0:
        return found
    wanted = np.isfinite(positions).all(axis=1)
    centres = [(some.double().flip(1).cpu().numpy() + 0.5) / size for some in pixels]
    nearest = torch.from_numpy(KDTree(centres[0]).query(positions[wanted])[1])
    rows, columns = pixels[0][nearest].unbind(1)
    there_rows, there_columns = pixels[1].unbind(1)
    distance = place_distance(
        maps.canonical_xyz[source, rows, columns],
        maps.left[source, rows, columns],
        maps.canonical_xyz[target, there_rows, there_columns],
        maps.left[target, there_rows, there_columns],
    )
    weight = (-(distance - distance.amin(1, keepdim=True)) / _REACH).exp().double().cpu().numpy()
    # The mean of pixels far apart, on two legs, would lie between them: only those near the best one count.
    best = centres[1][distance.argmin(1).cpu().numpy()]
    gap = np.linalg.norm(centres[1][None] - best[:, None], axis=2)
    weight *= gap < 0.1
    found[wanted] = (weight @ centres[1]) / weight.sum(axis=1, keepdims=True)
    return found
