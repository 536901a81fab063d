"""The kangaroo: a four-footed body that stands on its hind legs and its tail."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .blueprint import Blueprint, Bone, Point
from .head import EarShape, HeadShape, head_bones, head_lofts, head_marks
from .loft import Loft, round_stations
from .quadruped import LANDMARKS, LegKind, Row, leg_bones, leg_chain, tail_bones

_HEAD = (
    (0.0, 0.18, 0.18, 0.19), (0.15, 0.22, 0.22, 0.22), (0.32, 0.2, 0.24, 0.21), (0.52, 0.15, 0.2, 0.155),
    (0.72, 0.115, 0.16, 0.125), (0.88, 0.105, 0.135, 0.115), (0.97, 0.075, 0.095, 0.085),
)  # fmt: skip
_FORE = (
    (-0.3, 0.05, 0.06, 0.06), (0.3, 0.062, 0.07, 0.066), (1.0, 0.046, 0.05, 0.048), (1.6, 0.038, 0.04, 0.038),
    (2.0, 0.033, 0.034, 0.033), (2.6, 0.036, 0.032, 0.03), (3.2, 0.04, 0.03, 0.028), (4.0, 0.034, 0.022, 0.02),
)  # fmt: skip
_HIND = (
    (-0.3, 0.09, 0.14, 0.16), (0.3, 0.115, 0.2, 0.2), (0.75, 0.095, 0.15, 0.16), (1.0, 0.075, 0.11, 0.11),
    (1.4, 0.055, 0.07, 0.075), (1.85, 0.038, 0.045, 0.04), (2.0, 0.042, 0.05, 0.042), (2.4, 0.046, 0.042, 0.04),
    (3.0, 0.052, 0.04, 0.04), (3.5, 0.048, 0.034, 0.036), (4.0, 0.034, 0.022, 0.026),
)  # fmt: skip


@dataclass(frozen=True)
class KangarooShape:
    """Proportions, against a grey kangaroo's."""

    head: HeadShape = field(
        default_factory=lambda: HeadShape(
            0.42, 18.0, _HEAD, (0.34, 0.1, 0.185, 0.05),
            EarShape((0.08, 0.16, 0.13), (-0.08, 0.6, 0.26), 0.115, point=0.3, widest=0.45), nose=0.07,
        )
    )  # fmt: skip
    pitch_deg: float = 0.0
    """The trunk leans forward by this."""
    radius: float = 1.0
    legs: float = 1.0
    """Thickness of legs and arms."""
    neck: float = 1.0
    tail: float = 1.0


def kangaroo(shape: KangarooShape) -> Blueprint:
    """A kangaroo standing upright; feet at y = 0."""
    hip = (0.0, 0.92, -0.33)

    def leaning(point: Point) -> Point:
        a = math.radians(shape.pitch_deg)
        y, z = point[1] - hip[1], point[2] - hip[2]
        return (point[0], hip[1] + y * math.cos(a) - z * math.sin(a), hip[2] + y * math.sin(a) + z * math.cos(a))

    spine, chest, base = (leaning(p) for p in ((0.0, 1.2, -0.13), (0.0, 1.45, 0.05), (0.0, 1.66, 0.16)))
    n = shape.neck
    top = leaning((0.0, 1.66 + 0.24 * n, 0.16 + 0.13 * n))
    fore = [
        leaning(p)
        for p in ((0.12, 1.54, 0.16), (0.15, 1.31, 0.09), (0.14, 1.15, 0.29), (0.13, 1.09, 0.36), (0.13, 1.02, 0.42))
    ]
    hind: list[Point] = [
        (0.15, 0.9, -0.33),
        (0.2, 0.76, 0.1),
        (0.17, 0.16, -0.36),
        (0.17, 0.05, 0.12),
        (0.17, 0.025, 0.4),
    ]
    t = shape.tail
    tail: list[Point] = [
        (0.0, 0.78, -0.5),
        (0.0, 0.45, -0.5 - 0.34 * t),
        (0.0, 0.15, -0.5 - 0.7 * t),
        (0.0, 0.06, -0.5 - 1.15 * t),
    ]
    bones = [
        Bone("hips", None, "trunk_rear", hip, spine),
        Bone("spine", "hips", "trunk_middle", spine, chest),
        Bone("chest", "spine", "trunk_front", chest, base),
        Bone("neck", "chest", "neck", base, top),
        *head_bones(shape.head, top),
        *tail_bones(tail),
        *leg_bones("front", fore),
        *leg_bones("hind", hind),
    ]
    g = shape.radius
    trunk = tuple((u, g * a, g * b0, g * b1) for u, a, b0, b1 in (
        (-0.75, 0.1, 0.14, 0.14), (-0.3, 0.21, 0.26, 0.22), (0.2, 0.235, 0.29, 0.22), (0.9, 0.205, 0.26, 0.19),
        (1.6, 0.17, 0.21, 0.16), (2.3, 0.15, 0.17, 0.14), (3.0, 0.1, 0.12, 0.11)))  # fmt: skip
    neck = ((-0.3, 0.1, 0.12, 0.12), (0.2, 0.1, 0.12, 0.115), (0.7, 0.08, 0.095, 0.095), (1.1, 0.075, 0.085, 0.085))
    tail_rows = round_stations(((-0.5, 0.17 * g), (0.0, 0.16 * g), (1.0, 0.1), (2.0, 0.062), (3.0, 0.032)))
    lofts = [
        Loft("trunk", (hip, spine, chest, base), ("hips", "spine", "chest"), ("trunk_rear", "trunk_middle",
            "trunk_front"),
             trunk, caps=(0.6, 0.6), rings=32, spokes=28, blend=0.4),
        Loft("neck", (base, top), ("neck",), ("neck",), neck, caps=(0.6, 0.6), rings=20, spokes=20, course=(1.0, 1.1)),
        *head_lofts(shape.head, top, 1.3),
        Loft("tail", tuple(tail), ("tail_1", "tail_2", "tail_3"), ("tail_1", "tail_2", "tail_3"), tail_rows,
             caps=(0.5, 1.0), rings=28, spokes=18, course=(-0.2, -1.0)),
    ]  # fmt: skip
    legs: tuple[tuple[LegKind, list[Point], tuple[Row, ...]], ...] = (("front", fore, _FORE), ("hind", hind, _HIND))
    for kind, points, rows in legs:
        thick = tuple((u, *(shape.legs * r for r in radii)) for u, *radii in rows)
        lofts.append(
            Loft(
                f"left_{kind}_leg",
                tuple(points),
                *leg_chain(kind),
                thick,
                caps=(0.7, 0.8),
                rings=40,
                spokes=18,
                blend=0.22,
                floor=(0.0, 0.12),
            )
        )
    return Blueprint("quadruped", tuple(bones), tuple(lofts), LANDMARKS, head_marks(shape.head, top))
