"""People and small big-headed characters in an A-pose, with hair and clothes as part of their shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .blueprint import Blueprint, Bone, Point
from .loft import Loft, round_stations


@dataclass(frozen=True)
class HumanoidShape:
    """Proportions in body heights, of an adult about 7.5 heads tall."""

    head: float = 0.062
    """Half width of the skull."""
    neck: float = 0.045
    """Length of the neck."""
    torso: float = 0.3
    """Hips to neck."""
    leg: float = 0.49
    """Hip joint to ankle."""
    arm: tuple[float, float, float] = (0.17, 0.145, 0.095)
    """Upper arm, forearm, hand."""
    shoulders: float = 0.105
    """Sideways place of the shoulder joint."""
    hips: float = 0.055
    """Sideways place of the hip joint."""
    radius: float = 1.0
    """Thickness of trunk and limbs."""
    limb: float = 1.0
    """Thickness of arms and legs."""
    foot: float = 0.13
    arm_deg: float = 42.0
    """Arms below the horizontal: A-pose."""
    hair: tuple[float, float] = (0.16, 0.35)
    """How thick it lies on the skull, and how far it hangs behind, in skull heights."""
    skirt: float = 0.0
    """How far a skirt stands off the thighs at its hem, in body heights; 0 hugs the hips."""
    tails: float = 0.0
    """Radius of bunches of hair at the sides, in skull half widths; 0 for none. All of a species have them or none."""


_LANDMARKS = {
    "nose": ("head", False), "head_top": ("head", True), "neck": ("neck", False),
    **{f"{s}_{to}": (f"{s}{of}", False) for s in ("left", "right") for to, of in (
        ("shoulder", "UpperArm"), ("elbow", "LowerArm"), ("wrist", "Hand"), ("hip", "UpperLeg"),
        ("knee", "LowerLeg"), ("ankle", "Foot"))},
}  # fmt: skip


def humanoid(shape: HumanoidShape) -> Blueprint:
    """A person in an A-pose; soles at y = 0."""
    ankle = 0.042
    hip_y = ankle + shape.leg
    waist, rib, base = hip_y + 0.32 * shape.torso, hip_y + 0.6 * shape.torso, hip_y + shape.torso
    hips: Point = (0.0, hip_y + 0.02, 0.0)
    top: Point = (0.0, base + shape.neck, 0.008)
    r = shape.head
    crown: Point = (0.0, top[1] + 2.55 * r, 0.012)
    shoulder: Point = (0.2 * shape.shoulders, base - 0.03 * (shape.torso / 0.3), 0.0)
    joint: Point = (shape.shoulders, base - 0.042 * (shape.torso / 0.3), 0.0)
    a = math.radians(shape.arm_deg)
    arm = [shoulder, joint]
    for length, bend in zip(shape.arm, (0.0, 0.0, 0.0), strict=True):
        x, y, z = arm[-1]
        arm.append((x + length * math.cos(a + bend), y - length * math.sin(a + bend), z + 0.01))
    thigh: Point = (shape.hips, hip_y, 0.0)
    knee: Point = (1.12 * shape.hips, ankle + 0.5 * shape.leg, 0.008)
    heel: Point = (1.18 * shape.hips, ankle, -0.012)
    toe: Point = (1.3 * shape.hips, 0.016, -0.012 + shape.foot)
    bones = (
        Bone("hips", None, "trunk_rear", hips, (0.0, waist, 0.0)),
        Bone("spine", "hips", "trunk_middle", (0.0, waist, 0.0), (0.0, rib, 0.0)),
        Bone("chest", "spine", "trunk_front", (0.0, rib, 0.0), (0.0, base, 0.0)),
        Bone("neck", "chest", "neck", (0.0, base, 0.0), top),
        Bone("head", "neck", "head", top, crown),
        Bone("leftShoulder", "chest", "left_front_girdle", arm[0], arm[1]),
        Bone("leftUpperArm", "leftShoulder", "left_front_upper", arm[1], arm[2]),
        Bone("leftLowerArm", "leftUpperArm", "left_front_lower", arm[2], arm[3]),
        Bone("leftHand", "leftLowerArm", "left_front_cannon", arm[3], arm[4]),
        Bone("leftUpperLeg", "hips", "left_hind_upper", thigh, knee),
        Bone("leftLowerLeg", "leftUpperLeg", "left_hind_lower", knee, heel),
        Bone("leftFoot", "leftLowerLeg", "left_hind_foot", heel, toe),
    )
    lofts = [
        _torso(shape, (hips, (0.0, waist, 0.0), (0.0, rib, 0.0), (0.0, base, 0.0))),
        _neck(shape, (0.0, base, 0.0), top),
        _head(r, top, crown),
        _hair(shape, top),
        _arm(shape, tuple(arm)),
        _thumb(shape, arm[3], arm[4]),
        _leg(shape, (thigh, knee, heel, toe)),
    ]
    if shape.skirt:
        lofts.append(_skirt(shape, waist, hip_y))
    if shape.tails:
        lofts.append(_bunch(shape, top))
    eye: Point = (0.42 * r, top[1] + 1.12 * r, top[2] + 0.86 * r)
    marks = {
        "left_eye": (eye, 0.2 * r),
        "nose": ((0.0, top[1] + 0.78 * r, top[2] + 1.1 * r), 0.14 * r),
        "mouth": ((0.0, top[1] + 0.42 * r, top[2] + 0.95 * r), 0.2 * r),
        "skull": ((0.0, top[1] + 1.3 * r, top[2]), r),
        "waist": ((0.0, waist, 0.0), shape.torso),
        "knee": (knee, 0.05),
    }
    # What clothes and hair lie over too thickly cannot be pointed at.
    covered = (("left_hip", "right_hip") if shape.skirt else ()) + (("head_top",) if shape.tails else ())
    landmarks = {name: place for name, place in _LANDMARKS.items() if name not in covered}
    return Blueprint("biped", bones, tuple(lofts), landmarks, marks)


def _torso(shape: HumanoidShape, path: tuple[Point, ...]) -> Loft:
    g, w, h = shape.radius, shape.shoulders, shape.hips
    rows = (
        (-0.5, 0.9 * h + 0.02 * g, 0.05 * g, 0.05 * g), (0.0, 0.052 * g + 0.6 * h, 0.068 * g, 0.062 * g),
        (0.5, 0.045 * g + 0.6 * h, 0.064 * g, 0.058 * g), (1.0, 0.04 * g + 0.52 * h, 0.058 * g, 0.054 * g),
        (1.6, 0.045 * g + 0.4 * w, 0.064 * g, 0.06 * g), (2.2, 0.045 * g + 0.52 * w, 0.068 * g, 0.064 * g),
        (2.7, 0.03 * g + 0.55 * w, 0.052 * g, 0.052 * g), (2.98, 0.036 * g + 0.1 * w, 0.036 * g, 0.036 * g),
    )  # fmt: skip
    parts = ("trunk_rear", "trunk_middle", "trunk_front")
    return Loft(
        "trunk",
        path,
        ("hips", "spine", "chest"),
        parts,
        rows,
        caps=(0.5, 0.4),
        exponent=2.4,
        rings=32,
        spokes=26,
        blend=0.35,
    )


def _neck(shape: HumanoidShape, base: Point, top: Point) -> Loft:
    r = min(0.034 * shape.radius, 0.55 * shape.head)
    rows = round_stations(((-0.4, 1.2 * r), (0.3, r), (1.3, r)))
    return Loft("neck", (base, top), ("neck",), ("neck",), rows, caps=(0.5, 0.5), exponent=2.0, rings=16, spokes=18)


def _head(r: float, top: Point, crown: Point) -> Loft:
    # u from the chin's level to the crown; b0 looks backward on an upright bone, b1 forward is the face.
    rows = (
        (0.02, 0.45 * r, 0.5 * r, 0.62 * r), (0.14, 0.66 * r, 0.72 * r, 0.86 * r), (0.32, 0.86 * r, 0.98 * r, 0.95 * r),
        (0.52, 0.98 * r, 1.15 * r, 1.0 * r), (0.72, 0.98 * r, 1.16 * r, 0.98 * r), (0.86, 0.8 * r, 0.95 * r, 0.8 * r),
        (0.94, 0.56 * r, 0.66 * r, 0.56 * r),
    )  # fmt: skip
    flipped = tuple((u, a, b1, b0) for u, a, b0, b1 in rows)
    return Loft("head", (top, crown), ("head",), ("head",), flipped, caps=(0.4, 0.6), exponent=2.1, rings=30, spokes=28)


def _hair(shape: HumanoidShape, top: Point) -> Loft:
    """A cap over the skull that comes down behind."""
    r = shape.head
    thick, hang = shape.hair
    k = 1 + thick
    low: Point = (0.0, top[1] + (0.55 - 2.0 * hang) * r, top[2] - 0.62 * r)
    high: Point = (0.0, top[1] + 2.62 * r + 0.5 * thick * r, top[2] - 0.04 * r)
    middle: Point = (0.0, top[1] + 1.6 * r, top[2] - 0.2 * r)
    rows = (
        (0.0, 0.7 * r, 0.36 * r, 0.34 * r), (0.4, 0.98 * r, 0.6 * r, 0.5 * r), (0.8, 1.04 * k * r, 0.78 * k * r,
            0.95 * r),
        (1.15, 1.02 * k * r, 1.02 * k * r, 1.02 * k * r), (1.5, 0.96 * k * r, 1.02 * k * r, 1.0 * k * r),
        (1.75, 0.78 * k * r, 0.84 * k * r, 0.84 * k * r),
    )  # fmt: skip
    return Loft(
        "hair",
        (low, middle, high),
        ("head", "head"),
        ("head", "head"),
        rows,
        caps=(0.6, 0.75),
        rings=30,
        spokes=24,
        host="head",
    )


def _bunch(shape: HumanoidShape, top: Point) -> Loft:
    r, t = shape.head, shape.head * shape.tails
    path: tuple[Point, ...] = (
        (0.85 * r, top[1] + 2.0 * r, top[2] - 0.35 * r), (1.55 * r, top[1] + 1.7 * r, top[2] - 0.5 * r),
        (1.8 * r, top[1] + 0.8 * r, top[2] - 0.45 * r), (1.75 * r, top[1] - 0.2 * r, top[2] - 0.4 * r),
    )  # fmt: skip
    rows = round_stations((u, k * t) for u, k in ((-0.1, 0.6), (0.6, 0.8), (1.4, 1.0), (2.3, 0.9), (3.0, 0.3)))
    return Loft(
        "left_bunch", path, ("head",) * 3, ("head",) * 3, rows, caps=(0.5, 1.0), rings=26, spokes=16, host="head"
    )


def _arm(shape: HumanoidShape, path: tuple[Point, ...]) -> Loft:
    g = shape.radius * shape.limb
    rows = tuple((u, g * a, g * b0, g * b1) for u, a, b0, b1 in (
        (0.1, 0.034, 0.036, 0.036), (1.0, 0.04, 0.042, 0.042), (1.4, 0.033, 0.034, 0.034), (2.0, 0.027, 0.029, 0.029),
        (2.3, 0.028, 0.029, 0.029), (2.9, 0.02, 0.021, 0.021), (3.1, 0.019, 0.023, 0.023), (3.5, 0.018, 0.033, 0.033),
        (3.85, 0.015, 0.03, 0.03), (3.98, 0.013, 0.024, 0.024)))  # fmt: skip
    joints = ("leftShoulder", "leftUpperArm", "leftLowerArm", "leftHand")
    parts = ("left_front_girdle", "left_front_upper", "left_front_lower", "left_front_cannon")
    return Loft("left_arm", path, joints, parts, rows, caps=(0.5, 0.7), exponent=2.2, rings=40, spokes=18, blend=0.2)


def _thumb(shape: HumanoidShape, wrist: Point, tip: Point) -> Loft:
    g = shape.radius * shape.limb

    def along(t: float, forward: float) -> Point:
        x, y, z = (p + t * (q - p) for p, q in zip(wrist, tip, strict=True))
        return (x, y, z + forward * g)

    rows = round_stations(((0.0, 0.014 * g), (1.0, 0.0135 * g)))
    return Loft(
        "left_thumb",
        (along(0.2, 0.018), along(0.6, 0.046)),
        ("leftHand",),
        ("left_front_cannon",),
        rows,
        caps=(0.8, 1.0),
        exponent=2.0,
        rings=14,
        spokes=12,
        host="left_front_cannon",
        course=(sum(shape.arm), 1.0),
    )


def _leg(shape: HumanoidShape, path: tuple[Point, ...]) -> Loft:
    g = shape.radius * shape.limb
    rows = tuple((u, g * a, g * b0, g * b1) for u, a, b0, b1 in (
        (-0.1, 0.05, 0.07, 0.06), (0.15, 0.058, 0.068, 0.062), (0.6, 0.05, 0.053, 0.054), (1.0, 0.038, 0.038, 0.042),
        (1.35, 0.037, 0.048, 0.034), (1.85, 0.024, 0.028, 0.025), (2.0, 0.027, 0.036, 0.028), (2.3, 0.032, 0.026,
            0.036),
        (2.7, 0.036, 0.022, 0.028), (2.98, 0.032, 0.02, 0.02)))  # fmt: skip
    joints = ("leftUpperLeg", "leftLowerLeg", "leftFoot")
    parts = ("left_hind_upper", "left_hind_lower", "left_hind_foot")
    return Loft(
        "left_leg",
        path,
        joints,
        parts,
        rows,
        caps=(0.5, 0.5),
        exponent=2.2,
        rings=38,
        spokes=18,
        blend=0.2,
        floor=(0.0, 0.12),
    )


def _skirt(shape: HumanoidShape, waist: float, hip_y: float) -> Loft:
    g, h = shape.radius, shape.hips
    low, high = hip_y - 0.36 * shape.leg, waist + 0.02
    top, hem = 0.046 * g + 0.55 * h, 0.062 * g + 1.1 * h + shape.skirt
    rows = (
        (0.0, hem, 0.88 * hem, 0.88 * hem), (0.5, 0.5 * (top + hem) + 0.012, 0.46 * (top + hem), 0.46 * (top + hem)),
        (1.0, top + 0.006, 0.062 * g, 0.062 * g),
    )  # fmt: skip
    return Loft(
        "skirt",
        ((0.0, low, 0.0), (0.0, high, 0.0)),
        ("hips",),
        ("trunk_rear",),
        rows,
        caps=(0.08, 0.2),
        rings=22,
        spokes=28,
        host="trunk_rear",
    )


PERSON = HumanoidShape()
CHIBI = HumanoidShape(
    head=0.15, neck=0.012, torso=0.2, leg=0.215, arm=(0.085, 0.075, 0.06), shoulders=0.085, hips=0.052, radius=1.12,
    limb=0.92, foot=0.095, hair=(0.12, 0.42), skirt=0.05, tails=0.34,
)  # fmt: skip
