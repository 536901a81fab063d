"""DASS: what it walks, what it decodes to, and that one step is the encoder's Jacobian where the decoder is linear."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoetrope.priors.diffusion.autoencoder import Autoencoder
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.noise_level import NoiseLevel
from zoetrope.priors.distillation.critic import Critic
from zoetrope.priors.distillation.dass import dass, denoise_steps


class Linear(Autoencoder):
    """Four orthonormal pictures of eight by eight pixels for each place of a latent: decoding is linear about grey, and
    encoding its transpose."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self._basis = torch.linalg.qr(torch.randn(192, 4, generator=generator)).Q
        self.channels, self.stride = 4, 8

    def encode(self, pictures: Tensor) -> Tensor:
        return torch.einsum("pc,bpn->bcn", self._basis, _blocks(pictures - 0.5)).reshape(len(pictures), 4, 4, 4)

    def decode(self, latents: Tensor) -> Tensor:
        blocks = torch.einsum("pc,bcn->bpn", self._basis, latents.reshape(len(latents), 4, 16))
        return 0.5 + torch.nn.functional.fold(blocks, (32, 32), 8, stride=8)


def _blocks(pictures: Tensor) -> Tensor:
    return torch.nn.functional.unfold(pictures, 8, stride=8)


@pytest.fixture(scope="module", params=["sd", "sd_v", "sd3"])
def critic(
    request: pytest.FixtureRequest, small_diffusion: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Critic:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        prior = load_diffusion_prior(str(small_diffusion(request.param)))
        positive, empty = prior.embed(["a fox"]), prior.embed([""])
    return Critic(prior, positive, empty, guidance=GuidanceConfig(scale=12.0))


def levels_of(critic: Critic, *places: float) -> Sequence[NoiseLevel]:
    return [critic.prior.schedule.at(torch.full((2,), place)) for place in places]


def test_one_step_with_a_linear_decoder_is_the_encoders_jacobian(critic: Critic) -> None:
    critic = replace(critic, prior=replace(critic.prior, autoencoder=Linear()))
    (level,) = levels_of(critic, 0.25)
    # Pictures that the decoder can make, in the middle of its range, and steps that no clamp touches.
    latents = 0.01 * torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    pictures = critic.prior.decode(latents)
    found = dass(critic, pictures, [level], torch.Generator().manual_seed(2), step=0.01)
    noise = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    start = critic.prior.encode(pictures)
    score = level.sigma.square()[:, None, None, None] * (
        critic.pred_noise(level.add_noise(start, noise), level) - noise
    )
    free = pictures.clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(critic.prior.encode(free), free, score.clamp(-1, 1))
    assert float(jacobian.abs().max()) > 1e-3
    torch.testing.assert_close(pictures - found.value, 0.01 * jacobian, atol=2e-6, rtol=1e-4)


def test_the_walk_is_clamped_accumulates_and_has_fresh_noise(critic: Critic) -> None:
    latents = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    levels = levels_of(critic, 0.25, 0.25, 0.2)
    there = denoise_steps(critic, latents, levels, torch.Generator().manual_seed(4))
    assert 0 < float((there - latents).abs().max()) <= 3 * 0.5 + 1e-5
    generator = torch.Generator().manual_seed(4)
    stepwise = latents
    for level in levels:
        stepwise = denoise_steps(critic, stepwise, [level], generator)
    torch.testing.assert_close(there, stepwise)
    again = denoise_steps(critic, latents, levels, torch.Generator().manual_seed(5))
    assert not torch.equal(there, again)


def test_the_target_is_a_picture_and_needs_no_gradient(critic: Critic) -> None:
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), requires_grad=True)
    target = dass(critic, pictures, levels_of(critic, 0.25, 0.25, 0.25), torch.Generator().manual_seed(0))
    assert target.value.shape == pictures.shape
    assert float(target.value.min()) >= 0
    assert float(target.value.max()) <= 1
    target.pull(pictures).sum().backward()
    assert pictures.grad is not None
    expected = (pictures.detach() - target.value) / pictures[0].numel()
    torch.testing.assert_close(pictures.grad, expected, atol=1e-9, rtol=1e-5)
