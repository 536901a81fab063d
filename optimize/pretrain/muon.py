"""Muon: momentum whose every matrix is made orthogonal before it is taken as a step.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the coefficients given there. A
convolution counts as the matrix of its output channels by everything else. For vectors, inputs and outputs use another
optimiser. PyTorch's own (2.9 and later) takes matrices only, and works in bfloat16, which a CPU may have to emulate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Takes weights of two or more dimensions; decay is decoupled, as in AdamW.

    A step of n x m entries has a root mean square of `lr` times sqrt(max(1, n / m)) / sqrt(max(n, m)) or so, which does
    not depend on the gradient's size.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter] | Iterable[dict[str, Any]],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        flat = [p for group in self.param_groups for p in group["params"] if p.ndim < 2]
        if flat:
            raise ValueError(f"Muon is for matrices and convolutions; {len(flat)} parameters have fewer dimensions")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step along orthogonalised momenta (Nesterov's)."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                momentum = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(momentum, group["momentum"])
                # Convolutions' memory has the input channels last; what order the columns have does not matter.
                matrix = ahead.permute(0, *range(2, ahead.ndim), 1).flatten(1)
                turned = orthogonal(matrix)
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                shape = [weight.shape[0], *weight.shape[2:], weight.shape[1]]
                update = turned.view(shape).permute(0, -1, *range(1, weight.ndim - 1))
                weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)


def orthogonal(matrix: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """Nearly the closest matrix with orthonormal rows or columns: singular values come out between 0.7 and 1.2."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    wide = matrix.T if tall else matrix
    wide = wide / wide.norm().clamp_min(1e-7)
    # Each round is X <- (a + b G + c G^2) X with G = X X^T. All these polynomials commute, so that only G and their
    # product need to be carried on, which are small.
    gram = wide @ wide.T
    turn = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(_ROUNDS):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        turn = factor @ turn
        gram = factor @ gram @ factor
    turned = turn @ wide
    return turned.T if tall else turned
