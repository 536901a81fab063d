"""Motions of rigs that are made here from our own clips, so that what must come out is known."""

import math
from dataclasses import replace

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.template import template
from zoetrope.representations.motion.foot_lock import find_contacts, foot_sliding, lock_feet
from zoetrope.representations.motion.gait import GAITS
from zoetrope.representations.motion.library import motion
from zoetrope.representations.motion.locomotion import fitted, stride_length
from zoetrope.representations.motion.retarget import bone_length_drift, direction_error_deg, retarget
from zoetrope.representations.motion.rig_match import match
from zoetrope.representations.motion.rig_motion import RigMotion, about_up, facing, turn_all
from zoetrope.representations.rotation import (
    multiply,
    quaternion_from_matrix,
    quaternion_from_vector,
    rotate,
    shortest,
    vector_from_quaternion,
)

PLANS = {"quadruped": "walk", "biped": "run", "bird": "flap"}


def _other_proportions(skeleton, seed=3):
    """Bones 0.6 to 1.5 times as long, both sides alike, in the directions they had; wherever they hang likewise."""
    factor = 0.6 + 0.9 * torch.rand(len(skeleton), generator=torch.Generator().manual_seed(seed))
    factor = (factor + factor[list(skeleton.mirror)]) / 2
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for joint, parent in enumerate(skeleton.parents):
        if parent >= 0:
            joints[joint] = joints[parent] + factor[parent] * (skeleton.joints[joint] - skeleton.joints[parent])
        tips[joint] = joints[joint] + factor[joint] * (skeleton.tips[joint] - skeleton.joints[joint])
    return skeleton.with_rest(joints, tips)


def _rig(clip, skeleton, names=None, root=True):
    """A skeleton and its clip as a foreign rig's."""
    rotations = clip.rotations.double().clone()
    shifts = torch.zeros(len(rotations), 1, 3, dtype=torch.float64)
    if root and clip.root is not None:
        rotations[:, 0], shifts = clip.root.turns.double(), clip.root.shifts.double()[:, None]
    rest = skeleton.joints.double()
    maps = forward_kinematics(skeleton, rotations, rest)
    turns, places = quaternion_from_matrix(maps[..., :3]), posed_joints(maps, rest) + shifts
    return RigMotion(
        clip.name,
        skeleton.names if names is None else names,
        skeleton.parents,
        rest,
        clip.times.double(),
        turns,
        places,
    )


def _bones(clip, skeleton):
    """Directions of all bones, without what the root does."""
    rotations = clip.rotations.double().clone()
    if clip.root is not None:
        rotations[:, 0] = clip.root.turns.double()
    maps = forward_kinematics(skeleton, rotations, skeleton.joints.double())
    return torch.einsum("tjmn,jn->tjm", maps[..., :3], (skeleton.tips - skeleton.joints).double())


def _angles_deg(a, b):
    a, b = (torch.nn.functional.normalize(x, dim=-1) for x in (a, b))
    return torch.rad2deg(2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))


@pytest.mark.parametrize(("plan", "name"), PLANS.items())
def test_a_clip_points_every_bone_of_other_proportions_where_it_did(plan, name):
    skeleton = template(plan).skeleton
    clip, other = motion(name, skeleton), _other_proportions(skeleton)
    found = retarget(_rig(clip, skeleton), other, keys_per_second=1000)
    assert found.loop
    assert _angles_deg(_bones(found, other), _bones(clip, skeleton)).max() < 0.1
    # Of the same proportions it is the very same motion, twists and the root's way too.
    same = retarget(_rig(clip, skeleton), skeleton, keys_per_second=1000)
    assert (same.rotations * clip.rotations).sum(-1).abs().min() > 1 - 1e-5
    off = same.root.shifts - clip.root.shifts
    # But for the height that feet have over the ground, of which the rig's toes have no joint.
    assert float((off - off.mean(0)).abs().max()) < 1e-4
    assert float(off.abs().amax()) < 0.02


