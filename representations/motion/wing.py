"""Folded wings, for birds on the ground.

A wing is folded like a Z in its own plane, the upper arm back, the forearm ahead and the hand back again, and the plane
is then rolled against the flank and pitched along the trunk, so that the same angles serve a robin and a penguin.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import multiply
from .wave import about

_FOLD_YAW_DEG = (("wing_upper", 68.0), ("wing_lower", -128.0), ("wing_tip", 126.0))
_FLANK_ROLL_DEG = 55.0
_SPREAD = 0.6
"""A wing that points less than this to the side at rest hangs already."""
WING_JOINTS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("wing_upper", "wing_lower", "wing_tip"))
"""What a wing is made of."""


def fold_wings(skeleton: Skeleton, rotations: Float[Tensor, "T J 4"]) -> Float[Tensor, "T J 4"]:
    """The pose with wings against the body; wings that hang at rest, and bodies without any, stay as they are."""
    folded = rotations.clone()
    if any(joint not in skeleton.names for joint in WING_JOINTS):
        return folded
    upper, lower = skeleton.index("left_wing_upper"), skeleton.index("left_wing_tip")
    arm = torch.nn.functional.normalize(skeleton.tips[lower] - skeleton.joints[upper], dim=0)
    if float(arm[0]) < _SPREAD:
        return folded
    trunk = skeleton.joints[skeleton.index("neck")] - skeleton.joints[0]
    pitch = torch.atan2(trunk[1], trunk[2]).double().expand(len(rotations))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for part, yaw_deg in _FOLD_YAW_DEG:
            turn = about(1, torch.full_like(pitch, sign * math.radians(yaw_deg)))
            if part == "wing_upper":
                flank = about(2, torch.full_like(pitch, -sign * math.radians(_FLANK_ROLL_DEG)))
                turn = multiply(about(0, -pitch), multiply(flank, turn))
            folded[:, skeleton.index(f"{side}_{part}")] = turn
    return folded
