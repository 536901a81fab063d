"""Low and high postures: sitting on the haunches, lying, rearing. Solved from proportions by trying many.

What makes a posture is a handful of numbers: how high the hips are, how far the trunk is raised, how far hind and fore
feet stand ahead of the joints they hang from. All combinations on a grid are posed at once, and the one is kept that
costs least:

    cost = missed ground + joints beyond their limits + leg joints below the ground + distance from what is wished for

A sum of squares of lengths in hip heights and angles in radians, the wishes weighing least. The tail is laid down last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import multiply, vector_from_quaternion
from .body import finished, on_ground, pivoted, plant
from .clip import Clip
from .leg import Footing, Leg, ground_level, hip_height, legs, require, require_hind, rest_bones, rest_toe, standing
from .tail import lay_tail
from .wave import Wave, about, still, swing

_FLAT_DEG = 8.0
"""A cannon that lies on the ground still falls towards the foot by this much."""


@dataclass(frozen=True)
class Posture:
    """What is wished for, and where to look. Lengths in hip heights, angles in degrees."""

    name: str
    height: tuple[float, float]
    """Of the hips above ground."""
    raised_deg: tuple[float, float]
    """How far the trunk's front is up from how it is at rest."""
    wish: tuple[float, float]
    """The height and the angle that are best where everything is possible."""
    hind_flat: bool
    """Whether the hind cannons lie on the ground."""
    fore: Literal["stand", "flat", "free"]
    """Fore feet under the shoulders, forearms laid ahead, or in the air."""
    hind_ahead: tuple[float, float]
    """How far hind toes stand ahead of the hips."""
    fore_ahead: tuple[float, float]
    """How far fore toes stand ahead of the shoulders, beyond rest."""
    level: float
    """Share of the trunk's angle that neck and head each give back, so that the eyes look ahead."""
    seconds: float
    waves: tuple[Wave, ...] = ()


_CALM = (
    Wave("chest", "pitch", -0.8, harmonic=3),
    Wave("neck", "yaw", 14, peak=0.6),
    Wave("head", "yaw", 10, peak=0.66),
    Wave("head", "pitch", 4, harmonic=2, peak=0.8),
    Wave("{side}_ear", "yaw", 6, harmonic=2, peak=0.2, right_lag=0.13),
)
_TUCKED = (
    Wave("{side}_shoulder", "pitch", 9, -28, right_lag=0.5),
    Wave("{side}_elbow", "pitch", 10, -60, peak=0.2, right_lag=0.5),
    Wave("{side}_wrist", "pitch", 8, 75, peak=0.3, right_lag=0.5),
    Wave("{side}_front_paw", "pitch", 0, 25),
)
SIT = Posture("sit", (0.22, 0.55), (15, 65), (0.3, 42), True, "stand", (-0.1, 0.7), (-0.15, 0.2), 0.42, 5.0, _CALM)
LIE = Posture("lie", (0.16, 0.42), (-6, 10), (0.24, 0), True, "flat", (0.0, 0.8), (0.0, 0.8), 0.0, 6.0, _CALM)
REAR = Posture(
    "rear", (0.75, 1.0), (35, 62), (0.92, 55), False, "free", (-0.1, 0.45), (0, 0), 0.3, 2.0,
    (*_TUCKED, Wave("neck", "pitch", 4, harmonic=2), Wave("head", "pitch", 3, harmonic=2, peak=0.2)),
)  # fmt: skip
# Kangaroos sit upright on their long feet, the tail behind them on the ground.
SIT_ON_TAIL = Posture(
    "sit", (0.45, 0.85), (-5, 25), (0.6, 8), True, "free", (0.0, 0.8), (0, 0), 0.42, 5.0,
    (*_CALM, Wave("{side}_elbow", "pitch", 6, -40, peak=0.1), Wave("{side}_wrist", "pitch", 0, 40)),
)  # fmt: skip


def sit(skeleton: Skeleton) -> Clip:
    """Sitting on the haunches, hind feet flat, fore legs upright; without fore legs on the ground, on feet and tail.

    Loops, with breath and a look about. Raises ValueError where a joint of a leg is missing.
    """
    upright = any(leg.fore for leg in standing(skeleton))
    return take(skeleton, SIT if upright else SIT_ON_TAIL)


def lie(skeleton: Skeleton) -> Clip:
    """Lying on the belly, legs folded under, forearms ahead.

    Raises ValueError where a joint of a leg is missing or fore legs are off the ground at rest.
    """
    return take(skeleton, LIE)


def rear(skeleton: Skeleton) -> Clip:
    """Standing on the hind legs, the fore legs beating the air.

    Raises ValueError where a joint of a leg is missing or fore legs are off the ground at rest.
    """
    return take(skeleton, REAR)


