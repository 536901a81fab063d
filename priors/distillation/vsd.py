"""Variational score distillation (Wang et al., ProlificDreamer, NeurIPS 2023).

    g = w (e_hat - e_now),        w = sigma^2,

where e_now is what the prior would say if renderings as they are were what it had been trained on: the same network
with low-rank additions, which learn from the renderings while the fit goes on. Its authors guide e_hat by 7.5 and e_now
not at all.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.conditions import Conditions
from ..diffusion.noise_level import NoiseLevel
from ..diffusion.prior import DiffusionPrior
from .critic import Critic
from .low_rank import LowRank
from .requirement import Requirement
from .target import Target, by_gradient

VSD_REQUIREMENT = Requirement(attention=True)


class Student:
    """Learns what renderings look like to the prior; one for each fit, and the only rule here that has a state."""

    def __init__(self, prior: DiffusionPrior, *, rank: int = 4, rate: float = 1e-4, seed: int = 0) -> None:
        self._prior = prior
        self._additions = LowRank(prior.denoiser.module, rank, torch.Generator().manual_seed(seed))
        self._optimizer = torch.optim.AdamW(self._additions.parameters(), lr=rate)

    def noise(self, critic: Critic, noisy: Float[Tensor, "B C h w"], level: NoiseLevel) -> Float[Tensor, "B C h w"]:
        """The noise that it sees, with the critic's prompt, unguided."""
        with self._additions.on():
            return critic.pred_noises(noisy, level, critic.positive)[0]

    def learn(
        self,
        prompts: Conditions,
        latents: Float[Tensor, "B C h w"],
        level: NoiseLevel,
        noise: Float[Tensor, "B C h w"],
    ) -> float:
        """One step towards seeing that noise in these latents; returns the mean squared error before it."""
        noisy = level.add_noise(latents.detach(), noise)
        with torch.enable_grad(), self._additions.on():
            model_output = self._prior.denoiser(noisy, level.timestep, prompts.spread(len(latents)))
            loss = (
                (model_output - level.training_target(latents.detach(), noise, self._prior.schedule.kind))
                .square()
                .mean()
            )
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
        return float(loss.detach())

    def remove(self) -> None:
        """Takes the additions off the prior, which others may share."""
        self._additions.remove()


def vsd(
    critic: Critic,
    student: Student,
    latents: Float[Tensor, "B C h w"],
    level: NoiseLevel,
    noise: Float[Tensor, "B C h w"],
) -> Target:
    """Where the prior would have the latents, as against what it takes renderings for."""
    with torch.no_grad():
        noisy = level.add_noise(latents, noise)
        gradient = critic.pred_noise(noisy, level) - student.noise(critic, noisy, level)
        return by_gradient(latents, gradient, level.sigma.square())
