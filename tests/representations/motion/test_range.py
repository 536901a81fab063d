"""Random poses: within limits, together where joints are neighbours, apart where they are not, and reproducible."""

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.template import pose_limits
from zoetrope.representations.motion.leg import hip_height, standing
from zoetrope.representations.motion.range import overlay, relaxed
from zoetrope.representations.rotation import vector_from_quaternion


def _seeded(seed=3):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_poses_stay_within_their_share_of_the_limits(animal, plan, amount):
    skeleton = animal(plan)
    vectors, limits = relaxed(skeleton, 500, _seeded(), amount), amount * pose_limits(skeleton)
    assert bool((vectors >= limits[..., 0] - 1e-6).all())
    assert bool((vectors <= limits[..., 1] + 1e-6).all())
    assert bool((vectors[:, 0] == 0).all())
    assert (float(vectors.abs().max()) > 0) == (amount > 0)
    with pytest.raises(ValueError, match=r"amount is 1\.5"):
        relaxed(skeleton, 1, _seeded(), 1.5)


def test_chains_move_together_and_ears_apart(animal):
    skeleton = animal("quadruped")
    vectors = relaxed(skeleton, 4000, _seeded())

    def together(a, b, axis):
        return float(torch.corrcoef(torch.stack([vectors[:, skeleton.index(name), axis] for name in (a, b)]))[0, 1])

    assert together("tail_1", "tail_3", 1) > 0.6
    assert together("tail_1", "tail_2", 0) > 0.6
    assert 0.2 < together("neck", "head", 1) < 0.7
    assert abs(together("left_ear", "right_ear", 0)) < 0.05
    assert abs(together("neck", "tail_1", 1)) < 0.05
    spread = vectors.std(0)[:, 0]
    assert spread[skeleton.index("neck")] > 8 * spread[skeleton.index("left_hip")]


def test_the_same_seed_gives_the_same_poses(animal):
    skeleton = animal("bird")
    assert torch.equal(relaxed(skeleton, 20, _seeded()), relaxed(skeleton, 20, _seeded()))
    assert not torch.equal(relaxed(skeleton, 20, _seeded()), relaxed(skeleton, 20, _seeded(4)))


@pytest.mark.parametrize(
    ("plan", "name"), [("quadruped", "graze"), ("quadruped", "trot"), ("biped", "run"), ("bird", "walk")]
)
def test_overlay_turns_heads_and_leaves_no_limit(animal, moving, plan, name):
    skeleton = animal(plan)
    clip = moving(plan, name)
    times = torch.rand(300, generator=_seeded()) * clip.duration
    before = clip.sample(times)
    after = overlay(skeleton, before, _seeded(), 0.9)
    torch.testing.assert_close(after.norm(dim=-1), torch.ones(300, len(skeleton)))
    torch.testing.assert_close(after[:, 0], before[:, 0])
    vectors, limits = vector_from_quaternion(after), pose_limits(skeleton)
    assert bool((vectors >= limits[..., 0] - 1e-3).all())
    assert bool((vectors <= limits[..., 1] + 1e-3).all())
    turned = torch.rad2deg(2 * torch.acos((after * before).sum(-1).abs().clamp(max=1)))
    assert turned[:, skeleton.index("neck")].mean() > 8
    leg = skeleton.index({"quadruped": "left_knee", "biped": "leftLowerLeg", "bird": "left_lower_leg"}[plan])
    assert turned[:, leg].mean() < 3
    # Feet stay, but for a few whose joints are at their limits.
    feet = [skeleton.index(leg.joints[-1]) for leg in standing(skeleton)]
    tips = [posed_joints(forward_kinematics(skeleton, poses), skeleton.tips)[:, feet] for poses in (before, after)]
    away = (tips[1] - tips[0]).norm(dim=-1) / hip_height(skeleton)
    assert float((away < 5e-3).float().mean()) > 0.9
    assert float(away.mean()) < 5e-3
    same = (overlay(skeleton, before, _seeded(), 0.0) * before).sum(-1).abs()
    torch.testing.assert_close(same, torch.ones_like(same))