def take(skeleton: Skeleton, posture: Posture, keys: int = 32) -> Clip:
    """A looping clip in a posture, the best that the skeleton's proportions and limits allow."""
    if skeleton.plan != "quadruped":
        raise ValueError(f"{posture.name} is a posture of a quadruped, but this skeleton is a {skeleton.plan}")
    require(skeleton, [joint for leg in legs(skeleton) for joint in leg.joints], posture.name)
    stand = standing(skeleton)
    require_hind(stand, posture.name)
    if posture is not SIT_ON_TAIL and not any(leg.fore for leg in stand):
        raise ValueError(f"{posture.name} is for bodies that stand on their fore legs; this one's are off the ground")
    best = _best(skeleton, posture)
    time = torch.arange(keys + 1, dtype=torch.float64) / keys
    rotations, shift = _posed(skeleton, posture, best.expand(keys + 1, 4), swing(skeleton, posture.waves, time))
    rotations = lay_tail(skeleton, rotations, shift, always=posture.hind_flat)
    return finished(posture.name, time * posture.seconds, rotations, shift)


def _best(skeleton: Skeleton, posture: Posture) -> Float[Tensor, " 4"]:
    """Height, angle in radians, hind feet ahead, fore feet ahead: coarsely, then finely round the best."""
    raised = math.radians(posture.raised_deg[0]), math.radians(posture.raised_deg[1])
    spans = [posture.height, raised, posture.hind_ahead, posture.fore_ahead]
    best = torch.zeros(4, dtype=torch.float64)
    for count in (6, 5):
        axes = [torch.linspace(a, b, count if a < b else 1, dtype=torch.float64) for a, b in spans]
        tries = torch.cartesian_prod(*axes)
        best = tries[int(_cost(skeleton, posture, tries).argmin())]
        steps = [(b - a) / (count - 1) for a, b in spans]
        spans = [
            (max(a, at - step), min(b, at + step)) for (a, b), at, step in zip(spans, best.tolist(), steps, strict=True)
        ]
    return best


def _posed(
    skeleton: Skeleton, posture: Posture, tries: Float[Tensor, "T 4"], base: Float[Tensor, "T J 4"]
) -> tuple[Tensor, Tensor]:
    """Rotations with the root's own turn at joint 0, and the root's shift."""
    height, raised, hind_ahead, fore_ahead = tries.unbind(-1)
    unit = hip_height(skeleton)
    rotations = base.clone()
    rotations[:, 0] = multiply(about(0, -raised), rotations[:, 0])
    for joint in ("neck", "head"):
        if joint in skeleton.names:
            index = skeleton.index(joint)
            rotations[:, index] = multiply(rotations[:, index], about(0, posture.level * raised))
    stand = standing(skeleton)
    hind = [leg for leg in stand if not leg.fore]
    hips = float(skeleton.joints[skeleton.index(hind[0].joints[0]), 1]) - ground_level(skeleton)
    down = torch.zeros(len(tries), 3, dtype=torch.float64)
    down[:, 1] = height * unit - hips
    shift = pivoted(skeleton, rotations[:, 0], down, hind)
    joints = on_ground(skeleton, rotations, shift, skeleton.joints)
    footings = []
    for leg in stand:
        if not leg.fore or posture.fore != "free":
            top = joints[:, skeleton.index(leg.joints[0])]
            footings.append(_footing(skeleton, posture, leg, top, unit * (fore_ahead if leg.fore else hind_ahead)))
    return plant(skeleton, rotations, shift, footings), shift


def _footing(skeleton: Skeleton, posture: Posture, leg: Leg, top: Float[Tensor, "T 3"], ahead: Tensor) -> Footing:
    bones, toe = rest_bones(skeleton, leg), rest_toe(skeleton, leg).expand(len(top), 3).clone()
    own = float(bones[:, 2].sum()) if leg.fore else 0.0
    toe[:, 2] = top[:, 2] + own + ahead
    pitch = torch.zeros(len(top), len(bones) - 2, dtype=torch.float64)
    if len(bones) == 4 and (posture.fore == "flat" if leg.fore else posture.hind_flat):
        at_rest = math.atan2(float(bones[2, 2]), float(bones[2, 1]))
        flat = math.radians(90 + _FLAT_DEG)
        pitch[:, 0] = flat - at_rest if at_rest > 0 else flat - at_rest - 2 * math.pi
    return Footing(leg, toe, pitch)


def _cost(skeleton: Skeleton, posture: Posture, tries: Float[Tensor, "T 4"]) -> Float[Tensor, " T"]:
    unit, ground = hip_height(skeleton), ground_level(skeleton)
    rotations, shift = _posed(skeleton, posture, tries, still(skeleton, tries[:, 0]))
    tips = on_ground(skeleton, rotations, shift, skeleton.tips)[..., 1]
    down = [leg for leg in standing(skeleton) if not (leg.fore and posture.fore == "free")]
    missed = sum((tips[:, skeleton.index(leg.joints[-1])] - ground).square() for leg in down)
    limbs = [skeleton.index(joint) for leg in legs(skeleton) for joint in leg.joints]
    below = ground - on_ground(skeleton, rotations, shift, skeleton.joints)[:, limbs, 1]
    vectors, limits = vector_from_quaternion(rotations[:, 1:]), torch.deg2rad(skeleton.limits_deg[1:].double())
    beyond = torch.maximum(limits[..., 0] - vectors, vectors - limits[..., 1]).clamp_min(0).square().sum((1, 2))
    wished = (tries[:, 0] - posture.wish[0]).square() + (tries[:, 1] - math.radians(posture.wish[1])).square()
    return 1000 * (missed + below.clamp_min(0).square().sum(1)) / unit**2 + 3 * beyond + 0.3 * wished
