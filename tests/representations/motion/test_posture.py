"""Motions that stay in place: feet don't move, and what gives each its name can be measured."""

import pytest
import torch

from zoetrope.representations.motion.haunch import sit
from zoetrope.representations.motion.leg import ground_level, hip_height, standing
from zoetrope.representations.motion.library import motion


def _toes(on_ground, skeleton, clip):
    feet = [skeleton.index(leg.joints[-1]) for leg in standing(skeleton)]
    return on_ground(skeleton, clip, skeleton.tips)[:, feet]


def _height(on_ground, skeleton, clip, name, end):
    """Above ground, in hip heights, over the clip."""
    points = skeleton.tips if end == "tip" else skeleton.joints
    height = on_ground(skeleton, clip, points)[:, skeleton.index(name), 1]
    return (height - ground_level(skeleton)) / hip_height(skeleton)


@pytest.mark.parametrize(
    ("name", "still"),
    [
        *((name, "idle") for name in ("quadruped", "biped", "bird", "elephant", "kangaroo")),
        *((name, "look_around") for name in ("giraffe", "biped", "heron")),
        *((name, "graze") for name in ("quadruped", "giraffe", "bird")),
        *((name, "sit") for name in ("quadruped", "kangaroo")),
        ("giraffe", "lie"),
    ],
)
def test_feet_stay_on_the_ground_where_they_are(animal, moving, on_ground, name, still):
    skeleton = animal(name)
    clip = moving(name, still)
    toes = _toes(on_ground, skeleton, clip)
    assert float((toes[..., 1] - ground_level(skeleton)).abs().max()) < 5e-3 * hip_height(skeleton)
    assert float((toes - toes[:1]).norm(dim=-1).max()) < 5e-3 * hip_height(skeleton)
    # And yet it moves.
    assert float((on_ground(skeleton, clip, skeleton.tips) - skeleton.tips).norm(dim=-1).amax(1).min()) > 0
    assert float((clip.rotations - clip.rotations[:1]).abs().max()) > 0.02


@pytest.mark.parametrize("name", ["quadruped", "biped", "bird", "giraffe"])
def test_looking_around_turns_the_nose_both_ways_and_waits_there(animal, moving, on_ground, name):
    skeleton = animal(name)
    clip = moving(name, "look_around")
    tips, joints = (on_ground(skeleton, clip, points) for points in (skeleton.tips, skeleton.joints))
    # The head of the biped template points up: where the face looks is a turn of its rest +Z.
    if skeleton.plan == "biped":
        head = skeleton.index("head")
        ahead = on_ground(skeleton, clip, skeleton.joints + torch.tensor([0, 0, 1.0])) - joints
        yaw = torch.rad2deg(torch.atan2(ahead[:, head, 0], ahead[:, head, 2]))
    else:
        nose = skeleton.index("beak" if skeleton.plan == "bird" else "muzzle")
        way = tips[:, nose] - joints[:, skeleton.index("neck")]
        yaw = torch.rad2deg(torch.atan2(way[:, 0], way[:, 2]))
    assert yaw.max() > 25
    assert yaw.min() < -25
    assert float((yaw.abs() > 0.8 * yaw.max()).float().mean()) > 0.4


@pytest.mark.parametrize("name", ["quadruped", "giraffe", "cat", "bear", "elephant", "kangaroo", "bird", "heron"])
def test_grazing_brings_the_mouth_to_the_ground(animal, moving, on_ground, name):
    skeleton = animal(name)
    mouth = "beak" if skeleton.plan == "bird" else "muzzle"
    height = _height(on_ground, skeleton, moving(name, "graze"), mouth, "tip")
    assert height.min() > 0
    assert height.max() < 0.08


