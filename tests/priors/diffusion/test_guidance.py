"""Ways of guiding: each is what its paper says, and a scale of one is the plain answer."""

import pytest
import torch

from zoetrope.priors.diffusion.guidance import GuidanceConfig, GuidanceKind, guide

POSITIVE, EMPTY, NEGATIVE = torch.randn(3, 2, 4, 3, 3, generator=torch.Generator().manual_seed(0))


def test_plain() -> None:
    found = guide(GuidanceConfig(scale=7.5), POSITIVE, EMPTY)
    torch.testing.assert_close(found, EMPTY + 7.5 * (POSITIVE - EMPTY))
    against = guide(GuidanceConfig(scale=7.5), POSITIVE, EMPTY, NEGATIVE)
    torch.testing.assert_close(against, NEGATIVE + 7.5 * (POSITIVE - NEGATIVE))


@pytest.mark.parametrize("kind", ["plain", "apg", "perpendicular"])
def test_a_scale_of_one_is_the_answer_with_the_prompt(kind: GuidanceKind) -> None:
    torch.testing.assert_close(guide(GuidanceConfig(kind=kind, scale=1.0), POSITIVE, EMPTY), POSITIVE)


def test_apg_leaves_out_what_goes_along_with_the_answer() -> None:
    found = guide(GuidanceConfig(kind="apg", scale=5.0), POSITIVE, EMPTY)
    change, along = (found - EMPTY).double(), POSITIVE.double()
    product = (change * along).sum((1, 2, 3)) / along.square().sum((1, 2, 3))
    torch.testing.assert_close(product, torch.zeros_like(product), atol=1e-6, rtol=0)
    # At right angles it is plain guidance, short of the bound on its length.
    plain = 5 * (POSITIVE - EMPTY).double()
    plain -= (plain * along).sum((1, 2, 3), keepdim=True) / along.square().sum((1, 2, 3), keepdim=True) * along
    torch.testing.assert_close(change, plain, atol=1e-5, rtol=1e-5)


def test_cfg_zero_star_scales_the_empty_answer_to_fit() -> None:
    product = (POSITIVE * EMPTY).sum((1, 2, 3)) / EMPTY.square().sum((1, 2, 3))
    scaled = product[:, None, None, None] * EMPTY
    found = guide(GuidanceConfig(kind="cfg_zero_star", scale=4.0), POSITIVE, EMPTY)
    torch.testing.assert_close(found, scaled + 4 * (POSITIVE - scaled))


def test_a_perpendicular_negative_takes_nothing_from_the_prompt() -> None:
    config = GuidanceConfig(kind="perpendicular", scale=3.0, negative_scale=0.7)
    wanted = POSITIVE - EMPTY
    same = guide(config, POSITIVE, EMPTY, EMPTY + 2 * wanted)
    torch.testing.assert_close(same, EMPTY + 3 * wanted, atol=1e-5, rtol=1e-5)
    away = (EMPTY + 3 * wanted - guide(config, POSITIVE, EMPTY, NEGATIVE)) / (3 * 0.7)
    product = (away * wanted).sum((1, 2, 3))
    torch.testing.assert_close(product, torch.zeros_like(product), atol=1e-4, rtol=0)
    assert float(away.abs().max()) > 0.1
