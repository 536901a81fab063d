"""Waves: joints that swing to and fro in step with a cycle, and drifts of the whole body. Motions as plain data.

A joint turns about one axis of its parent by

    angle(t) = mean + swing cos(2 pi harmonic (t - peak)),    t in cycles,

several waves of one joint one after the other. Since every harmonic is whole, what is made of waves repeats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import multiply

_AXES = {"pitch": 0, "yaw": 1, "roll": 2}


@dataclass(frozen=True)
class Wave:
    """A joint that swings."""

    joint: str
    """Its name. `{side}` in it stands for left and right, of which the right one does the left one's mirror image."""
    axis: Literal["pitch", "yaw", "roll"]
    """About +X (nose down), +Y (nose to the left), +Z (top to the right)."""
    swing_deg: float = 0.0
    mean_deg: float = 0.0
    harmonic: int = 1
    """Swings in one cycle."""
    peak: float = 0.0
    """Share of the cycle at which the angle is greatest."""
    right_lag: float = 0.0
    """How much later in the cycle the right side does the same; 0.5 lets sides alternate."""


@dataclass(frozen=True)
class Drift:
    """The whole body's way to and fro along one axis, in hip heights."""

    axis: Literal["x", "y", "z"]
    """+X is the subject's left, +Y up, +Z ahead."""
    swing: float = 0.0
    mean: float = 0.0
    harmonic: int = 1
    peak: float = 0.0


def swing(skeleton: Skeleton, waves: Sequence[Wave], time: Float[Tensor, " T"]) -> Float[Tensor, "T J 4"]:
    """Quaternions of all joints at times in cycles; a wave whose joint this skeleton has not is left out.

    >>> from zoetrope.representations.body.template import template
    >>> nod = Wave("head", "pitch", swing_deg=10)
    >>> swing(template("bird").skeleton, [nod], torch.zeros(3)).shape
    torch.Size([3, 19, 4])
    """
    rotations = still(skeleton, time)
    for wave in waves:
        for name, sign, late in _sides(wave):
            if name in skeleton.names:
                joint = skeleton.index(name)
                angle = wave.mean_deg + wave.swing_deg * _cosine(time, wave.harmonic, wave.peak + late)
                turn = about(_AXES[wave.axis], torch.deg2rad(sign * angle))
                rotations[:, joint] = multiply(rotations[:, joint], turn)
    return rotations


def drift(drifts: Sequence[Drift], time: Float[Tensor, " T"], unit: float) -> Float[Tensor, "T 3"]:
    """Shifts of the root at times in cycles; `unit` is the length of a hip height."""
    shift = time.new_zeros(len(time), 3)
    for one in drifts:
        shift[:, "xyz".index(one.axis)] += unit * (one.mean + one.swing * _cosine(time, one.harmonic, one.peak))
    return shift


def still(skeleton: Skeleton, time: Float[Tensor, " T"]) -> Float[Tensor, "T J 4"]:
    """The rest pose at all times."""
    rotations = time.new_zeros(len(time), len(skeleton), 4)
    rotations[..., 0] = 1
    return rotations


def about(axis: int, angle: Float[Tensor, " T"]) -> Float[Tensor, "T 4"]:
    """Quaternions that turn by `angle` radians about one of the axes X, Y, Z (0, 1, 2)."""
    quaternion = angle.new_zeros(len(angle), 4)
    quaternion[:, 0], quaternion[:, 1 + axis] = (0.5 * angle).cos(), (0.5 * angle).sin()
    return quaternion


def _sides(wave: Wave) -> list[tuple[str, float, float]]:
    """Joint, sign and delay: in a mirror pitch stays as it is, yaw and roll change sign."""
    if "{side}" not in wave.joint:
        return [(wave.joint, 1.0, 0.0)]
    mirrored = 1.0 if wave.axis == "pitch" else -1.0
    return [(wave.joint.format(side="left"), 1.0, 0.0), (wave.joint.format(side="right"), mirrored, wave.right_lag)]


def _cosine(time: Tensor, harmonic: int, peak: float) -> Tensor:
    return torch.cos(2 * math.pi * harmonic * (time - peak))