@pytest.mark.parametrize("plan", PLANS)
def test_bones_keep_their_lengths(plan):
    skeleton = _other_proportions(template(plan).skeleton)
    clip = motion("walk", skeleton)
    assert bone_length_drift(clip, skeleton) < 1e-3
    assert bone_length_drift(replace(clip, rotations=1.0009 * clip.rotations), skeleton) > 1e-3


def test_rest_poses_that_differ_are_corrected():
    """A rig in a T-pose that lowers its arms to the side brings ours, in A-pose, to the same place."""
    skeleton = template("biped").skeleton
    spread = skeleton.joints.clone()
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper, lower, hand = (skeleton.index(f"{side}{part}") for part in ("UpperArm", "LowerArm", "Hand"))
        for joint, above in ((lower, upper), (hand, lower)):
            length = float((skeleton.joints[joint] - skeleton.joints[above]).norm())
            spread[joint] = spread[above] + torch.tensor([sign * length, 0.0, 0.0])
    down = quaternion_from_vector(torch.tensor([[[0.0, 0, 0]], [[0.0, 0, -math.pi / 2]]])).double()
    rotations = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).repeat(2, len(skeleton), 1)
    rotations[1, skeleton.index("leftUpperArm")] = down[1, 0]
    maps = forward_kinematics(skeleton, rotations, spread.double())
    turns, places = quaternion_from_matrix(maps[..., :3]), posed_joints(maps, spread.double())
    rig = RigMotion(
        "t", skeleton.names, skeleton.parents, spread.double(), torch.tensor([0.0, 1.0]).double(), turns, places
    )
    clip = retarget(rig, skeleton)
    assert not clip.loop
    bones = _bones(clip, skeleton)
    for name in ("leftUpperArm", "leftLowerArm", "leftHand"):
        bone = torch.nn.functional.normalize(bones[:, skeleton.index(name)], dim=-1)
        torch.testing.assert_close(bone[0], torch.tensor([1.0, 0, 0]).double(), atol=0.06, rtol=0)
        torch.testing.assert_close(bone[1], torch.tensor([0.0, -1, 0]).double(), atol=0.06, rtol=0)


def test_other_numbers_of_bones_are_laid_along_the_chain():
    """A neck of three bones bent ever more: ours of one lies along its chord."""
    skeleton = template("quadruped").skeleton
    neck, head = skeleton.index("neck"), skeleton.index("head")
    names, parents, rest = list(skeleton.names), list(skeleton.parents), [*skeleton.joints.double()]
    way = (skeleton.joints[head] - skeleton.joints[neck]).double()
    for k in (1, 2):
        names.append(f"neck{k + 1}")
        parents.append(neck if k == 1 else len(names) - 2)
        rest.append(rest[neck] + k / 3 * way)
    parents[head] = len(names) - 1
    bend = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0, 75.0])).double()
    places = torch.stack(rest)[None].clone()
    at = rest[neck]
    turns = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).repeat(1, len(names), 1)
    for node, angle in zip((neck, len(names) - 2, len(names) - 1), bend[1:], strict=True):
        turn = quaternion_from_vector(torch.tensor([float(angle), 0, 0]).double())
        turns[0, node], places[0, node] = turn, at
        at = at + turn_all(turn, way / 3)
    places[0, head] = at
    rig = RigMotion("bend", tuple(names), tuple(parents), torch.stack(rest), torch.zeros(1).double(), turns, places)
    bone = _bones(retarget(rig, skeleton), skeleton)[0, neck]
    assert _angles_deg(bone, at - rest[neck]) < 0.01


