"""How well posed bodies cover the masks, hypothesis by hypothesis."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...scenes.hypotheses import FreeCameras, Hypotheses
from ...scenes.known_cameras import KnownCameras
from ..schedule.stage import USUAL_ELEVATION_DEG, Weights

_ELEVATION_SPREAD_DEG = 12.0
_ROLL_SPREAD_DEG = 5.0
_LENS_SPREAD = 0.3
"""Of the logarithm of a focal length about its first guess."""
_TURN_SPREAD_DEG = 10.0
_STEP_SPREAD = 0.05
"""Of a body as a whole in a world of known cameras, from photo to photo (rest frame units)."""


def camera_prior(hypotheses: Hypotheses, weights: Weights) -> Float[Tensor, " B"]:
    """Penalty of unusual elevation, roll and lens, in squared standard deviations times their weights.

    Where cameras are known: of the world's tilt and of bodies' own motions, both with roll's weight.
    """
    if isinstance(hypotheses, KnownCameras):
        tilt = (hypotheses.tilt / math.radians(_ROLL_SPREAD_DEG)).square().sum(-1)[hypotheses.world]
        turn, step = hypotheses.turn / math.radians(_TURN_SPREAD_DEG), hypotheses.step / _STEP_SPREAD
        return weights.roll * (tilt + turn.square().sum(-1) + step.square().sum(-1))
    assert isinstance(hypotheses, FreeCameras)
    elevation = (hypotheses.elevation - math.radians(USUAL_ELEVATION_DEG)) / math.radians(_ELEVATION_SPREAD_DEG)
    roll = hypotheses.roll / math.radians(_ROLL_SPREAD_DEG)
    lens = hypotheses.log_focal / _LENS_SPREAD
    return weights.elevation * elevation.square() + weights.roll * roll.square() + weights.lens * lens.square()


def pose_prior(
    hypotheses: Hypotheses,
    shared: Float[Tensor, "J 3"],
    skeleton: Skeleton,
    spread: Float[Tensor, "J 3"],
    weights: Weights,
) -> Float[Tensor, " B"]:
    """Penalty of rotations away from the shared rest pose, in deviations `spread`, and beyond the joint limits.

    Means over the joints.
    """
    limits = skeleton.limits_deg.to(hypotheses.pose) * (math.pi / 180)
    pose = hypotheses.own_pose()
    total = pose + shared
    excess = (limits[..., 0] - total).clamp_min(0) + (total - limits[..., 1]).clamp_min(0)
    # A joint that hardly moves about an axis pays more for it.
    own = (pose[:, 1:] / spread[1:]).square().sum(-1).mean(-1)
    beyond = excess[:, 1:].square().sum(-1).mean(-1)
    bent = pose[:, 1:].square().sum(-1).mean(-1)
    return weights.pose * own + weights.pose_limit * beyond + weights.rotation * bent
