"""Rectified-flow distillation sampling (Yang et al., ICLR 2025).

With x_t = (1 - sigma) x + sigma e the network's velocity v_hat stands against the true one, e - x:

    g = v_hat - (e - x) = x - (e - v_hat),

a pull of weight 1 to e - v_hat; SDS on the same model is the same pull with a weight that depends on the level.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.noise_level import NoiseLevel
from .critic import Critic
from .requirement import Requirement
from .target import Target

FLOW_REQUIREMENT = Requirement(prediction="flow")


def flow_distillation(
    critic: Critic, latents: Float[Tensor, "B C h w"], level: NoiseLevel, noise: Float[Tensor, "B C h w"]
) -> Target:
    """The target of a flow model. Raises ValueError for another kind."""
    kind = critic.prior.schedule.kind
    if kind != "flow":
        raise ValueError(f"{critic.prior.name} predicts {kind}; rectified-flow distillation needs a flow model")
    with torch.no_grad():
        clean, seen = critic.pred_original_and_noise(level.add_noise(latents, noise), level)
        return Target(noise - (seen - clean), torch.ones(len(noise), device=noise.device))
