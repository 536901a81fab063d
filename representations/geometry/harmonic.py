"""Real spherical harmonics: the exact band-limited functions on a sphere."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def spherical_harmonics(points: Float[Tensor, "V 3"], degree: int) -> Float[Tensor, "V K"]:
    """All real spherical harmonics up to `degree` at unit `points`; K = (degree + 1)**2, order l = 0.. and m = -l..l.

    The polar axis is +Y; the azimuth runs from +Z towards +X. Orthonormal with respect to the mean over the sphere, so
    the first one is 1. Legendre functions by the stable upward recursion (Press et al., Numerical Recipes, 6.7), in
    float64.

    >>> spherical_harmonics(torch.tensor([[0.0, 1.0, 0.0]]), 1).tolist()
    [[1.0, 0.0, 1.7320507764816284, 0.0]]
    """
    p = points.double()
    cosine = p[:, 1].clamp(-1, 1)
    sine = (1 - cosine * cosine).clamp_min(0).sqrt()
    azimuth = torch.atan2(p[:, 0], p[:, 2])
    legendre: dict[tuple[int, int], Tensor] = {}
    for m in range(degree + 1):
        legendre[m, m] = torch.ones_like(cosine) if m == 0 else (2 * m - 1) * sine * legendre[m - 1, m - 1]
        if m < degree:
            legendre[m + 1, m] = (2 * m + 1) * cosine * legendre[m, m]
        for order in range(m + 2, degree + 1):
            legendre[order, m] = (
                (2 * order - 1) * cosine * legendre[order - 1, m] - (order + m - 1) * legendre[order - 2, m]
            ) / (order - m)
    columns = []
    for order in range(degree + 1):
        for m in range(-order, order + 1):
            a = abs(m)
            norm = math.sqrt((2 * order + 1) * math.factorial(order - a) / math.factorial(order + a) * (2 if m else 1))
            wave = (a * azimuth).sin() if m < 0 else (a * azimuth).cos()
            columns.append(norm * legendre[order, a] * wave)
    return torch.stack(columns, dim=1).to(points.dtype)


def band_degrees(degree: int) -> Int[Tensor, " K"]:
    """Degree l of each column of `spherical_harmonics`."""
    return torch.cat([torch.full((2 * order + 1,), order) for order in range(degree + 1)])


def band_window(degrees: Int[Tensor, " K"], cutoff: float) -> Float[Tensor, " K"]:
    """Smooth low-pass window: 1 up to `cutoff`, falling to 0 one degree above it (Park et al. 2021, Nerfies, eq. 8).

    >>> band_window(torch.tensor([0, 1, 2, 3]), 1.5).tolist()
    [1.0, 1.0, 0.5, 0.0]
    """
    ramp = (cutoff + 1 - degrees.float()).clamp(0, 1)
    return 0.5 * (1 - torch.cos(torch.pi * ramp))


def lateral_parity(degree: int) -> Float[Tensor, " K"]:
    """+1 for harmonics that are even under x -> -x, -1 for odd ones."""
    signs = []
    for order in range(degree + 1):
        # x -> -x turns the azimuth into its negative: sine waves (m < 0) are odd.
        signs += [-1.0 if m < 0 else 1.0 for m in range(-order, order + 1)]
    return torch.tensor(signs)
