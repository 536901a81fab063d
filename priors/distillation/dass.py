"""Decoder-based accumulative score sampling (Yao et al., ARTIC3D, NeurIPS 2023).

The rendering is encoded without gradient, its latent walks a few steps against the score, each with fresh noise, and
what it decodes to is where the pixels are pulled:

    z_0 = E(x),    z_i = z_(i-1) - r clamp(w (e_hat - e), -1, 1),    w = sigma^2,    target D(z_n), clamped to [0, 1].

No gradient passes an autoencoder, whose encoder would spoil it, and nothing of it is kept in memory. It asks for the
noise alone, so it works for flow models as well. Published settings: a quarter of the way of the schedule, three steps
of a half, guidance 12.

Where part of a picture is unknown it in-paints: latents of known pixels are put back after every step, so that the
prior sees what it has to fit in with. Published settings for photos: a tenth to a quarter of the way of the schedule,
three to thirty steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .target import Target

STEP = 0.5
_BOUND = 1.0
_TOUCHED = 0.1
"""Unknown share of a pixel from which on its latent is free."""


def dass(
    critic: Critic,
    pictures: Float[Tensor, "B 3 H W"],
    levels: Sequence[NoiseLevel],
    generator: torch.Generator,
    step: float = STEP,
    unknown: Float[Tensor, "B H W"] | None = None,
) -> Target:
    """Where the prior would have the pictures; the latent walks once at each of the levels, in their order.

    Of the pixels only the `unknown` share is painted, which begins with what `pictures` have there; None: all of all.
    """
    with torch.no_grad():
        start = critic.prior.encode(pictures)
        if unknown is None:
            painted = critic.prior.decode(denoise_steps(critic, start, levels, generator, step)).clamp(0, 1)
        else:
            free, latents = free_cells(unknown, start), start
            for level in levels:
                latents = torch.lerp(start, denoise_steps(critic, latents, [level], generator, step), free)
            painted = torch.lerp(pictures, critic.prior.decode(latents).clamp(0, 1), unknown[:, None])
        return Target(painted, torch.ones(len(painted), device=painted.device))


def free_cells(unknown: Float[Tensor, "B H W"], latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 h w"]:
    """1 for the latents of which a pixel is unknown."""
    size = (latents.shape[2], latents.shape[3])
    return (adaptive_max_pool2d(unknown[:, None], size) > _TOUCHED).to(latents)


def denoise_steps(
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
            found = critic.pred_noise(level.add_noise(latents, noise), level)
            gradient = level.sigma.square()[:, None, None, None] * (found - noise)
            latents = latents - step * gradient.clamp(-_BOUND, _BOUND)
        return latents
