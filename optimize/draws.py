"""All that the descent draws at random: where hypotheses of photos begin, and in which order photos have their turns.

Where a seed other than 0 is given, one generator on the CPU, whatever the device, which is kept in checkpoints. With
seed 0 hypotheses begin exactly where they are planned, and the rounds of mini-batches are numbered: nothing is drawn.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from .schedule.mini_batch import turn, turns


def generator_of(seed: int) -> torch.Generator | None:
    """What a fit of that seed draws with; None for 0."""
    return torch.Generator().manual_seed(seed) if seed else None


class Draws:
    """Those of one fit of `photo_count` photos, of which a step looks at `batch`; at all of them if that is None."""

    def __init__(self, photo_count: int, batch: int | None = None, generator: torch.Generator | None = None) -> None:
        self._generator = generator
        self._first = None if generator is None else generator.clone_state()
        self._batch = photo_count if batch is None else batch
        self._order = torch.arange(photo_count)
        """Of the round under way."""

    def starts(self) -> torch.Generator | None:
        """Moves first hypotheses; the same way each time, since builds, and fits with maps and without, compete."""
        return None if self._first is None else self._first.clone_state()

    def turn(self, step: int) -> Bool[Tensor, " N"]:
        """The photos of that step, on the CPU; steps are asked for one after another. Each round of all photos has an
        order of its own."""
        photo_count = len(self._order)
        count = turns(photo_count, self._batch)
        if self._generator is None:
            numbered = torch.Generator().manual_seed(step // count)
            self._order = torch.randperm(photo_count, generator=numbered)
        elif count > 1 and step % count == 0:
            self._order = torch.randperm(photo_count, generator=self._generator)
        return turn(self._order, self._batch, step)

    def state(self) -> dict[str, Any] | None:
        """What later steps need; None where nothing is drawn."""
        if self._generator is None:
            return None
        return {"generator": self._generator.clone_state(), "first": self.starts(), "order": self._order}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Goes back to what `state` returned."""
        if state is None:
            return
        self._generator, self._first = (state[name].clone_state() for name in ("generator", "first"))
        self._order = state["order"].cpu()
