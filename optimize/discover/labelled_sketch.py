"""A sketch from part labels: a joint lies where the regions of two bones meet.

    joint(a, b) = centroid of {x in a : d_b(x) <= g + 1.5} and {x in b : d_a(x) <= g + 1.5},   g the gap between them,

d_a the distance to region a. Regions of limbs are told apart by side, so that legs which cross or hide one another in
the silhouette keep their own joints; radii are those of the regions' medial axes. Joints of the trunk lie in the middle
between back and belly, where its parts meet, and not where a leg happens to leave the border visible.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy import ndimage
from scipy.spatial import KDTree

from ...representations.body.chart import PART_KINDS
from ...representations.body.template import template
from ...representations.geometry.medial import depth_inside
from .sketch import Extra, Found, NotFoundError, Sketch, complete

_LEAST_SHARE = 0.0006
"""Of the subject's pixels: smaller regions were not seen."""
_WIDEST_GAP = 0.06
"""Of the subject's longest side: regions farther apart don't meet, something hides what is between."""
_TRUNK = ("trunk_rear", "trunk_middle", "trunk_front")
_LEGS = {
    "front": ("front_upper", "front_lower", "front_cannon", "front_foot"),
    "hind": ("hind_upper", "hind_lower", "hind_cannon", "hind_foot"),
}
_HIPS_AT = 0.75
"""Place of the hips on the way from spine to tail, as in the template."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """What each pixel of one photo shows."""

    kind: Int64[np.ndarray, "S S"]
    """Index into `PART_KINDS`, -1 beside the subject."""
    left: Bool[np.ndarray, "S S"]
    """Whether the surface seen there is on the subject's left."""

    @property
    def size(self) -> float:
        """Longest side of the subject's box in pixels; 0 for none."""
        where = np.argwhere(self.kind >= 0)
        return float((np.ptp(where, axis=0) + 1).max()) if len(where) else 0.0

    def region(self, kinds: tuple[str, ...], left: bool | None = None) -> Bool[np.ndarray, "S S"] | None:
        """The largest blob of these kinds, on one side where given; None where next to nothing is seen of them."""
        chosen = np.isin(self.kind, [PART_KINDS.index(kind) for kind in kinds])
        if left is not None:
            chosen &= self.left == left
        blobs, _ = ndimage.label(chosen, np.ones((3, 3)))  # type: ignore[misc]
        sizes = np.bincount(blobs.reshape(-1))[1:]
        if not len(sizes) or sizes.max() < max(4.0, _LEAST_SHARE * float((self.kind >= 0).sum())):
            return None
        return blobs == 1 + int(sizes.argmax())


def label_map(
    part: Float[np.ndarray, "K S S"], left: Float[np.ndarray, "S S"], mask: Bool[np.ndarray, "S S"]
) -> LabelMap:
    """The likeliest part of each pixel of `mask`; `part` holds probabilities in the order of `PART_KINDS`."""
    return LabelMap(np.where(mask, part.argmax(0), -1).astype(np.int64), left > 0.5)


def labelled_sketch(labels: LabelMap, tail_may_hide: bool = False) -> Sketch:
    """The sketch of one photo. Raises `NotFoundError` with what it does not show.

    With `tail_may_hide` a tail that is nowhere to be seen hangs down the rump, as long as the template's.
    """
    trunk, head, tail, tail_seen = _trunk_and_ends(labels, tail_may_hide)
    facing: Literal[-1, 1] = 1 if head.points[0, 0] >= tail.points[0, 0] else -1
    found = {"trunk": trunk, "head": head, "tail": tail}
    for side in ("left", "right"):
        for kind, parts in _LEGS.items():
            found[f"{side}_{kind}"] = _leg(labels, parts, side == "left", facing)
        ear = _appendage(labels, "ear", "head", side == "left")
        if ear is not None:
            found[f"{side}_ear"] = ear
    extras = []
    for name, kind, onto, side in (
        ("proboscis", "proboscis", "muzzle", None),
        ("left_horn", "horn", "head", True),
        ("right_horn", "horn", "head", False),
    ):
        line = _appendage(labels, kind, onto, side)
        if line is not None:
            found[name] = line
            extras.append(Extra(name, onto, name))
    horns = [extra for extra in extras if extra.part.endswith("_horn")]
    if len(horns) == 1:
        other = "right_horn" if horns[0].name == "left_horn" else "left_horn"
        extras.append(Extra(other, "head", other))
    return complete(found, facing, tuple(extras), tail_seen)