def test_what_a_rig_lacks_follows_its_parent():
    skeleton = template("quadruped").skeleton
    clip = motion("look_around", skeleton)
    names = tuple("x" if name.startswith(("tail", "left_ear", "muzzle")) else name for name in skeleton.names)
    found = retarget(_rig(clip, skeleton, names), skeleton)
    still = torch.tensor([1.0, 0, 0, 0])
    for name in ("tail_1", "tail_3", "left_ear", "muzzle"):
        assert (found.rotations[:, skeleton.index(name)] * still).sum(-1).abs().min() > 1 - 1e-6
    for name in ("head", "right_ear"):
        assert (found.rotations[:, skeleton.index(name)] * still).sum(-1).abs().min() < 0.9999


@pytest.mark.parametrize(
    "pattern",
    [
        ("mixamorig:{side}{}", ("Left", "Right"), ("Shoulder Arm ForeArm Hand UpLeg Leg Foot", "Hips Spine Neck Head")),
        ("{side}{}", ("l", "r"), ("Collar Shldr ForeArm Hand Thigh Shin Foot", "hip abdomen neck head")),
        ("Bip01 {side} {}", ("L", "R"), ("Clavicle UpperArm Forearm Hand Thigh Calf Foot", "Bip01 Pelvis x Neck Head")),
        ("{side}{}", ("Left", "Right"), ("Collar Shoulder Elbow Wrist Hip Knee Ankle", "Hips Chest Neck Head")),
        ("{side}{}", ("l", "r"), ("clavicle humerus radius wrist femur tibia foot", "root x lowerneck head")),
        ("{}_{side}", ("l", "r"), ("clavicle upperarm lowerarm hand thigh calf foot", "pelvis x neck_01 head")),
    ],
    ids=["Mixamo", "Poser", "3ds Max", "first BVH", "Acclaim", "Unreal"],
)
def test_schools_of_riggers_are_known(pattern):
    form, sides, (limbs, middle) = pattern
    skeleton = template("biped").skeleton
    ours = ("Shoulder", "UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
    names = {
        f"{own}{part}": form.format(word, side=side)
        for own, side in zip(("left", "right"), sides, strict=True)
        for part, word in zip(ours, limbs.split(), strict=True)
    }
    trunk = middle.split()[-4:]
    names |= dict(zip(("hips", "spine", "neck", "head"), trunk, strict=True))
    renamed = tuple(names.get(name, f"between {name}") for name in skeleton.names)
    clip = motion("walk", skeleton)
    rig = _rig(clip, skeleton, renamed)
    found = retarget(rig, skeleton, keys_per_second=1000)
    assert _angles_deg(_bones(found, skeleton), _bones(clip, skeleton)).max() < 0.1
    assert len(match(rig, skeleton).legs) == 2


def test_prefixes_on_some_joints_only_lose_nothing():
    skeleton = template("biped").skeleton
    clip = motion("walk", skeleton)
    forms = ("Model:{}", "{}", "Character1_{}", "Rex_{}")
    names = tuple(forms[joint % 4].format(name) for joint, name in enumerate(skeleton.names))
    found, plain = (retarget(_rig(clip, skeleton, one), skeleton, keys_per_second=1000) for one in (names, None))
    torch.testing.assert_close(found.rotations, plain.rotations, atol=1e-6, rtol=0)
    assert found.notes == ()


def test_what_goes_unmatched_is_said_by_name():
    skeleton = template("quadruped").skeleton
    clip = motion("look_around", skeleton)
    names = tuple("Qx_left" if name == "left_ear" else name for name in skeleton.names)
    (lost, still) = retarget(_rig(clip, skeleton, names), skeleton).notes
    assert lost == "joints of the file that move nothing here: Qx_left"
    assert still == "joints that the file does not move, which follow what they hang on: left_ear"
    # A joint that never turns is no loss.
    resting = replace(clip, rotations=clip.rotations[:1].expand_as(clip.rotations) * 0 + torch.tensor([1.0, 0, 0, 0]))
    assert retarget(_rig(replace(resting, root=None), skeleton, names), skeleton).notes == (still,)


def test_unknown_names_are_refused():
    skeleton = template("biped").skeleton
    rig = _rig(motion("walk", skeleton), skeleton, tuple(f"bone{k}" for k in range(len(skeleton))))
    with pytest.raises(ValueError, match="LeftUpperLeg"):
        retarget(rig, skeleton)


def test_travel_and_heading_are_taken_away():
    """A walk that goes along a diagonal of the world, is the walk on the spot."""
    skeleton = template("biped").skeleton
    clip = motion("walk", skeleton)
    spot = retarget(_rig(clip, skeleton), skeleton, keys_per_second=1000)
    rig = _rig(clip, skeleton)
    away = replace(rig, places=rig.places + rig.times[:, None, None] * torch.tensor([0.0, 0, 0.5]).double())
    found = retarget(away.turned(about_up(2.0)), skeleton, keys_per_second=1000)
    assert found.loop
    torch.testing.assert_close(found.rotations, spot.rotations, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.root.shifts, spot.root.shifts, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.root.turns, spot.root.turns, atol=1e-3, rtol=0)


def test_a_body_of_half_the_size_bounces_half_as_high():
    skeleton = template("biped").skeleton
    small = skeleton.with_rest(0.5 * skeleton.joints, 0.5 * skeleton.tips)
    rig = _rig(motion("run", skeleton), skeleton)
    big, half = (retarget(rig, body).root.shifts for body in (skeleton, small))
    assert float(big[:, 1].max() - big[:, 1].min()) > 0.01
    torch.testing.assert_close(half, 0.5 * big, atol=1e-5, rtol=0)


def test_only_what_ends_as_it_begins_loops():
    skeleton = template("quadruped").skeleton
    rig = _rig(motion("walk", skeleton), skeleton)
    assert retarget(rig, skeleton).loop
    half = len(rig.times) // 2
    part = replace(rig, times=rig.times[:half], turns=rig.turns[:half], places=rig.places[:half])
    found = retarget(part, skeleton)
    assert not found.loop
    assert found.duration == pytest.approx(float(part.times[-1]))


def test_keys_are_no_more_than_asked_for():
    skeleton = template("biped").skeleton
    rig = _rig(motion("walk", skeleton), skeleton)
    dense = rig.at(torch.linspace(0, rig.duration, 500).double())
    clip = retarget(dense, skeleton)
    assert len(clip.times) == round(rig.duration * 30) + 1
    assert len(retarget(rig, skeleton, keys_per_second=500).times) == len(rig.times)


def test_limits_hold_and_leave_the_middle_alone():
    skeleton = template("quadruped").skeleton
    tight = replace(skeleton, limits_deg=0.2 * skeleton.limits_deg)
    rig = _rig(motion("gallop", skeleton), skeleton)
    free, bound = (vector_from_quaternion(retarget(rig, tight, limit=on).rotations) for on in (False, True))
    bounds = torch.deg2rad(tight.limits_deg)
    assert bool((free[:, 1:] > bounds[1:, :, 1] + 0.05).any())
    assert bool((bound[:, 1:] < bounds[1:, :, 1] + 1e-4).all())
    assert bool((bound[:, 1:] > bounds[1:, :, 0] - 1e-4).all())
    wide = replace(skeleton, limits_deg=torch.tensor([-720.0, 720.0]).expand(len(skeleton), 3, 2))
    loose = retarget(rig, wide, limit=True)
    torch.testing.assert_close(vector_from_quaternion(loose.rotations), free, atol=1e-4, rtol=0)


def test_the_measured_direction_error_sees_a_wrong_clip():
    skeleton = template("quadruped").skeleton
    rig = _rig(motion("walk", skeleton), skeleton)
    clip = retarget(rig, skeleton)
    assert max(float(error.max()) for error in direction_error_deg(clip, skeleton, rig).values()) < 0.05
    turn = quaternion_from_vector(torch.tensor([math.radians(7), 0, 0]))
    rotations = clip.rotations.clone()
    knee = skeleton.index("left_knee")
    rotations[:, knee] = multiply(rotations[:, knee], turn.expand(len(rotations), 4))
    error = direction_error_deg(replace(clip, rotations=rotations), skeleton, rig)
    assert float(error["left_knee"].min()) == pytest.approx(7, abs=0.1)


@pytest.mark.parametrize("toward", [0.0, 1.0, 2.5, -2.0])
def test_left_and_right_tell_the_front(toward):
    skeleton = template("biped").skeleton
    places = turn_all(about_up(toward), skeleton.joints.double())
    assert math.remainder(facing(skeleton.names, places) + toward, 2 * math.pi) == pytest.approx(0, abs=1e-6)
    assert facing(("a", "b"), torch.zeros(2, 3)) is None


def test_a_limb_that_rests_anyhow_does_not_turn_the_front():
    skeleton = template("biped").skeleton
    places = skeleton.joints.double().clone()
    for part in ("LowerArm", "Hand"):
        places[skeleton.index(f"right{part}")] = torch.tensor([0.1, 0.2, 0.6]).double()
    assert facing(skeleton.names, places) == pytest.approx(0, abs=1e-6)


def test_the_shortest_rotation_has_every_case():
    along = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [0.3, -2, 1], [0.0, 0, 0]]).double()
    to = torch.tensor([[-2.0, 0, 0], [3.0, 0, 0], [1.0, 1, 1], [1.0, 0, 0]]).double()
    turned = rotate(shortest(along, to), along)
    assert _angles_deg(turned[:3], to[:3]).max() < 1e-4
    torch.testing.assert_close(shortest(along, to)[3], torch.tensor([1.0, 0, 0, 0]).double())


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_feet_of_our_walk_do_not_slide(plan):
    skeleton = template(plan).skeleton
    clip = motion("walk", skeleton)
    contacts = find_contacts(clip, skeleton)
    gait = fitted(skeleton, GAITS[(plan, "walk")])
    assert float(contacts.velocity[1]) == pytest.approx(-stride_length(skeleton, gait) / gait.seconds, rel=0.02)
    assert float(contacts.standing[:-1].double().mean()) == pytest.approx(gait.duty, abs=0.08)
    assert foot_sliding(clip, skeleton) < 0.01


