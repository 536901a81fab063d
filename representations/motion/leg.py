"""Legs: from where the hip and the toe are to how every bone of the leg is turned.

A leg is two bones that bend to reach (shoulder and elbow, hip and knee), then a cannon where there is one, and a foot.
All of it moves in one plane, which hangs on the hip and is tilted sideways by `rho` about the body's long axis just so
that the toe comes to its place; in it a direction is one angle, atan2(z, y), and pitching about +X adds to that angle:

    world rotation of a bone = about Z by rho, after about X by its pitch

The pitches of cannon and foot are given. What is left between the hip and the cannon is a triangle of two bones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import multiply
from ..tensor_structure import TensorStructure
from .wave import about

_STRETCH = 0.985
"""Share of the two bones' full length that a leg may use: beyond it the knee snaps straight."""
_OFF_GROUND = 0.2
"""A foot that rests higher than this share of the hip height does not stand: a kangaroo's hand."""


@dataclass(frozen=True)
class Leg:
    """The joints of a leg."""

    joints: tuple[str, ...]
    """Upper, lower, cannon where there is one, foot."""
    fore: bool
    """A fore leg, whose first bend opens forward (the elbow points back); a hind leg's knee points ahead."""


class Footing(TensorStructure):
    """Where a leg's toe is over T moments and how its lower end is held. World axes, the root placed on the ground."""

    leg: Leg
    toe: Float[Tensor, "T 3"]
    pitch: Float[Tensor, "T L"]
    """Radians away from rest of the L bones below the two that bend: the cannon, where there is one, and the foot."""


def legs(skeleton: Skeleton) -> tuple[Leg, ...]:
    """Legs by footfall tables' order: left hind, left fore, right hind, right fore; or left, right."""
    if skeleton.plan == "quadruped":
        hind, fore = ("hip", "knee", "hock", "back_paw"), ("shoulder", "elbow", "wrist", "front_paw")
        ends = ((hind, False), (fore, True))
        return tuple(
            Leg(tuple(f"{s}_{p}" for p in parts), is_fore) for s in ("left", "right") for parts, is_fore in ends
        )
    biped, bird = ("{}UpperLeg", "{}LowerLeg", "{}Foot"), ("{}_upper_leg", "{}_lower_leg", "{}_foot")
    names = biped if skeleton.plan == "biped" else bird
    return tuple(Leg(tuple(part.format(side) for part in names), False) for side in ("left", "right"))


def require(skeleton: Skeleton, joints: Sequence[str], motion: str) -> None:
    """Raises ValueError naming the joints that a motion needs and this skeleton has not."""
    missing = [joint for joint in joints if joint not in skeleton.names]
    if missing:
        raise ValueError(
            f"{motion} needs joints that this skeleton has not: {', '.join(missing)}; label them, or use 'interpolate'"
        )


def require_hind(stand: Sequence[Leg], motion: str) -> None:
    """Raises ValueError where none of the legs that stand is a hind one."""
    if all(leg.fore for leg in stand):
        raise ValueError(f"{motion} rests on hind feet, which are off the ground at rest; give a rest pose that stands")


def ground_level(skeleton: Skeleton) -> float:
    """Height of the lowest toe at rest. Raises ValueError where no leg has all its joints."""
    whole = _complete(skeleton)
    if not whole:
        raise ValueError("this skeleton has no leg whose joints are all labelled; label them, or use 'interpolate'")
    return min(float(skeleton.tips[skeleton.index(leg.joints[-1]), 1]) for leg in whole)


def hip_height(skeleton: Skeleton) -> float:
    """Height above ground of the lowest hip of those legs that stand. Raises ValueError where legs do not hang down."""
    ground = ground_level(skeleton)
    tops = [float(skeleton.joints[skeleton.index(leg.joints[0]), 1]) - ground for leg in standing(skeleton)]
    if not tops or min(tops) <= 0:
        raise ValueError(
            "no leg of this skeleton hangs down from its hip to the lowest toe; give a rest pose that stands"
        )
    return min(tops)


def standing(skeleton: Skeleton) -> tuple[Leg, ...]:
    """The legs whose toes are on the ground at rest; those whose joints aren't all there don't count."""

    def stands(leg: Leg) -> bool:
        ground = ground_level(skeleton)
        toe = float(skeleton.tips[skeleton.index(leg.joints[-1]), 1]) - ground
        return toe <= _OFF_GROUND * (float(skeleton.joints[skeleton.index(leg.joints[0]), 1]) - ground)

    return tuple(leg for leg in _complete(skeleton) if stands(leg))


