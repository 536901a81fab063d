"""A sketch from silhouette and features alone: limbs are the branches of the medial axis, told apart by where they lie.

The spine runs along the axis between the two free ends that lie farthest apart across the picture; branches that end
low are legs. The head is where ears stand, and higher than the tail, here and, by features, in all photos
(`LimbFeatures`). Legs are paired by where they
leave the spine and by features. Joints divide each limb as the template's do, but for the bends: the two middle joints
of a leg, and the poll of a head without ears, are put where straight bones follow the axis best.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from ...representations.geometry.medial import Branch, MedialGraph, medial_graph
from .limb_features import LimbFeatures
from .skeleton_evidence import SkeletonEvidence
from .sketch import Extra, Found, NotFoundError, Sketch, complete

_LOW = 0.25
"""A leg ends in this lowest share of the subject's box."""
_STEEP = 0.5
"""Least downward share of a leg's last stretch."""
_TOES = 0.3
"""Ends of legs that are nearer than this along the axis, in box heights, belong to one foot."""
_UNNAMED = 0.12
"""An end that fits nothing is a limb of its own where it protrudes by this share of the longest side."""
_SHARES = {"front": (0.10, 0.38, 0.70, 0.93), "hind": (0.04, 0.36, 0.66, 0.93)}
"""Places of the joints on the way from the spine to the ground, as in the template."""
_FOOT = 0.11
"""Length of a foot, in lengths of its leg."""
_NECK_AHEAD = 0.08
"""Where the neck begins before the front legs, in lengths of the trunk."""
_BENDING = 0.1
"""How far a bend may be moved along its limb, in lengths of the limb."""


@dataclass(frozen=True, eq=False)
class _Limb:
    """A free end, and the way from the spine to it."""

    end: int
    way: Branch
    """From the spine to the end."""
    at: float
    """Where it leaves the spine, in pixels from the spine's start."""
    tip: Float64[np.ndarray, " 2"]


def medial_sketch(evidence: SkeletonEvidence, photo: int) -> Sketch:
    """The sketch of one photo seen from the side. Raises `NotFoundError` with what its silhouette does not show."""
    subject = evidence.subject(photo)
    if not subject.any():
        raise NotFoundError("the mask is empty")
    graph = medial_graph(subject)
    box = np.argwhere(subject)
    bottom, height = float(box[:, 0].max() + 1), float(np.ptp(box[:, 0]) + 1)
    side = max(height, float(np.ptp(box[:, 1]) + 1))
    low = _feet(graph, bottom, height)
    free = [end for end in graph.ends if end not in low]
    first, last, low = _spine_ends(graph, free, low, bottom)
    spine = graph.path(first, last)
    legs = [_limb(graph, spine, end) for end in low]
    if not 2 <= len(legs) <= 4:
        legs = sorted(legs, key=lambda leg: -float(leg.tip[1]))[:4]
    if len(legs) < 2:
        raise NotFoundError(f"{len(legs)} legs stand apart in the silhouette; at least 2 must")
    others = [_limb(graph, spine, end) for end in free if end not in (first, last)]

    looks = [_around(subject, graph, end) for end in (first, last, *(leg.end for leg in legs))]
    features = LimbFeatures(evidence, photo, looks)
    pairs = _paired(legs, features, spine.length)
    votes = features.head_over(0, 1) + _ears_at_start(spine, others)
    height_of = [(bottom - graph.tip(end)[1]) / height for end in (first, last)]
    votes += min(max((height_of[0] - height_of[1]) / 0.3, -1.0), 1.0)
    if votes > 0:  # from the tail to the head from here on
        first, last, spine = last, first, spine.reversed()
        length = spine.length
        legs = [_Limb(leg.end, leg.way, length - leg.at, leg.tip) for leg in legs]
        others = [_Limb(o.end, o.way, length - o.at, o.tip) for o in others]
    hind, front = sorted(
        ([legs[k] for k in pair] for pair in pairs), key=lambda pair: np.mean([leg.at for leg in pair])
    )
    return _drawn(graph, spine, (first, last), hind, front, others, side)


