"""How far joints usually stray from a collection's mean pose: a prior on poses, one deviation per joint and axis.

Two sources are joined. Of the motions that this body plan can do (`representations.motion`: gaits, grazing, sitting,
lying, with heads, tails and ears moving besides) it is the deviation over many moments; that of motions nobody wrote
down is taken for a share of what the joint's limits allow:

    deviation^2 = deviation in motions^2 + (share * (upper - lower limit) / 4)^2

A full covariance from the same motions is worse on animals that move otherwise: real clips, lying dogs.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import BodyPlan, Skeleton
from ...representations.body.template import template
from ...representations.motion.library import clips
from ...representations.motion.moment import draw_moment
from ...representations.motion.range import overlay
from ...representations.rotation import vector_from_quaternion

_MOMENTS = 2000
_UNSEEN_SHARE = 0.7
_LEAST = 1e-2
"""Radians."""


def limit_spread(skeleton: Skeleton) -> Float[Tensor, "J 3"]:
    """Deviations in radians by the joints' limits alone: two of them reach from the middle to either limit."""
    limits = skeleton.limits_deg * (math.pi / 180)
    return ((limits[..., 1] - limits[..., 0]) / 4).clamp_min(_LEAST)


def pose_spread(skeleton: Skeleton) -> Float[Tensor, "J 3"]:
    """Deviations in radians of rotation vectors; joints that the plan's own template lacks have those of their limits.

    >>> from zoetrope.representations.body.template import template
    >>> spread = pose_spread(template("quadruped").skeleton)
    >>> [round(math.degrees(value)) for value in spread[template("quadruped").skeleton.index("spine")].tolist()]
    [9, 7, 5]
    """
    spread = limit_spread(skeleton)
    moved = _in_motion(skeleton.plan)
    for joint, name in enumerate(skeleton.names):
        if name in moved:
            spread[joint] = (moved[name].to(spread).square() + (_UNSEEN_SHARE * spread[joint]).square()).sqrt()
    return spread


@cache
def _in_motion(plan: BodyPlan) -> dict[str, Float[Tensor, " 3"]]:
    """Deviations over moments of the plan's motions, the same on both sides, by joint."""
    skeleton = template(plan).skeleton
    generator = torch.Generator().manual_seed(0)
    moments = draw_moment(clips(skeleton), _MOMENTS, generator)
    square = vector_from_quaternion(overlay(skeleton, moments.rotations, generator)).var(0)
    square = (square + square[torch.tensor(skeleton.mirror)]) / 2
    return dict(zip(skeleton.names, square.sqrt().unbind(0), strict=True))
