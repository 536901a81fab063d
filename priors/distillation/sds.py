"""Score distillation sampling (Poole et al., DreamFusion, ICLR 2023), as a target.

The gradient `w (e_hat - e)` of noised latents x_t = alpha x + sigma e is a pull to the guess x_hat behind the noise,

    w (e_hat - e) = c (x - x_hat),      c = w alpha / sigma,        w = sigma^2,

so that c = alpha sigma, which is bounded and zero at both ends. The latents are those of the rendering, encoded with
gradient; `dass` does without.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .target import Target


def sds(
    critic: Critic, latents: Float[Tensor, "B C h w"], level: NoiseLevel, noise: Float[Tensor, "B C h w"]
) -> Target:
    """Where the prior would have the latents, judged through that noise."""
    with torch.no_grad():
        return Target(critic.pred_original(level.add_noise(latents, noise), level), level.alpha * level.sigma)
