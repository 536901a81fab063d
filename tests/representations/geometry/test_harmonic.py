"""Real spherical harmonics: orthonormal, of one parity each, exact in their lowest degrees, and rightly windowed."""

import math

import numpy as np
import torch
from torch import Tensor

from zoetrope.representations.geometry.harmonic import band_degrees, band_window, lateral_parity, spherical_harmonics

DEGREE = 6


def quadrature() -> tuple[Tensor, Tensor]:
    """Points and weights that integrate polynomials up to degree 15 exactly over the sphere; weights sum to one."""
    heights, height_weights = np.polynomial.legendre.leggauss(8)
    azimuths = np.arange(16) * (2 * math.pi / 16)
    height, azimuth = np.meshgrid(heights, azimuths, indexing="ij")
    ring = np.sqrt(1 - height**2)
    points = np.stack([ring * np.sin(azimuth), height, ring * np.cos(azimuth)], -1).reshape(-1, 3)
    return torch.from_numpy(points), torch.from_numpy(np.repeat(height_weights / 2 / 16, 16))


def random_points(count: int = 50) -> Tensor:
    points = torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(points, dim=1)


def test_they_are_orthonormal_with_respect_to_the_mean() -> None:
    points, weights = quadrature()
    basis = spherical_harmonics(points, DEGREE)
    gram = basis.T @ (weights[:, None] * basis)
    torch.testing.assert_close(gram, torch.eye((DEGREE + 1) ** 2, dtype=torch.float64), atol=1e-12, rtol=0)


def test_degree_one_is_x_y_z() -> None:
    points = random_points()
    basis = spherical_harmonics(points, 1)
    torch.testing.assert_close(basis[:, 0], torch.ones(50, dtype=torch.float64))
    # m = -1 is the sine of an azimuth from +Z towards +X: x; m = 0 the polar axis: y; m = 1: z.
    torch.testing.assert_close(basis[:, 1:], math.sqrt(3) * points)


def test_parities() -> None:
    points, degrees = random_points(), band_degrees(DEGREE)
    basis = spherical_harmonics(points, DEGREE)
    through_the_centre = spherical_harmonics(-points, DEGREE)
    torch.testing.assert_close(through_the_centre, basis * (-1.0) ** degrees)
    across = spherical_harmonics(points * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64), DEGREE)
    torch.testing.assert_close(across, basis * lateral_parity(DEGREE))


def test_every_band_keeps_its_sum_of_squares_everywhere() -> None:
    """Unsoeld's theorem: a band is closed under rotation, so no direction is preferred."""
    squares = spherical_harmonics(random_points(), DEGREE).square()
    for degree in range(DEGREE + 1):
        total = squares[:, band_degrees(DEGREE) == degree].sum(1)
        torch.testing.assert_close(total, torch.full_like(total, 2 * degree + 1))


def test_a_higher_degree_only_adds_columns_and_the_poles_are_finite() -> None:
    points = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.6, 0.0, 0.8]])
    assert torch.equal(spherical_harmonics(points, 6)[:, :9], spherical_harmonics(points, 2))
    assert bool(spherical_harmonics(points, 12).isfinite().all())


def test_the_window_is_one_below_the_cutoff_and_zero_a_degree_above() -> None:
    degrees = torch.arange(10)
    window = band_window(degrees, 4.25)
    assert window[:5].tolist() == [1.0] * 5
    assert 0 < float(window[5]) < 0.5
    assert window[6:].tolist() == [0.0] * 4
    cutoffs = torch.stack([band_window(degrees, c / 10) for c in range(60)])
    assert bool((cutoffs.diff(dim=0) >= 0).all()), "raising the cut-off takes nothing away"
    assert float(cutoffs.diff(dim=0).max()) < 0.2, "and adds nothing at once"
