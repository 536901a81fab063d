"""Motions of other rigs on our skeletons.

Let a bone of ours rest along b, the chord of a rig between the same two places rest along c and lie along d(t) now, and
the rig's bone there have turned by R(t) since rest. Then the bone's rotation in the world is

    G(t) = Q(t) R(t) S,    S = shortest(b, c),    Q(t) = shortest(R(t) S b, d(t)),

so that it points where the rig's does, exactly, and twists as the rig's does. Bones that stand or look (pelvis, collar
bones, head, ears, feet) only take the turns, S = Q = 1: a sole that is flat stays flat, whatever the rig's ankle is
like. What the rig lacks follows its parent.

Turns since rest are counted from a standing body, which the rest pose of a file need not be (`rest_pose`).

The body goes where the tops of the rig's legs do, in leg lengths of its own. Heading and steady travel are taken away:
the ground passes below.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton, forward_kinematics, posed_joints
from ..rotation import conjugate, multiply, quaternion_from_vector, rotate, shortest, vector_from_quaternion
from .body import maps, on_ground
from .clip import Clip, RootMotion
from .leg import ground_level
from .rest_pose import stand
from .rig_match import BoneMatch, RigMatch, match, unmatched_notes
from .rig_motion import RigMotion

KEYS_PER_SECOND = 30.0

_CLOSE_DEG = 5.0
"""A clip whose last pose differs by no more than this from its first repeats."""
_CLOSE_HEIGHT = 0.05
"""And by no more than this share of a leg in height."""
_TRAVEL = 1.0
"""Leg lengths beyond which a motion that doesn't repeat is one that gets somewhere."""
_SOFT = 0.15
"""Share of a joint's range, at either end, in which it resists."""


def retarget(
    motion: RigMotion, skeleton: Skeleton, *, limit: bool = False, keys_per_second: float = KEYS_PER_SECOND
) -> Clip:
    """A rig's motion as a clip of `skeleton`, at its own moments or `keys_per_second`, whichever are fewer.

    It loops where its last pose is its first to within 5 degrees. With `limit` joints stay within the skeleton's
    `limits_deg`, softly. Its `notes` say what of the rig or of the skeleton goes unmatched, and whether the rig's rest
    pose was no standing body. Raises ValueError where the names of the rig's joints are not known.
    """
    motion = motion.at_most(keys_per_second)
    matched = match(motion, skeleton)
    motion = stand(motion, skeleton, matched)
    motion = _ahead(motion, matched)
    world, rotations = _pose(motion, skeleton, matched, limit)
    identity = rotations.new_tensor([1.0, 0, 0, 0])
    shift = _shift(motion, skeleton, matched, torch.cat([world[:, :1], rotations[:, 1:]], dim=1))
    leg = _leg_length(skeleton, matched)
    loop = _closes(world, shift, leg)
    shift = _on_the_spot(shift, motion, leg, always=loop)
    turns = world[:, 0]
    if loop:
        turns, shift, rotations = (torch.cat([all_[:-1], all_[:1]]) for all_ in (turns, shift, rotations))
    rotations[:, 0] = identity
    root = RootMotion(turns.float(), shift.float())
    notes = (*motion.notes, *unmatched_notes(motion, skeleton, matched))
    return Clip(motion.name, motion.times.float(), rotations.float(), loop, root, notes).continuous()


def direction_error_deg(clip: Clip, skeleton: Skeleton, motion: RigMotion) -> dict[str, Float[Tensor, " T"]]:
    """Angle between each bone of ours, as posed by a retargeted clip, and the chord of the rig that it lies along.

    In degrees, at the clip's keys, in the world with heading taken away; of the joints that have a chord.
    """
    matched = match(motion, skeleton)
    # Where a clip heads is known of the moments that it was made from, not of all that a file has.
    motion = stand(motion.at(clip.times.to(motion.times)), skeleton, matched)
    motion = _ahead(motion, matched)
    turned = clip.rooted()[0].double()
    transforms = forward_kinematics(skeleton, turned, skeleton.joints.to(turned))
    bones = rotate_bones(transforms, (skeleton.tips - skeleton.joints).to(turned))
    errors = {}
    for joint, bone in sorted(matched.bones.items()):
        if bone.chord is not None:
            wanted = (bone.chord[1].of(motion.places) - bone.chord[0].of(motion.places)).to(bones)
            errors[skeleton.names[joint]] = torch.rad2deg(_angle(bones[:, joint], wanted))
    return errors


