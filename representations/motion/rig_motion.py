"""Any rig in motion, from whatever file: what its nodes are called, where they rest, and how they turn and travel.

The common form of motions that were not made here. Nodes are in the package's frame (+Y up, front +Z, longest side at
rest 1) and their rotations are the world's, since rest. A file's rest pose need not be a standing body: `rest_pose`
finds out, and counts turns from one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..rig_name import rig_joint_names
from ..rotation import multiply, quaternion_from_vector, rotate, slerp
from ..tensor_structure import TensorStructure

_HEADING = 1e-3
"""Least sideways distance between left and right joints, in sizes of the rig, that tells its front."""
_LEVEL = 0.1
"""Least length of a mean direction's level part that is trusted."""


class RigMotion(TensorStructure):
    """N nodes, in any order, over T moments."""

    name: str
    names: tuple[str, ...]
    parents: tuple[int, ...]
    """-1 for a root, of which there may be several."""
    rest: Float[Tensor, "N 3"]
    """Places at rest."""
    times: Float[Tensor, " T"]
    """Seconds, strictly increasing, the first one 0."""
    turns: Float[Tensor, "T N 4"]
    """Rotations since rest in the world's axes, unit quaternions (w, x, y, z)."""
    places: Float[Tensor, "T N 3"]
    notes: tuple[str, ...] = ()
    """What the user should know of how the motion was read, one line each."""

    def __post_init__(self) -> None:
        count, moments = len(self.names), len(self.times)
        if not len(self.parents) == len(self.rest) == count:
            raise ValueError(
                f"{self.name}: {count} names, {len(self.parents)} parents and {len(self.rest)} rest places"
            )
        if not self.turns.shape[:2] == self.places.shape[:2] == (moments, count):
            raise ValueError(f"{self.name}: turns and places must be of {moments} moments and {count} nodes")
        if moments == 0 or float(self.times[0]) != 0 or not bool((self.times.diff() > 0).all()):
            raise ValueError(f"{self.name}: times must start at 0 and increase")

    @property
    def duration(self) -> float:
        """Seconds from the first moment to the last."""
        return float(self.times[-1])

    def at_most(self, rate: float) -> RigMotion:
        """The same motion at `rate` moments a second, or at its own where these are no more."""
        count = round(self.duration * rate) + 1
        if count >= len(self.times):
            return self
        return self.at(torch.linspace(0, self.duration, count, dtype=self.times.dtype))

    def at(self, times: Float[Tensor, " M"]) -> RigMotion:
        """The motion at other times in seconds, the first one 0, held where it has ended."""
        if len(self.times) == 1:
            turns, places = (one.expand(len(times), -1, -1) for one in (self.turns, self.places))
            return replace(self, times=times, turns=turns, places=places)
        moments = times.clamp(0, self.duration)
        after = torch.searchsorted(self.times, moments, right=True).clamp(1, len(self.times) - 1)
        share = ((moments - self.times[after - 1]) / self.times.diff()[after - 1])[:, None, None]
        turns = slerp(self.turns[after - 1], self.turns[after], share)
        return replace(
            self, times=times, turns=turns, places=torch.lerp(self.places[after - 1], self.places[after], share)
        )

    def turned(self, turn: Float[Tensor, " 4"]) -> RigMotion:
        """The motion seen in a world turned by a unit quaternion; the rest pose stays as it is."""
        return replace(self, turns=multiply(turn.expand_as(self.turns), self.turns), places=turn_all(turn, self.places))

    def ahead(self, node: int) -> RigMotion:
        """The motion in a world turned so that a node looks along +Z on the mean."""
        turns = self.turns[:, node]
        # Of a rotation the twist about Y: its angle, summed as directions.
        heading = 2 * torch.atan2(turns[:, 2], turns[:, 0])
        mean = math.atan2(float(heading.sin().sum()), float(heading.cos().sum()))
        return self.turned(about_up(-mean).to(self.turns))


def facing(names: Sequence[str], places: Float[Tensor, "N 3"]) -> float | None:
    """The turn about +Y, in radians, that brings a rig's front to +Z; None where no joints of two sides tell it.

    Left joints lie at the left of right ones of the same name, and the front is left x up.
    """
    sides: dict[tuple[str, int | None], dict[str, int]] = {}
    for node, parsed in enumerate(rig_joint_names(names)):
        sides.setdefault((parsed.word, parsed.number), {}).setdefault(parsed.side, node)
    pairs = [(pair["left"], pair["right"]) for pair in sides.values() if "left" in pair and "right" in pair]
    if not pairs:
        return None
    apart = torch.stack([places[a] - places[b] for a, b in pairs])
    size = float((places.amax(0) - places.amin(0)).amax())
    if float(apart.sum(0)[[0, 2]].norm()) < _HEADING * size:
        return None
    # The middle of all directions: a limb that rests anyhow doesn't turn the body.
    lengths = apart.norm(dim=-1, keepdim=True)
    left = (apart / lengths.clamp_min(1e-12))[lengths[:, 0] >= _HEADING * size].median(dim=0).values
    if float(left[[0, 2]].norm()) < _LEVEL:
        left = apart.sum(0)
    return math.atan2(float(left[2]), float(left[0]))


def similarity(rest: Float[Tensor, "N 3"], turn: Float[Tensor, " 4"]) -> tuple[float, Float[Tensor, " 3"]]:
    """Scale and shift after which turned rest places have the origin in their box's middle and longest side 1.

    Raises ValueError where all places are one.
    """
    turned = turn_all(turn, rest)
    low, high = turned.amin(0), turned.amax(0)
    size = float((high - low).amax())
    if not size > 0:
        raise ValueError("all joints of the rig are at one place; it has no bones")
    return 1 / size, -(low + high) / (2 * size)


def about_up(angle: float) -> Float[Tensor, " 4"]:
    """The quaternion that turns by `angle` radians about +Y."""
    return quaternion_from_vector(torch.tensor([0.0, angle, 0.0], dtype=torch.float64))


def turn_all(turn: Float[Tensor, " 4"], points: Float[Tensor, "*P 3"]) -> Float[Tensor, "*P 3"]:
    """Points turned by one unit quaternion."""
    return rotate(turn.to(points).expand(*points.shape[:-1], 4), points)
