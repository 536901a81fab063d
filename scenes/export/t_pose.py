"""A humanoid brought to stand in a T-pose, in metres: what VRM asks of every body at rest.

Arms and hands point sideways along +-X, legs straight down, feet ahead along +Z with their own slope; all else stays
as it rests (vrm-c/vrm-specification, "VRM T-pose"). Each bone takes the shortest way there from where its parent took
it, so palms that faced the thighs face the ground.

With T_j the turn of joint j to the T-pose and Q_j its turn in some pose, both from the old rest and seen from the
world, the same pose from the new rest is Q_j T_j^-1, for joints rest unturned there too. Relative to the parent p, an
old rotation r_j becomes T_p r_j T_j^-1, which leaves slerps slerps. The mesh is not remade: linear blend skinning loses
volume in the T-pose that no later pose would give back. It keeps its vertices and goes to the T-pose by one rigid map
per joint, `bind`, so that it looks the same as before in every pose.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton, forward_kinematics, posed_joints
from ...representations.body.skinning import skin
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.motion.clip import Clip, RootMotion
from ...representations.rotation import conjugate, multiply, rotate, shortest
from ...representations.tensor_structure import TensorStructure
from ..subject import Subject

_SHORT = 1e-6
"""A bone of less than this share of the skeleton's size points nowhere."""


class Standing(TensorStructure):
    """A humanoid standing in a T-pose: sole at Y = 0, hips above the origin, in metres."""

    mesh: SkinnedMesh
    """In the subject's own rest pose."""
    skeleton: Skeleton
    """In the T-pose, which is its rest pose: joints are unturned."""
    bind: Float[Tensor, "J 3 4"]
    """Rigid map of each joint that carries the mesh to the T-pose."""
    clips: tuple[Clip, ...]
    """Relative to the T-pose."""

    def posed(self, transforms: Float[Tensor, "B J 3 4"]) -> Float[Tensor, "B V 3"]:
        """Vertices, where `transforms` are maps from the T-pose (`forward_kinematics` of `skeleton`)."""
        turn = transforms[..., :3] @ self.bind[..., :3]
        shift = (transforms[..., :3] @ self.bind[..., 3:]).squeeze(-1) + transforms[..., 3]
        return skin(self.mesh.vertices, self.mesh.weights, torch.cat([turn, shift[..., None]], dim=-1))


def stand_in_t_pose(subject: Subject, height_m: float) -> Standing:
    """The subject, whose skeleton has VRM's names, standing in a T-pose `height_m` metres tall from sole to crown."""
    skeleton = subject.skeleton
    turns = t_pose_turns(skeleton)
    parents = torch.tensor([max(parent, 0) for parent in skeleton.parents])
    local = multiply(conjugate(turns[parents]), turns)
    local[0] = turns[0]

    maps = forward_kinematics(skeleton, local[None])
    high = skin(subject.mesh.vertices, subject.mesh.weights, maps)[0, :, 1]
    scale = height_m / (high.max() - high.min())
    hips = posed_joints(maps, skeleton.joints)[0, skeleton.index("hips")]
    origin = torch.stack([hips[0], high.min(), hips[2]])

    mesh = subject.mesh.with_vertices((subject.mesh.vertices - origin) * scale)
    placed = skeleton.with_rest((skeleton.joints - origin) * scale, (skeleton.tips - origin) * scale)
    maps = forward_kinematics(placed, local[None])
    standing = placed.with_rest(posed_joints(maps, placed.joints)[0], posed_joints(maps, placed.tips)[0])
    clips = tuple(_from_t_pose(clip, turns[parents], turns, float(scale)) for clip in subject.clips)
    return Standing(mesh, standing, maps[0], clips)


def t_pose_turns(skeleton: Skeleton) -> Float[Tensor, "J 4"]:
    """Turn of each joint from its rest to the T-pose, seen from the world, as unit quaternions (w, x, y, z).

    Joints without a place of their own in a T-pose, such as fingers, go with their parents.
    """
    joints, tips = skeleton.joints.detach().double(), skeleton.tips.detach().double()
    size = float((joints.amax(0) - joints.amin(0)).max())
    turns: list[Tensor] = []
    for joint, (name, parent) in enumerate(zip(skeleton.names, skeleton.parents, strict=True)):
        before = joints.new_tensor([1.0, 0, 0, 0]) if parent < 0 else turns[parent]
        side = "left" if name.startswith("left") else "right" if name.startswith("right") else ""
        limb = name.removeprefix(side) if side else ""
        end = skeleton.index(side + _NEXT[limb]) if limb in _NEXT and side + _NEXT[limb] in skeleton.names else None
        bone = (tips[joint] if end is None else joints[end]) - joints[joint]
        if limb in ("UpperArm", "LowerArm", "Hand"):
            turns.append(_brought(before, bone, joints.new_tensor([1.0 if side == "left" else -1.0, 0, 0]), size))
        elif limb in ("UpperLeg", "LowerLeg"):
            turns.append(_brought(before, bone, joints.new_tensor([0, -1.0, 0]), size))
        elif limb == "Foot":
            # Flat on the ground as at rest, however the leg came to be straight.
            level = bone * bone.new_tensor([1.0, 0, 1.0])
            turns.append(_brought(bone.new_tensor([1.0, 0, 0, 0]), level, bone.new_tensor([0, 0, 1.0]), size))
        else:
            turns.append(before)
    return torch.stack(turns).to(skeleton.joints)


_NEXT = {"UpperArm": "LowerArm", "LowerArm": "Hand", "UpperLeg": "LowerLeg", "LowerLeg": "Foot"}
"""Where a limb's bone ends; the others end at their tips."""


def _brought(before: Tensor, bone: Tensor, way: Tensor, size: float) -> Tensor:
    """`before`, followed by the shortest turn that takes `bone` from there to the direction `way`."""
    if float(bone.norm()) < _SHORT * size:
        return before
    return multiply(shortest(rotate(before, bone), way), before)


def _from_t_pose(clip: Clip, parent_turns: Tensor, turns: Tensor, scale: float) -> Clip:
    """The clip relative to the T-pose."""
    above, back = (value.to(clip.rotations).expand_as(clip.rotations) for value in (parent_turns, conjugate(turns)))
    rotations = multiply(above, multiply(clip.rotations, back))
    # The root has no parent that was turned.
    rotations[:, 0] = multiply(clip.rotations[:, 0], back[:, 0])
    root = None if clip.root is None else RootMotion(clip.root.turns, clip.root.shifts * scale)
    return replace(clip, rotations=rotations, root=root)
