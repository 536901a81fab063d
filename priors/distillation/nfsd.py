"""Noise-free score distillation (Katzir et al., ICLR 2024): no noise is subtracted that the network did not see.

    g = w (d + s (e_pos - e_empty)),    d = e_empty below a fifth of the schedule, else e_empty - e_neg,    w = sigma^2.

At little noise the model output without a prompt is hardly about the noise; at much of it, a negative prompt for bad
pictures has the same noise in it. s is the critic's guidance scale, which its authors set to 7.5.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .requirement import Requirement
from .target import Target, by_gradient

NFSD_REQUIREMENT = Requirement(negative_prompt=True)
_LITTLE = 0.2
"""Place in the schedule below which there is little noise."""


def nfsd(
    critic: Critic, latents: Float[Tensor, "B C h w"], level: NoiseLevel, noise: Float[Tensor, "B C h w"]
) -> Target:
    """The target without noise. Raises ValueError for a critic without a negative prompt."""
    if critic.negative is None:
        raise ValueError("noise-free score distillation needs a negative prompt, of what bad pictures look like")
    with torch.no_grad():
        noisy = level.add_noise(latents, noise)
        positive, empty, negative = critic.pred_noises(noisy, level, critic.positive, critic.empty, critic.negative)
        little = (level.timestep < _LITTLE * critic.prior.schedule.timestep.amax())[:, None, None, None]
        direction = torch.where(little, empty, empty - negative) + critic.guidance.scale * (positive - empty)
        return by_gradient(latents, direction, level.sigma.square())
