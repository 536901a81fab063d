"""One leg of a walking animal: where its toe goes over a cycle, and the joint pitches that take it there.

All of it happens in the sagittal plane. A direction there is one angle, atan2(z, y), and pitching about +X by an angle
adds that angle. A leg is two bones bent to reach (shoulder and elbow, hip and knee), an optional cannon and a foot,
whose pitches over the cycle are given, and the toe at the end, which stands still on the ground while the body passes:

    stance:  z falls from +reach to -reach at constant speed, y is the ground
    swing:   z returns along a cubic that starts and lands at ground speed, y follows lift * sin^2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

from ..skeleton import Skeleton

_STRETCH = 0.985
"""Share of the two bones' full length that a leg may use: beyond it the knee snaps straight."""


@dataclass(frozen=True)
class Leg:
    """What a leg does in a gait."""

    joints: tuple[str, ...]
    """Upper, lower, cannon where there is one, foot."""
    phase: float
    """Share of the cycle at which this foot touches down."""
    knee_forward: bool
    """Where a leg that is straight at rest bends to."""
    foot_pitch_deg: tuple[float, float] = (25.0, 35.0)
    """Heel-off at the end of stance, and the most in swing; flat else."""
    cannon_pitch_deg: tuple[float, float, float] = (-10.0, 20.0, 40.0)
    """At touchdown, at lift-off, and folded in swing, relative to rest."""


@dataclass(frozen=True)
class Stride:
    """What all legs of a gait share. Lengths in units of the rest frame."""

    duty: float
    """Share of the cycle that a foot is on the ground."""
    reach: float
    """Half of the way that the ground passes under a standing foot."""
    lift: float
    """Height of the toe in mid-swing."""


def toe_path(stride: Stride, phase: Float[Tensor, " T"]) -> Float[Tensor, "T 2"]:
    """Toe (y, z) relative to its rest place at phases in [0, 1), 0 being touchdown."""
    stance = phase < stride.duty
    swing = ((phase - stride.duty) / (1 - stride.duty)).clamp(min=0)
    # Cubic Hermite from -reach to +reach whose end speeds are the ground's.
    slope = -2 * stride.reach * (1 - stride.duty) / stride.duty
    back = stride.reach * (swing * swing * (6 - 4 * swing) - 1) + slope * swing * (swing - 1) * (2 * swing - 1)
    z = torch.where(stance, stride.reach * (1 - 2 * phase / stride.duty), back)
    y = torch.where(stance, torch.zeros_like(phase), stride.lift * torch.sin(math.pi * swing) ** 2)
    return torch.stack([y, z], dim=-1)


def ground_rise(
    skeleton: Skeleton, leg: Leg, stride: Stride, phase: Float[Tensor, " T"], hip: Float[Tensor, "T 2"]
) -> float:
    """How far the ground must come up (the body sink) for the leg to reach its whole stance; 0 where it does as it is.

    `hip` is the upper joint's (y, z). Raises ValueError where the stride is too long at any height.
    """
    ankle = _ankle(skeleton, leg, stride, phase)
    upper, lower = (float(bone.norm()) for bone in _bones(skeleton, leg)[:2])
    longest = _STRETCH * (upper + lower)
    stance = phase < stride.duty
    ahead = (ankle[:, 1] - hip[:, 1])[stance]
    if bool((ahead.abs() >= longest).any()):
        raise ValueError(
            f"{leg.joints[0]}: a stride that reaches {float(ahead.abs().max()):.3g} is too long for a leg of "
            f"{longest:.3g}; take a shorter one"
        )
    drop = (hip[:, 0] - ankle[:, 0])[stance]
    return float((drop - (longest**2 - ahead**2).sqrt()).max().clamp(min=0))


