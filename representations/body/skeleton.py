"""Skeletons: named joints in a tree, each with the bone that hangs on it, and their forward kinematics.

Every joint's rest orientation is the identity, so a pose is one rotation per joint about its own rest position in the
parent's posed frame:  T_j = T_parent(j) * [R_j | joint_j - R_j joint_j],  and glTF node rotations are the R_j as they
stand.
"""

from __future__ import annotations

from dataclasses import field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import compiled, over
from ..rotation import matrix_from_quaternion
from ..tensor_structure import TensorStructure

BodyPlan = Literal["quadruped", "biped", "bird"]


class Skeleton(TensorStructure):
    """J joints, parents before children, joint 0 the root."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of the parent joint; -1 for the root alone."""
    joints: Float[Tensor, "J 3"]
    """Rest positions."""
    tips: Float[Tensor, "J 3"]
    """Rest position of the far end of the bone that hangs on each joint."""
    mirror: tuple[int, ...]
    """Index of the joint on the other side; a joint in the sagittal plane is its own mirror."""
    limits_deg: Float[Tensor, "J 3 2"]
    """Lower and upper bound of each rotation vector component (pitch about X, yaw about Y, roll about Z)."""
    parts: tuple[str, ...]
    """Name of the part of `chart.PARTS` that each joint's bone carries."""
    plan: BodyPlan
    landmarks: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """AP-10K-style keypoint name -> (joint, True where the bone's tip is meant, else its start)."""

    def __post_init__(self) -> None:
        count = len(self.names)
        if self.parents[0] != -1 or any(not 0 <= p < j for j, p in enumerate(self.parents) if j):
            raise ValueError(f"parents must precede their children and joint 0 be the only root, found {self.parents}")
        if any(self.mirror[self.mirror[j]] != j for j in range(count)):
            raise ValueError("the mirror map must be its own inverse")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The joint called `name`; raises KeyError with the names there are."""
        if name not in self.names:
            raise KeyError(f"no joint {name!r} in this skeleton; there are {', '.join(self.names)}")
        return self.names.index(name)

    @cached_property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Joints by depth in the tree, the root's level first."""
        depth = [0] * len(self)
        for joint, parent in enumerate(self.parents[1:], start=1):
            depth[joint] = depth[parent] + 1
        return tuple(tuple(j for j in range(len(self)) if depth[j] == d) for d in range(max(depth) + 1))

    @cached_property
    def main_child(self) -> tuple[int, ...]:
        """The child that continues each bone (its joint lies at the bone's tip), -1 where the chain ends."""
        child = [-1] * len(self)
        for joint, parent in enumerate(self.parents[1:], start=1):
            if torch.linalg.vector_norm(self.joints[joint] - self.tips[parent]) < 1e-5:
                child[parent] = joint
        return tuple(child)

    def with_rest(self, joints: Float[Tensor, "J 3"], tips: Float[Tensor, "J 3"]) -> Skeleton:
        """The same tree with other rest positions."""
        return replace(self, joints=joints, tips=tips)


def forward_kinematics(
    skeleton: Skeleton, rotations: Float[Tensor, "B J 4"], joints: Float[Tensor, "*N J 3"] | None = None
) -> Float[Tensor, "B J 3 4"]:
    """Rest-to-posed rigid maps of all joints: `posed = T[..., :3] @ rest + T[..., 3]`.

    `rotations` are unit quaternions; `joints` (J, 3) or (B, J, 3) replace the skeleton's own rest positions (scaled
    bones). Differentiable in both; compiled on the CPU.
    """
    rest = skeleton.joints if joints is None else joints
    if not compiled(rotations, rest):
        return forward_kinematics_torch(skeleton, rotations, joints)
    batch, count = rotations.shape[0], len(skeleton)
    if rotations.shape[1:] != (count, 4) or rest.shape[-2:] != (count, 3):
        raise ValueError(
            f"rotations have shape {tuple(rotations.shape)} and joints {tuple(rest.shape)}; for a skeleton of {count} "
            f"joints they must be (B, {count}, 4) and (..., {count}, 3)"
        )
    if rest.ndim == 3 and rest.shape[0] not in (1, batch):
        raise ValueError(f"joints for {rest.shape[0]} pictures but rotations for {batch}; they must be the same")
    return _Kinematics.apply(rotations, rest, skeleton.parents)  # type: ignore[return-value]


