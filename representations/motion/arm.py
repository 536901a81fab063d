"""Arms of people: hanging, whatever way they point at rest, and swinging against the legs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import conjugate, multiply, shortest
from .wave import about

_OUTWARD = 0.18
"""How far a hanging hand is out, as a share of how far it is down."""


@dataclass(frozen=True)
class ArmSwing:
    """How arms go along with a gait, in degrees."""

    swing_deg: float = 0.0
    """Of the upper arm, forward and backward."""
    elbow_deg: float = 18.0
    """Bend of the elbow, on the mean."""
    follow_deg: float = 8.0
    """How much less it bends when the arm is behind, and more ahead."""


def hang_arms(
    skeleton: Skeleton, rotations: Float[Tensor, "T J 4"], arms: ArmSwing, backward: Float[Tensor, " T"]
) -> Float[Tensor, "T J 4"]:
    """The pose with arms down, the left one swung by `backward` in [-1, 1] and the right one the other way."""
    hung = rotations.clone()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper, lower = f"{side}UpperArm", f"{side}LowerArm"
        if upper not in skeleton.names or lower not in skeleton.names:
            continue
        at_rest = (skeleton.joints[skeleton.index(lower)] - skeleton.joints[skeleton.index(upper)]).double()
        hanging = shortest(at_rest, at_rest.new_tensor([sign * _OUTWARD, -1.0, 0.0]))
        swung = multiply(about(0, math.radians(arms.swing_deg) * sign * backward), hanging.expand(len(backward), 4))
        bend = about(0, -math.radians(1) * (arms.elbow_deg - arms.follow_deg * sign * backward))
        hung[:, skeleton.index(upper)] = swung
        hung[:, skeleton.index(lower)] = multiply(conjugate(swung), multiply(bend, swung))
    return hung
