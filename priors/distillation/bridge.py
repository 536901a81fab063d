"""Score distillation as a bridge (McAllister et al., NeurIPS 2024): from what the rendering is to what it should be.

    g = w s (e_pos - e_src),        w = sigma^2,

where the source prompt says what renderings under way look like. Its authors begin with SDS and go over to this.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.conditions import Conditions
from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .requirement import Requirement
from .target import Target, by_gradient

BRIDGE_REQUIREMENT = Requirement(free_text=True)
SOURCE = "oversaturated, smooth, pixelated, cartoon, foggy, hazy, blurry, bad structure, noisy, malformed"
"""To be added to the prompt; the authors' words."""


def bridge(
    critic: Critic,
    latents: Float[Tensor, "B C h w"],
    level: NoiseLevel,
    noise: Float[Tensor, "B C h w"],
    source: Conditions,
) -> Target:
    """The target across the bridge; `source`: the prompt followed by `SOURCE`."""
    with torch.no_grad():
        positive, now = critic.pred_noises(level.add_noise(latents, noise), level, critic.positive, source)
        gradient = critic.guidance.scale * (positive - now)
        return by_gradient(latents, gradient, level.sigma.square())
