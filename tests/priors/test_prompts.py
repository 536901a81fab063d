"""Prompts say from where a subject is seen, smoothly, and never ask for what cannot be seen from there."""

import pytest
import torch

from zoetrope.priors.prompts import VIEWS, WORDS, ViewPrompts, view_weights


def test_weights_sum_to_one_and_change_smoothly() -> None:
    azimuth = torch.linspace(-400, 400, 4001, dtype=torch.float64)
    for elevation in (-10.0, 20.0, 55.0, 90.0):
        weights = view_weights(azimuth, torch.full_like(azimuth, elevation))
        torch.testing.assert_close(weights.sum(1), torch.ones(len(azimuth), dtype=torch.float64))
        assert float(weights.min()) >= 0
        # Steps of a fifth of a degree: no jump, not even where the circle closes, and no kink.
        assert float(weights.diff(dim=0).abs().max()) < 0.01
        assert float(weights.diff(n=2, dim=0).abs().max()) < 1e-3
    climb = view_weights(torch.zeros(901), torch.linspace(0, 90, 901))
    assert float(climb.diff(dim=0).abs().max()) < 0.01


@pytest.mark.parametrize(
    ("azimuth", "elevation", "view"),
    [(0, 0, "front"), (360, 10, "front"), (45, 0, "three-quarter"), (-45, 5, "three-quarter"), (90, 0, "side"),
     (-90, 20, "side"), (180, 0, "back"), (-180, 0, "back"), (33, 85, "overhead")],
)  # fmt: skip
def test_a_view_of_one_kind_is_that_alone(azimuth: float, elevation: float, view: str) -> None:
    weights = view_weights(torch.tensor([float(azimuth)]), torch.tensor([float(elevation)]))[0]
    assert weights.tolist() == pytest.approx([float(name == view) for name in VIEWS], abs=1e-6)


def test_both_sides_are_called_the_same() -> None:
    azimuth, elevation = torch.tensor([17.0, 66.0, 130.0]), torch.tensor([10.0, 50.0, 0.0])
    torch.testing.assert_close(view_weights(azimuth, elevation), view_weights(-azimuth, elevation))


def test_prompts_name_subject_and_view_and_negatives_what_cannot_be_seen() -> None:
    made = ViewPrompts.of("owl", ["night"])
    for view, positive, negative in zip(VIEWS, made.positive, made.negative, strict=True):
        assert positive.startswith("a photo of an owl, ")
        assert WORDS[view] in positive
        assert positive.endswith(", night")
        assert WORDS[view] not in negative
        assert "owl" not in negative
    back = made.negative[VIEWS.index("back")]
    assert "face" in back
    assert "eyes" in back
