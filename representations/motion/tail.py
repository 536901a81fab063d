"""Tails on the ground: each link points to where the rest of the tail would just lie on it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import conjugate, multiply, quaternion_from_matrix
from .body import maps, on_ground
from .leg import ground_level, hip_height
from .wave import about

_CLEARANCE = 0.05
"""Of the bones above ground, in hip heights: tails are thick."""


def lay_tail(
    skeleton: Skeleton, rotations: Float[Tensor, "T J 4"], shift: Float[Tensor, "T 3"], *, always: bool
) -> Float[Tensor, "T J 4"]:
    """The pose with the tail's links pitched, within their limits, so that they reach the ground and no deeper.

    `rotations` hold the root's own turn at joint 0. Where not `always`, links that are clear of the ground stay as they
    are. A body without a tail stays as it is.
    """
    laid = rotations.clone()
    links = [joint for joint, part in enumerate(skeleton.parts) if part.startswith("tail")]
    floor = ground_level(skeleton) + _CLEARANCE * hip_height(skeleton)
    bones = (skeleton.tips - skeleton.joints).to(rotations)
    for k, joint in enumerate(links):
        start = on_ground(skeleton, laid, shift, skeleton.joints)[:, joint]
        way = on_ground(skeleton, laid, shift, skeleton.tips)[:, joint] - start
        left = float(sum(bones[link].norm() for link in links[k:]))
        lowest = -torch.asin(((start[:, 1] - floor) / left).clamp(-1, 1))
        now = torch.atan2(way[:, 1], way[:, [0, 2]].norm(dim=-1))
        raise_by = lowest - now if always else (lowest - now).clamp_min(0)
        low, high = torch.deg2rad(skeleton.limits_deg[joint, 0].double())
        world = quaternion_from_matrix(maps(skeleton, laid)[:, skeleton.parents[joint], :, :3])
        # A link points backward: pitching the nose down brings its end up.
        turn = multiply(conjugate(world), multiply(about(0, raise_by.clamp(low, high)), world))
        laid[:, joint] = multiply(turn, laid[:, joint])
    return laid
