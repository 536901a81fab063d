"""What a model has made of prompts: the embeddings that its denoiser is conditioned on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.tensor_structure import TensorStructure


class Conditions(TensorStructure):
    """Those of P prompts."""

    context: Float[Tensor, "P L D"]
    """One vector for each token."""
    pooled: Float[Tensor, "P Q"] | None = None
    """One vector for the whole, where the model has such a thing."""

    def __len__(self) -> int:
        return self.context.shape[0]

    def select(self, index: Int[Tensor, " K"]) -> Conditions:
        """Those at `index`."""
        return Conditions(self.context[index], None if self.pooled is None else self.pooled[index])

    def spread(self, count: int) -> Conditions:
        """Those of one prompt `count` times; those of as many prompts as they are."""
        if len(self) == count:
            return self
        return self.select(torch.zeros(count, dtype=torch.int64, device=self.context.device))

    def mixed(self, weights: Float[Tensor, "B P"]) -> Conditions:
        """Weighted sums of the prompts' embeddings, one for each row; what lies between two prompts."""
        context = torch.einsum("bp,pld->bld", weights.to(self.context), self.context)
        return Conditions(context, None if self.pooled is None else weights.to(self.pooled) @ self.pooled)

    @staticmethod
    def joined(parts: Sequence[Conditions]) -> Conditions:
        """All of one model, one after the other."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Conditions(torch.cat([part.context for part in parts]), torch.cat(pooled) if pooled else None)
