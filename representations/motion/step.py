"""One foot's steps over a cycle: where its toe goes, and how its cannon and foot are held meanwhile.

stance:  z falls from +reach to -reach at constant speed, y is the ground
swing:   z returns along a cubic that starts and lands at ground speed, y follows lift * sin^2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

_FASTEST_RETURN = -1.6
"""Least slope at the ends of the swing's cubic, in reaches per swing: feet that hardly touch would else overshoot."""


@dataclass(frozen=True)
class Hold:
    """How the lower end of a leg is held. Degrees away from rest, positive where the lower end goes backward."""

    cannon_deg: tuple[float, float, float] = (-10.0, 20.0, 40.0)
    """The cannon at touchdown, at lift-off, and folded in swing."""
    foot_deg: tuple[float, float] = (25.0, 35.0)
    """The foot at lift-off, when the heel is up, and the most in swing; flat else."""


@dataclass(frozen=True)
class Stride:
    """What all legs of a gait share. Lengths in units of the rest frame."""

    duty: float
    """Share of the cycle that a foot is on the ground."""
    reach: float
    """Half of the way that the ground passes under a standing foot."""
    lift: float
    """Height of the toe in mid-swing."""
    kick: float = 1.0
    """Below 1 the toe is highest early in the swing: a runner's heel."""


def toe_path(stride: Stride, phase: Float[Tensor, " T"]) -> Float[Tensor, "T 2"]:
    """Toe (y, z) relative to its place on the ground at phases in [0, 1), 0 being touchdown."""
    stance = phase < stride.duty
    swing = ((phase - stride.duty) / (1 - stride.duty)).clamp(min=0)
    # Cubic Hermite from -reach to +reach whose end speeds are the ground's.
    slope = stride.reach * max(-2 * (1 - stride.duty) / stride.duty, _FASTEST_RETURN)
    back = stride.reach * (swing * swing * (6 - 4 * swing) - 1) + slope * swing * (swing - 1) * (2 * swing - 1)
    z = torch.where(stance, stride.reach * (1 - 2 * phase / stride.duty), back)
    y = torch.where(stance, torch.zeros_like(phase), stride.lift * torch.sin(math.pi * swing**stride.kick) ** 2)
    return torch.stack([y, z], dim=-1)


def lower_pitch(stride: Stride, hold: Hold, bones: int, phase: Float[Tensor, " T"]) -> Float[Tensor, "T L"]:
    """Radians away from rest of what hangs below a leg's two bent bones: cannon and foot, or the foot."""
    d, s = stride.duty, 1 - stride.duty
    heel_off, swing = hold.foot_deg
    foot = [(0, 0), (0.3 * d, 0), (0.65 * d, 0), (d, heel_off), (d + 0.3 * s, swing), (d + 0.8 * s, 0.1 * swing)]
    pitches = [_periodic([*foot, (1, 0)], phase)]
    if bones == 4:
        touchdown, lift_off, fold = hold.cannon_deg
        middle = 0.5 * (touchdown + lift_off)
        cannon = [(0, touchdown), (d / 2, middle), (d, lift_off), (d + 0.4 * s, fold), (d + 0.85 * s, touchdown)]
        pitches.insert(0, _periodic([*cannon, (1, touchdown)], phase))
    return torch.stack(pitches, dim=-1)


def _periodic(keys_deg: list[tuple[float, float]], phase: Tensor) -> Tensor:
    return torch.deg2rad(torch.from_numpy(_spline(tuple(keys_deg))(phase.numpy())))


@lru_cache(maxsize=256)
def _spline(keys: tuple[tuple[float, float], ...]) -> CubicSpline:
    times, values = zip(*keys, strict=True)
    return CubicSpline(times, values, bc_type="periodic")
