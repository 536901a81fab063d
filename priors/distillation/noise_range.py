"""Which noise levels a fit asks at, as it goes on.

Much noise decides where parts are, little noise what a surface looks like. So levels fall in the course of a fit, or
are drawn anew for each picture from a range whose upper end falls (Huang et al., DreamTime, ICLR 2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class NoiseRange:
    """Places in a model's schedule, 0 to 1. Raises ValueError where they are none."""

    first: float = 0.5
    """The highest at the beginning."""
    last: float = 0.1
    """At the end."""
    lowest: float = 0.02
    """Of what is drawn at random."""
    kind: Literal["falling", "random"] = "random"
    """falling: from first to last, the same for all pictures; random: between lowest and what falls."""

    def __post_init__(self) -> None:
        if not 0 < self.lowest <= self.last <= self.first < 1:
            raise ValueError(
                f"noise from {self.first} to {self.last} and not below {self.lowest}: they have to fall in (0, 1)"
            )

    def at(self, done: float, count: int, generator: torch.Generator) -> Float[Tensor, " {count}"]:
        """Places for `count` pictures when that share of the fit is over.

        >>> import torch
        >>> NoiseRange(first=0.9, last=0.5, kind="falling").at(0.5, 2, torch.Generator()).tolist()
        [0.699999988079071, 0.699999988079071]
        """
        if not 0 <= done <= 1:
            raise ValueError(f"{done} of a fit cannot be over; expected 0 to 1")
        upper = self.first + (self.last - self.first) * done
        if self.kind == "falling":
            return torch.full((count,), upper)
        return self.lowest + (upper - self.lowest) * torch.rand(count, generator=generator)
