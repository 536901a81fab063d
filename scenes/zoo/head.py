"""Heads: skull and muzzle as one loft, eyes, ears, horns and antlers, tusks, an elephant's trunk.

All in head lengths, in the head's own frame: f from the back of the skull (0) to the nose (1), up across it, out to the
left. The head's joint lies at f = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .blueprint import Bone, Point
from .loft import Loft, round_stations

HeadPlace = tuple[float, float, float]
"""(f, up, out) in head lengths."""


@dataclass(frozen=True)
class EarShape:
    """A leaf, cupped a little by its thickness."""

    base: HeadPlace
    tip: HeadPlace
    width: float
    """Half width at the widest, in head lengths."""
    thickness: float = 0.04
    """Half thickness."""
    bend: HeadPlace = (0.0, 0.0, 0.0)
    """How far its middle lies off the straight line from base to tip: drooping ears arch."""
    widest: float = 0.45
    """Where it is widest, from base (0) to tip (1)."""
    point: float = 0.25
    """Half width near the tip, in widths: small for pointed ears."""
    turn_deg: float = 0.0
    """0 faces forward (or down the bone), 90 sideways."""


@dataclass(frozen=True)
class HornShape:
    """A horn, tusk or a beam of an antler with its tines: a tube through points."""

    name: str
    points: tuple[HeadPlace, ...]
    radius: tuple[float, float]
    """At the base and at the tip, in head lengths."""


@dataclass(frozen=True)
class ProboscisShape:
    """An elephant's trunk."""

    points: tuple[HeadPlace, ...]
    """Five: its root and the ends of four bones."""
    radius: tuple[float, float] = (0.2, 0.075)


@dataclass(frozen=True)
class HeadShape:
    """A head and what grows on it."""

    length: float
    """In trunk lengths."""
    pitch_deg: float
    """Of the nose, below the horizontal."""
    rows: tuple[tuple[float, float, float, float], ...]
    """(f, up, down, half width) of the skull's outline, in head lengths."""
    eye: tuple[float, float, float, float]
    """(f, up, out, radius)."""
    ear: EarShape | None = None
    horns: tuple[HornShape, ...] = ()
    proboscis: ProboscisShape | None = None
    muzzle: float = 0.5
    """f where the muzzle's bone begins."""
    nose: float = 0.07
    """Radius of the nose pad, in head lengths; 0 for none."""
    boxy: float = 2.3
    """Exponent of the sections."""
    caps: tuple[float, float] = (0.7, 0.6)

    def at(self, place: HeadPlace, joint: Point) -> Point:
        """A place on the head in the body's frame."""
        f, up, out = (self.length * value for value in place)
        c, s = math.cos(math.radians(self.pitch_deg)), math.sin(math.radians(self.pitch_deg))
        return (joint[0] + out, joint[1] - f * s + up * c, joint[2] + f * c + up * s)


def head_bones(head: HeadShape, joint: Point) -> list[Bone]:
    """The head's joints; the first one's parent is the neck."""
    middle, tip = head.at((head.muzzle, 0.0, 0.0), joint), head.at((1.0, 0.0, 0.0), joint)
    bones = [Bone("head", "neck", "head", joint, middle), Bone("muzzle", "head", "muzzle", middle, tip)]
    if head.ear is not None:
        bones.append(Bone("left_ear", "head", "left_ear", head.at(head.ear.base, joint), head.at(head.ear.tip, joint)))
    if head.proboscis is not None:
        points = [head.at(place, joint) for place in head.proboscis.points]
        for k in range(4):
            parent = f"proboscis_{k}" if k else "muzzle"
            bones.append(Bone(f"proboscis_{k + 1}", parent, "proboscis", points[k], points[k + 1]))
    return bones


