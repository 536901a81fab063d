"""Which way a rig looks: by what its joints are called and where they are.

Two things tell it. The joints of the left side lie at the left of those of the right one, so the front is left x up;
and the head lies before the hips, or the tail, of whatever goes on all fours. Where both are there and contradict each
other (riggers do call left what is right in a picture) the format's own front decides between them, and where that is
neither's, the line from the hips to the head. glTF looks along +Z, VRM 0.x along -Z (glTF 2.0 Specification, chapter
3.4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.motion.rig_motion import facing
from ...representations.rig_name import rig_joint_names
from .front_axis import Front

TURNS: dict[Front, float] = {"+z": 0.0, "-z": math.pi, "+x": -math.pi / 2, "-x": math.pi / 2}
"""Turn about Y, in radians, that brings each front to +Z."""
_HEADS = ("head", "skull", "neck")
_REARS = ("hips", "hip", "pelvis", "tail")
"""Words for joints at both ends of a body, the likeliest first."""
_LYING = 0.7
"""A head tells the front of a body that is at least so many times as long as it is high, from hips to head."""
_SNAP = math.radians(20)
"""A rest pose that is not quite symmetric looks along the nearest axis, not this far beside it."""
_SAME = math.radians(60)
"""Two directions that differ by less say the same."""


@dataclass(frozen=True)
class FrontFound:
    """Which way a rig looks, and how that is known."""

    turn: float
    """Turn about +Y, in radians, that brings the front to +Z."""
    note: str | None
    """What is unusual about it, in one line; None where the rig looks as the format says."""


def find_front(names: Sequence[str], places: Float[Tensor, "N 3"], usual: Front) -> FrontFound:
    """The front of a rig whose joints are at `places`, +Y up; `usual` where no joint tells it."""
    default = TURNS[usual]
    if not bool(torch.isfinite(places).all()):
        return FrontFound(default, None)
    sides, body = _by_sides(names, places), _by_body(names, places)
    if sides is None and body is None:
        return FrontFound(default, None)
    contradict = sides is not None and body is not None and _apart(sides, body) > _SAME
    if body is not None and (sides is None or (contradict and _apart(sides, default) > _SAME)):
        turn, told = _snapped(body), "as the way from its hips to its head says"
    else:
        assert sides is not None
        turn, told = _snapped(sides), "as its left and right joints say"
    if contradict:
        told += ", while its sides and its head contradict each other"
    if _apart(turn, default) < 1e-6:
        return FrontFound(default, f"looks along {_named(default)}, {told}" if contradict else None)
    return FrontFound(turn, f"looks along {_named(turn)}, {told}")


def _by_sides(names: Sequence[str], places: Tensor) -> float | None:
    """The turn that left and right joints tell: pairs of one name, else all of a side together."""
    found = facing(names, places)
    if found is not None:
        return found
    sides = [parsed.side for parsed in rig_joint_names(names)]
    left, right = (torch.tensor([side == which for side in sides]) for which in ("left", "right"))
    if not bool(left.any()) or not bool(right.any()):
        return None
    across = places[left].mean(0) - places[right].mean(0)
    size = float((places.amax(0) - places.amin(0)).amax())
    # Unpaired joints lie anywhere along a body; only what lies mostly across it tells something.
    if float(across[[0, 2]].norm()) < 0.05 * size:
        return None
    return math.atan2(float(across[2]), float(across[0]))


def _by_body(names: Sequence[str], places: Tensor) -> float | None:
    """The turn that brings the direction from the hips, or the tail, to the head to +Z; None of who stands upright."""
    parsed = rig_joint_names(names)

    def first(words: Sequence[str]) -> int | None:
        return next((k for word in words for k, joint in enumerate(parsed) if joint.word == word), None)

    head, rear = first(_HEADS), first(_REARS)
    if head is None or rear is None:
        return None
    along = places[head] - places[rear]
    level, size = float(along[[0, 2]].norm()), float((places.amax(0) - places.amin(0)).amax())
    if level < _LYING * abs(float(along[1])) or level < 0.1 * size:
        return None
    return math.atan2(-float(along[0]), float(along[2]))


def _snapped(turn: float) -> float:
    quarter = math.pi / 2 * round(turn / (math.pi / 2))
    return quarter if _apart(turn, quarter) <= _SNAP else turn


def _apart(first: float, second: float) -> float:
    return abs(math.remainder(first - second, math.tau))


def _named(turn: float) -> str:
    for name, known in TURNS.items():
        if _apart(turn, known) < 1e-6:
            return name.upper()
    return f"{math.degrees(math.remainder(-turn, math.tau)):.0f} degrees from +Z towards +X"
