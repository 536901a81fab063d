"""Individuals: a species' proportions, each a little longer or shorter, fatter or thinner, some of them young.

Lengths and radii are multiplied by exp(deviation * normal), angles shifted; what grows together changes together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .bird import BirdShape
from .head import EarShape, HeadPlace, HeadShape, HornShape
from .humanoid import HumanoidShape
from .kangaroo import KangarooShape
from .quadruped import LegShape, QuadrupedShape

_YOUNG = 0.12
"""Share of young animals."""

BodyShape = QuadrupedShape | KangarooShape | BirdShape | HumanoidShape


def vary(shape: BodyShape, random: np.random.Generator) -> BodyShape:
    """Another individual of the same species: the same pieces in other proportions."""
    if isinstance(shape, QuadrupedShape):
        return _quadruped(shape, random)
    if isinstance(shape, KangarooShape):
        return replace(
            shape, head=_head(shape.head, random, 1.0), pitch_deg=shape.pitch_deg + random.normal(4, 7),
            radius=shape.radius * _times(random, 0.07), legs=shape.legs * _times(random, 0.07),
            neck=shape.neck * _times(random, 0.1), tail=shape.tail * _times(random, 0.07),
        )  # fmt: skip
    if isinstance(shape, BirdShape):
        return _bird(shape, random)
    return _humanoid(shape, random)


def _times(random: np.random.Generator, deviation: float) -> float:
    return float(np.exp(deviation * np.clip(random.normal(), -2.2, 2.2)))


def _quadruped(shape: QuadrupedShape, random: np.random.Generator) -> QuadrupedShape:
    young = random.random() < _YOUNG
    legs, radius, fat = _times(random, 0.06), _times(random, 0.07), _times(random, 0.06)
    if young:
        legs, radius = 1.08 * legs, 1.04 * radius
    trunk, neck, tail = shape.trunk, shape.neck, shape.tail
    return replace(
        shape,
        fore=_leg(shape.fore, random, legs, radius),
        hind=_leg(shape.hind, random, legs, radius),
        head=_head(shape.head, random, 1.18 if young else 1.0),
        trunk=replace(
            trunk, depth=trunk.depth * fat * _times(random, 0.03), width=trunk.width * fat * _times(random, 0.04),
            back=trunk.back + random.normal(0, 0.015), belly=trunk.belly * _times(random, 0.035),
            flank=trunk.flank * _times(random, 0.04), barrel=trunk.barrel * _times(random, 0.04),
            hips=trunk.hips * _times(random, 0.04),
        ),
        neck=replace(
            neck, length=neck.length * _times(random, 0.06) * (0.88 if young else 1.0),
            pitch_deg=neck.pitch_deg + random.normal(0, 3.5),
            base=(neck.base[0] * fat, neck.base[1] * fat * _times(random, 0.04)),
            top=(neck.top[0] * _times(random, 0.05), neck.top[1] * _times(random, 0.05)),
        ),
        tail=replace(
            tail, length=tail.length * _times(random, 0.09),
            pitch_deg=tuple(pitch + random.normal(0, 6) for pitch in tail.pitch_deg),  # type: ignore[arg-type]
        ),
        crest=None if shape.crest is None else replace(shape.crest, height=shape.crest.height * _times(random, 0.15)),
        fleece=shape.fleece * _times(random, 0.2),
    )  # fmt: skip


def _leg(leg: LegShape, random: np.random.Generator, length: float, radius: float) -> LegShape:
    bones = tuple(bone * length * _times(random, 0.03) for bone in leg.bones)
    angles = tuple(angle + random.normal(0, 1.5) for angle in leg.angles_deg)
    return replace(
        leg, bones=bones, foot=(leg.foot[0] * length, leg.foot[1]), angles_deg=angles,
        radius=leg.radius * radius * _times(random, 0.03), muscle=leg.muscle * _times(random, 0.05),
    )  # fmt: skip


def _head(head: HeadShape, random: np.random.Generator, size: float) -> HeadShape:
    high, broad = _times(random, 0.04), _times(random, 0.05)
    rows = tuple((f, up * high, down * high, half * broad) for f, up, down, half in head.rows)
    f, up, out, radius = head.eye
    return replace(
        head,
        length=head.length * size * _times(random, 0.045),
        pitch_deg=head.pitch_deg + random.normal(0, 3),
        rows=rows,
        eye=(f, up * high, out * broad, radius * (1.1 if size > 1 else 1.0)),
        ear=None if head.ear is None else _ear(head.ear, random),
        horns=_horns(head.horns, _times(random, 0.12)),
    )


def _ear(ear: EarShape, random: np.random.Generator) -> EarShape:
    return replace(ear, tip=_from(ear.base, ear.tip, _times(random, 0.1)), width=ear.width * _times(random, 0.08))


def _horns(horns: tuple[HornShape, ...], size: float) -> tuple[HornShape, ...]:
    """All grow from one root, so that tines stay on their beam."""
    if not horns:
        return horns
    root = horns[0].points[0]
    return tuple(replace(horn, points=tuple(_from(root, point, size) for point in horn.points)) for horn in horns)


def _from(root: HeadPlace, point: HeadPlace, factor: float) -> HeadPlace:
    f, up, out = (r + factor * (p - r) for r, p in zip(root, point, strict=True))
    return f, up, out


def _bird(shape: BirdShape, random: np.random.Generator) -> BirdShape:
    span, radius = _times(random, 0.06), _times(random, 0.06)
    return replace(
        shape,
        pitch_deg=shape.pitch_deg + random.normal(0, 2.5),
        hip_height=shape.hip_height * _times(random, 0.05),
        depth=shape.depth * radius * _times(random, 0.03),
        width=shape.width * radius * _times(random, 0.03),
        neck=(shape.neck[0] * _times(random, 0.08), shape.neck[1]),
        head=shape.head * _times(random, 0.05),
        beak=(shape.beak[0] * _times(random, 0.15), shape.beak[1] * _times(random, 0.08), shape.beak[2]),
        wing=tuple(n * span * _times(random, 0.03) for n in shape.wing),  # type: ignore[arg-type]
        tail=(shape.tail[0] * _times(random, 0.1), shape.tail[1] * _times(random, 0.1)),
    )


def _humanoid(shape: HumanoidShape, random: np.random.Generator) -> HumanoidShape:
    return replace(
        shape,
        head=shape.head * _times(random, 0.04),
        torso=shape.torso * _times(random, 0.03),
        leg=shape.leg * _times(random, 0.04),
        arm=tuple(n * _times(random, 0.04) for n in shape.arm),  # type: ignore[arg-type]
        shoulders=shape.shoulders * _times(random, 0.06),
        hips=shape.hips * _times(random, 0.06),
        radius=shape.radius * _times(random, 0.08),
        limb=shape.limb * _times(random, 0.05),
        hair=(shape.hair[0] * _times(random, 0.12), shape.hair[1] * _times(random, 0.15)),
        skirt=shape.skirt * _times(random, 0.1),
    )
