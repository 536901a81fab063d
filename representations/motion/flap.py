"""Flapping: wings that beat, for birds in the air."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..rotation import multiply
from ..skeleton import Skeleton
from .clip import Clip
from .gait import about

_X, _Y, _Z = (0, 1, 2)


def flap(
    skeleton: Skeleton, *, seconds: float = 0.6, beat_deg: float = 40.0, keys: int = 24, name: str = "flap"
) -> Clip:
    """A looping wing beat of one cycle by the skeleton's own joint names.

    The upper wing swings up and down by `beat_deg`; the outer parts follow later, and fold back on the way up, which is
    what makes a wing push down more than up. Legs lie back, the tail balances. Raises ValueError where a wing is
    missing.
    """
    needed = [f"{side}_{part}" for side in ("left", "right") for part in ("wing_upper", "wing_lower", "wing_tip")]
    missing = [joint for joint in needed if joint not in skeleton.names]
    if missing:
        raise ValueError(
            f"flap needs joints that this skeleton has not: {', '.join(missing)}; label them, or use 'interpolate'"
        )
    time = torch.arange(keys + 1, dtype=torch.float64) / keys
    rotations = torch.zeros(keys + 1, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 0] = 1

    def wave(delay: float) -> Tensor:
        return torch.cos(2 * math.pi * (time - delay))

    def rising(delay: float) -> Tensor:
        # 0 on the way down, 1 in the middle of the way up, without a corner.
        return 0.5 + 0.5 * torch.sin(-2 * math.pi * (time - delay))

    def turn(joint: str, axis: int, angle_deg: Tensor) -> None:
        if joint in skeleton.names:
            index = skeleton.index(joint)
            rotations[:, index] = multiply(rotations[:, index], about(axis, torch.deg2rad(angle_deg)))

    for side, sign in (("left", 1.0), ("right", -1.0)):
        turn(f"{side}_wing_upper", _Z, sign * (beat_deg * wave(0.0) + 0.1 * beat_deg))
        turn(f"{side}_wing_lower", _Z, sign * 0.5 * beat_deg * wave(0.12))
        turn(f"{side}_wing_tip", _Z, sign * 0.45 * beat_deg * wave(0.22))
        turn(f"{side}_wing_upper", _Y, sign * 10.0 * rising(0.0))
        turn(f"{side}_wing_lower", _Y, -sign * 25.0 * rising(0.05))
        turn(f"{side}_wing_tip", _Y, sign * 30.0 * rising(0.1))
        turn(f"{side}_upper_leg", _X, torch.full_like(time, 40.0))
        turn(f"{side}_foot", _X, torch.full_like(time, 40.0))
    turn("tail", _X, 6.0 * wave(0.1))
    turn("neck", _X, -3.0 * wave(0.0))
    rotations[-1] = rotations[0]
    return Clip(name, (time * seconds).float(), rotations.float()).continuous()
