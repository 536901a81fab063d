"""Four-footed bodies from proportions: legs with their angles, a trunk by its top and belly lines, neck, head, tail.

Lengths are in trunk lengths: shoulder joint to hip joint. Angles of leg bones are from straight down, forward positive,
as in zoological drawings of standing animals. Kangaroos stand on their hind legs and are drawn by the same hand, with
the trunk pitched up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from .blueprint import Blueprint, Bone, Point
from .head import HeadShape, head_bones, head_lofts, head_marks
from .loft import Loft, round_stations

Row = tuple[float, float, float, float]
LegKind = Literal["front", "hind"]

_HOOF_FORE: tuple[Row, ...] = (
    (-0.35, 0.05, 0.09, 0.08), (0.2, 0.085, 0.14, 0.13), (0.75, 0.075, 0.11, 0.10), (1.0, 0.064, 0.085, 0.078),
    (1.4, 0.05, 0.058, 0.058), (1.85, 0.036, 0.037, 0.04), (2.0, 0.039, 0.039, 0.044), (2.25, 0.028, 0.03, 0.029),
    (2.75, 0.027, 0.031, 0.029), (3.0, 0.032, 0.036, 0.032), (3.35, 0.029, 0.03, 0.03), (3.55, 0.04, 0.036, 0.042),
    (4.0, 0.05, 0.04, 0.058),
)  # fmt: skip
_HOOF_HIND: tuple[Row, ...] = (
    (-0.4, 0.05, 0.16, 0.12), (0.15, 0.1, 0.2, 0.15), (0.6, 0.095, 0.17, 0.14), (1.0, 0.07, 0.105, 0.095),
    (1.4, 0.052, 0.066, 0.062), (1.85, 0.036, 0.05, 0.038), (2.0, 0.038, 0.058, 0.042), (2.3, 0.029, 0.034, 0.032),
    (2.75, 0.028, 0.032, 0.03), (3.0, 0.033, 0.037, 0.033), (3.35, 0.03, 0.031, 0.031), (3.55, 0.04, 0.036, 0.042),
    (4.0, 0.05, 0.04, 0.058),
)  # fmt: skip
_PAW_FORE: tuple[Row, ...] = (
    (-0.35, 0.05, 0.09, 0.08), (0.2, 0.075, 0.13, 0.12), (0.75, 0.068, 0.098, 0.088), (1.0, 0.058, 0.075, 0.066),
    (1.4, 0.05, 0.054, 0.054), (1.9, 0.04, 0.042, 0.042), (2.2, 0.041, 0.042, 0.044), (2.7, 0.046, 0.046, 0.046),
    (3.05, 0.054, 0.042, 0.046), (3.5, 0.064, 0.044, 0.044), (4.0, 0.056, 0.032, 0.032),
)  # fmt: skip
_PAW_HIND: tuple[Row, ...] = (
    (-0.4, 0.05, 0.15, 0.11), (0.15, 0.09, 0.18, 0.14), (0.6, 0.085, 0.15, 0.125), (1.0, 0.066, 0.095, 0.085),
    (1.4, 0.052, 0.064, 0.06), (1.85, 0.038, 0.048, 0.04), (2.0, 0.039, 0.052, 0.043), (2.3, 0.037, 0.04, 0.038),
    (2.8, 0.042, 0.042, 0.042), (3.1, 0.052, 0.047, 0.043), (3.5, 0.06, 0.044, 0.04), (4.0, 0.052, 0.032, 0.028),
)  # fmt: skip
_COLUMN: tuple[Row, ...] = (
    (-0.35, 0.08, 0.14, 0.13), (0.2, 0.12, 0.18, 0.17), (0.75, 0.115, 0.14, 0.13), (1.0, 0.108, 0.125, 0.12),
    (1.5, 0.1, 0.105, 0.105), (2.0, 0.095, 0.095, 0.1), (2.5, 0.096, 0.096, 0.1), (3.0, 0.1, 0.1, 0.105),
    (3.5, 0.112, 0.105, 0.115), (4.0, 0.118, 0.1, 0.118),
)  # fmt: skip

_FEET = {"hoof": (_HOOF_FORE, _HOOF_HIND), "paw": (_PAW_FORE, _PAW_HIND), "column": (_COLUMN, _COLUMN)}
_TOES = {"hoof": 0.12, "paw": 0.4, "column": 0.12}
"""Height of the toe's end, in foot heights: hooves and columns stand on it, paws lie."""
_SOLE = 0.12
"""What is left of the height below the ground: soles are flat."""


