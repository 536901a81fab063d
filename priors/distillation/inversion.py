"""Deterministic DDIM inversion (Song et al., ICLR 2021): the noise from which a sampler would come back to the latents.

From one level to the next the model's own guesses of latent and noise are put together anew,

    x_next = alpha_next x_hat + sigma_next e_hat,

which is an Euler step of the probability flow, for noise, v and flow models alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel

See = Callable[[Tensor, NoiseLevel], tuple[Tensor, Tensor]]
"""What a model takes for latent and noise in a noisy latent, such as `Critic.see`."""


def invert(see: See, latents: Float[Tensor, "B C h w"], levels: Sequence[NoiseLevel]) -> list[Float[Tensor, "B C h w"]]:
    """The latents noised along the flow, at each of the levels, which rise.

    First the model is asked at the first level about the clean latents, as samplers' inversions do.
    """
    found: list[Tensor] = []
    with torch.no_grad():
        for k, level in enumerate(levels):
            clean, noise = see(found[-1], levels[k - 1]) if k else (latents, see(latents, level)[1])
            found.append(level.add_noise(clean, noise))
    return found
