"""DASS as an in-painter: the unknown goes to what the prior sees, the known stays, the walk begins where it is told."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoetrope.priors.diffusion.autoencoder import Autoencoder
from zoetrope.priors.diffusion.conditions import Conditions
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.noise_level import NoiseLevel
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.critic import Critic
from zoetrope.priors.distillation.dass import dass


class Knows:
    """Answers with the noise that would be in the latents if they were those of one picture."""

    module = None

    def __init__(self, truth: Tensor, prior: DiffusionPrior) -> None:
        self._truth, self._schedule = truth, prior.schedule
        self.looked_at: list[Tensor] = []

    def __call__(self, noisy: Tensor, timestep: Tensor, conditions: Conditions) -> Tensor:
        self.looked_at.append(noisy)
        level = self._schedule.at(timestep / 999)
        alpha, sigma = (one[:, None, None, None] for one in (level.alpha, level.sigma))
        return (noisy - alpha * self._truth) / sigma


@pytest.fixture
def critic(
    small_diffusion: Callable[[str], Path], blocks: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Tensor], Critic]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prior = load_diffusion_prior(str(small_diffusion("sd")))
    words = prior.embed(["a fox"])

    def knowing(truth: Tensor) -> Critic:
        changed = replace(prior, autoencoder=blocks, denoiser=Knows(blocks.encode(truth), prior))
        return Critic(changed, words, words, guidance=GuidanceConfig(scale=1.0))

    return knowing


def levels_of(critic: Critic, *places: float) -> Sequence[NoiseLevel]:
    return [critic.prior.schedule.at(torch.full((2,), place)) for place in places]


def test_unknown_pixels_go_to_the_priors_picture_and_known_ones_stay(critic: Callable[[Tensor], Critic]) -> None:
    truth = torch.zeros(1, 3, 32, 32)
    truth[:, 0], truth[:, :, 16:] = 0.9, 0.3
    judge = critic(truth)
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    unknown = torch.zeros(2, 32, 32)
    unknown[0, :, :13], unknown[1, 8:20] = 1.0, 0.5
    levels, generator = levels_of(judge, *[0.6] * 40), torch.Generator().manual_seed(1)
    found = dass(judge, pictures, levels, generator, unknown=unknown).value
    known = unknown[:, None].expand_as(found) == 0
    assert torch.equal(found[known], pictures[known])
    first = (found - truth)[0, :, :, :12].abs()
    assert float(first.max()) < 0.1
    # Half known, half painted.
    half = torch.lerp(pictures, truth.expand_as(pictures), 0.5)[1, :, 8:20]
    assert float((found[1, :, 8:20] - half).abs().max()) < 0.1
    # What is known stays in the prior's sight: the last look has its own latents, but for the noise.
    assert isinstance(judge.prior.denoiser, Knows)
    (level,) = levels_of(judge, 0.6)
    last = judge.prior.denoiser.looked_at[-1][:2] / level.alpha[:, None, None, None]
    own = judge.prior.encode(pictures)
    noise = float(level.sigma[0] / level.alpha[0])
    assert abs(float((last - own)[0, :, :, 5:].std()) / noise - 1) < 0.25


def test_little_noise_keeps_what_is_there_already(critic: Callable[[Tensor], Critic]) -> None:
    truth = torch.full((1, 3, 32, 32), 0.9)
    judge = critic(truth)
    begun = torch.full((2, 3, 32, 32), 0.2)
    moved = []
    for place in (0.02, 0.3):
        levels, generator = levels_of(judge, *[place] * 4), torch.Generator().manual_seed(1)
        found = dass(judge, begun, levels, generator, unknown=torch.ones(2, 32, 32))
        moved.append(float((found.value - begun).mean()))
    assert 0 < moved[0] < 0.5 * moved[1]