@dataclass(frozen=True)
class LegShape:
    """One leg. Lengths in trunk lengths."""

    bones: tuple[float, float, float]
    """Upper, lower, cannon."""
    foot: tuple[float, float]
    """Height of the foot's joint over the ground and length of the foot forward."""
    angles_deg: tuple[float, float, float]
    """Of the three bones, from straight down, forward positive."""
    radius: float = 1.0
    """Thickness, against a horse's or a dog's."""
    muscle: float = 1.0
    """Extra thickness of the upper leg."""
    apart: tuple[float, float] = (0.115, 0.115)
    """Sideways place of the upper joint and of the foot."""

    @property
    def height(self) -> float:
        """Of the upper joint over the ground."""
        drops = (n * math.cos(math.radians(a)) for n, a in zip(self.bones, self.angles_deg, strict=True))
        return sum(drops) + self.foot[0]

    def points(self, top_z: float, toe: float) -> tuple[Point, ...]:
        """Joints from the top to the ground and the toe's end, which is at the height `toe`, in foot heights."""
        y, z = self.height, top_z
        places = [(y, z)]
        for length, angle in zip(self.bones, self.angles_deg, strict=True):
            y -= length * math.cos(math.radians(angle))
            z += length * math.sin(math.radians(angle))
            places.append((y, z))
        places.append((toe * self.foot[0], z + self.foot[1]))
        top, ground = self.apart
        # Legs stand slightly inward below the elbow or knee.
        shares = (0.0, 0.45, 0.9, 1.0, 1.0)
        return tuple((top + share * (ground - top), y, z) for share, (y, z) in zip(shares, places, strict=True))


@dataclass(frozen=True)
class TrunkShape:
    """The trunk by its lines. Heights are shares of the chest's depth above or below the shoulder or hip joint."""

    depth: float = 0.6
    """Of the chest, withers to breastbone, in trunk lengths."""
    width: float = 0.42
    """Of the chest."""
    withers: float = 0.62
    """Above the shoulder joint."""
    back: float = 0.0
    """Rise (or dip, negative) of the middle of the back over the straight line from withers to croup."""
    croup: float = 0.4
    """Above the hip joint."""
    rump: float = 0.12
    """Of the upper end of the rump above the hip joint."""
    belly: float = 1.0
    """Depth of the trunk at mid-belly, in chest depths."""
    flank: float = 0.8
    """Depth before the hind legs, in chest depths."""
    barrel: float = 1.0
    """Width at mid-belly, in chest widths."""
    hips: float = 0.9
    """Width over the hips, in chest widths."""
    rear: float = 0.24
    """How far the rump reaches behind the hip joint, in trunk lengths."""
    front: float = 0.14
    """How far the breast reaches before the shoulder joint."""


@dataclass(frozen=True)
class NeckShape:
    """Neck of one bone."""

    length: float = 0.6
    pitch_deg: float = 40.0
    """Of the rest pose, above the horizontal."""
    base: tuple[float, float] = (0.12, 0.22)
    """Half width and half depth where it leaves the trunk."""
    top: tuple[float, float] = (0.08, 0.12)
    """Half width and half depth behind the head."""
    root: float = 0.3
    """Height of its root above the shoulder joint, in chest depths."""


@dataclass(frozen=True)
class TailShape:
    """Tail of three bones."""

    length: float = 0.6
    pitch_deg: tuple[float, float, float] = (-35.0, -65.0, -80.0)
    """Of the three bones, above the horizontal that points backward."""
    radius: tuple[float, float, float] = (0.045, 0.035, 0.025)
    """At the root, in the middle, at the end."""
    tuft: tuple[float, float] = (0.0, 0.0)
    """Radius of a tuft at the end and its length; 0 for none."""


