"""Score distillation via inversion (Lukoianov et al., NeurIPS 2024): SDS with the noise that belongs to the rendering.

Fresh noise at every step averages what the prior wants over all pictures that it could be thinking of, which is what
makes SDS smooth and oversaturated. Here the noise is found by DDIM inversion, with the guidance scale negated, so that
one target leads on where the last one led. The pull to the guess behind it has weight 1; levels fall from .98 to .25 of
the schedule in the course of a fit, guidance is 7.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .inversion import invert
from .target import Target


def sdi(critic: Critic, latents: Float[Tensor, "B C h w"], levels: Sequence[NoiseLevel]) -> Target:
    """Where the prior would have the latents, judged at the last of the levels, which rise; ten of them are usual."""
    with torch.no_grad():
        backwards = replace(critic.guidance, kind="plain", scale=-critic.guidance.scale)
        noisy = invert(lambda now, level: critic.pred_original_and_noise(now, level, backwards), latents, levels)[-1]
        return Target(critic.pred_original(noisy, levels[-1]), torch.ones(len(noisy), device=noisy.device))
