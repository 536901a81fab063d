"""T-DASS: an animation's frames refined together (Yao et al., ARTIC3D, NeurIPS 2023).

The frames' latents walk against the score as in `dass`, and after every step those that show the same of the subject
are tied together along the flow of its mesh (`warp`). ARTIC3D descends on the sum of both terms by Adam; here each has
its turn, the tie solved for, so that there is no rate to choose.

What is tied is how latents differ from those they began with: frames that are drawn belong together as they are, and
looking latents up between the cells of another frame would mix the subject with the ground. Cells are eight pixels
wide, though, and an autoencoder shows the same thing differently from cell to cell, which flickers however well latents
agree. Renderings do not: so what is kept of the decoded frames is how they differ from these, and that is tied together
as well, pixel by pixel. What is decoded near an outline is mixed with the ground beside it; where the coverage by the
subject is told, what changes there is taken from farther inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..diffusion.conditions import Conditions
from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .dass import STEP, denoise_steps
from .warp import Warp, agreed

_RIM = 5
"""Width in pixels of the window by which a pixel lies inside."""
_SPREADING = 4
"""Pixels over which changes spread to the rim."""


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
    covered: Float[Tensor, "F H W"] | None = None,
) -> Float[Tensor, "F 3 H W"]:
    """The frames as the prior would have them, in [0, 1]; all walk once at each of the levels, which are of one frame.

    `warps`, of the frames' size, tie them together; without any, each frame is refined by itself. `covered` is how much
    of each pixel shows the subject; with it nothing else is changed.
    """
    config = TDassConfig() if config is None else config
    with torch.no_grad():
        parts = torch.arange(len(frames), device=frames.device).split(config.batch)
        start = torch.cat([critic.prior.encode(frames[part]) for part in parts])
        latents, size = start, (start.shape[2], start.shape[3])
        ties = [warp.resized(size) for warp in warps]
        for level in levels:
            walked = [
                denoise_steps(
                    _for(critic, part, len(frames)), latents[part], [_spread(level, len(part))], generator, config.step
                )
                for part in parts
            ]
            change = torch.cat(walked) - start
            latents = start + agreed(change, ties, config.latent_weight, config.latent_steps)
        decoded = torch.cat([critic.prior.decode(latents[part]).clamp(0, 1) for part in parts])
        change = decoded - frames
        if covered is not None:
            change = _from_inside(change, covered)
        change = agreed(change, warps, config.pixel_weight, config.pixel_steps, covered)
        return (frames + (change if covered is None else change * covered[:, None])).clamp(0, 1)


def _from_inside(change: Float[Tensor, "F 3 H W"], covered: Float[Tensor, "F H W"]) -> Float[Tensor, "F 3 H W"]:
    """The change, near outlines that of the nearest pixels which lie well inside."""
    shown = covered[:, None]
    inside = avg_pool2d(shown, _RIM, 1, _RIM // 2) ** 4 * shown
    found, weight = change * inside, inside
    for _ in range(_SPREADING):
        found, weight = (avg_pool2d(one, 3, 1, 1) for one in (found, weight))
    return torch.lerp(found / weight.clamp_min(1e-8), change, inside) * (shown > 0)


def _spread(level: NoiseLevel, count: int) -> NoiseLevel:
    return NoiseLevel(level.alpha.expand(count), level.sigma.expand(count), level.timestep.expand(count))


def _for(critic: Critic, part: Tensor, count: int) -> Critic:
    """The critic of some of the frames."""

    def chosen(conditions: Conditions) -> Conditions:
        return conditions.spread(count).select(part)

    negative = None if critic.negative is None else chosen(critic.negative)
    return replace(critic, positive=chosen(critic.positive), empty=chosen(critic.empty), negative=negative)