def _drawn(
    graph: MedialGraph,
    spine: Branch,
    ends: tuple[int, int],
    hind: list[_Limb],
    front: list[_Limb],
    others: list[_Limb],
    side: float,
) -> Sketch:
    facing: Literal[-1, 1] = 1 if graph.nodes[ends[1], 0] >= graph.nodes[ends[0], 0] else -1
    near = "right" if facing == 1 else "left"
    far = "left" if near == "right" else "right"
    along = _Walk(spine, graph.tip(ends[0]), graph.tip(ends[1]))
    t_hind, t_front = (along.before + float(np.mean([leg.at for leg in pair])) for pair in (hind, front))
    t_neck = t_front + _NECK_AHEAD * (t_front - t_hind)
    if t_neck >= 0.95 * along.length:
        raise NotFoundError("nothing reaches beyond the front legs, so there is no neck")
    found = {"trunk": along.at(np.linspace(t_hind, t_neck, 4))}
    thick = float(along.at(np.array([t_hind])).radius[0])
    steps = np.arange(0, t_hind, 1.0)
    thin = steps[along.at(steps).radius < 0.55 * thick] if len(steps) else steps
    if not len(thin) or thin[-1] < 0.04 * side:
        raise NotFoundError("no tail stands out of the silhouette")
    found["tail"] = along.at(np.linspace(thin[-1], 0, 4))
    ears = sorted((o for o in others if along.before + o.at > t_neck), key=lambda o: -float(o.way.length))[:2]
    poll = along.before + float(np.mean([o.at for o in ears])) if ears else np.nan
    if not t_neck + 0.15 * (along.length - t_neck) < poll < along.length - 0.1 * (along.length - t_neck):
        poll = _bend(along, t_neck, along.length)
    stop = poll + 0.47 * (along.length - poll)
    found["head"] = along.at(np.array([t_neck, poll, stop, along.length]))
    for name, ear in zip((near, far), ears, strict=False):
        walk = _Walk(ear.way, ear.way.points[0], ear.tip)
        # The ear begins where the axis leaves the head's disc.
        start = min(float(ear.way.radius[0]), 0.6 * walk.length)
        found[f"{name}_ear"] = walk.at(np.array([start, walk.length]))
    for kind, pair in (("front", front), ("hind", hind)):
        lower_first = sorted(pair, key=lambda leg: -float(leg.tip[1]))
        for name, leg in zip((near, far), lower_first, strict=False):
            found[f"{name}_{kind}"] = _leg(leg, _SHARES[kind], facing)
    extras = []
    for limb in others:
        reach = limb.way.length + graph.radius[limb.end] - limb.way.radius[0]
        at = along.before + limb.at
        # What hangs between the legs is a leg that another one crosses.
        hanging = t_hind <= at <= t_neck and limb.tip[1] > limb.way.points[0, 1]
        if limb in ears or hanging or reach < _UNNAMED * side:
            continue
        name = f"extra_{len(extras) + 1}"
        walk = _Walk(limb.way, limb.way.points[0], limb.tip)
        found[name] = walk.at(np.array([0.0, walk.length]))
        parent = "hips" if at < t_hind + (t_neck - t_hind) / 3 else "chest" if at < t_neck else "head"
        # The chart's free appendage: nobody knows what it is.
        extras.append(Extra(name, parent, "proboscis"))
    return complete(found, facing, tuple(extras))


class _Walk:
    """Places and radii along a branch that is prolonged to tips at both ends."""

    def __init__(self, branch: Branch, start: Float64[np.ndarray, " 2"], tip: Float64[np.ndarray, " 2"]) -> None:
        self.points = np.concatenate([start[None], branch.points, tip[None]])
        radius = branch.radius
        # At a tip the outline is reached; half the end's radius is what a bone has there.
        self.radius = np.concatenate([[0.5 * radius[0]], radius, [0.5 * radius[-1]]])
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        self.before = float(steps[0])
        """Length before the branch's own start."""
        self._t = np.concatenate([[0.0], np.cumsum(steps)])
        self.length = float(self._t[-1])

    def at(self, t: Float64[np.ndarray, " K"]) -> Found:
        """Places at lengths `t`."""
        columns = [np.interp(t, self._t, values) for values in (*self.points.T, self.radius)]
        return Found(np.stack(columns[:2], axis=1), columns[2])


