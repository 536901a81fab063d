"""Interval score matching (Liang et al., LucidDreamer, CVPR 2024): two levels of one inversion against each other.

    g = (sigma_t / alpha_t) (e_hat(x_t) - e_empty(x_s)),        s < t,

x_s and x_t from one deterministic inversion without a prompt. Both lie on one way to one picture, so targets agree from
step to step; e_hat is guided.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .inversion import invert
from .target import Target, by_gradient


def ism(critic: Critic, latents: Float[Tensor, "B C h w"], levels: Sequence[NoiseLevel]) -> Target:
    """The target of the interval between the last two levels. Raises ValueError for fewer than two."""
    if len(levels) < 2:
        raise ValueError(f"{len(levels)} level; an interval needs two")
    with torch.no_grad():
        *_, lower, upper = invert(critic.pred_unconditional, latents, levels)
        _, unprompted = critic.pred_unconditional(lower, levels[-2])
        level = levels[-1]
        return by_gradient(latents, critic.pred_noise(upper, level) - unprompted, level.sigma / level.alpha)
