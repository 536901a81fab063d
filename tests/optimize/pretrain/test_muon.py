"""Muon: orthogonal steps, for convolutions as for matrices."""

import pytest
import torch
from torch import nn

from zoetrope.optimize.pretrain.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (16, 16)])
def test_singular_values_come_close_to_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    made = orthogonal(matrix)
    # The singular vectors stay, their values become alike.
    values = torch.diagonal(u.T @ made @ v.T)
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.3
    assert float((made - u @ torch.diag(values) @ v).abs().max()) < 1e-4


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_is_a_matrix_of_its_output_channels(layout: torch.memory_format) -> None:
    generator = torch.Generator().manual_seed(1)
    start, gradient = torch.randn(2, 6, 4, 3, 3, generator=generator)
    weight = nn.Parameter(start.clone().contiguous(memory_format=layout))
    weight.grad = gradient.contiguous(memory_format=layout)
    Muon([weight], lr=0.1, momentum=0.0).step()
    moved = (start - weight.detach()) / 0.1
    expected = orthogonal(gradient.permute(0, 2, 3, 1).flatten(1)).view(6, 3, 3, 4).permute(0, 3, 1, 2)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=1e-4)


def test_it_finds_a_minimum_and_decays_what_gets_no_gradient() -> None:
    target = torch.randn(8, 5, generator=torch.Generator().manual_seed(2))
    weight, idle = nn.Parameter(torch.zeros(8, 5)), nn.Parameter(torch.ones(3, 3))
    optimizer = Muon([{"params": [weight]}, {"params": [idle], "weight_decay": 0.5}], lr=0.1)
    idle.grad = torch.zeros_like(idle)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 200)
        weight.grad = weight.detach() - target
        optimizer.step()
    with torch.no_grad():
        assert float((weight - target).abs().max()) < 0.1 * float(target.abs().max())
        assert float(idle.max()) < 0.05


def test_vectors_are_refused() -> None:
    with pytest.raises(ValueError, match="1 parameters have fewer dimensions"):
        Muon([nn.Parameter(torch.zeros(3))])
