"""What small networks are trained with: Muon for matrices within a network, AdamW for its ends and for all vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from .muon import Muon


@dataclass(frozen=True)
class TrainingRates:
    """Highest learning rates."""

    matrix: float
    """Muon's."""
    other: float
    """AdamW's."""


def muon_and_adam(
    network: nn.Module, ends: tuple[str, ...], matrix_rate: float, rate: float, decay: float, beta: float = 0.98
) -> tuple[Muon, torch.optim.AdamW]:
    """`ends`: how names of weights begin that are no inner matrices, such as the first and last layer; `decay` is what
    AdamW would be given. Biases, norms and lone vectors are not decayed."""
    plain, outer, inner = [], [], []
    for name, weight in network.named_parameters():
        (plain if weight.ndim < 2 else outer if name.startswith(ends) else inner).append(weight)
    rest = [{"params": outer, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]
    return (
        Muon(inner, lr=matrix_rate, weight_decay=decay * rate / matrix_rate),
        torch.optim.AdamW(rest, lr=rate, betas=(0.9, beta)),
    )
