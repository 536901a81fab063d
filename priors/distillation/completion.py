"""DASS as an in-painter (Yao et al., ARTIC3D, NeurIPS 2023): what a picture does not show is painted by the prior.

Latents walk as in `dass`, at levels that fall, and those of known pixels are put back after every step, so that the
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
from .dass import STEP, walk

_TOUCHED = 0.1
"""Unknown share of a pixel from which on its latent is free."""


def free_cells(unknown: Float[Tensor, "B H W"], latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 1 h w"]:
    """1 for the latents of which a pixel is unknown."""
    size = (latents.shape[2], latents.shape[3])
    return (adaptive_max_pool2d(unknown[:, None], size) > _TOUCHED).to(latents)


def complete(
    critic: Critic,
    pictures: Float[Tensor, "B 3 H W"],
    unknown: Float[Tensor, "B H W"],
    levels: Sequence[NoiseLevel],
    generator: torch.Generator,
    step: float = STEP,
) -> Float[Tensor, "B 3 H W"]:
    """The pictures, in [0, 1], with their `unknown` share painted; known pixels stay as they are. What `pictures` have
    there already is where the walk begins."""
    with torch.no_grad():
        start = critic.prior.encode(pictures)
        free = free_cells(unknown, start)
        latents = start
        for level in levels:
            latents = torch.lerp(start, walk(critic, latents, [level], generator, step), free)
        painted = critic.prior.decode(latents).clamp(0, 1)
        return torch.lerp(pictures, painted, unknown[:, None])
