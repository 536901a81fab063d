"""Mini-batches: steps that look at some of the photos, in turn, and leave the others where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def turn(order: Int[Tensor, " N"], batch: int, step: int) -> Bool[Tensor, " N"]:
    """Which of N photos that step of a round looks at: at most `batch`, as many in every step or one fewer.

    Every photo has its turn once in a round of `turns`, in its `order`, a permutation.
    """
    count = turns(len(order), batch)
    chosen = torch.zeros(len(order), dtype=torch.bool)
    chosen[torch.tensor_split(order, count)[step % count]] = True
    return chosen


def turns(photo_count: int, batch: int) -> int:
    """Steps of a round.

    >>> turns(20, 8)
    3
    """
    return math.ceil(photo_count / batch)


def step_rows(optimizer: torch.optim.Adam, moving: Sequence[tuple[Tensor, Bool[Tensor, " _"]]]) -> None:
    """One step of Adam's, in which of the parameters in `moving` only the rows marked there move and remember.

    A row without a gradient would else be carried on by its momentum and forget how large its gradients are.
    """
    kept = []
    held = [(parameter, ~rows) for parameter, rows in moving if not bool(rows.all()) and parameter.grad is not None]
    for parameter, still in held:
        memory = optimizer.state[parameter]
        old = {name: memory[name][still] if memory else 0.0 for name in ("exp_avg", "exp_avg_sq")}
        kept.append((parameter.detach()[still], old))
    optimizer.step()
    with torch.no_grad():
        for (parameter, still), (values, old) in zip(held, kept, strict=True):
            parameter[still] = values
            for name, value in old.items():
                optimizer.state[parameter][name][still] = value
