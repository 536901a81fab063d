"""Points spread over a set: farthest-point sampling (Eldar et al., IEEE Transactions on Image Processing 1997)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def farthest_points(points: Float[Tensor, "N D"], count: int) -> Int[Tensor, " K"]:
    """Indices of `count` points, the first one and then always the one farthest from all before it.

    >>> farthest_points(torch.tensor([[0.0], [0.4], [1.0]]), 3).tolist()
    [0, 2, 1]
    """
    chosen = torch.zeros(count, dtype=torch.long, device=points.device)
    distance = points.new_full((len(points),), math.inf)
    for k in range(1, count):
        distance = distance.minimum((points - points[chosen[k - 1]]).square().sum(1))
        chosen[k] = distance.argmax()
    return chosen
