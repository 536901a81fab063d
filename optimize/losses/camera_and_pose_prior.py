"""How well posed bodies cover the masks, entry by entry."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...scenes.known_placement import KnownPlacement
from ...scenes.placement import Accounts, Placement
from ..schedule.stage import USUAL_ELEVATION_DEG, Weights

_ELEVATION_SPREAD_DEG = 12.0
_ROLL_SPREAD_DEG = 5.0
_LENS_SPREAD = 0.3
"""Of the logarithm of a focal length about its first guess."""
_TURN_SPREAD_DEG = 10.0
_STEP_SPREAD = 0.05
"""Of a body as a whole in a world of known cameras, from photo to photo (rest frame units)."""


def camera_prior(placement: Accounts, weights: Weights) -> Float[Tensor, " B"]:
    """Penalty of unusual elevation, roll and lens, in squared standard deviations times their weights.

    Where cameras are known: of the world's tilt and of bodies' own motions, both with roll's weight.
    """
    if isinstance(placement, KnownPlacement):
        tilt = (placement.tilt / math.radians(_ROLL_SPREAD_DEG)).square().sum(-1)[placement.world]
        turn, step = placement.turn / math.radians(_TURN_SPREAD_DEG), placement.step / _STEP_SPREAD
        return weights.roll * (tilt + turn.square().sum(-1) + step.square().sum(-1))
    assert isinstance(placement, Placement)
    elevation = (placement.elevation - math.radians(USUAL_ELEVATION_DEG)) / math.radians(_ELEVATION_SPREAD_DEG)
    roll = placement.roll / math.radians(_ROLL_SPREAD_DEG)
    lens = placement.log_focal / _LENS_SPREAD
    return weights.elevation * elevation.square() + weights.roll * roll.square() + weights.lens * lens.square()


def pose_prior(
    placement: Accounts,
    shared: Float[Tensor, "J 3"],
    skeleton: Skeleton,
    spread: Float[Tensor, "J 3"],
    weights: Weights,
) -> Float[Tensor, " B"]:
    """Penalty of rotations away from the shared rest pose, in deviations `spread`, and beyond the joint limits.

    Means over the joints.
    """
    limits = skeleton.limits_deg.to(placement.pose) * (math.pi / 180)
    pose = placement.own_pose()
    total = pose + shared
    excess = (limits[..., 0] - total).clamp_min(0) + (total - limits[..., 1]).clamp_min(0)
    # A joint that hardly moves about an axis pays more for it.
    own = (pose[:, 1:] / spread[1:]).square().sum(-1).mean(-1)
    beyond = excess[:, 1:].square().sum(-1).mean(-1)
    bent = pose[:, 1:].square().sum(-1).mean(-1)
    return weights.pose * own + weights.pose_limit * beyond + weights.rotation * bent