def _trunk_and_ends(labels: LabelMap, tail_may_hide: bool) -> tuple[Found, Found, Found, bool]:
    rear, middle, front, neck, head, muzzle = (_needed(labels, kind) for kind in (*_TRUNK, "neck", "head", "muzzle"))
    tail = [labels.region((kind,)) for kind in ("tail_1", "tail_2", "tail_3")]
    if tail[0] is None and not tail_may_hide:
        raise NotFoundError("no tail is to be seen")
    reach = _WIDEST_GAP * labels.size
    spine, chest = _meeting(rear, middle, reach), _meeting(middle, front, reach)
    throat = _meeting(front, neck, reach)
    if throat is None:
        throat = _meeting(labels.region(("trunk_front", "front_girdle")), neck, 2 * reach)
    poll, stop = _meeting(neck, head, reach), _meeting(head, muzzle, reach)
    dock = _hidden_dock(rear, middle) if tail[0] is None else _meeting(rear, tail[0], 2 * reach)
    missing = [
        name
        for name, place in zip(
            ("spine", "chest", "neck", "tail", "head", "muzzle"), (spine, chest, throat, dock, poll, stop), strict=True
        )
        if place is None
    ]
    if spine is None or chest is None or throat is None or dock is None or poll is None or stop is None:
        raise NotFoundError(f"joints are hidden: {', '.join(missing)}")
    spine, chest = (_between_back_and_belly(labels, place, throat - dock) for place in (spine, chest))
    hips = spine + _HIPS_AT * (_between_back_and_belly(labels, dock, throat - dock, inward=True) - spine)
    points = np.stack([hips, spine, chest, throat])
    trunk = Found(points, _radii(labels.region((*_TRUNK, "front_girdle", "front_upper", "hind_upper")), points))
    points = np.stack([throat, poll, stop, _farthest(muzzle, stop)])
    skull = Found(points, _radii(labels.region(("neck", "head", "muzzle")), points))
    if tail[0] is None:
        return trunk, skull, _hanging_tail(dock, float(np.linalg.norm(throat - hips))), False
    return trunk, skull, _tail(labels, tail, dock), True


def _hidden_dock(rear: np.ndarray, middle: np.ndarray) -> Float64[np.ndarray, " 2"]:
    """Where the tail is likely to leave the trunk: a quarter of the rump's height below its top, at its rear edge."""
    pixels = np.argwhere(rear)[:, ::-1] + 0.5
    back = np.sign(pixels[:, 0].mean() - np.argwhere(middle)[:, 1].mean())
    row = np.quantile(pixels[:, 1], 0.25)
    level = pixels[np.abs(pixels[:, 1] - row) <= 1.5]
    return level[np.argmax(back * level[:, 0])]


def _hanging_tail(dock: np.ndarray, trunk_length: float) -> Found:
    body = template("quadruped")
    skeleton = body.skeleton
    bones = [skeleton.index(name) for name in ("tail_1", "tail_2", "tail_3")]
    lengths = (skeleton.tips - skeleton.joints)[bones].norm(dim=1).double().numpy()
    scale = trunk_length / float((skeleton.joints[skeleton.index("neck")] - skeleton.joints[0]).norm())
    down = np.concatenate([[0.0], np.cumsum(lengths)]) * scale
    return Found(dock + np.stack([np.zeros(4), down], axis=1), np.full(4, np.nan))


def _tail(labels: LabelMap, tail: list[np.ndarray | None], dock: np.ndarray) -> Found:
    """Three bones along the tail; what is hidden of its end goes on straight."""
    points = [dock]
    for one, two in itertools.pairwise(tail):
        meeting = None if one is None or two is None else _meeting(one, two, _WIDEST_GAP * labels.size)
        if meeting is None:
            break
        points.append(meeting)
    last = tail[len(points) - 1]
    assert last is not None
    points.append(_farthest(last, points[-1]))
    while len(points) < 4:
        points.append(2 * points[-1] - points[-2])
    line = np.stack(points)
    return Found(line, _radii(labels.region(("tail_1", "tail_2", "tail_3")), line))


def _leg(labels: LabelMap, parts: tuple[str, ...], left: bool, facing: int) -> Found:
    """Joints and tip of one leg, NaN for what is hidden."""
    regions = [labels.region((kind,), left) for kind in parts]
    points, radius = np.full((5, 2), np.nan), np.full(5, np.nan)
    for k, (one, two) in enumerate(itertools.pairwise(regions), start=1):
        meeting = None if one is None or two is None else _meeting(one, two, _WIDEST_GAP * labels.size)
        if meeting is not None:
            points[k] = meeting
    upper, foot = regions[0], regions[-1]
    if upper is not None and np.isfinite(points[1, 0]):
        top = _farthest(upper, points[1])
        # The joint lies inside: half a limb's width from the edge.
        width = float(depth_inside(upper).max())
        points[0] = top + (points[1] - top) * min(0.5, width / max(float(np.linalg.norm(points[1] - top)), 1e-9))
    if np.isfinite(points[3, 0]) and foot is not None:
        ahead = np.argwhere(foot)[:, ::-1] + 0.5
        points[4] = ahead[np.argmax((ahead - points[3]) @ [facing, 0.5])]
    limb = labels.region(parts, left)
    found = np.isfinite(points[:, 0])
    if limb is not None and found.any():
        radius[found] = _radii(limb, points[found])
    return Found(points, radius)


