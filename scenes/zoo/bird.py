"""Birds: a body along a pitched axis, wings spread at rest, two legs. Penguins are drawn by the same hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .blueprint import Blueprint, Bone, Point
from .loft import Loft, round_stations


@dataclass(frozen=True)
class BirdShape:
    """Proportions in body lengths: rump to the root of the neck."""

    pitch_deg: float
    """Of the body's axis, above the horizontal."""
    hip_height: float
    """Of the hip joint over the ground."""
    depth: float = 0.26
    """Half depth of the body at its deepest."""
    width: float = 0.24
    neck: tuple[float, float] = (0.2, 65.0)
    """Length, and pitch in degrees."""
    neck_radius: tuple[float, float] = (0.15, 0.11)
    head: float = 0.13
    """Radius of the skull."""
    beak: tuple[float, float, float] = (0.2, 0.045, 0.0)
    """Length, radius at its root, and pitch in degrees, downward."""
    eye: float = 0.032
    wing: tuple[float, float, float] = (0.36, 0.4, 0.5)
    """Lengths of its three bones."""
    wing_drop_deg: float = 4.0
    """How far the rest pose's wings hang: 0 is level, 90 straight down."""
    chord: tuple[float, float, float] = (0.2, 0.22, 0.15)
    """Half widths along the wing: at the root, at the wrist, near the tip."""
    wing_thickness: float = 0.028
    tail: tuple[float, float] = (0.45, 0.13)
    """Length and half width at the end."""
    tail_deg: float | None = None
    """Its pitch, downward; None goes on along the body."""
    leg: tuple[float, float] = (0.055, 0.026)
    """Radii of thigh and shank."""
    foot: float = 0.22
    """Length."""


_LANDMARKS = {
    # Where a neck begins and hips are lies too deep in a bird's body to be pointed at.
    "nose": ("beak", True), "tail_base": ("tail", False), "tail_tip": ("tail", True),
    **{f"{s}_{to}": (f"{s}_{of}", tip) for s in ("left", "right") for to, of, tip in (
        ("front_shoulder", "wing_upper", False), ("front_elbow", "wing_lower", False), ("front_paw", "wing_tip", True),
        ("back_knee", "lower_leg", False), ("back_paw", "foot", True))},
}  # fmt: skip