def test_a_giraffe_puts_its_fore_feet_apart_and_a_stiff_neck_stops_above_the_ground(animal, on_ground):
    def apart(skeleton):
        toes = _toes(on_ground, skeleton, motion("graze", skeleton))[0, :, 0]
        return float(toes[1] - toes[3]) / hip_height(skeleton)

    giraffe = animal("giraffe")
    at_rest = giraffe.tips[[giraffe.index(f"{side}_front_paw") for side in ("left", "right")], 0]
    assert apart(giraffe) > 1.5 * float(at_rest[0] - at_rest[1]) / hip_height(giraffe)
    stiff = animal("quadruped")
    limits = stiff.limits_deg.clone()
    limits[[stiff.index(joint) for joint in ("spine", "chest", "neck", "head")]] = 0
    stiff = type(stiff)(**{**{k: getattr(stiff, k) for k in stiff.__dataclass_fields__}, "limits_deg": limits})
    assert _height(on_ground, stiff, motion("graze", stiff), "muzzle", "tip").min() > 0.4


@pytest.mark.parametrize("name", ["quadruped", "cat", "bear"])
def test_sitting_lowers_the_haunches_and_keeps_the_fore_legs_up(animal, moving, on_ground, name):
    skeleton = animal(name)
    clip = moving(name, "sit")
    for side in ("left", "right"):
        assert _height(on_ground, skeleton, clip, f"{side}_hip", "joint").max() < 0.6
        assert _height(on_ground, skeleton, clip, f"{side}_shoulder", "joint").min() > 0.75
        assert _height(on_ground, skeleton, clip, f"{side}_hock", "joint").max() < 0.25
    knee, hip = (
        on_ground(skeleton, clip, skeleton.joints)[:, skeleton.index(f"left_{part}"), 2] for part in ("knee", "hip")
    )
    assert bool((knee > hip).all())
    tail = on_ground(skeleton, clip, skeleton.tips)[:, skeleton.index("tail_3")]
    assert float(tail[:, 1].max() - ground_level(skeleton)) < 0.15 * hip_height(skeleton)


def test_a_kangaroo_sits_on_its_tail(animal, moving, on_ground):
    skeleton = animal("kangaroo")
    clip = moving("kangaroo", "sit")
    assert _height(on_ground, skeleton, clip, "tail_3", "tip").max() < 0.15
    assert _height(on_ground, skeleton, clip, "left_front_paw", "tip").min() > 0.4
    assert _height(on_ground, skeleton, clip, "head", "joint").min() > 1.5


def test_lying_is_low_and_rearing_high(animal, moving, on_ground):
    for name in ("quadruped", "giraffe"):
        skeleton = animal(name)
        lie, rear = moving(name, "lie"), moving(name, "rear")
        for joint in ("left_hip", "left_shoulder", "right_elbow", "right_hock"):
            assert _height(on_ground, skeleton, lie, joint, "joint").max() < 0.5
        assert _height(on_ground, skeleton, rear, "left_shoulder", "joint").min() > 1.3
        paws = [_height(on_ground, skeleton, rear, f"{side}_front_paw", "tip") for side in ("left", "right")]
        assert min(float(paw.min()) for paw in paws) > 0.8
        # The fore legs beat in turn.
        assert float(torch.corrcoef(torch.stack(paws))[0, 1]) < 0
        hind = on_ground(skeleton, rear, skeleton.tips)[:, skeleton.index("left_back_paw"), 1]
        assert float((hind - ground_level(skeleton)).abs().max()) < 5e-3 * hip_height(skeleton)


def test_postures_are_for_bodies_that_can_take_them(animal):
    with pytest.raises(ValueError, match="a posture of a quadruped, but this skeleton is a bird"):
        sit(animal("bird"))
    # Someone who stands on their hands.
    skeleton = animal("quadruped")
    raised = torch.zeros(len(skeleton), 3)
    for joint, part in enumerate(skeleton.parts):
        raised[joint, 1] = 0.2 if "_hind_" in part else 0.0
    acrobat = skeleton.with_rest(skeleton.joints + raised, skeleton.tips + raised)
    for what in ("sit", "graze"):
        with pytest.raises(ValueError, match=f"{what} rests on hind feet"):
            motion(what, acrobat)
