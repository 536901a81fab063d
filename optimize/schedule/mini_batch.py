"""Mini-batches: steps that look at some of the photos, in turn, and leave the others where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor


def turn(photo_count: int, batch: int, step: int) -> Bool[Tensor, " N"]:
    """Which photos that step looks at: at most `batch`, as many in every step or one fewer.

    Every photo has its turn once in a round, and each round has another order; the same for the same numbers.
    """
    turns = math.ceil(photo_count / batch)
    order = torch.randperm(photo_count, generator=torch.Generator().manual_seed(step // turns))
    chosen = torch.zeros(photo_count, dtype=torch.bool)
    chosen[torch.tensor_split(order, turns)[step % turns]] = True
    return chosen


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