def bird(shape: BirdShape) -> Blueprint:
    """A bird standing with its wings out; feet at y = 0."""
    a = math.radians(shape.pitch_deg)
    forward, up = (0.0, math.sin(a), math.cos(a)), (0.0, math.cos(a), -math.sin(a))
    hip_y = shape.hip_height

    def at(f: float, u: float = 0.0, x: float = 0.0) -> Point:
        """f along the body from the hips' joint, u across it."""
        return (x, hip_y + f * forward[1] + u * up[1], f * forward[2] + u * up[2])

    hips, spine, chest, base = at(-0.3), at(0.05), at(0.33), at(0.62)
    length, pitch = shape.neck[0], math.radians(shape.neck[1])
    top = (0.0, base[1] + length * math.sin(pitch), base[2] + length * math.cos(pitch))
    r = shape.head
    middle = (0.0, top[1] + 0.25 * r, top[2] + 0.95 * r)
    beak_length, beak_radius, down = shape.beak
    tip = (
        0.0,
        middle[1] - beak_length * math.sin(math.radians(down)),
        middle[2] + beak_length * math.cos(math.radians(down)),
    )
    tail = at(-0.42, 0.02)
    slope = a if shape.tail_deg is None else math.radians(shape.tail_deg)
    tail_end = (0.0, tail[1] - shape.tail[0] * math.sin(slope), tail[2] - shape.tail[0] * math.cos(slope))
    drop = math.radians(shape.wing_drop_deg)
    shoulder = at(0.4, 0.09, 0.72 * shape.width)
    wing = [shoulder]
    for n, sweep in zip(shape.wing, (-0.1, 0.06, -0.3), strict=True):
        x, y, z = wing[-1]
        level = n * math.cos(sweep)
        wing.append((x + level * math.cos(drop), y - level * math.sin(drop), z + n * math.sin(sweep)))
    x = 0.45 * shape.width
    hip: Point = (x, hip_y - 0.12, 0.0)
    knee_y, ankle_y = 0.56 * (hip_y - 0.12), 0.05
    leg: list[Point] = [hip, (1.1 * x, knee_y, 0.1), (1.15 * x, ankle_y, 0.0), (1.25 * x, 0.02, shape.foot)]
    bones = (
        Bone("hips", None, "trunk_rear", hips, spine),
        Bone("spine", "hips", "trunk_middle", spine, chest),
        Bone("chest", "spine", "trunk_front", chest, base),
        Bone("neck", "chest", "neck", base, top),
        Bone("head", "neck", "head", top, middle),
        Bone("beak", "head", "muzzle", middle, tip),
        Bone("tail", "hips", "tail_1", tail, tail_end),
        Bone("left_wing_upper", "chest", "left_front_upper", wing[0], wing[1]),
        Bone("left_wing_lower", "left_wing_upper", "left_front_lower", wing[1], wing[2]),
        Bone("left_wing_tip", "left_wing_lower", "left_front_cannon", wing[2], wing[3]),
        Bone("left_upper_leg", "hips", "left_hind_upper", leg[0], leg[1]),
        Bone("left_lower_leg", "left_upper_leg", "left_hind_lower", leg[1], leg[2]),
        Bone("left_foot", "left_lower_leg", "left_hind_foot", leg[2], leg[3]),
    )
    lofts = (
        _body(shape, (hips, spine, chest, base)),
        _neck(shape, base, top),
        Loft("head", (top, middle), ("head",), ("head",),
             ((-0.3, 0.8 * r, 0.85 * r, 0.85 * r), (0.35, r, r, 1.02 * r), (1.0, 0.72 * r, 0.75 * r, 0.68 * r)),
             caps=(0.9, 0.6), exponent=2.0, rings=22, spokes=22, course=(1.6, 1.0)),
        Loft("beak", (middle, tip), ("beak",), ("muzzle",),
             ((-0.1, beak_radius, 1.05 * beak_radius, beak_radius), (0.5, 0.62 * beak_radius, 0.7 * beak_radius,
                 0.62 * beak_radius),
              (0.95, 0.02 + 0.1 * beak_radius, 0.02, 0.02)), caps=(0.4, 0.8), exponent=2.0, rings=16, spokes=14),
        _eye(shape, top),
        _tail(shape, tail, tail_end),
        _wing(shape, tuple(wing)),
        _leg(shape, tuple(leg)),
    )  # fmt: skip
    marks = {"left_eye": (_eye_place(shape, top), shape.eye), "beak": (tip, beak_length)}
    return Blueprint("bird", bones, lofts, _LANDMARKS, marks)


def _body(shape: BirdShape, path: tuple[Point, ...]) -> Loft:
    d, w = shape.depth, shape.width
    rows = (
        (-0.45, 0.3 * w, 0.3 * d, 0.3 * d), (0.1, 0.72 * w, 0.74 * d, 0.62 * d), (0.8, w, 1.02 * d, 0.9 * d),
        (1.5, 1.02 * w, 1.08 * d, 0.95 * d), (2.2, 0.9 * w, 0.98 * d, 0.8 * d), (2.9, 0.62 * w, 0.66 * d, 0.6 * d),
    )  # fmt: skip
    parts = ("trunk_rear", "trunk_middle", "trunk_front")
    return Loft(
        "trunk",
        path,
        ("hips", "spine", "chest"),
        parts,
        rows,
        caps=(0.7, 0.6),
        exponent=2.0,
        rings=30,
        spokes=26,
        blend=0.4,
    )


def _neck(shape: BirdShape, base: Point, top: Point) -> Loft:
    r0, r1 = shape.neck_radius
    rows = round_stations(((-0.5, r0), (0.1, r0), (0.6, 0.5 * (r0 + r1)), (1.15, r1)))
    return Loft(
        "neck", (base, top), ("neck",), ("neck",), rows, caps=(0.7, 0.6), rings=20, spokes=20, course=(1.0, 1.0)
    )