def rest_toe(skeleton: Skeleton, leg: Leg) -> Float[Tensor, " 3"]:
    """The toe at rest, moved to the ground."""
    toe = skeleton.tips[skeleton.index(leg.joints[-1])].double().clone()
    toe[1] = ground_level(skeleton)
    return toe


def rest_bones(skeleton: Skeleton, leg: Leg) -> Float[Tensor, "K 3"]:
    """The leg's bones at rest, each from its joint to the next, the last one to the toe."""
    index = [skeleton.index(name) for name in leg.joints]
    points = torch.stack([*(skeleton.joints[j] for j in index), skeleton.tips[index[-1]]]).double()
    return points.diff(dim=0)


def leg_turns(skeleton: Skeleton, footing: Footing, hip: Float[Tensor, "T 3"]) -> Float[Tensor, "T K 4"]:
    """World rotations of the leg's K bones that take its toe to its place from hips at `hip`.

    Where the toe is out of reach the leg points at it.
    """
    bones = rest_bones(skeleton, footing.leg)
    upper, lower = (float(bone[1:].norm()) for bone in bones[:2])
    rest = _angle(bones[:, 1:])
    across = bones[:, 0].sum()
    way = footing.toe - hip
    # In the leg's plane the toe keeps its sideways distance from the hip, whatever the pitches.
    drop = -(way[:, 0] ** 2 + way[:, 1] ** 2 - across**2).clamp_min(1e-12).sqrt()
    tilt = _wrap(torch.atan2(way[:, 1], way[:, 0]) - torch.atan2(drop, across))
    line = torch.stack([drop, way[:, 2]], dim=-1) - _lower_end(bones, footing.pitch)
    distance = line.norm(dim=-1).clamp(1.02 * abs(upper - lower) + 1e-6, _STRETCH * (upper + lower) + 1e-6)
    towards = _angle(line)
    opening = torch.acos(((upper**2 + distance**2 - lower**2) / (2 * upper * distance)).clamp(-1, 1))
    turn = _bend_sign(footing.leg, bones) * opening
    knee = upper * _direction(towards + turn)
    lower_angle = _angle(distance[:, None] * _direction(towards) - knee)
    pitches = torch.cat([torch.stack([towards + turn - rest[0], lower_angle - rest[1]], dim=-1), footing.pitch], dim=-1)
    turns = [multiply(about(2, tilt), about(0, pitch)) for pitch in _wrap(pitches).unbind(-1)]
    return torch.stack(turns, dim=1)


def body_sink(
    skeleton: Skeleton, footing: Footing, hip: Float[Tensor, "T 3"], on_ground: Bool[Tensor, " T"]
) -> Float[Tensor, " T"]:
    """How far the body must sink for the leg to reach its standing foot; 0 where it does as it is, or is in the air.

    Raises ValueError where the foot stands too far ahead, behind or aside to be reached at any height.
    """
    bones = rest_bones(skeleton, footing.leg)
    longest = _STRETCH * float(bones[0, 1:].norm() + bones[1, 1:].norm())
    way = footing.toe - hip
    end = _lower_end(bones, footing.pitch)
    ahead = way[:, 2] - end[:, 1]
    lowest = end[:, 0] - (longest**2 - ahead**2).clamp_min(0).sqrt()
    below = lowest**2 + bones[:, 0].sum() ** 2 - way[:, 0] ** 2
    out = on_ground & ((ahead.abs() >= longest) | (lowest >= 0) | (below <= 0))
    if bool(out.any()):
        raise ValueError(
            f"{footing.leg.joints[0]}: a stride that reaches {float(ahead[out].abs().max()):.3g} is too long for a leg "
            f"of {longest:.3g}; take a shorter one"
        )
    return torch.where(on_ground, (-below.clamp_min(0).sqrt() - way[:, 1]).clamp_min(0), 0.0)


def _complete(skeleton: Skeleton) -> tuple[Leg, ...]:
    return tuple(leg for leg in legs(skeleton) if all(joint in skeleton.names for joint in leg.joints))


def _lower_end(bones: Tensor, pitch: Tensor) -> Tensor:
    """(y, z) in the leg's plane from the end of the two bent bones to the toe."""
    ends = bones[2:, 1:]
    turned = _direction(_angle(ends) + pitch) * ends.norm(dim=-1)[:, None]
    return turned.sum(dim=-2)


def _bend_sign(leg: Leg, bones: Tensor) -> float:
    opening = float(_wrap(_angle(bones[0, 1:]) - _angle(bones[0, 1:] + bones[1, 1:])))
    if abs(opening) > math.radians(2):
        return math.copysign(1, opening)
    return 1.0 if leg.fore else -1.0


def _angle(vector: Tensor) -> Tensor:
    return torch.atan2(vector[..., 1], vector[..., 0])


def _direction(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def _wrap(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
