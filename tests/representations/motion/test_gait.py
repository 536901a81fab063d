"""A walk is judged by its feet: who is down when, and that what is down does not skate."""

from dataclasses import replace

import pytest
import torch

from zoetrope.representations.motion.flap import flap
from zoetrope.representations.motion.gait import WalkConfig, stride_length, walk
from zoetrope.representations.rotation import vector_from_quaternion
from zoetrope.representations.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.template import template

FEET = {
    "quadruped": ["left_back_paw", "left_front_paw", "right_back_paw", "right_front_paw"],
    "biped": ["leftFoot", "rightFoot"],
    "bird": ["left_foot", "right_foot"],
}
CONFIG = WalkConfig(keys=40)


def _toes(skeleton, clip):
    """(T, feet, 3), the closing key left out."""
    transforms = forward_kinematics(skeleton, clip.rotations[:-1])
    tips = posed_joints(transforms, skeleton.tips)
    return tips[:, [skeleton.index(name) for name in FEET[skeleton.plan]]]


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_standing_feet_stay_on_one_ground_and_move_with_it(plan):
    skeleton = template(plan).skeleton
    clip = walk(skeleton, CONFIG)
    toes = _toes(skeleton, clip)
    ground = toes[..., 1].min()
    speed = stride_length(skeleton, CONFIG) / CONFIG.keys
    down = toes[..., 1] < ground + 1e-4
    assert bool((down.float().mean(0) - CONFIG.duty).abs().max() < 2.5 / CONFIG.keys)
    both = down & down.roll(-1, 0)
    step = (toes.roll(-1, 0) - toes)[..., 2]
    torch.testing.assert_close(step[both], torch.full_like(step[both], -speed), atol=1e-5, rtol=0)
    # Sideways a foot moves only by what the trunk's small turns carry it.
    assert (toes[..., 0] - toes[..., 0].mean(0)).abs().max() < 0.01
    # Someone always carries the body, and a foot in the air is clearly off the ground.
    assert int(down.sum(1).min()) >= (2 if plan == "quadruped" else 1)
    height = skeleton.joints[:, 1].max() - ground
    assert bool((toes[..., 1].amax(0) > ground + 0.02 * height).all())


def test_quadruped_touches_down_in_lateral_sequence():
    skeleton = template("quadruped").skeleton
    toes = _toes(skeleton, walk(skeleton, CONFIG))
    # A foot comes down where it stands farthest ahead.
    touchdown = (toes[..., 2] - toes[..., 2].mean(0)).argmax(0).float() / CONFIG.keys
    expected = torch.tensor([0.0, 0.25, 0.5, 0.75])
    off = torch.remainder(touchdown - expected + 0.5, 1.0) - 0.5
    assert off.abs().max() < 0.06


@pytest.mark.parametrize(("plan", "motion"), [("quadruped", walk), ("biped", walk), ("bird", walk), ("bird", flap)])
def test_clips_loop_stay_in_limits_and_keep_the_root(plan, motion):
    skeleton = template(plan).skeleton
    clip = motion(skeleton)
    assert clip.loop
    torch.testing.assert_close(
        clip.rotations[:, 0], clip.rotations.new_tensor([1.0, 0, 0, 0]).expand(len(clip.times), 4)
    )
    vectors = torch.rad2deg(vector_from_quaternion(clip.rotations))
    assert bool((vectors >= skeleton.limits_deg[..., 0] - 1e-3).all())
    assert bool((vectors <= skeleton.limits_deg[..., 1] + 1e-3).all())
    turn = torch.rad2deg(vector_from_quaternion(clip.rotations)).diff(dim=0).abs()
    assert turn.max() < 30, "a key jumps"
    # From the last key before the end to the first there is no more of a jump than elsewhere.
    assert turn[-1].max() < 1.5 * turn.max()


@pytest.mark.parametrize(("plan", "motion", "shift"), [("quadruped", walk, 16), ("biped", walk, 16), ("bird", flap, 0)])
def test_right_does_as_left_half_a_cycle_later(plan, motion, shift):
    skeleton = template(plan).skeleton
    rotations = motion(skeleton).rotations[:-1]
    mirrored = rotations[:, list(skeleton.mirror)] * rotations.new_tensor([1.0, 1.0, -1.0, -1.0])
    agreement = (mirrored.roll(shift, 0) * rotations).sum(-1).abs()
    torch.testing.assert_close(agreement, torch.ones_like(agreement), atol=2e-5, rtol=0)


def test_arms_swing_against_legs():
    skeleton = template("biped").skeleton
    tips = posed_joints(forward_kinematics(skeleton, walk(skeleton).rotations[:-1]), skeleton.tips)
    hand, foot = (tips[:, skeleton.index(name), 2] for name in ("leftHand", "leftFoot"))
    assert torch.corrcoef(torch.stack([hand, foot]))[0, 1] < -0.8
    # A-pose arms come down.
    hands = tips[:, skeleton.index("leftHand")]
    assert hands[:, 1].max() < skeleton.joints[skeleton.index("leftUpperArm"), 1] - 0.15


def test_wings_beat_up_and_down_and_outer_parts_follow():
    skeleton = template("bird").skeleton
    transforms = forward_kinematics(skeleton, flap(skeleton).rotations[:-1])
    tips = posed_joints(transforms, skeleton.tips)[..., 1]
    elbow, end = (tips[:, skeleton.index(f"left_wing_{part}")] for part in ("upper", "tip"))
    assert end.max() - end.min() > 0.3
    assert 0 < (int(end.argmax()) - int(elbow.argmax())) % len(end) < len(end) // 3


def test_a_missing_leg_is_named_and_a_stride_too_long_refused():
    skeleton = template("quadruped").skeleton
    renamed = replace(skeleton, names=tuple(name.replace("left_hock", "chain_7") for name in skeleton.names))
    with pytest.raises(ValueError, match="left_hock"):
        walk(renamed)
    with pytest.raises(ValueError, match="left_wing_upper"):
        flap(skeleton)
    with pytest.raises(ValueError, match="too long"):
        walk(skeleton, WalkConfig(stride=4.0))


def test_straight_legs_bend_the_right_way():
    skeleton = template("biped").skeleton
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for side in ("left", "right"):
        hip, knee, foot = (skeleton.index(f"{side}{part}") for part in ("UpperLeg", "LowerLeg", "Foot"))
        joints[knee], joints[foot] = joints[hip] * 0.5 + joints[foot] * 0.5, joints[foot]
        tips[hip], tips[knee] = joints[knee], joints[foot]
    straight = skeleton.with_rest(joints, tips)
    transforms = forward_kinematics(straight, walk(straight).rotations)
    hip, knee, ankle = (
        posed_joints(transforms, straight.joints)[:, straight.index(f"left{part}"), 2]
        for part in ("UpperLeg", "LowerLeg", "Foot")
    )
    assert bool((knee > (hip + ankle) / 2 - 1e-6).all())
