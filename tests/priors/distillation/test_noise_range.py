"""Noise falls in the course of a fit and stays within its bounds."""

import pytest
import torch

from zoetrope.priors.distillation.noise_range import NoiseRange


def test_falling_noise_falls_for_all_alike() -> None:
    falling = NoiseRange(first=0.98, last=0.25, kind="falling")
    places = [falling.at(done, 3, torch.Generator()).tolist() for done in (0.0, 0.4, 1.0)]
    assert places[0] == pytest.approx([0.98] * 3)
    assert places[2] == pytest.approx([0.25] * 3)
    assert places[0][0] > places[1][0] > places[2][0]


def test_random_noise_fills_its_range_below_what_falls() -> None:
    drawn = NoiseRange(first=0.6, last=0.2, lowest=0.1)
    for done, upper in ((0.0, 0.6), (1.0, 0.2)):
        places = drawn.at(done, 4000, torch.Generator().manual_seed(0))
        assert 0.1 <= float(places.min()) < 0.1 + 0.02 * upper
        assert upper - 0.02 < float(places.max()) <= upper
        assert float(places.mean()) == pytest.approx((0.1 + upper) / 2, abs=0.01)
    again = drawn.at(0.3, 5, torch.Generator().manual_seed(1))
    assert torch.equal(again, drawn.at(0.3, 5, torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("bounds", [{"first": 0.2, "last": 0.5}, {"lowest": 0.0}, {"first": 1.0}, {"lowest": 0.3}])
def test_ranges_that_are_none_are_refused(bounds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="they have to fall"):
        NoiseRange(**bounds)


def test_more_than_the_whole_fit_cannot_be_over() -> None:
    with pytest.raises(ValueError, match="cannot be over"):
        NoiseRange().at(1.2, 1, torch.Generator())