def head_lofts(head: HeadShape, joint: Point, course: float) -> list[Loft]:
    """The pieces of a head; `course` is where the neck's ends."""
    size, m = head.length, head.muzzle
    path = (joint, head.at((m, 0.0, 0.0), joint), head.at((1.0, 0.0, 0.0), joint))
    rows = []
    for f, up, down, half in head.rows:
        u = f / m if f < m else 1 + (f - m) / (1 - m)
        rows.append((u, size * half, size * down, size * up))
    lofts = [
        Loft("head", path, ("head", "muzzle"), ("head", "muzzle"), tuple(rows), caps=head.caps, exponent=head.boxy,
            rings=34, spokes=28, course=(course, 2.2))
    ]  # fmt: skip
    f, up, out, radius = head.eye
    ball = (head.at((f - 0.02 * radius, up, out), joint), head.at((f + 0.02 * radius, up, out), joint))
    r = size * radius
    lofts.append(
        Loft("left_eye", ball, ("head",), ("left_eye",), round_stations(((0.0, r), (1.0, r))), (1.0, 1.0), 2.0, 12, 14)
    )
    if head.ear is not None:
        lofts.append(_ear(head, head.ear, joint))
    lofts += [_horn(head, horn, joint) for horn in head.horns]
    if head.proboscis is not None:
        lofts.append(_proboscis(head, head.proboscis, joint))
    return lofts


def head_marks(head: HeadShape, joint: Point) -> dict[str, tuple[Point, float]]:
    """Where the coat finds eyes and nose."""
    f, up, out, radius = head.eye
    marks = {"left_eye": (head.at((f, up, out), joint), head.length * radius)}
    if head.nose:
        top = max(row[1] for row in head.rows if row[0] > 0.85)
        marks["nose"] = (head.at((1.0, 0.35 * top, 0.0), joint), head.length * head.nose)
    return marks


def _ear(head: HeadShape, ear: EarShape, joint: Point) -> Loft:
    f, up, out = (0.5 * (a + b) + c for a, b, c in zip(ear.base, ear.tip, ear.bend, strict=True))
    path = tuple(head.at(place, joint) for place in (ear.base, (f, up, out), ear.tip))
    w, t = head.length * ear.width, head.length * ear.thickness
    x = 2 * ear.widest
    rows = (
        (-0.15, 0.45 * w, 1.4 * t, 1.4 * t), (0.5 * x, 0.85 * w, 1.1 * t, 1.1 * t), (x, w, t, t),
        (0.5 * (x + 2), 0.5 * (1 + ear.point) * w, 0.9 * t, 0.9 * t), (1.95, ear.point * w, 0.75 * t, 0.75 * t),
    )  # fmt: skip
    return Loft(
        "left_ear", path, ("left_ear", "left_ear"), ("left_ear", "left_ear"), rows, caps=(0.5, 0.7), exponent=2.0,
        rings=22, spokes=16, turn_deg=ear.turn_deg,
    )  # fmt: skip


def _horn(head: HeadShape, horn: HornShape, joint: Point) -> Loft:
    path = tuple(head.at(place, joint) for place in horn.points)
    n = len(path) - 1
    r0, r1 = (head.length * r for r in horn.radius)
    rows = round_stations(((-0.1, r0), (0.5 * n, 0.5 * (r0 + r1)), (float(n), r1)))
    return Loft(
        f"left_{horn.name}", path, ("head",) * n, ("left_horn",) * n, rows, caps=(0.5, 1.0), exponent=2.0,
        rings=10 + 6 * n, spokes=12,
    )  # fmt: skip


def _proboscis(head: HeadShape, proboscis: ProboscisShape, joint: Point) -> Loft:
    path = tuple(head.at(place, joint) for place in proboscis.points)
    r0, r1 = (head.length * r for r in proboscis.radius)
    tapered = [(u, r1 + (r0 - r1) * (1 - u / 4) ** 1.5) for u in (0.0, 1.0, 2.0, 3.0, 4.0)]
    rows = round_stations([(-0.25, tapered[0][1]), *tapered])
    return Loft(
        "proboscis", path, tuple(f"proboscis_{k}" for k in (1, 2, 3, 4)), ("proboscis",) * 4, rows, caps=(0.5, 0.4),
        exponent=2.0, rings=36, spokes=18,
    )  # fmt: skip
