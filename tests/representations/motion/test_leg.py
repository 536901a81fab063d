"""Legs reach in three dimensions what they are told to reach, and say when they cannot."""

import pytest
import torch

from zoetrope.representations.motion.body import on_ground, plant, sink
from zoetrope.representations.motion.leg import Footing, ground_level, hip_height, legs, rest_toe, standing
from zoetrope.representations.motion.wave import still
from zoetrope.representations.rotation import quaternion_from_vector

BODIES = ["quadruped", "biped", "bird", "giraffe", "elephant", "bear", "kangaroo"]
COUNT = 64


def _uniform(generator, count, low, high):
    return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", BODIES)
def test_toes_come_where_they_are_sent_from_any_trunk(animal, name):
    skeleton = animal(name)
    generator = torch.Generator().manual_seed(7)
    height = hip_height(skeleton)
    rotations = still(skeleton, torch.zeros(COUNT).double())
    trunk = [joint for joint, part in enumerate(skeleton.parts) if part.startswith("trunk")]
    turns = 0.1 * torch.randn(COUNT, len(trunk), 3, generator=generator, dtype=torch.float64)
    rotations[:, trunk] = quaternion_from_vector(turns)
    shift = torch.zeros(COUNT, 3).double()
    footings = []
    for leg in standing(skeleton):
        hip = on_ground(skeleton, rotations, shift, skeleton.joints)[:, skeleton.index(leg.joints[0])]
        toe = hip + rest_toe(skeleton, leg) - skeleton.joints[skeleton.index(leg.joints[0])]
        toe = toe + torch.stack([_uniform(generator, COUNT, -span, span) for span in (0.1, 0.0, 0.15)], 1) * height
        toe[:, 1] += _uniform(generator, COUNT, 0.08, 0.2) * height
        footings.append(
            Footing(leg, toe, _uniform(generator, COUNT, -0.1, 0.1)[:, None].expand(-1, len(leg.joints) - 2))
        )
    placed = on_ground(skeleton, plant(skeleton, rotations, shift, footings), shift, skeleton.tips)
    for footing in footings:
        reached = placed[:, skeleton.index(footing.leg.joints[-1])]
        torch.testing.assert_close(reached, footing.toe, atol=1e-6, rtol=0)
    before = on_ground(skeleton, rotations, shift, skeleton.tips)
    torch.testing.assert_close(placed[:, trunk], before[:, trunk])


def test_a_body_sinks_just_so_far_that_its_feet_reach(animal):
    skeleton = animal("quadruped")
    high = torch.tensor([[0.0, 0.08, 0.0]]).double()
    rotations = still(skeleton, torch.zeros(1).double())
    feet = [Footing(leg, rest_toe(skeleton, leg)[None], torch.zeros(1, 2).double()) for leg in standing(skeleton)]
    deep = sink(skeleton, rotations, high, feet)
    assert 0 < float(deep) < 0.08

    def worst(shift):
        tips = on_ground(skeleton, plant(skeleton, rotations, shift, feet), shift, skeleton.tips)
        return max(float((tips[0, skeleton.index(f.leg.joints[-1])] - f.toe[0]).norm()) for f in feet)

    assert worst(high - deep * torch.tensor([0, 1, 0])) < 1e-5
    assert worst(high - 0.8 * deep * torch.tensor([0, 1, 0])) > 1e-3
    in_air = sink(skeleton, rotations, high, feet, [torch.tensor([False])] * 4)
    assert float(in_air) == 0
    far = [Footing(feet[0].leg, feet[0].toe + torch.tensor([0, 0, 1.0]).double(), feet[0].pitch)]
    with pytest.raises(ValueError, match="left_hip: a stride that reaches"):
        sink(skeleton, rotations, high, far)


def test_who_stands_and_how_high(animal):
    assert len(standing(animal("quadruped"))) == 4
    kangaroo = animal("kangaroo")
    assert [leg.fore for leg in standing(kangaroo)] == [False, False]
    for name in BODIES:
        skeleton = animal(name)
        assert all(float(rest_toe(skeleton, leg)[1]) == ground_level(skeleton) for leg in legs(skeleton))
        assert hip_height(skeleton) > 0.1
    # On its back no leg stands.
    skeleton, turn = animal("quadruped"), torch.tensor([-1.0, -1.0, 1.0])
    fallen = skeleton.with_rest(turn * skeleton.joints, turn * skeleton.tips)
    with pytest.raises(ValueError, match="no leg of this skeleton hangs down"):
        hip_height(fallen)
