"""Texture reconstruction: zero where colours are right, a pull towards the right turn where outlines are silent."""

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.losses.texture_loss import texture_loss
from zoetrope.representations.camera import Intrinsics, OrbitCamera, project
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering import Topology, rasterize
from zoetrope.representations.rendering.interpolate import surface

SIZE = 64
VERTICES, FACES = icosphere(4)
COAT = torch.stack([(3 * VERTICES[:, 0]).sin(), (2 * VERTICES[:, 2]).cos(), VERTICES[:, 1]], dim=1) / 2


def _clip(azimuth_deg: Tensor) -> Tensor:
    """A ball, whose outline is the same from everywhere."""
    zero = torch.zeros_like(azimuth_deg)
    camera = OrbitCamera(azimuth_deg, zero, zero, zero + 6, torch.zeros(len(azimuth_deg), 2))
    lens = Intrinsics.from_field_of_view(25, SIZE, SIZE, len(azimuth_deg))
    return project(VERTICES.expand(len(azimuth_deg), -1, 3), camera, lens)


def _photo(azimuth_deg: float) -> tuple[Tensor, Tensor]:
    clip = _clip(torch.tensor([azimuth_deg]))
    fragments = rasterize(clip, FACES, (SIZE, SIZE))
    return surface(COAT, FACES, fragments, clip, FACES), (fragments.face >= 0).float()


def _loss(azimuth_deg: Tensor, coat: Tensor = COAT) -> Tensor:
    pixels, mask = (x.expand(len(azimuth_deg), *x.shape[1:]) for x in _photo(30.0))
    expected = coat.expand(len(azimuth_deg), -1, -1)
    return texture_loss(_clip(azimuth_deg), FACES, Topology.of(FACES), expected, pixels, mask)


def test_least_at_the_true_turn_and_drawn_there() -> None:
    azimuth = torch.tensor([5.0, 20.0, 30.0, 40.0, 55.0], requires_grad=True)
    loss = _loss(azimuth)
    assert float(loss[2].detach()) < 1e-6
    assert float(loss[0].detach()) > float(loss[1].detach())
    assert float(loss[4].detach()) > float(loss[3].detach())
    (slope,) = torch.autograd.grad(loss.sum(), azimuth)
    assert slope.sign().tolist()[:2] == [-1, -1]
    assert slope.sign().tolist()[3:] == [1, 1]
    # The slope is the loss's own, up to what pixels that come and go at the outline do.
    step = 0.5
    rise = (_loss(azimuth.detach() + step) - _loss(azimuth.detach() - step)) / (2 * step)
    assert slope[[1, 3]].tolist() == pytest.approx(rise[[1, 3]].tolist(), rel=0.1)


def test_value_is_the_squared_distance_of_a_uniform_error() -> None:
    shift = torch.tensor([0.1, -0.2, 0.3])
    loss = _loss(torch.tensor([30.0]), COAT + shift)
    assert float(loss) == pytest.approx(float(shift.square().sum()), rel=1e-3)


def test_what_only_one_of_both_shows_does_not_count() -> None:
    pixels, mask = _photo(30.0)
    left = torch.arange(SIZE) < SIZE // 2
    pixels = pixels.where(left[:, None], 5.0)
    mask = mask * left
    args = _clip(torch.tensor([30.0])), FACES, Topology.of(FACES), COAT[None]
    assert float(texture_loss(*args, pixels, mask)) < 1e-3
    assert float(texture_loss(*args, pixels, torch.zeros_like(mask))) == 0