@dataclass(frozen=True)
class CrestShape:
    """A mane or a ridge of hair along the neck."""

    height: float
    """Above the neck, in trunk lengths."""
    width: float = 0.024


@dataclass(frozen=True)
class QuadrupedShape:
    """All proportions of one animal."""

    fore: LegShape
    hind: LegShape
    head: HeadShape
    feet: Literal["hoof", "paw", "column"] = "hoof"
    trunk: TrunkShape = field(default_factory=TrunkShape)
    neck: NeckShape = field(default_factory=NeckShape)
    tail: TailShape = field(default_factory=TailShape)
    crest: CrestShape | None = None
    fleece: float = 0.0
    """Wool or long hair that thickens trunk and neck, in trunk lengths."""
    hump: tuple[float, float, float] | None = None
    """Place along the trunk (0 hip, 1 shoulder), height and half length of a hump, in trunk lengths."""


def quadruped(shape: QuadrupedShape) -> Blueprint:
    """The body of a four-footed animal, standing; feet at y = 0, hips behind the origin."""
    toe = _TOES[shape.feet]
    fore, hind, trunk = shape.fore.points(0.5, toe), shape.hind.points(-0.5, toe), _trunk(shape)
    base, top = _neck_ends(shape)
    bones = [
        Bone("hips", None, "trunk_rear", trunk.path[0], trunk.path[1]),
        Bone("spine", "hips", "trunk_middle", trunk.path[1], trunk.path[2]),
        Bone("chest", "spine", "trunk_front", trunk.path[2], trunk.path[3]),
        Bone("neck", "chest", "neck", base, top),
        *head_bones(shape.head, top),
    ]
    tail = _tail_path(shape)
    bones += [*tail_bones(tail), *leg_bones("front", fore), *leg_bones("hind", hind)]
    lofts = [
        trunk,
        _neck(shape, base, top),
        *head_lofts(shape.head, top, 1.0 + 1.1 * shape.neck.length),
        *_tail(shape, tail),
    ]
    rows_fore, rows_hind = _FEET[shape.feet]
    lofts.append(_leg("front", fore, shape.fore, rows_fore))
    lofts.append(_leg("hind", hind, shape.hind, rows_hind))
    if shape.crest is not None:
        lofts.append(_crest(shape, shape.crest, base, top))
    marks = head_marks(shape.head, top)
    return Blueprint("quadruped", tuple(bones), tuple(lofts), LANDMARKS, marks)


_LEG_JOINTS = {"front": ("shoulder", "elbow", "wrist", "front_paw"), "hind": ("hip", "knee", "hock", "back_paw")}
_LEG_PARTS = ("upper", "lower", "cannon", "foot")


def tail_bones(points: Sequence[Point]) -> list[Bone]:
    """The three bones of a tail through four points; it hangs on the hips."""
    return [
        Bone(f"tail_{k + 1}", f"tail_{k}" if k else "hips", f"tail_{k + 1}", points[k], points[k + 1]) for k in range(3)
    ]


def leg_bones(kind: LegKind, points: Sequence[Point]) -> list[Bone]:
    """The four bones of a left leg through five points; front legs hang on the chest, hind legs on the hips."""
    joints, parts = leg_chain(kind)
    above = ("chest" if kind == "front" else "hips", *joints)
    return [Bone(joints[k], above[k], parts[k], points[k], points[k + 1]) for k in range(4)]


def leg_chain(kind: LegKind) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Joints of a left leg from the top down, and the part of each one's bone."""
    return tuple(f"left_{name}" for name in _LEG_JOINTS[kind]), tuple(f"left_{kind}_{part}" for part in _LEG_PARTS)


LANDMARKS = {
    "nose": ("muzzle", True), "neck": ("neck", False), "tail_base": ("tail_1", False), "tail_tip": ("tail_3", True),
    **{f"{s}_{to}": (f"{s}_{of}", tip) for s in ("left", "right") for to, of, tip in (
        ("ear", "ear", True), ("front_shoulder", "shoulder", False), ("front_elbow", "elbow", False),
        ("front_paw", "front_paw", True), ("back_hip", "hip", False), ("back_knee", "knee", False),
        ("back_paw", "back_paw", True))},
}  # fmt: skip