def leg_pitches(
    skeleton: Skeleton, leg: Leg, stride: Stride, phase: Float[Tensor, " T"], hip: Float[Tensor, "T 2"], rise: float
) -> Float[Tensor, "T K"]:
    """World pitch in radians of each of the leg's K bones away from rest, on ground `rise` higher than at rest."""
    bones = _bones(skeleton, leg)
    upper, lower = (float(bone.norm()) for bone in bones[:2])
    rest = [_angle(bone) for bone in bones]
    ankle = _ankle(skeleton, leg, stride, phase) + torch.tensor([rise, 0.0], dtype=phase.dtype)
    line = ankle - hip
    # In swing a foot that is out of reach passes closer; stance was made reachable by `rise`.
    distance = line.norm(dim=-1).clamp(1.02 * abs(upper - lower) + 1e-6, _STRETCH * (upper + lower) + 1e-6)
    towards = _angle(line)
    opening = torch.acos((upper**2 + distance**2 - lower**2) / (2 * upper * distance))
    turn = _bend_sign(leg, bones) * opening
    knee = upper * _direction(towards + turn)
    lower_angle = _angle(distance[:, None] * _direction(towards) - knee)
    pitches = [towards + turn - rest[0], lower_angle - rest[1]]
    if len(bones) == 4:
        pitches.append(_cannon_pitch(leg, stride, phase))
    pitches.append(_foot_pitch(leg, stride, phase))
    return _wrap(torch.stack(pitches, dim=-1))


def _bones(skeleton: Skeleton, leg: Leg) -> list[Tensor]:
    """Rest bone vectors (y, z), the last one from the foot joint to the toe."""
    index = [skeleton.index(name) for name in leg.joints]
    points = [*(skeleton.joints[j] for j in index), skeleton.tips[index[-1]]]
    return [(b - a)[1:].double() for a, b in pairwise(points)]


def _ankle(skeleton: Skeleton, leg: Leg, stride: Stride, phase: Tensor) -> Tensor:
    """(y, z) of the end of the two bent bones, before the ground rises: toe minus foot minus cannon."""
    bones = _bones(skeleton, leg)
    toe = skeleton.tips[skeleton.index(leg.joints[-1])][1:].double() + toe_path(stride, phase)
    # Steps are centred on the middle of the foot; a long foot would otherwise walk ahead of its body.
    toe = toe - torch.stack([torch.zeros_like(bones[-1][1]), bones[-1][1] / 2])
    place = toe - bones[-1].norm() * _direction(_angle(bones[-1]) + _foot_pitch(leg, stride, phase))
    if len(bones) == 4:
        place = place - bones[2].norm() * _direction(_angle(bones[2]) + _cannon_pitch(leg, stride, phase))
    return place


def _foot_pitch(leg: Leg, stride: Stride, phase: Tensor) -> Tensor:
    heel_off, swing = leg.foot_pitch_deg
    d, s = stride.duty, 1 - stride.duty
    keys = [
        (0, 0),
        (0.3 * d, 0),
        (0.65 * d, 0),
        (d, heel_off),
        (d + 0.3 * s, swing),
        (d + 0.8 * s, 0.1 * swing),
        (1, 0),
    ]
    return _periodic(keys, phase)


def _cannon_pitch(leg: Leg, stride: Stride, phase: Tensor) -> Tensor:
    touchdown, lift_off, fold = leg.cannon_pitch_deg
    d, s = stride.duty, 1 - stride.duty
    middle = 0.5 * (touchdown + lift_off)
    keys = [
        (0, touchdown),
        (d / 2, middle),
        (d, lift_off),
        (d + 0.4 * s, fold),
        (d + 0.85 * s, touchdown),
        (1, touchdown),
    ]
    return _periodic(keys, phase)


def _periodic(keys_deg: list[tuple[float, float]], phase: Tensor) -> Tensor:
    times, values = zip(*keys_deg, strict=True)
    return torch.deg2rad(torch.from_numpy(CubicSpline(times, values, bc_type="periodic")(phase.numpy())))


def _bend_sign(leg: Leg, bones: list[Tensor]) -> float:
    opening = float(_wrap(_angle(bones[0]) - _angle(bones[0] + bones[1])))
    if abs(opening) > math.radians(2):
        return math.copysign(1, opening)
    return -1.0 if leg.knee_forward else 1.0


def _angle(vector: Tensor) -> Tensor:
    return torch.atan2(vector[..., 1], vector[..., 0])


def _direction(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def _wrap(angle: Tensor) -> Tensor:
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
