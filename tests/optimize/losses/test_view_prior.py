"""First views: the modes that the distribution has, and the whole circle besides."""

import torch
from torch import Tensor

from zoetrope.optimize.hypotheses.first_azimuths import first_azimuths
from zoetrope.optimize.losses.view_prior import view_loss


def _bumps(*bumps: tuple[float, float], bins: int = 36) -> Tensor:
    """Azimuth and weight of each bump; one photo, two bins of elevation."""
    centre = (torch.arange(bins) + 0.5) * (360 / bins)
    total = torch.zeros(bins)
    for azimuth, weight in bumps:
        gap = (centre - azimuth + 180) % 360 - 180
        total = total + weight * torch.softmax(-0.5 * (gap / 10) ** 2, dim=0)
    return torch.stack([0.7 * total, 0.3 * total], dim=1)[None]


def _gap(a: Tensor, b: float) -> Tensor:
    return ((a - b + 180) % 360 - 180).abs()


def test_modes_come_first_and_exactly() -> None:
    found = first_azimuths(_bumps((72.0, 0.6), (108.0 + 40, 0.3), (352.0, 0.1)), 16)[0]
    assert found.shape == (16,)
    for canonical_xyz, mode in enumerate((72.0, 148.0, 352.0)):
        assert float(_gap(found[canonical_xyz], mode)) < 2.5
    assert bool((found >= 0).all())
    assert bool((found < 360).all())


def test_half_of_them_stand_all_round_whatever_the_network_says() -> None:
    found = first_azimuths(_bumps((72.0, 1.0)), 16)[0]
    for azimuth in range(0, 360, 5):
        assert float(_gap(found, azimuth).min()) <= 22.6


def test_a_distribution_that_knows_nothing_gives_views_all_round() -> None:
    found = first_azimuths(torch.full((2, 24, 6), 1 / 144), 12)
    assert torch.equal(found[0], found[1])
    modes = found[0, :6].sort().values
    assert float(torch.diff(modes).min()) > 20


def test_photos_do_not_mix() -> None:
    both = first_azimuths(torch.cat([_bumps((10.0, 1.0)), _bumps((200.0, 1.0))]), 8)
    assert torch.equal(both[1], first_azimuths(_bumps((200.0, 1.0)), 8)[0])


def test_an_azimuth_costs_what_the_network_says_against_it() -> None:
    view = torch.cat([_bumps((75.0, 0.7), (105.0, 0.3)), torch.full((1, 36, 2), 1 / 72)])
    azimuth = torch.tensor([75.0, 105.0, 255.0, -105.0, 615.0, 75.0, 255.0], requires_grad=True)
    cost = view_loss(view, torch.tensor([0, 0, 0, 0, 0, 1, 1]), azimuth)
    assert float(cost[0].detach()) < 0.05 < float(cost[1].detach()) < 0.5 * float(cost[2].detach())
    # Angles are angles, however often round.
    torch.testing.assert_close(cost[2:5].detach(), cost[2].detach().expand(3))
    assert float(cost.detach().max()) <= 1
    # One that knows nothing says nothing.
    torch.testing.assert_close(cost[5:].detach(), torch.zeros(2))
    slope = view_loss(
        view[:1], torch.zeros(2, dtype=torch.int64), beside := torch.tensor([60.0, 122.0]).requires_grad_()
    )
    slope.sum().backward()
    assert beside.grad is not None
    assert float(beside.grad[0]) < 0 < float(beside.grad[1])
