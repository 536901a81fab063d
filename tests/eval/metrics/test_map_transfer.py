"""Transfers through maps: exact maps carry points exactly, and doubt about the side costs what it should."""

import numpy as np
import pytest
import torch

from zoetrope.eval.metrics.map_transfer import carry_by_maps, place_distance
from zoetrope.priors.canonical import CanonicalMaps


def maps_of(canonical_xyz: torch.Tensor, left: torch.Tensor) -> CanonicalMaps:
    count, side = canonical_xyz.shape[:2]
    blank = torch.zeros(count, side, side)
    return CanonicalMaps(
        blank, blank, blank[:, None], left, canonical_xyz, blank, blank[:, None], blank, blank[:, 0], blank[:, 0]
    )


@pytest.fixture
def two() -> tuple[CanonicalMaps, torch.Tensor]:
    """A body whose picture is its place, y down and z right, its left half above, and the same turned upside down."""
    side = 40
    ticks = (torch.arange(side) + 0.5) / side
    y, z = torch.meshgrid(ticks, ticks, indexing="ij")
    canonical_xyz = torch.stack([(y - 0.5).abs(), y, z], dim=-1)
    left = (y < 0.5).float()
    return maps_of(
        torch.stack([canonical_xyz, canonical_xyz.flip(0, 1)]), torch.stack([left, left.flip(0, 1)])
    ), torch.ones(2, side, side)


def test_points_arrive_where_the_body_has_them(two: tuple[CanonicalMaps, torch.Tensor]) -> None:
    maps, subjects = two
    points = np.array([[0.2, 0.3], [0.7, 0.6], [np.nan, np.nan]])
    arrived = carry_by_maps(maps, subjects, 0, 1, points)
    assert np.abs(arrived[:2] - (1 - points[:2])).max() < 1.5 / 40
    assert np.isnan(arrived[2]).all()
    assert np.isnan(carry_by_maps(maps, torch.zeros_like(subjects), 0, 1, points)).all()
    # A point beside the subject is that of the nearest pixel of it.
    subjects = subjects.clone()
    subjects[0, :20] = 0
    arrived = carry_by_maps(maps, subjects, 0, 1, np.array([[0.5, 0.1]]))
    assert np.abs(arrived[0] - [0.5, 0.4875]).max() < 1.5 / 40


def test_the_side_decides_between_twins() -> None:
    """Two legs that differ in their side alone."""
    canonical_xyz = torch.tensor([[0.5, -1.0, 0.6]]).expand(2, 3)
    sure = place_distance(canonical_xyz[:1], torch.tensor([1.0]), canonical_xyz, torch.tensor([1.0, 0.0]))
    assert sure[0].tolist() == pytest.approx([0.0, 1.0])
    unsure = place_distance(canonical_xyz[:1], torch.tensor([0.5]), canonical_xyz, torch.tensor([1.0, 0.0]))
    assert unsure[0].tolist() == pytest.approx([0.5, 0.5])
    middle = torch.tensor([[0.0, 0.2, 0.1]])
    assert float(place_distance(middle, torch.tensor([0.9]), middle, torch.tensor([0.1]))) == pytest.approx(0)
