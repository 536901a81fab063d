"""Classifier score distillation (Yu et al., ICLR 2024): what the prompt adds, and nothing else.

    g = w ((e_pos - e_empty) - s (e_neg - e_empty)),        w = sigma^2.

Its authors let s grow from 0 to 1 in the course of the fit; without a negative prompt the second term is none.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .target import Target, by_gradient


def csd(
    critic: Critic,
    latents: Float[Tensor, "B C h w"],
    level: NoiseLevel,
    noise: Float[Tensor, "B C h w"],
    negative_scale: float = 0.0,
) -> Target:
    """The target of the classifier's score; the critic's guidance plays no part."""
    with torch.no_grad():
        noisy = level.add_noise(latents, noise)
        if critic.negative is None or negative_scale == 0:
            positive, empty = critic.pred_noises(noisy, level, critic.positive, critic.empty)
            gradient = positive - empty
        else:
            positive, empty, negative = critic.pred_noises(noisy, level, critic.positive, critic.empty, critic.negative)
            gradient = (positive - empty) - negative_scale * (negative - empty)
        return by_gradient(latents, gradient, level.sigma.square())
