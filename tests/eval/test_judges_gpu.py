"""Networks that judge pictures may be on a GPU while the pictures are not; figures are those of the CPU."""

import pytest
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from zoetrope.eval.embedded_judge import embedded_features, likeliest_species, load_embedded_judge
from zoetrope.eval.metrics.feature_distance import feature_distance, frechet_feature_distance
from zoetrope.eval.metrics.fid import Fid
from zoetrope.eval.metrics.lpips import Lpips
from zoetrope.eval.metrics.map_transfer import carry_by_maps


class Brightness(nn.Module):
    """Means of the four quarters of pictures of bytes."""

    num_features = 4

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.weight * nn.functional.adaptive_avg_pool2d(pictures.float().mean(1), 2).flatten(1)


class Apart(nn.Module):
    """A distance in the way of torchmetrics: mean absolute difference, times a weight that has its device."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.total = nn.Parameter(torch.ones(())), torch.zeros(())

    @property
    def device(self) -> torch.device:
        return self.weight.device

    def reset(self) -> None:
        self.total = torch.zeros((), device=self.device)

    def update(self, made: torch.Tensor, true: torch.Tensor) -> None:
        self.total = self.total + self.weight * (made - true).abs().mean()

    def compute(self) -> torch.Tensor:
        return self.total


def pictures(seed: int, count: int = 6) -> torch.Tensor:
    return torch.rand(count, 64, 64, 3, generator=torch.Generator().manual_seed(seed))


def test_features_of_the_embedded_network(gpu: torch.device) -> None:
    found = []
    for device in (gpu, torch.device("cpu")):
        prior = load_embedded_judge(device)
        network = embedded_features(prior)
        apart = feature_distance(network, pictures(0), pictures(1))
        assert apart.device.type == "cpu"
        _, odds = likeliest_species(prior, pictures(0))
        found.append([*apart.tolist(), frechet_feature_distance(network, pictures(0), pictures(1)), odds])
        maps = prior(pictures(2, 2), size=64)
        points = torch.rand(5, 2, generator=torch.Generator().manual_seed(0)).double().numpy()
        found[-1] += carry_by_maps(maps, torch.ones_like(maps.foreground), 0, 1, points).ravel().tolist()
    assert found[0] == pytest.approx(found[1], rel=1e-3, abs=1e-4)


def test_frechet_inception_distance(gpu: torch.device) -> None:
    metric = FrechetInceptionDistance(feature=Brightness())
    here = Fid(metric).distance(pictures(0), 0.5 * pictures(1))
    there = Fid(metric.to(gpu)).distance(pictures(0), 0.5 * pictures(1))
    assert here == pytest.approx(there, rel=1e-4)
    assert here > 100


def test_perceptual_distance(gpu: torch.device) -> None:
    made, true = pictures(0), pictures(1)
    found = Lpips("squeeze", Apart().to(gpu)).distance(made, true)
    assert found.device == made.device
    torch.testing.assert_close(found, (made - true).abs().mean((1, 2, 3)))
