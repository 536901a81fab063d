"""A sketch: where the joints of a quadruped are in one photo, in the picture plane, and which of them were seen.

Of a leg that stands behind its twin or behind grass some joints are seen, or none. What is missing takes the twin's
shape, hung on what is there:

    joint_k = joint_l + (twin_k - twin_l),   l the nearest joint of the limb that was seen,

except for its first joint, which lies inside the body and is where its twin's is in a view from the side, whatever the
legs do; and a leg of which nothing was seen coincides with its twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from ...representations.body.template import mirror_name, template

JointPosition = Float64[np.ndarray, " 2"]
"""Column and row in pixels."""

CHAINS: dict[str, tuple[str, ...]] = {
    "trunk": ("hips", "spine", "chest"),
    "head": ("neck", "head", "muzzle"),
    "tail": ("tail_1", "tail_2", "tail_3"),
    **{f"{s}_ear": (f"{s}_ear",) for s in ("left", "right")},
    **{f"{s}_front": tuple(f"{s}_{j}" for j in ("shoulder", "elbow", "wrist", "front_paw")) for s in ("left", "right")},
    **{f"{s}_hind": tuple(f"{s}_{j}" for j in ("hip", "knee", "hock", "back_paw")) for s in ("left", "right")},
}
"""Joints of each chain, from the trunk outward."""


class NotFoundError(ValueError):
    """A photo does not show what a skeleton needs; the message says what, in a few words."""


@dataclass(frozen=True, eq=False)
class Found:
    """One chain of k bones as it was found: its k joints and the tip of the last, with radii; NaN where unseen."""

    points: Float64[np.ndarray, "K 2"]
    radius: Float64[np.ndarray, " K"]

    @property
    def seen(self) -> Bool[np.ndarray, " K"]:
        """Which points were found."""
        return np.isfinite(self.points[:, 0])


@dataclass(frozen=True)
class Extra:
    """A chain that the quadruped template does not have: a trunk, a horn, or something nobody can name."""

    name: str
    """Of its joint; "left_..." stands for a pair."""
    parent: str
    part: str
    """Of `chart.PARTS`."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """All chains of one photo, complete: every point is a number."""

    chains: dict[str, Found]
    """By the names of `CHAINS`, and those of `extras`."""
    seen: dict[str, Bool[np.ndarray, " K"]]
    """Which points of each chain the photo shows."""
    facing: Literal[-1, 1]
    """1 where the head points to the picture's right, which shows the subject's right side; -1 to its left."""
    extras: tuple[Extra, ...] = ()

    def bones(self) -> dict[str, tuple[JointPosition, JointPosition]]:
        """Start and tip of each bone, by its joint's name."""
        found: dict[str, tuple[JointPosition, JointPosition]] = {}
        for chain, line in self.chains.items():
            for name, start, tip in zip(self.joints(chain), line.points, line.points[1:], strict=False):
                found[name] = (start, tip)
        return found

    def joints(self, chain: str) -> tuple[str, ...]:
        """Names of the joints of a chain."""
        return CHAINS.get(chain, (chain,))


def complete(
    found: dict[str, Found], facing: Literal[-1, 1], extras: tuple[Extra, ...] = (), tail_seen: bool = True
) -> Sketch:
    """The sketch of what was found, hidden limbs filled from their twins.

    Raises `NotFoundError` where a joint is seen on neither side (ears apart: the template's stand in, scaled with the
    head), and where trunk, head or tail are incomplete. `tail_seen` is False for a tail that was put there.
    """
    seen = {name: line.seen for name, line in found.items()}
    chains = dict(found)
    for name in ("trunk", "head", "tail"):
        if name not in chains or not seen[name].all():
            missing = [
                j for j, s in zip((*CHAINS[name], "its tip"), seen.get(name, np.zeros(9, bool)), strict=False) if not s
            ]
            raise NotFoundError(f"the {name} is not all there ({', '.join(missing)} not found)")
    for kind in ("ear", "front", "hind"):
        pair = [f"{side}_{kind}" for side in ("left", "right")]
        size = len(CHAINS[pair[0]]) + 1
        empty = Found(np.full((size, 2), np.nan), np.full(size, np.nan))
        lines = [chains.get(name, empty) for name in pair]
        seen |= {name: line.seen for name, line in zip(pair, lines, strict=True)}
        if kind == "ear" and not any(line.seen.all() for line in lines):
            lines = [_usual_ear(chains["head"], facing)] * 2
        either = lines[0].seen | lines[1].seen
        if not either.all():
            hidden = [name for name, s in zip((*CHAINS[pair[0]], "the tip"), either, strict=True) if not s]
            raise NotFoundError(f"of the {kind} limbs {', '.join(hidden).replace('left_', '')} is seen on neither side")
        # The side that shows more is completed first, from what the other shows of the same joints.
        first = int(lines[1].seen.sum() > lines[0].seen.sum())
        lines[first] = _filled(lines[first], lines[1 - first])
        lines[1 - first] = _filled(lines[1 - first], lines[first])
        chains |= dict(zip(pair, lines, strict=True))
    for extra in extras:
        other = mirror_name(extra.name)
        if other in chains and other != extra.name and extra.name not in chains:
            chains[extra.name], seen[extra.name] = chains[other], np.zeros_like(seen[other])
    if not tail_seen:
        seen["tail"] = np.zeros_like(seen["tail"])
    return Sketch(chains, seen, facing, extras)


def _filled(line: Found, twin: Found) -> Found:
    """`line` with what it lacks in the shape of `twin`, hung on the nearest point that both have."""
    both = np.flatnonzero(line.seen & twin.seen)
    points, radius = line.points.copy(), np.where(line.seen, line.radius, twin.radius)
    for k in np.flatnonzero(~line.seen):
        if len(both) == 0 or k == 0:
            points[k] = twin.points[k]
            continue
        anchor = both[np.argmin(np.abs(both - k))]
        points[k] = line.points[anchor] + twin.points[k] - twin.points[anchor]
    return Found(points, radius)


def _usual_ear(head: Found, facing: int) -> Found:
    """The template's ear, turned and scaled with the head's bone."""
    body = template("quadruped")
    skeleton, ear, skull = body.skeleton, body.skeleton.index("left_ear"), body.skeleton.index("head")
    flat = np.stack(
        [(t * t.new_tensor([0.0, -1.0, facing]))[:, [2, 1]].double().numpy() for t in (skeleton.joints, skeleton.tips)]
    )
    here = head.points[2] - head.points[1]
    there = flat[1, skull] - flat[0, skull]
    turn = complex(*here) / complex(*there)
    places = [complex(*(flat[k, ear] - flat[0, skull])) * turn for k in (0, 1)]
    points = head.points[1] + np.array([[p.real, p.imag] for p in places])
    return Found(points, abs(turn) * body.radius[ear, [1, 3]].double().numpy())