def _ears_at_start(spine: Branch, others: list[_Limb]) -> float:
    """2 where ears stand at the spine's start, -2 where at its end, in [-2, 2]; 0 for none, or as many at both.

    Ears and horns are free ends above the axis within a third of it from an end. No tail has them, so they count most.
    """
    count = [0, 0]
    for limb in others:
        place = limb.at / max(spine.length, 1e-9)
        if limb.tip[1] < limb.way.points[0, 1] and not 0.34 < place < 0.66:
            count[int(place > 0.5)] += 1
    return 2.0 * (count[0] - count[1]) / max(sum(count), 1)


def _feet(graph: MedialGraph, bottom: float, height: float) -> list[int]:
    """Ends that may be feet: low, and reached downward; the toes of one foot count once."""
    low = []
    for end in graph.ends:
        tip = graph.tip(end)
        branch = next(b if b.end == end else b.reversed() for b in graph.branches if end in (b.start, b.end))
        back = branch.points[max(0, len(branch.points) - round(0.15 * height))]
        way = tip - back
        if bottom - tip[1] <= _LOW * height and way[1] >= _STEEP * float(np.linalg.norm(way)):
            low.append(end)
    kept: list[int] = []
    for end in sorted(low, key=lambda e: -float(graph.tip(e)[1])):
        if all(graph.path(end, other).length > _TOES * height for other in kept):
            kept.append(end)
    return kept


def _spine_ends(graph: MedialGraph, free: list[int], low: list[int], bottom: float) -> tuple[int, int, list[int]]:
    """The ends of the spine, farthest apart across the picture, and the feet that are left.

    A tail may hang as low as a foot: where everything else ends on one side, the outermost foot of the other side is
    taken for it, if it ends higher than another.
    """
    if not free:
        raise NotFoundError("the silhouette has no free end but feet")
    x = {end: float(graph.tip(end)[0]) for end in graph.ends}
    feet = [x[end] for end in low]
    if not feet:
        raise NotFoundError("no legs stand apart in the silhouette")
    middle = (min(feet) + max(feet)) / 2
    if all(x[end] < middle for end in free) or all(x[end] >= middle for end in free):
        sign = 1 if x[free[0]] < middle else -1
        outer = max(low, key=lambda end: sign * x[end])
        lowest = max(float(graph.tip(end)[1]) for end in low)
        if len(low) < 3 or (len(low) < 5 and graph.tip(outer)[1] > lowest - 0.02 * bottom):
            raise NotFoundError("head and tail don't both stand out of the silhouette")
        free, low = [*free, outer], [end for end in low if end != outer]
    return min(free, key=lambda end: x[end]), max(free, key=lambda end: x[end]), low


def _limb(graph: MedialGraph, spine: Branch, end: int) -> _Limb:
    """The way to a free end from where it leaves the spine."""
    way = graph.path(spine.start, end)
    distance = np.linalg.norm(way.points[:, None] - spine.points[None], axis=2).min(1)
    on = np.flatnonzero(distance < 0.75)
    leave = int(on[-1]) if len(on) else 0
    part = Branch(spine.start, end, way.points[leave:], way.radius[leave:])
    place = int(np.linalg.norm(spine.points - way.points[leave], axis=1).argmin())
    at = float(np.linalg.norm(np.diff(spine.points[: place + 1], axis=0), axis=1).sum())
    return _Limb(end, part, at, graph.tip(end))