def rotate_bones(transforms: Float[Tensor, "T J 3 4"], bones: Float[Tensor, "J 3"]) -> Float[Tensor, "T J 3"]:
    """Vectors at rest, each turned with its joint."""
    return torch.einsum("tjmn,jn->tjm", transforms[..., :3], bones)


def bone_length_drift(clip: Clip, skeleton: Skeleton) -> float:
    """Most that a bone between two posed joints is longer or shorter than at rest, as a share of its length.

    Quaternions are taken as they are: those that are not of length 1 stretch bones.
    """
    turned = clip.rotations.double()
    transforms = forward_kinematics(skeleton, turned, skeleton.joints.to(turned))
    joints = posed_joints(transforms, skeleton.joints.to(turned))
    parents = list(skeleton.parents[1:])
    posed = (joints[:, 1:] - joints[:, parents]).norm(dim=-1)
    rest = (skeleton.joints[1:] - skeleton.joints[parents]).norm(dim=-1).to(posed)
    longer = (posed - rest).abs() / rest.clamp_min(1e-9)
    return float(torch.where(rest > 0, longer, torch.zeros_like(longer)).amax())


def _ahead(motion: RigMotion, matched: RigMatch) -> RigMotion:
    """The motion in a world turned so that the body looks along +Z on the mean."""
    return motion.ahead(matched.bones[0].turner) if 0 in matched.bones else motion


def _pose(
    motion: RigMotion, skeleton: Skeleton, matched: RigMatch, limit: bool
) -> tuple[Float[Tensor, "T J 4"], Float[Tensor, "T J 4"]]:
    """Rotations of all joints in the world, and relative to their parents."""
    count = len(motion.times)
    identity = motion.turns.new_tensor([1.0, 0, 0, 0])
    bones = (skeleton.tips - skeleton.joints).to(motion.turns)
    bounds = torch.deg2rad(skeleton.limits_deg.to(motion.turns))
    world: list[Tensor] = []
    local: list[Tensor] = []
    rest: list[Tensor] = []
    for joint, parent in enumerate(skeleton.parents):
        above = world[parent] if joint else identity.expand(count, 4)
        bone = matched.bones.get(joint)
        if bone is None:
            turned, correction = above, rest[parent] if joint else identity
        else:
            correction = _correction(bone, motion, bones[joint], rest[parent] if joint else identity)
            turned = multiply(motion.turns[:, bone.turner], correction.expand(count, 4))
            if bone.chord is not None:
                now = bone.chord[1].of(motion.places) - bone.chord[0].of(motion.places)
                turned = multiply(shortest(rotate(turned, bones[joint].expand(count, 3)), now), turned)
        own = multiply(conjugate(above), turned)
        if limit and joint:
            own = quaternion_from_vector(_softly(vector_from_quaternion(own), bounds[joint]))
            turned = multiply(above, own)
        world.append(turned)
        local.append(own)
        rest.append(correction)
    return torch.stack(world, dim=1), torch.stack(local, dim=1)


def _correction(bone: BoneMatch, motion: RigMotion, at_rest: Tensor, parents: Tensor) -> Tensor:
    """S above."""
    if bone.chord is not None:
        return shortest(at_rest, bone.chord[1].of(motion.rest) - bone.chord[0].of(motion.rest))
    return parents if bone.as_parent else parents.new_tensor([1.0, 0, 0, 0])


