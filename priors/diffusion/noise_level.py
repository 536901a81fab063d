"""How much noise there is in a latent, and what a model output about it means.

A latent x is noised to x_t = alpha x + sigma e with e ~ N(0, 1). Networks are trained to predict

    eps:   e
    v:     alpha e - sigma x                (Salimans and Ho, ICLR 2022; alpha^2 + sigma^2 = 1)
    flow:  e - x                            (rectified flow, Liu et al., ICLR 2023; alpha + sigma = 1)

Each is a linear map of (x, e), which with x_t gives both back:

    eps:   x = (x_t - sigma y) / alpha,     e = y
    v:     x = (alpha x_t - sigma y) / s,   e = (sigma x_t + alpha y) / s,    s = alpha^2 + sigma^2
    flow:  x = (x_t - sigma y) / s,         e = (x_t + alpha y) / s,          s = alpha + sigma
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from ...representations.tensor_structure import TensorStructure

PredictionType = Literal["eps", "v", "flow"]


class NoiseLevel(TensorStructure):
    """The levels of a batch of B latents."""

    alpha: Float[Tensor, " B"]
    """Share of the latent; 0 only at the very end of a flow, where nothing divides by it but what says so."""
    sigma: Float[Tensor, " B"]
    """Standard deviation of the noise, above 0."""
    timestep: Float[Tensor, " B"]
    """What the network is told, in steps of its training, 0 to their number."""

    def add_noise(self, latents: Float[Tensor, "B C h w"], noise: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """`alpha x + sigma e`."""
        return _wide(self.alpha) * latents + _wide(self.sigma) * noise

    def pred_original_and_noise(
        self, noisy: Float[Tensor, "B C h w"], model_output: Float[Tensor, "B C h w"], kind: PredictionType
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B C h w"]]:
        """What a network takes for the latent x and for the noise e in `noisy`, by its model output of that kind.

        >>> import torch
        >>> level = NoiseLevel(*(torch.tensor([value]) for value in (0.8, 0.6, 300.0)))
        >>> x, e = torch.full((1, 1, 1, 1), 3.0), torch.full((1, 1, 1, 1), -1.0)
        >>> [part.item() for part in level.pred_original_and_noise(level.add_noise(x, e), e, "eps")]
        [3.0, -1.0]
        """
        alpha, sigma = _wide(self.alpha), _wide(self.sigma)
        if kind == "eps":
            return (noisy - sigma * model_output) / alpha, model_output
        if kind == "v":
            scale = alpha.square() + sigma.square()
            return (alpha * noisy - sigma * model_output) / scale, (sigma * noisy + alpha * model_output) / scale
        scale = alpha + sigma
        return (noisy - sigma * model_output) / scale, (noisy + alpha * model_output) / scale

    def noise_in(self, noisy: Float[Tensor, "B C h w"], latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """What is left of noisy latents when `latents` are taken for what is behind them."""
        return (noisy - _wide(self.alpha) * latents) / _wide(self.sigma)

    def training_target(
        self, latents: Float[Tensor, "B C h w"], noise: Float[Tensor, "B C h w"], kind: PredictionType
    ) -> Float[Tensor, "B C h w"]:
        """What a network that knows both predicts: the inverse of `pred_original_and_noise`."""
        if kind == "eps":
            return noise
        if kind == "v":
            return _wide(self.alpha) * noise - _wide(self.sigma) * latents
        return noise - latents


def _wide(values: Float[Tensor, " B"]) -> Float[Tensor, "B 1 1 1"]:
    return values[:, None, None, None]
