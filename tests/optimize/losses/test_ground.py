"""Feet at one height are free; feet above the others pay, but never much more than a lifted one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.losses.ground import ground_loss
from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.template import template
from zoetrope.representations.motion.library import motion
from zoetrope.representations.rotation import quaternion_from_vector

SKELETON = template("quadruped").skeleton


def cost(knee_deg: float) -> Tensor:
    pose = torch.zeros(1, len(SKELETON), 3)
    pose[0, SKELETON.index("left_knee"), 0] = torch.deg2rad(torch.tensor(knee_deg))
    return ground_loss(SKELETON, forward_kinematics(SKELETON, quaternion_from_vector(pose)))


def test_a_lifted_foot_pays_and_the_others_do_not():
    level, little, lifted, high = (float(cost(angle)) for angle in (0.0, 10.0, 60.0, 90.0))
    assert level < 0.02
    assert level < little < lifted
    # One foot of four, and it hardly matters how high.
    assert lifted < 0.25 + level
    assert high < 1.1 * lifted


@pytest.mark.parametrize("name", ["idle", "walk"])
def test_what_walks_on_the_ground_pays_for_the_feet_it_lifts_alone(name):
    clip = motion(name, SKELETON)
    paid = ground_loss(SKELETON, forward_kinematics(SKELETON, clip.sample(torch.linspace(0, clip.duration, 24))))
    assert float(paid.median()) < 0.3


@pytest.mark.parametrize("plan", ["biped", "bird"])
def test_every_plan_has_feet(plan):
    skeleton = template(plan).skeleton
    still = quaternion_from_vector(torch.zeros(2, len(skeleton), 3))
    torch.testing.assert_close(ground_loss(skeleton, forward_kinematics(skeleton, still)), torch.zeros(2))


def test_without_feet_there_is_nothing_to_pay():
    footless = replace(SKELETON, names=tuple(f"bone_{k}" for k in range(len(SKELETON))))
    still = quaternion_from_vector(torch.zeros(2, len(SKELETON), 3))
    assert ground_loss(footless, forward_kinematics(footless, still)).tolist() == [0, 0]