def _around(subject: np.ndarray, graph: MedialGraph, end: int) -> Bool[np.ndarray, "S S"]:
    """The subject's pixels near a free end: two of its radii, and at least three hundredths of the crop."""
    rows, columns = np.indices(subject.shape) + 0.5
    x, y = graph.nodes[end]
    reach = max(2 * float(graph.radius[end]), 0.03 * subject.shape[0])
    near = subject & ((columns - x) ** 2 + (rows - y) ** 2 <= reach**2)
    return near if near.any() else subject


def _paired(legs: list[_Limb], features: LimbFeatures, length: float) -> list[list[int]]:
    """Front and hind legs apart, in any order: each one or two of `legs`, twins close and alike.

    Legs were the third and later limbs to seed features.
    """

    def cost(pair: tuple[int, ...]) -> float:
        if len(pair) < 2:
            return 0.2
        one, two = pair
        apart = abs(legs[one].at - legs[two].at) / length + _apart(legs[one], legs[two]) / length
        return apart + 0.25 * (1 - features.alike(2 + one, 2 + two))

    everyone = range(len(legs))
    best: tuple[float, list[list[int]]] | None = None
    for size in {1, min(2, len(legs) - 1)}:
        for group in itertools.combinations(everyone, size):
            rest = tuple(k for k in everyone if k not in group)
            if not 1 <= len(rest) <= 2:
                continue
            here = cost(group) + cost(rest)
            if best is None or here < best[0]:
                best = (here, [list(group), list(rest)])
    assert best is not None
    places = [np.mean([legs[k].at for k in pair]) for pair in best[1]]
    if abs(places[0] - places[1]) < 0.12 * length:
        raise NotFoundError("front and hind legs do not stand apart")
    return best[1]


def _apart(one: _Limb, two: _Limb) -> float:
    """Distance across the picture between two legs below the trunk, before they swing to their feet."""
    x = [float(leg.way.points[int(0.5 * (len(leg.way.points) - 1)), 0]) for leg in (one, two)]
    return abs(x[0] - x[1])


def _leg(leg: _Limb, shares: tuple[float, float, float, float], facing: int) -> Found:
    """Joints along a leg: the middle ones where three straight bones follow its axis best."""
    walk = _Walk(leg.way, leg.way.points[0], leg.tip)
    top, paw = shares[0] * walk.length, shares[3] * walk.length
    samples = np.linspace(top, paw, 40)
    line = walk.at(samples).points
    best, cuts = np.inf, (shares[1], shares[2])
    for one, two in itertools.product(np.linspace(-_BENDING, _BENDING, 9), repeat=2):
        tried = (shares[1] + one, shares[2] + two)
        corners = np.array([top, tried[0] * walk.length, tried[1] * walk.length, paw])
        bones = walk.at(corners).points
        straight = np.stack([np.interp(samples, corners, bones[:, k]) for k in (0, 1)], axis=1)
        cost = float(np.linalg.norm(line - straight, axis=1).mean()) / walk.length + 0.1 * (one**2 + two**2)
        if cost < best:
            best, cuts = cost, tried
    line = walk.at(np.array([shares[0], *cuts, shares[3], 1.0]) * walk.length)
    points = line.points.copy()
    points[4] = points[3] + [facing * _FOOT * walk.length, 0.6 * (leg.tip[1] - points[3, 1])]
    return Found(points, line.radius)


def _bend(walk: _Walk, start: float, end: float) -> float:
    """Where two straight bones between two places follow the axis best; a straight axis has it at 0.45 of the way."""
    samples = np.linspace(start, end, 40)
    line = walk.at(samples).points
    best, place = np.inf, start
    for share in np.linspace(0.3, 0.75, 19):
        corners = np.array([start, start + share * (end - start), end])
        bones = walk.at(corners).points
        straight = np.stack([np.interp(samples, corners, bones[:, k]) for k in (0, 1)], axis=1)
        cost = float(np.linalg.norm(line - straight, axis=1).mean()) / (end - start) + 0.1 * (share - 0.45) ** 2
        if cost < best:
            best, place = cost, float(corners[1])
    return place