def _softly(vector: Float[Tensor, "T 3"], bounds: Float[Tensor, "3 2"]) -> Float[Tensor, "T 3"]:
    """Rotation vectors within bounds in radians: as they are in the middle, nearing the ends without reaching them."""
    low, high = bounds.unbind(-1)
    margin = (_SOFT * (high - low)).clamp_min(1e-6)
    top, bottom = high - margin, low + margin
    over = top + margin * torch.tanh((vector - top) / margin)
    under = bottom + margin * torch.tanh((vector - bottom) / margin)
    return torch.where(vector > top, over, torch.where(vector < bottom, under, vector))


def _shift(
    motion: RigMotion, skeleton: Skeleton, matched: RigMatch, turned: Float[Tensor, "T J 4"]
) -> Float[Tensor, "T 3"]:
    """How far the root goes: the tops of our legs keep with the rig's, and feet are as high above the ground."""
    joints = on_ground(skeleton, turned, turned.new_zeros(len(turned), 3), skeleton.joints)
    if not matched.legs:
        return turned.new_zeros(len(turned), 3)
    theirs, ours = [leg.path[0] for leg in matched.legs], [leg.joints[0] for leg in matched.legs]
    scale = _leg_length(skeleton, matched) / _rig_leg_length(motion, matched)
    way = (motion.places[:, theirs] - motion.rest[theirs]).mean(1)
    middle = skeleton.joints[ours].mean(0).to(turned)
    shift = middle + scale * way - joints[:, ours].mean(1)
    toes = [leg.joints[1] for leg in matched.legs]
    soles = posed_joints(maps(skeleton, turned), skeleton.tips.to(turned))[:, toes, 1] + shift[:, 1:2]
    feet = [leg.path[-1] for leg in matched.legs]
    raised = (motion.places[:, feet, 1] - motion.rest[feet, 1].amin()).amin(1)
    shift[:, 1] -= (soles.amin(1) - ground_level(skeleton) - scale * raised).median()
    return shift


def _on_the_spot(shift: Float[Tensor, "T 3"], motion: RigMotion, leg: float, *, always: bool) -> Float[Tensor, "T 3"]:
    """Without steady travel, of a motion that gets far or `always`, and not far from the root's rest place."""
    level = shift.new_tensor([1.0, 0.0, 1.0])
    way = level * (shift[-1] - shift[0])
    if always or float(way.norm()) > _TRAVEL * leg:
        share = motion.times / max(motion.duration, 1e-9)
        shift = shift - share[:, None] * way
    middle = level * shift.mean(0)
    return shift - middle if float(middle.norm()) > _TRAVEL * leg else shift


def _leg_length(skeleton: Skeleton, matched: RigMatch) -> float:
    """From the tops of our legs to their feet, on the mean; the body's size where there are no legs."""
    lengths = []
    for leg in matched.legs:
        joint, length = leg.joints[1], 0.0
        while joint != leg.joints[0] and joint > 0:
            length += float((skeleton.joints[joint] - skeleton.joints[skeleton.parents[joint]]).norm())
            joint = skeleton.parents[joint]
        lengths.append(length)
    return sum(lengths) / len(lengths) if lengths else 1.0


def _rig_leg_length(motion: RigMotion, matched: RigMatch) -> float:
    lengths = [float(motion.rest[list(leg.path)].diff(dim=0).norm(dim=-1).sum()) for leg in matched.legs]
    return max(sum(lengths) / len(lengths), 1e-9)


def _closes(world: Float[Tensor, "T J 4"], shift: Float[Tensor, "T 3"], leg: float) -> bool:
    cosine = (world[0] * world[-1]).sum(-1).abs().clamp(max=1).amin()
    apart = abs(float(shift[-1, 1] - shift[0, 1]))
    return math.degrees(2 * math.acos(float(cosine))) <= _CLOSE_DEG and apart <= _CLOSE_HEIGHT * leg


def _angle(a: Float[Tensor, "T 3"], b: Float[Tensor, "T 3"]) -> Float[Tensor, " T"]:
    a, b = torch.nn.functional.normalize(a, dim=-1), torch.nn.functional.normalize(b, dim=-1)
    return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))
