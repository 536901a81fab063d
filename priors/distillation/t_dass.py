"""T-DASS: an animation's frames refined together (Yao et al., ARTIC3D, NeurIPS 2023).

The frames' latents walk against the score as in `dass`, and after every step those that show the same of the subject
are tied together along the flow of its mesh (`warp`). ARTIC3D descends on the sum of both terms by Adam; here each has
its turn, the tie solved for, so that there is no rate to choose.

Latents are eight pixels wide, and an autoencoder shows the same thing differently from cell to cell, which flickers
however well latents agree. Renderings do not: so what is kept of the decoded frames is how they differ from these, and
that is tied together as well, pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.conditions import Conditions
from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .dass import STEP, walk
from .warp import Warp, agreed


@dataclass(frozen=True)
class TDassConfig:
    """How frames are tied together; weights are those of `agreed`."""

    step: float = STEP
    latent_weight: float = 1.0
    pixel_weight: float = 20.0
    latent_steps: int = 4
    pixel_steps: int = 60
    batch: int = 8
    """Frames that the prior sees at once."""


def t_dass(
    critic: Critic,
    frames: Float[Tensor, "F 3 H W"],
    warps: Sequence[Warp],
    levels: Sequence[NoiseLevel],
    generator: torch.Generator,
    config: TDassConfig | None = None,
) -> Float[Tensor, "F 3 H W"]:
    """The frames as the prior would have them, in [0, 1]; all walk once at each of the levels, which are of one frame.

    `warps`, of the frames' size, tie them together; without any, each frame is refined by itself.
    """
    config = TDassConfig() if config is None else config
    with torch.no_grad():
        parts = torch.arange(len(frames)).split(config.batch)
        latents = torch.cat([critic.prior.encode(frames[part]) for part in parts])
        size = (latents.shape[2], latents.shape[3])
        ties = [warp.resized(size) for warp in warps]
        for level in levels:
            walked = [
                walk(
                    _for(critic, part, len(frames)), latents[part], [_spread(level, len(part))], generator, config.step
                )
                for part in parts
            ]
            latents = agreed(torch.cat(walked), ties, config.latent_weight, config.latent_steps)
        decoded = torch.cat([critic.prior.decode(latents[part]).clamp(0, 1) for part in parts])
        change = agreed(decoded - frames, warps, config.pixel_weight, config.pixel_steps)
        return (frames + change).clamp(0, 1)


def _spread(level: NoiseLevel, count: int) -> NoiseLevel:
    return NoiseLevel(level.alpha.expand(count), level.sigma.expand(count), level.timestep.expand(count))


def _for(critic: Critic, part: Tensor, count: int) -> Critic:
    """The critic of some of the frames."""

    def chosen(conditions: Conditions) -> Conditions:
        return conditions.spread(count).select(part)

    negative = None if critic.negative is None else chosen(critic.negative)
    return replace(critic, positive=chosen(critic.positive), empty=chosen(critic.empty), negative=negative)