def _appendage(labels: LabelMap, kind: str, onto: str, left: bool | None) -> Found | None:
    """A chain of one bone, from where it meets `onto` to its far end."""
    region, base = labels.region((kind,), left), labels.region((onto,))
    if region is None or base is None:
        return None
    start = _meeting(region, base, _WIDEST_GAP * labels.size)
    if start is None:
        return None
    points = np.stack([start, _farthest(region, start)])
    return Found(points, _radii(region, points))


def _needed(labels: LabelMap, kind: str) -> Bool[np.ndarray, "S S"]:
    region = labels.region((kind,))
    if region is None:
        raise NotFoundError(f"no {kind.replace('_', ' ')} is to be seen")
    return region


def _meeting(one: np.ndarray | None, two: np.ndarray | None, reach: float) -> Float64[np.ndarray, " 2"] | None:
    """The middle of where two regions meet, None where they are farther apart than `reach` pixels."""
    if one is None or two is None:
        return None
    pixels = [np.argwhere(region)[:, ::-1] + 0.5 for region in (one, two)]
    to_two, to_one = (np.asarray(KDTree(b).query(a)[0]) for a, b in (pixels, pixels[::-1]))
    gap = float(to_two.min())
    if gap > reach:
        return None
    return np.concatenate([pixels[0][to_two <= gap + 1.5], pixels[1][to_one <= gap + 1.5]]).mean(0)


def _farthest(region: np.ndarray, place: np.ndarray) -> Float64[np.ndarray, " 2"]:
    """The far end of a region: towards the mean of its farthest pixels from `place`, as far as the farthest."""
    pixels = np.argwhere(region)[:, ::-1] + 0.5
    distance = np.linalg.norm(pixels - place, axis=1)
    far = distance >= np.quantile(distance, 0.93)
    way = pixels[far].mean(0) - place
    return place + way / max(float(np.linalg.norm(way)), 1e-9) * float(distance.max())


def _between_back_and_belly(
    labels: LabelMap, place: np.ndarray, forward: np.ndarray, inward: bool = False
) -> Float64[np.ndarray, " 2"]:
    """`place` moved across the trunk until it lies one half of its depth below the back.

    The depth is the trunk's before the legs cover it, that of its middle part. With `inward` the place lies at the
    trunk's end and is looked at a little before it.
    """
    forward = forward / max(float(np.linalg.norm(forward)), 1e-9)
    down = np.array([-forward[1], forward[0]]) * (1 if forward[0] >= 0 else -1)
    trunk = np.argwhere(np.isin(labels.kind, [PART_KINDS.index(kind) for kind in _TRUNK]))[:, ::-1] + 0.5
    middle = np.argwhere(labels.kind == PART_KINDS.index("trunk_middle"))[:, ::-1] + 0.5
    across = np.median([np.ptp(part @ down) for part in _slices(middle, forward)])
    start = place + (0.5 * across * forward if inward else 0)
    near = trunk[np.abs((trunk - start) @ forward) <= 2]
    if not len(near):
        return place
    back = float(((near - place) @ down).min())
    return place + down * (back + across / 2)


def _slices(pixels: np.ndarray, along: np.ndarray) -> list[np.ndarray]:
    """Pixels in two-pixel-wide slices across `along`, without the first and last fifth."""
    t = pixels @ along
    low, high = np.quantile(t, [0.2, 0.8])
    cuts = np.arange(low, high + 1e-9, 2.0)
    parts = [pixels[(t >= c) & (t < c + 2)] for c in cuts]
    return [part for part in parts if len(part)] or [pixels]


def _radii(region: np.ndarray | None, points: np.ndarray) -> Float64[np.ndarray, " K"]:
    """Radius of the region's medial axis near each point: the deepest pixel within reach of it."""
    if region is None:
        return np.full(len(points), np.nan)
    depth = depth_inside(region)
    pixels = np.argwhere(region)
    places = pixels[:, ::-1] + 0.5
    radius = []
    for point in points:
        distance = np.linalg.norm(places - point, axis=1)
        near = pixels[distance <= max(2.0, float(distance.min()) + 1.0, float(np.median(depth[region])))]
        radius.append(depth[near[:, 0], near[:, 1]].max())
    return np.array(radius, np.float64)