def _eye_place(shape: BirdShape, top: Point) -> Point:
    r = shape.head
    return (0.86 * r, top[1] + 0.4 * r, top[2] + 0.72 * r)


def _eye(shape: BirdShape, top: Point) -> Loft:
    (x, y, z), r = _eye_place(shape, top), shape.eye
    rows = round_stations(((0.0, r), (1.0, r)))
    path = ((x, y, z - 0.02 * r), (x, y, z + 0.02 * r))
    return Loft("left_eye", path, ("head",), ("left_eye",), rows, (1.0, 1.0), 2.0, 12, 14)


def _tail(shape: BirdShape, start: Point, end: Point) -> Loft:
    w, t = shape.tail[1], shape.wing_thickness
    rows = ((-0.15, 0.6 * w, 2.2 * t, 2.2 * t), (0.3, 0.75 * w, 1.4 * t, 1.4 * t), (1.0, w, 0.9 * t, 0.9 * t))
    return Loft(
        "tail",
        (start, end),
        ("tail",),
        ("tail_1",),
        rows,
        caps=(0.6, 0.5),
        exponent=2.4,
        rings=18,
        spokes=20,
        course=(-0.2, -1.0),
    )


def _wing(shape: BirdShape, path: tuple[Point, ...]) -> Loft:
    root, wrist, tip = shape.chord
    t = shape.wing_thickness
    # The frame's lateral axis of a wing is its vertical: `a` is the thickness, b0 and b1 reach back and forward.
    rows = (
        (-0.2, 1.7 * t, 0.9 * root, 0.5 * root), (0.4, 1.3 * t, 1.1 * root, 0.45 * root),
        (1.0, 1.1 * t, 1.2 * root, 0.42 * root), (2.0, t, 1.25 * wrist, 0.35 * wrist), (2.5, 0.9 * t, 1.15 * tip,
            0.35 * tip),
        (2.95, 0.8 * t, 0.5 * tip, 0.25 * tip),
    )  # fmt: skip
    parts = ("left_front_upper", "left_front_lower", "left_front_cannon")
    joints = ("left_wing_upper", "left_wing_lower", "left_wing_tip")
    return Loft(
        "left_wing",
        path,
        joints,
        parts,
        rows,
        caps=(0.5, 0.6),
        exponent=2.2,
        rings=34,
        spokes=20,
        blend=0.25,
        course=(0.0, 1.0),
    )


def _leg(shape: BirdShape, path: tuple[Point, ...]) -> Loft:
    thigh, shank = shape.leg
    rows = (
        (-0.2, 1.3 * thigh, 1.5 * thigh, 1.5 * thigh), (0.4, thigh, 1.2 * thigh, 1.2 * thigh), (0.95, 1.1 * shank,
            1.2 * shank, 1.2 * shank),
        (1.5, shank, shank, shank), (2.0, 1.1 * shank, 1.1 * shank, 1.1 * shank), (2.4, 2.0 * shank, 0.9 * shank,
            0.9 * shank),
        (2.95, 2.6 * shank, 0.7 * shank, 0.7 * shank),
    )  # fmt: skip
    parts = ("left_hind_upper", "left_hind_lower", "left_hind_foot")
    joints = ("left_upper_leg", "left_lower_leg", "left_foot")
    return Loft("left_leg", path, joints, parts, rows, caps=(0.6, 0.5), rings=30, spokes=16, floor=(0.0, 0.12))


BIRD = BirdShape(pitch_deg=32.0, hip_height=0.52)
PENGUIN = BirdShape(
    pitch_deg=82.0, hip_height=0.52, depth=0.27, width=0.27, neck=(0.22, 84.0), neck_radius=(0.19, 0.14), head=0.14,
    beak=(0.2, 0.045, 4.0), eye=0.03, wing=(0.2, 0.2, 0.18), wing_drop_deg=62.0, chord=(0.09, 0.1, 0.075),
    wing_thickness=0.03, tail=(0.19, 0.08), tail_deg=32.0, leg=(0.12, 0.05), foot=0.22,
)  # fmt: skip