def forward_kinematics_torch(
    skeleton: Skeleton, rotations: Float[Tensor, "B J 4"], joints: Float[Tensor, "*N J 3"] | None = None
) -> Float[Tensor, "B J 3 4"]:
    """`forward_kinematics` in plain torch, on any device: the reference. One step per level of the tree."""
    rest = skeleton.joints if joints is None else joints
    batch = rotations.shape[0]
    rest = rest.expand(batch, *rest.shape[-2:])
    local = matrix_from_quaternion(rotations)
    pivot = rest - torch.einsum("bjmn,bjn->bjm", local, rest)
    order: list[int] = []
    levels_rotation: list[Tensor] = []
    levels_shift: list[Tensor] = []
    place: dict[int, int] = {}
    for depth, level in enumerate(skeleton.levels):
        chosen = torch.tensor(level, device=rest.device)
        turn, shift = local.index_select(1, chosen), pivot.index_select(1, chosen)
        if depth:
            above = torch.tensor([place[skeleton.parents[j]] for j in level], device=rest.device)
            parent_turn = levels_rotation[-1].index_select(1, above)
            shift = (parent_turn @ shift[..., None]).squeeze(-1) + levels_shift[-1].index_select(1, above)
            turn = parent_turn @ turn
        place = {joint: k for k, joint in enumerate(level)}
        order += level
        levels_rotation.append(turn)
        levels_shift.append(shift)
    back = torch.tensor(sorted(range(len(order)), key=order.__getitem__), device=rest.device)
    rotation = torch.cat(levels_rotation, dim=1).index_select(1, back)
    shift = torch.cat(levels_shift, dim=1).index_select(1, back)
    return torch.cat([rotation, shift[..., None]], dim=-1)


def posed_joints(transforms: Float[Tensor, "B J 3 4"], joints: Float[Tensor, "*N J 3"]) -> Float[Tensor, "B J 3"]:
    """Positions of rest points `joints`, each carried by the joint of the same index."""
    return (
        torch.einsum("bjmn,bjn->bjm", transforms[..., :3], joints.expand(transforms.shape[0], -1, 3))
        + (transforms[..., 3])
    )


class _Kinematics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rotations: Tensor, joints: Tensor, parents: tuple[int, ...]) -> Tensor:
        from . import numba_kinematics as kernel

        out = torch.empty((*rotations.shape[:2], 3, 4), dtype=rotations.dtype)
        ctx.parents = np.array(parents, np.int64)
        rest = joints if joints.ndim == 3 else joints[None]
        turns, places = rotations.detach().contiguous().numpy(), rest.detach().contiguous().numpy()
        over(len(out), lambda start, stop: kernel.forward(turns, places, ctx.parents, out.numpy(), start, stop))
        ctx.save_for_backward(rotations, joints, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        from . import numba_kinematics as kernel

        rotations, joints, transforms = ctx.saved_tensors
        batch = len(rotations)
        rest = joints if joints.ndim == 3 else joints[None]
        # One thread sums a group of pictures, the groups are summed in order: the same on any number of threads.
        group = 1 if rest.shape[0] == batch else 8
        groups = -(-batch // group)
        sums = torch.zeros((groups, *rest.shape[1:]), dtype=rest.dtype)
        pull = torch.empty(rotations.shape, dtype=rest.dtype)
        turns, places, maps, grad = (t.detach().contiguous().numpy() for t in (rotations, rest, transforms, grads[0]))
        arrays = turns, places, ctx.parents, maps, grad, pull.numpy(), sums.numpy(), group
        over(groups, lambda first, last: kernel.backward(*arrays, first * group, min(last * group, batch)))
        return pull, (sums if group == 1 else torch.from_numpy(sums.numpy().sum(axis=0))).reshape(joints.shape), None


def mirrored_pose(vectors: Float[Tensor, "*B J 3"], mirror: Int[Tensor, " J"]) -> Float[Tensor, "*B J 3"]:
    """The pose seen in a mirror, joint rotations as rotation vectors: left and right swapped, yaw and roll negated."""
    return vectors.index_select(-2, mirror) * vectors.new_tensor([1.0, -1.0, -1.0])