def _trunk(shape: QuadrupedShape) -> Loft:
    t, hip, shoulder = shape.trunk, shape.hind.height, shape.fore.height
    d, half, wool = t.depth, t.width / 2, shape.fleece

    def line(z: float) -> float:
        """Top of the straight back at z."""
        share = (z + 0.5) / 0.9
        return (1 - share) * (hip + t.croup * d) + share * (shoulder + t.withers * d)

    chest = (t.withers + 0.35) * d
    # z, top, bottom, half width
    rows = [
        (-0.5 - t.rear, hip + t.rump * d, hip - 0.22 * d, 0.3 * half * t.hips),
        (-0.5 - 0.55 * t.rear, hip + 0.5 * (t.rump + t.croup) * d, hip - 0.3 * d, 0.72 * half * t.hips),
        (-0.45, hip + t.croup * d, hip + t.croup * d - 0.98 * t.flank * chest, half * t.hips),
        (-0.2, line(-0.2) + 0.6 * t.back * d, line(-0.2) - t.flank * chest, half * 0.5 * (t.hips + t.barrel)),
        (0.1, line(0.1) + t.back * d, line(0.1) - t.belly * chest, half * t.barrel),
        (0.36, line(0.36), line(0.36) - chest, half),
        (0.5, shoulder + (t.withers - 0.06) * d, shoulder - 0.3 * d, 0.8 * half),
        (0.5 + t.front, shoulder + 0.36 * d, shoulder - 0.12 * d, 0.45 * half),
    ]
    if shape.hump is not None:
        place, height, spread = shape.hump
        bump = [height * math.exp(-(((z + 0.5 - place) / spread) ** 2)) for z, *_ in rows]
        rows = [(z, top + rise, low, a) for (z, top, low, a), rise in zip(rows, bump, strict=True)]
    joint_z = (-0.5, -0.15, 0.2, 0.52)

    def middle(z: float) -> float:
        return _between(rows, z, 1) * 0.56 + _between(rows, z, 2) * 0.44

    path = tuple((0.0, middle(z), z) for z in joint_z)
    stations = []
    for z, top, low, a in rows:
        k = max(k for k in range(3) if z >= joint_z[k] or k == 0)
        u = k + (z - joint_z[k]) / (joint_z[k + 1] - joint_z[k])
        y = path[k][1] + (u - k) * (path[k + 1][1] - path[k][1])
        stations.append((u, a + wool, y - low + 0.7 * wool, top - y + wool))
    return Loft(
        "trunk", path, ("hips", "spine", "chest"), ("trunk_rear", "trunk_middle", "trunk_front"), tuple(stations),
        caps=(0.35, 0.5), rings=34, spokes=30, blend=0.4, course=(0.0, 1.0),
    )  # fmt: skip


def _between(rows: list[tuple[float, float, float, float]], z: float, column: int) -> float:
    for before, after in pairwise(rows):
        if before[0] <= z <= after[0]:
            share = (z - before[0]) / (after[0] - before[0])
            return before[column] + share * (after[column] - before[column])
    raise ValueError(f"z = {z} lies beyond the trunk")


def _neck_ends(shape: QuadrupedShape) -> tuple[Point, Point]:
    neck, pitch = shape.neck, math.radians(shape.neck.pitch_deg)
    base = (0.0, shape.fore.height + neck.root * shape.trunk.depth, 0.5)
    return base, (0.0, base[1] + neck.length * math.sin(pitch), base[2] + neck.length * math.cos(pitch))


def _neck(shape: QuadrupedShape, base: Point, top: Point) -> Loft:
    n, wool = shape.neck, 0.8 * shape.fleece
    (a0, b0), (a1, b1) = n.base, n.top
    rows = []
    for u, share in ((-0.25, 0.0), (0.05, 0.08), (0.35, 0.5), (0.65, 0.85), (1.0, 1.0), (1.12, 1.0)):
        a, b = a0 + share * (a1 - a0), b0 + share * (b1 - b0)
        rows.append((u, a + wool * (1 - 0.6 * share), b + wool * (1 - 0.6 * share), b + wool * (1 - 0.6 * share)))
    return Loft(
        "neck", (base, top), ("neck",), ("neck",), tuple(rows), caps=(0.6, 0.5), rings=22, spokes=22, course=(1.0, 1.1)
    )