@pytest.mark.parametrize("plan", ["quadruped", "biped"])
def test_sliding_feet_are_held(plan):
    """A walk whose legs are moved at random slides; locked it slides clearly less, and loops still."""
    skeleton = template(plan).skeleton
    clip = motion("walk", skeleton)
    generator = torch.Generator().manual_seed(0)
    shaken = clip.rotations.clone()
    for joint in range(1, len(skeleton)):
        turn = quaternion_from_vector(0.03 * torch.randn(len(shaken), 3, generator=generator))
        shaken[:, joint] = multiply(shaken[:, joint], turn)
    shaken[-1] = shaken[0]
    shaken = replace(clip, rotations=shaken)
    contacts = find_contacts(shaken, skeleton)
    before, locked = foot_sliding(shaken, skeleton, contacts), lock_feet(shaken, skeleton)
    assert before > 0.01
    assert foot_sliding(locked, skeleton, contacts) < 0.2 * before
    assert bone_length_drift(locked, skeleton) < 1e-3
    # What isn't a leg is as it was.
    head = skeleton.index("head")
    torch.testing.assert_close(locked.rotations[:, head].abs(), shaken.rotations[:, head].abs(), atol=1e-5, rtol=0)


def test_feet_in_the_air_are_left_alone():
    skeleton = template("bird").skeleton
    clip = motion("flap", skeleton)
    assert not bool(find_contacts(clip, skeleton).standing.any())
    torch.testing.assert_close(lock_feet(clip, skeleton).rotations, clip.continuous().rotations, atol=1e-5, rtol=0)
