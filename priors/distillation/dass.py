"""Decoder-based accumulative score sampling (Yao et al., ARTIC3D, NeurIPS 2023).

The rendering is encoded without gradient, its latent walks a few steps against the score, each with fresh noise, and
what it decodes to is where the pixels are pulled:

    z_0 = E(x),    z_i = z_(i-1) - r clamp(w (e_hat - e), -1, 1),    w = sigma^2,    target D(z_n), clamped to [0, 1].

No gradient passes an autoencoder, whose encoder would spoil it, and nothing of it is kept in memory. It asks for the
noise alone, so it works for flow models as well. Published settings: a quarter of the way of the schedule, three steps
of a half, guidance 12.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .target import Target

STEP = 0.5
_BOUND = 1.0


def dass(
    critic: Critic,
    pictures: Float[Tensor, "B 3 H W"],
    levels: Sequence[NoiseLevel],
    generator: torch.Generator,
    step: float = STEP,
) -> Target:
    """Where the prior would have the pictures; the latent walks once at each of the levels, in their order."""
    with torch.no_grad():
        latents = walk(critic, critic.prior.encode(pictures), levels, generator, step)
        decoded = critic.prior.decode(latents).clamp(0, 1)
        return Target(decoded, torch.ones(len(decoded), device=decoded.device))


def walk(
    critic: Critic,
    latents: Float[Tensor, "B C h w"],
    levels: Sequence[NoiseLevel],
    generator: torch.Generator,
    step: float = STEP,
) -> Float[Tensor, "B C h w"]:
    """Latents after one step against the score at each of the levels."""
    with torch.no_grad():
        for level in levels:
            noise = torch.randn(latents.shape, generator=generator, device=generator.device).to(latents)
            found = critic.noise(level.noised(latents, noise), level)
            gradient = level.sigma.square()[:, None, None, None] * (found - noise)
            latents = latents - step * gradient.clamp(-_BOUND, _BOUND)
        return latents
