"""Points spread over the reference body, the vocabulary in which descriptors are learned."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.chart import PARTS, reference_point
from ...representations.geometry.farthest_point import farthest_points


def reference_keys(count: int) -> Float[Tensor, "{count} 3"]:
    """`count` points of the reference body, each as far from those before it as can be; always the same ones."""
    s, theta = torch.meshgrid(torch.linspace(0, 1, 21), torch.arange(24) * (2 * math.pi / 24), indexing="ij")
    part = torch.arange(len(PARTS)).repeat_interleave(s.numel())
    points = reference_point(part, s.reshape(-1).repeat(len(PARTS)), theta.reshape(-1).repeat(len(PARTS)))
    return points[farthest_points(points, count)]
