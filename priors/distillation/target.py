"""What a rule gives: where to, and how strongly.

The pull of x to its target y is `weight / 2 * mean((x - y)^2)`, the mean over everything but the batch, so that weights
keep their meaning when the size of pictures changes. A rule that its paper states as a gradient g in x is the target
`x - g` of weight 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.tensor_structure import TensorStructure


class Target(TensorStructure):
    """Of a batch of latents, or of pictures; without gradient, so that it can serve several steps, and be looked at.

    Raises ValueError for values with a gradient, FloatingPointError for values that are not finite.
    """

    value: Float[Tensor, "B C h w"]
    weight: Float[Tensor, " B"]

    def __post_init__(self) -> None:
        if self.value.requires_grad or self.weight.requires_grad:
            raise ValueError("a target with a gradient would be pulled along; make it under torch.no_grad")
        finite = torch.isfinite(self.value)
        if not bool(finite.all()):
            raise FloatingPointError(f"{int((~finite).sum())} of {finite.numel()} values of a target are not finite")

    def pull(self, found: Float[Tensor, "B C h w"]) -> Float[Tensor, " B"]:
        """Loss of each of the batch, differentiable in `found`."""
        return 0.5 * self.weight * (found - self.value).square().mean((1, 2, 3))


def by_gradient(
    latents: Float[Tensor, "B C h w"], gradient: Float[Tensor, "B C h w"], weight: Float[Tensor, " B"]
) -> Target:
    """The target that a step along `-weight * gradient` leads to."""
    value = (latents - weight[:, None, None, None] * gradient).detach()
    return Target(value, torch.ones(len(value), device=value.device))
