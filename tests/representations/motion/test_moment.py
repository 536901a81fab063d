"""Moments drawn from clips."""

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.motion.library import clips
from zoetrope.representations.motion.moment import draw_moment


def _seeded(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def made(animal):
    return clips(animal("quadruped"), ("walk", "gallop", "sit"))


def test_moments_come_in_the_asked_shares_and_are_what_the_clips_hold(made):
    moments = draw_moment(made, 3000, _seeded(), (1, 3, 0))
    assert set(moments.names) == {"walk", "gallop"}
    assert abs(moments.names.count("gallop") / 3000 - 0.75) < 0.03
    # Each pose is near one of its clip's own, with its root.
    for clip in made[:2]:
        at = torch.tensor([name == clip.name for name in moments.names])
        fine = torch.linspace(0, clip.duration, 2000)
        poses, root = clip.sample(fine), clip.sample_root(fine)
        apart = 1 - (moments.rotations[at][:20, None] * poses[None]).sum(-1).abs()
        nearest = apart.amax(-1).argmin(1)
        assert float(apart.amax(-1).amin(1).max()) < 1e-4
        torch.testing.assert_close(moments.root.shifts[at][:20], root.shifts[nearest], atol=1e-3, rtol=0)
        torch.testing.assert_close(moments.root.turns[at][:20], root.turns[nearest], atol=1e-3, rtol=0)


def test_the_same_seed_draws_the_same(made):
    first, again, other = (
        draw_moment(made, 50, _seeded()),
        draw_moment(made, 50, _seeded()),
        draw_moment(made, 50, _seeded(6)),
    )
    assert torch.equal(first.rotations, again.rotations)
    assert first.names == again.names
    assert not torch.equal(first.rotations, other.rotations)


def test_in_a_mirror_left_is_right(animal, made):
    skeleton = animal("quadruped")
    moments = draw_moment(made, 40, _seeded())
    chosen = torch.arange(40) % 2 == 0
    mirrored = moments.mirrored(skeleton, chosen)

    def places(poses):
        maps = forward_kinematics(skeleton, poses.on_ground())
        return posed_joints(maps, skeleton.joints) + poses.root.shifts[:, None]

    before, after = places(moments), places(mirrored)
    seen = before[:, list(skeleton.mirror)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(after, torch.where(chosen[:, None, None], seen, before), atol=1e-5, rtol=0)
    torch.testing.assert_close(mirrored.rotations[:, 0], moments.rotations[:, 0])
    torch.testing.assert_close(places(mirrored.mirrored(skeleton, chosen)), before, atol=1e-5, rtol=0)


def test_nothing_to_draw_from_is_refused(made):
    for bad in ((), None), (made, (1, 2)), (made, (0, 0, 0)), (made, (1, -1, 1)):
        with pytest.raises(ValueError, match="give at least one clip"):
            draw_moment(*bad[:1], 5, _seeded(), bad[1])
