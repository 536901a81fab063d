"""A body over the ground: the trunk moves as it likes, the feet stay where they are told, legs do what joins them.

Built in three steps. The root's turn is written to joint 0 for the while and pivots about the tops of
legs, so that a trunk which pitches doesn't run off its feet. Footings are then reached from wherever the trunk has
carried the hips. In the end the root's own motion is taken apart from the pose (see `clip`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.skeleton import Skeleton, forward_kinematics, posed_joints
from ..rotation import conjugate, multiply, quaternion_from_matrix, rotate
from .clip import Clip, RootMotion
from .leg import Footing, Leg, body_sink, leg_turns


def pivoted(
    skeleton: Skeleton, turn: Float[Tensor, "T 4"], shift: Float[Tensor, "T 3"], about: Sequence[Leg]
) -> Float[Tensor, "T 3"]:
    """The root's shift with which its turn goes about the middle of the tops of some legs, and then by `shift`."""
    tops = torch.stack([skeleton.joints[skeleton.index(leg.joints[0])] for leg in about])
    arm = (tops.mean(0) - skeleton.joints[0]).to(turn)
    return shift + arm - rotate(turn, arm.expand(len(turn), 3))


def maps(skeleton: Skeleton, rotations: Float[Tensor, "T J 4"]) -> Float[Tensor, "T J 3 4"]:
    """Rest-to-posed maps at the rotations' own precision, before the root's shift."""
    return forward_kinematics(skeleton, rotations, skeleton.joints.to(rotations))


def on_ground(
    skeleton: Skeleton, rotations: Float[Tensor, "T J 4"], shift: Float[Tensor, "T 3"], points: Float[Tensor, "J 3"]
) -> Float[Tensor, "T J 3"]:
    """Rest points, each carried by its joint, where the ground is flat; `rotations` hold the root's own turn too."""
    return posed_joints(maps(skeleton, rotations), points.to(rotations)) + shift[:, None]


def sink(
    skeleton: Skeleton,
    rotations: Float[Tensor, "T J 4"],
    shift: Float[Tensor, "T 3"],
    footings: Sequence[Footing],
    down: Sequence[Bool[Tensor, " T"]] | None = None,
) -> Float[Tensor, " T"]:
    """How far the whole body must sink so that every foot reaches its place while it is `down`; always without that.

    Raises ValueError where a foot cannot at any height.
    """
    joints = on_ground(skeleton, rotations, shift, skeleton.joints)
    down = [torch.ones(len(rotations), dtype=torch.bool)] * len(footings) if down is None else down
    deep = [
        body_sink(skeleton, footing, joints[:, skeleton.index(footing.leg.joints[0])], at)
        for footing, at in zip(footings, down, strict=True)
    ]
    return torch.stack(deep).amax(0)


def plant(
    skeleton: Skeleton,
    rotations: Float[Tensor, "T J 4"],
    shift: Float[Tensor, "T 3"],
    footings: Sequence[Footing],
) -> Float[Tensor, "T J 4"]:
    """The pose with each footing's leg reaching for it; joint 0 of `rotations` holds the root's own turn."""
    carried, planted = maps(skeleton, rotations), rotations.clone()
    joints = posed_joints(carried, skeleton.joints.to(rotations)) + shift[:, None]
    for footing in footings:
        index = [skeleton.index(name) for name in footing.leg.joints]
        world = quaternion_from_matrix(carried[:, skeleton.parents[index[0]], :, :3])
        for joint, turned in zip(index, leg_turns(skeleton, footing, joints[:, index[0]]).unbind(1), strict=True):
            planted[:, joint] = multiply(conjugate(world), turned)
            world = turned
    return planted


def finished(
    name: str,
    seconds: Float[Tensor, " T"],
    rotations: Float[Tensor, "T J 4"],
    shift: Float[Tensor, "T 3"],
) -> Clip:
    """A looping clip of poses whose joint 0 holds the root's own turn; the last pose is made the first one again."""
    rotations, shift = torch.cat([rotations[:-1], rotations[:1]]), torch.cat([shift[:-1], shift[:1]])
    turns = rotations[:, 0].clone()
    rotations[:, 0] = rotations.new_tensor([1.0, 0, 0, 0])
    return Clip(name, seconds.float(), rotations.float(), root=RootMotion(turns.float(), shift.float())).continuous()
