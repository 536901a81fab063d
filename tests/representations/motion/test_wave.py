import pytest
import torch

from zoetrope.representations.motion.wave import Drift, Wave, drift, swing
from zoetrope.representations.rotation import vector_from_quaternion

TIME = torch.arange(8, dtype=torch.float64) / 8


def _degrees(skeleton, rotations, joint):
    return torch.rad2deg(vector_from_quaternion(rotations[:, skeleton.index(joint)]))


def test_a_wave_swings_about_its_mean_and_is_greatest_at_its_peak(animal):
    skeleton = animal("quadruped")
    rotations = swing(skeleton, [Wave("neck", "yaw", 20, mean_deg=5, harmonic=2, peak=0.125)], TIME)
    angles = _degrees(skeleton, rotations, "neck")
    torch.testing.assert_close(angles[:, 1], torch.tensor([5.0, 25, 5, -15] * 2, dtype=torch.float64))
    assert angles[:, [0, 2]].abs().max() < 1e-6
    rest = [joint for joint in range(len(skeleton)) if joint != skeleton.index("neck")]
    assert bool((rotations[:, rest, 0] == 1).all())


@pytest.mark.parametrize(("axis", "sign"), [("pitch", 1), ("yaw", -1), ("roll", -1)])
def test_the_right_side_does_the_mirror_image_later(animal, axis, sign):
    skeleton = animal("quadruped")
    rotations = swing(skeleton, [Wave("{side}_ear", axis, 10, 3, right_lag=0.25)], TIME)
    left, right = (_degrees(skeleton, rotations, f"{side}_ear") for side in ("left", "right"))
    torch.testing.assert_close(right.roll(-2, 0), sign * left)


def test_waves_of_one_joint_follow_each_other_and_missing_joints_are_left_out(animal):
    skeleton = animal("bird")
    turns = [Wave("head", "yaw", 0, 90), Wave("head", "pitch", 0, 90), Wave("muzzle", "pitch", 30)]
    rotations = swing(skeleton, turns, TIME)
    # Pitched first, then turned to the left: the nose ends up down, the left ear ahead or behind, not up.
    torch.testing.assert_close(rotations[0, skeleton.index("head")], torch.tensor([0.5, 0.5, 0.5, -0.5]).double())


def test_drifts_add_up_in_hip_heights():
    way = drift([Drift("y", 0.1, 0.5), Drift("y", 0, 1), Drift("x", 0.2, peak=0.25)], TIME, 2.0)
    torch.testing.assert_close(way[0], torch.tensor([0.0, 3.2, 0.0]).double())
    torch.testing.assert_close(way[2], torch.tensor([0.4, 3.0, 0.0]).double())
