"""How usual cameras and poses are, hypothesis by hypothesis."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...scenes.hypotheses.hypotheses import Hypotheses
from ..schedule.stage import Weights


def camera_prior(hypotheses: Hypotheses, weights: Weights) -> Float[Tensor, " B"]:
    """Penalty of unusual cameras, in squared standard deviations times their weights (see `camera_penalties`)."""
    terms = [getattr(weights, name) * penalty for name, penalty in hypotheses.camera_penalties().items()]
    return reduce(add, terms)


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