def _tail_path(shape: QuadrupedShape) -> tuple[Point, ...]:
    t = shape.trunk
    y, z = shape.hind.height + 0.75 * (t.rump + 0.1) * t.depth, -0.5 - 0.8 * t.rear
    points: list[Point] = [(0.0, y, z)]
    for pitch in shape.tail.pitch_deg:
        y += shape.tail.length / 3 * math.sin(math.radians(pitch))
        z -= shape.tail.length / 3 * math.cos(math.radians(pitch))
        points.append((0.0, y, z))
    return tuple(points)


def _tail(shape: QuadrupedShape, path: tuple[Point, ...]) -> list[Loft]:
    joints = ("tail_1", "tail_2", "tail_3")
    r0, r1, r2 = shape.tail.radius
    rows = round_stations(((-0.3, r0), (0.3, r0), (1.5, r1), (2.6, r2), (3.0, 0.8 * r2)))
    lofts = [Loft("tail", path, joints, joints, rows, caps=(0.5, 1.0), rings=24, spokes=14, course=(-0.2, -1.3))]
    radius, length = shape.tail.tuft
    if radius:
        end, before = path[3], path[2]
        way = math.dist(end, before)
        back = (0.0, (end[1] - before[1]) / way, (end[2] - before[2]) / way)
        start, tip = _beyond(end, back, -0.35 * length), _beyond(end, back, length)
        rows = round_stations(((0.0, 0.5 * radius), (0.4, radius), (1.0, 0.4 * radius)))
        lofts.append(
            Loft(
                "tuft",
                (start, tip),
                ("tail_3",),
                ("tail_3",),
                rows,
                caps=(0.4, 0.8),
                rings=14,
                spokes=12,
                host="tail_3",
            )
        )
    return lofts


def _leg(kind: LegKind, points: tuple[Point, ...], leg: LegShape, rows: tuple[Row, ...]) -> Loft:
    stations = []
    for u, *radii in rows:
        upper = min(max(1.2 - u, 0.0), 1.0)
        factor = leg.radius * (1 + upper * (leg.muscle - 1))
        stations.append((u, *(factor * r for r in radii)))
    return Loft(
        f"left_{kind}_leg", points, *leg_chain(kind), tuple(stations), caps=(0.7, 0.55), rings=40, spokes=18,
        blend=0.22, floor=(0.0, _SOLE),
        course=(1.0 if kind == "front" else 0.0, -1.7), trunk_course=0.5,
    )  # fmt: skip


def _beyond(point: Point, direction: Point, length: float) -> Point:
    (x, y, z), (dx, dy, dz) = point, direction
    return x + length * dx, y + length * dy, z + length * dz


def _crest(shape: QuadrupedShape, crest: CrestShape, base: Point, top: Point) -> Loft:
    """Stands on the neck from the withers to between the ears."""
    pitch = math.radians(shape.neck.pitch_deg)
    up = (0.0, math.cos(pitch), -math.sin(pitch))
    b0, b1 = shape.neck.base[1], shape.neck.top[1]
    start, end = _beyond(base, up, 0.92 * b0), _beyond(top, up, 0.95 * b1)
    h, w = crest.height, crest.width
    rows = (
        (-0.02, 0.6 * w, 0.05, 0.35 * h),
        (0.25, w, 0.06, 0.8 * h),
        (0.6, w, 0.06, h),
        (0.9, w, 0.05, h),
        (1.1, 0.7 * w, 0.04, 0.6 * h),
    )
    return Loft(
        "mane",
        (start, end),
        ("neck",),
        ("neck",),
        rows,
        caps=(0.6, 0.8),
        rings=22,
        spokes=16,
        host="neck",
        course=(1.0, 1.1),
    )
