"""The compiled silhouette losses against their references, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from zoetrope.representations.rendering.silhouette import (
    _outside_torch,
    _pyramid_torch,
    blur_pyramid_loss,
    outside_loss,
)

SIZES = [(64, 64), (33, 20), (7, 1), (1, 1)]


def pictures(size: tuple[int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Coverage, target and a validity that is whole, partial or nil."""
    generator = torch.Generator().manual_seed(5)
    coverage, target, valid = torch.rand(3, 6, *size, dtype=dtype, generator=generator)
    valid = torch.where(valid > 0.5, valid, 0)
    valid[0], valid[1] = 1, 0
    return coverage.requires_grad_(), target, valid


@pytest.mark.parametrize(("levels", "growth"), [(1, 1.0), (2, 1.0), (5, 1.0), (4, 2.5)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_pyramid_agrees_with_the_reference(
    size: tuple[int, int], levels: int, growth: float, dtype: torch.dtype, tolerance: float
) -> None:
    coverage, target, valid = pictures(size, dtype)
    ours, reference = (
        blur_pyramid_loss(coverage, target, valid, levels, growth),
        _pyramid_torch(coverage, target, valid, levels, growth),
    )
    torch.testing.assert_close(ours, reference, atol=tolerance, rtol=tolerance)
    assert ours[1] == 0
    pull = torch.randn(6, dtype=dtype)
    (a,), (b,) = torch.autograd.grad(ours, coverage, pull), torch.autograd.grad(reference, coverage, pull)
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)
    assert torch.equal(a[1], torch.zeros(size, dtype=dtype))


@pytest.mark.parametrize("size", [(7, 5), (4, 4)])
def test_pyramid_gradcheck(size: tuple[int, int]) -> None:
    coverage, target, valid = (picture.detach()[1:3] for picture in pictures(size, torch.float64))
    assert torch.autograd.gradcheck(lambda c: blur_pyramid_loss(c, target, valid, 4), (coverage.requires_grad_(),))


def test_pyramid_without_validity_counts_every_pixel() -> None:
    coverage, target, _ = pictures((12, 10), torch.float64)
    torch.testing.assert_close(
        blur_pyramid_loss(coverage, target), blur_pyramid_loss(coverage, target, torch.ones_like(target))
    )
    torch.testing.assert_close(blur_pyramid_loss(coverage, target, levels=1), (coverage - target).square().mean((1, 2)))


def test_pyramid_has_a_gradient_for_the_target_too() -> None:
    coverage, target, valid = (picture.detach()[2:4] for picture in pictures((4, 3), torch.float64))
    assert torch.autograd.gradcheck(lambda t: blur_pyramid_loss(coverage, t, valid, 3), (target.requires_grad_(),))


def scattered(size: tuple[int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Points within and far beyond a picture, some on pixel centres and on the border, and a distance map."""
    height, width = size
    generator = torch.Generator().manual_seed(7)
    points = (torch.rand(4, 60, 2, dtype=dtype, generator=generator) * 3 - 1) * torch.tensor([width, height]).to(dtype)
    points[0, :3] = torch.tensor([[0.5, 0.5], [width - 0.5, height - 0.5], [0.0, height / 2]]).to(dtype)
    return points.requires_grad_(), torch.rand(4, height, width, dtype=dtype, generator=generator) * 5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_outside_agrees_with_the_reference(size: tuple[int, int], dtype: torch.dtype, tolerance: float) -> None:
    points, distance = scattered(size, dtype)
    ours, reference = outside_loss(points, distance), _outside_torch(points, distance)
    torch.testing.assert_close(ours, reference, atol=tolerance, rtol=tolerance)
    pull = torch.randn(4, dtype=dtype)
    (a,), (b,) = torch.autograd.grad(ours, points, pull), torch.autograd.grad(reference, points, pull)
    # The first points lie on kinks, where any slope between the two sides will do.
    torch.testing.assert_close(a[:, 3:], b[:, 3:], atol=tolerance, rtol=tolerance)
    assert bool(torch.isfinite(a).all())


def test_outside_gradcheck() -> None:
    points, distance = scattered((6, 5), torch.float64)
    assert torch.autograd.gradcheck(lambda p: outside_loss(p, distance), (points[:, 5:15].detach().requires_grad_(),))


def test_outside_passes_bad_points_on_instead_of_reading_elsewhere() -> None:
    points, distance = scattered((6, 5), torch.float32)
    with torch.no_grad():
        points[1, 0, 0], points[2, 3, 1] = math.nan, -math.inf
    loss = outside_loss(points, distance).detach()
    assert torch.equal(torch.isfinite(loss), torch.tensor([True, False, False, True]))


def test_losses_have_the_same_bits_on_any_number_of_threads() -> None:
    coverage, target, valid = pictures((20, 20), torch.float32)
    points, distance = scattered((20, 20), torch.float32)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            losses = (
                blur_pyramid_loss(coverage, target, valid),
                blur_pyramid_loss(coverage, target),
                outside_loss(points, distance),
            )
            gradients = torch.autograd.grad(torch.cat(losses).sum(), (coverage, points))
            found.append((*(loss.detach() for loss in losses), *gradients))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))
