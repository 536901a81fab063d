"""Fits that compete for one subject: builds of the template, and the fit with canonical maps and the one without."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from ...representations.tensor_structure import TensorStructure

_MUCH_BETTER = 0.6
"""Share of the outlines' loss below which a fit is believed against what canonical maps say. Without them it is freer,
and leaves less even where they are right: .85 on real dogs, .37 on a toy that the network takes for turned."""


class Contender(TensorStructure):
    """A fit as it stood when it was put away."""

    loss: float
    """By which it is compared with its rivals: smaller is better."""
    scores: Float[Tensor, " B"]
    """Loss of each of its hypotheses."""
    scene: dict[str, Any]
    """`Scene.state`."""


class Tournament:
    """Which fits have been put away, and which of them go on."""

    def __init__(self) -> None:
        self.builds: list[Contender] = []
        """Builds of the template that have been tried since the last decision."""
        self.with_maps: Contender | None = None
        """What canonical maps have led to, while a fit without them is under way."""
        self.uses_maps = True
        """Whether canonical maps count in the fit under way."""
        self.verdict = ""
        """Which of the fits with and without maps went on, for people."""

    def best_build(self) -> Contender:
        """The build that explains the photos best; all are forgotten."""
        best = min(self.builds, key=lambda contender: contender.loss)
        self.builds = []
        return best

    def leave_maps(self, contender: Contender) -> None:
        """Puts away what canonical maps have led to: from now on they do not count."""
        self.with_maps, self.uses_maps = contender, False

    def decide(self, rival: Contender, outline_loss: float) -> Contender | None:
        """The fit with maps where it goes on; None where the one without explains the outlines much better."""
        self.with_maps = None
        share = outline_loss / rival.loss if rival.loss > 0 else 1.0
        self.verdict = f"the fit without canonical maps leaves {share:.0%} of the outlines' loss of the fit with them"
        if share < _MUCH_BETTER:
            self.verdict += ", and goes on"
            return None
        self.verdict += f", not below {_MUCH_BETTER:.0%}; the one with them goes on"
        self.uses_maps = True
        return rival

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on."""
        with_maps = None if self.with_maps is None else dict(vars(self.with_maps))
        builds = [dict(vars(contender)) for contender in self.builds]
        return {"builds": builds, "with_maps": with_maps, "uses_maps": self.uses_maps}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned."""
        self.builds = [Contender(**one) for one in state["builds"]]
        self.with_maps = None if state["with_maps"] is None else Contender(**state["with_maps"])
        self.uses_maps = state["uses_maps"]
