import math

import pytest
import torch

from zoetrope.representations.motion.clip import Clip
from zoetrope.representations.motion.sway import sway
from zoetrope.representations.rotation import quaternion_from_vector


def _pitches(*degrees):
    vector = torch.zeros(len(degrees), 1, 3)
    vector[:, 0, 0] = torch.deg2rad(torch.tensor(degrees))
    return quaternion_from_vector(vector)


def _angle_deg(rotations):
    return torch.rad2deg(2 * torch.atan2(rotations[..., 1], rotations[..., 0]))


def _random_poses(count, joints=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, joints, 4, generator=generator), dim=-1)


def test_sampling_hits_keys_and_turns_evenly_between():
    clip = Clip("nod", torch.tensor([0.0, 1.0, 3.0]), _pitches(0.0, 40.0, 0.0))
    sampled = clip.sample(torch.tensor([0.0, 0.25, 1.0, 2.0, 2.5]))
    torch.testing.assert_close(_angle_deg(sampled)[:, 0], torch.tensor([0.0, 10.0, 40.0, 20.0, 10.0]))


def test_sampling_takes_the_shorter_arc():
    key = _pitches(0.0, 40.0, 0.0)
    key[1] = -key[1]
    sampled = Clip("nod", torch.tensor([0.0, 1.0, 2.0]), key).sample(torch.tensor([0.5]))
    assert math.isclose(abs(sampled[0, 0, 0]), math.cos(math.radians(10)), abs_tol=1e-6)


def test_a_loop_wraps_and_another_clip_holds_its_ends():
    times = torch.tensor([0.0, 1.0, 2.0])
    loop = Clip("nod", times, _pitches(0.0, 40.0, 0.0))
    torch.testing.assert_close(loop.sample(torch.tensor([2.5, -0.5])), loop.sample(torch.tensor([0.5, 1.5])))
    once = Clip("rise", times, _pitches(0.0, 10.0, 40.0), loop=False)
    torch.testing.assert_close(_angle_deg(once.sample(torch.tensor([-1.0, 9.0])))[:, 0], torch.tensor([0.0, 40.0]))


def test_frame_times_close_the_circle():
    clip = Clip("nod", torch.tensor([0.0, 0.5, 1.0]), _pitches(0.0, 40.0, 0.0))
    assert len(clip.frame_times(24)) == 24
    assert clip.frame_times(24)[-1] < clip.duration
    once = Clip("rise", torch.tensor([0.0, 1.0]), _pitches(0.0, 40.0), loop=False)
    assert once.frame_times(24)[-1] == pytest.approx(1.0)
    still = Clip("still", torch.tensor([0.0]), _pitches(30.0))
    assert still.sample(still.frame_times(24)).shape == (1, 1, 4)


def test_continuous_changes_signs_alone():
    rotations = _random_poses(9)
    rotations = torch.cat([rotations, rotations[:1]])
    clip = Clip("any", torch.arange(10.0), rotations)
    smooth = clip.continuous().rotations
    assert bool(((smooth[1:] * smooth[:-1]).sum(-1) >= 0).all())
    assert not bool(((rotations[1:] * rotations[:-1]).sum(-1) >= 0).all())
    torch.testing.assert_close((smooth * rotations).sum(-1).abs(), torch.ones(10, 5))


@pytest.mark.parametrize(
    ("times", "rotations", "message"),
    [
        ([0.5, 1.0], _pitches(0.0, 0.0), "start at 0"),
        ([0.0, 1.0, 1.0], _pitches(0.0, 10.0, 0.0), "increase"),
        ([0.0, 1.0], _pitches(0.0, 10.0), "its last pose is not its first"),
        ([0.0, 1.0], 2 * _pitches(0.0, 0.0), "length 1"),
    ],
)
def test_wrong_clips_are_refused(times, rotations, message):
    with pytest.raises(ValueError, match=message):
        Clip("bad", torch.tensor(times), rotations)


def test_sway_rests_in_every_pose_and_never_jumps():
    poses = _random_poses(4)
    clip = sway(poses, seconds_per_pose=0.5)
    assert clip.name == "interpolate"
    assert clip.duration == pytest.approx(2.0)
    reached = clip.sample(torch.arange(4) * 0.5)
    torch.testing.assert_close((reached * poses).sum(-1).abs(), torch.ones(4, 5), atol=1e-6, rtol=0)
    fine = clip.sample(torch.linspace(0, 2, 481))
    turn = 2 * torch.acos((fine[1:] * fine[:-1]).sum(-1).abs().clamp(max=1)).amax(dim=1)
    # At a pose (steps 0, 120, ...) it turns more slowly than half way to the next.
    assert turn[0] < 0.3 * turn[60]
    assert turn[119] < 0.3 * turn[180]
    assert turn.max() < 0.1


def test_one_pose_sways_to_rest_and_none_is_refused():
    pose = _pitches(30.0)
    clip = sway(pose)
    angles = _angle_deg(clip.rotations)[:, 0]
    torch.testing.assert_close(angles[[0, 12, 24]], torch.tensor([30.0, 0.0, 30.0]), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="at least one pose"):
        sway(pose[:0])
