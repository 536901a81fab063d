"""The pretended GPU refuses what a GPU refuses, allows what it allows, and counts as the CPU inside it does."""

import copy

import numpy as np
import pytest
import torch
from torch import nn


def test_different_devices_do_not_mix(gpu: torch.device) -> None:
    here, there = torch.ones(3), torch.ones(3, device=gpu)
    for mixture in (
        lambda: here + there,
        lambda: there.index_select(0, torch.zeros(1, dtype=torch.int64)),
        lambda: torch.stack([there[0], torch.tensor(1.0)]),
        lambda: torch.where(here > 0, there, there),
        lambda: there @ torch.ones(3, 3),
        lambda: nn.functional.linear(there, nn.Parameter(torch.ones(2, 3))),
        lambda: here.add_(there),
        lambda: torch.zeros(()).add_(there[0]),
    ):
        with pytest.raises(RuntimeError, match=r"same device|written into"):
            mixture()
    with pytest.raises(RuntimeError, match="indices should be"):
        here[torch.zeros(1, dtype=torch.int64, device=gpu)]


def test_numpy_and_generators_of_the_cpu_do_not_take_its_tensors(gpu: torch.device) -> None:
    there = torch.ones(3, device=gpu)
    for read in (there.numpy, lambda: np.asarray(there), lambda: np.sin(there)):
        with pytest.raises(TypeError, match="convert cuda:0"):
            read()
    with pytest.raises(RuntimeError, match="generator"):
        torch.rand(3, generator=torch.Generator(), device=gpu)
    with pytest.raises(RuntimeError, match="generator"):
        torch.multinomial(there, 1, generator=torch.Generator())


def test_what_pytorch_allows_is_allowed(gpu: torch.device) -> None:
    there = torch.arange(4.0, device=gpu)
    assert (there * torch.tensor(2.0)).device == gpu
    assert there[torch.tensor([3, 0])].tolist() == [3, 0]
    there[torch.tensor([1])] = torch.tensor(7.0)
    assert there.tolist() == [0, 7, 2, 3]
    assert torch.zeros(4).copy_(there).tolist() == [0, 7, 2, 3]
    assert float(there.sum()) == 12
    assert there.cpu().numpy().tolist() == [0, 7, 2, 3]


def test_tensors_are_where_they_are_made(gpu: torch.device) -> None:
    there = torch.ones(2, device=gpu)
    for made in (
        torch.zeros_like(there), there.new_zeros(2), there.new_tensor([1.0]), there.double(), there[:1],
        torch.zeros(2, device="cuda"), torch.tensor([1], device=gpu), torch.ones(2).to(there), torch.ones(2).cuda(),
        nn.functional.one_hot(torch.tensor([1], device=gpu)), torch.eye(2, device=gpu).inverse(),
    ):  # fmt: skip
        assert made.device == gpu
    for made in (torch.zeros(2), there.cpu(), there.to("cpu"), torch.zeros_like(there, device="cpu")):
        assert made.device.type == "cpu"
        assert type(made) is torch.Tensor


def test_networks_train_there_as_on_the_cpu(gpu: torch.device) -> None:
    torch.manual_seed(0)
    here = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(36, 2))
    there = copy.deepcopy(here).to(gpu)
    pictures = torch.rand(2, 3, 5, 5)
    for network, device in ((here, "cpu"), (there, gpu)):
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            network(pictures.to(device)).square().sum().backward()
            optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
    for one, other in zip(here.parameters(), there.parameters(), strict=True):
        assert isinstance(other, nn.Parameter)
        assert other.device == gpu
        assert torch.equal(one, other.cpu())


def test_gradients_cross_devices(gpu: torch.device) -> None:
    free = torch.ones(2, requires_grad=True)
    (3 * free.to(gpu)).square().cpu().sum().backward()
    assert free.grad is not None
    assert free.grad.tolist() == [18, 18]
    assert torch.ones(2).to(gpu).cpu().tolist() == [1, 1]
