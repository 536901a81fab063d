"""The choice of a body plan: photos together decide, one loud photo does not, doubt is said."""

import pytest
import torch

from zoetrope.optimize.start.choose_template import choose_template


def test_photos_that_agree_are_surer_together_than_each_alone() -> None:
    one = torch.tensor([[0.6, 0.3, 0.1]])
    assert choose_template(one).probability == pytest.approx(0.6)
    together = choose_template(one.expand(4, 3))
    assert together.plan == "quadruped"
    assert together.probability > 0.9


def test_forty_alike_photos_are_no_surer_than_four() -> None:
    one = torch.tensor([[0.2, 0.5, 0.3]])
    four, forty = choose_template(one.expand(4, 3)), choose_template(one.expand(40, 3))
    assert four.plan == forty.plan == "biped"
    assert forty.probability == pytest.approx(four.probability)


def test_one_loud_photo_does_not_overrule_many() -> None:
    rows = torch.tensor([[0.8, 0.1, 0.1]] * 6 + [[0.0, 0.0, 1.0]])
    choice = choose_template(rows)
    assert choice.plan == "quadruped"
    assert "6 of 7 photos" in choice.line


def test_the_order_of_plans_is_the_networks() -> None:
    rows = torch.tensor([[0.1, 0.8, 0.1]])
    assert choose_template(rows, ("quadruped", "bird", "biped")).plan == "bird"
    assert choose_template(rows).plan == "biped"


def test_doubt_is_said_with_the_next_step() -> None:
    assert "--template" in choose_template(torch.tensor([[0.4, 0.35, 0.25]])).line
    assert "--template" not in choose_template(torch.tensor([[0.98, 0.01, 0.01]])).line


@pytest.mark.parametrize("rows", [torch.ones(2, 3), torch.ones(2, 2) / 2, torch.ones(0, 3)])
def test_what_is_no_probability_is_refused(rows: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="give"):
        choose_template(rows)
