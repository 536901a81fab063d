"""Wings that beat, that are spread, and that are folded against a walking bird."""

import pytest
import torch

from zoetrope.representations.motion.flap import flap, glide
from zoetrope.representations.motion.leg import ground_level
from zoetrope.representations.motion.library import motion


def test_wings_beat_up_and_down_and_outer_parts_follow(animal, on_ground):
    skeleton = animal("bird")
    tips = on_ground(skeleton, flap(skeleton), skeleton.tips)[:-1, :, 1]
    elbow, end = (tips[:, skeleton.index(f"left_wing_{part}")] for part in ("upper", "tip"))
    assert end.max() - end.min() > 0.3
    assert 0 < (int(end.argmax()) - int(elbow.argmax())) % len(end) < len(end) // 3
    # A wing reaches farther on the way down than on the way up.
    span = on_ground(skeleton, flap(skeleton), skeleton.tips)[:-1, skeleton.index("left_wing_tip"), 0]
    down = end.roll(-1) < end
    assert span[down].mean() > 1.05 * span[~down].mean()


def test_both_wings_do_the_same(animal):
    skeleton = animal("bird")
    rotations = flap(skeleton).rotations
    mirrored = rotations[:, list(skeleton.mirror)] * rotations.new_tensor([1.0, 1.0, -1.0, -1.0])
    torch.testing.assert_close(mirrored, rotations, atol=1e-6, rtol=0)


def test_gliding_wings_are_spread_and_birds_in_the_air_are_off_the_ground(animal, on_ground):
    skeleton = animal("bird")
    for clip in (flap(skeleton), glide(skeleton)):
        assert on_ground(skeleton, clip, skeleton.tips)[..., 1].min() > ground_level(skeleton)
    tips = on_ground(skeleton, glide(skeleton), skeleton.tips)
    wings = [tips[:, skeleton.index(f"{side}_wing_tip")] for side in ("left", "right")]
    at_rest = skeleton.tips[skeleton.index("left_wing_tip"), 0] - skeleton.tips[skeleton.index("right_wing_tip"), 0]
    assert (wings[0] - wings[1])[:, 0].min() > 0.9 * at_rest


@pytest.mark.parametrize("name", ["walk", "idle", "graze"])
def test_on_the_ground_wings_are_folded_along_the_flanks(animal, moving, on_ground, name):
    skeleton = animal("bird")
    clip = moving("bird", name)
    tips, joints = (on_ground(skeleton, clip, points) for points in (skeleton.tips, skeleton.joints))
    end, root = (at[:, skeleton.index(f"left_wing_{part}")] for at, part in ((tips, "tip"), (joints, "upper")))
    body = joints[:, skeleton.index("neck")] - joints[:, 0]
    along = ((end - root) * body).sum(-1) / body.norm(dim=-1)
    assert along.max() < -0.1, "the wing points backward along the body"
    assert (end - root)[:, 0].abs().max() < 0.25
    assert (tips[:, skeleton.index("left_wing_lower"), 0]).min() > 0.1


def test_wings_that_hang_at_rest_are_left_alone(animal):
    skeleton = animal("bird")
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for side in ("left", "right"):
        for part in ("upper", "lower", "tip"):
            joint = skeleton.index(f"{side}_wing_{part}")
            joints[joint] = joints[joint] if part == "upper" else tips[skeleton.parents[joint]]
            tips[joint] = joints[joint] + torch.tensor([0.0, -0.2, 0.0])
    clip = motion("walk", skeleton.with_rest(joints, tips))
    wing = clip.rotations[:, skeleton.index("left_wing_upper")]
    assert bool((wing[:, 0] == 1).all())


def test_a_body_without_wings_is_told_so(animal):
    with pytest.raises(ValueError, match="left_wing_upper"):
        flap(animal("quadruped"))
