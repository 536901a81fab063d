"""Limbs that run into each other pay for it, and nothing else does."""

import math

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.losses.collision import collision_loss
from zoetrope.representations.body.skeleton import forward_kinematics
from zoetrope.representations.body.template import template
from zoetrope.representations.rotation import quaternion_from_vector
from zoetrope.representations.surfaces.part_surface import PartSurfaces

TEMPLATE = template("quadruped")
SKELETON = TEMPLATE.skeleton


@pytest.fixture(scope="module")
def cost():
    with torch.no_grad():
        mesh = PartSurfaces(TEMPLATE, 1).shared()
    return lambda pose: collision_loss(mesh, SKELETON, forward_kinematics(SKELETON, quaternion_from_vector(pose)))


def pose(**turns_deg: tuple[float, float, float]) -> Tensor:
    turns = torch.zeros(1, len(SKELETON), 3)
    for name, turn in turns_deg.items():
        turns[0, SKELETON.index(name)] = torch.deg2rad(torch.tensor(turn, dtype=torch.float32))
    return turns


def crossed(angle: float) -> Tensor:
    """Both front legs swung inwards by so many degrees; at 9 and a half the feet are in one place."""
    return pose(left_shoulder=(0, 0, -angle), right_shoulder=(0, 0, angle))


def test_the_body_at_rest_is_free(cost):
    assert float(cost(pose())) == pytest.approx(0, abs=1e-9)


def test_legs_that_cross_pay_the_more_the_deeper(cost):
    paid = [float(cost(crossed(angle))) for angle in (5, 8, 9)]
    assert paid[0] == pytest.approx(0, abs=1e-6)
    assert 0 < paid[1] < paid[2]


def test_a_stride_and_a_bent_elbow_are_free(cost):
    stride = pose(left_shoulder=(30, 0, 0), right_shoulder=(-30, 0, 0), left_hip=(-25, 0, 0))
    assert float(cost(stride)) < 1e-4
    assert float(cost(pose(left_elbow=(-60, 0, 0)))) < 1e-4


def test_its_gradient_takes_limbs_apart(cost):
    turns = crossed(8.5).requires_grad_(True)
    loss = cost(turns).sum()
    loss.backward()
    before = loss.detach()
    assert turns.grad is not None
    sides = [SKELETON.index("left_shoulder"), SKELETON.index("right_shoulder")]
    left, right = turns.grad[0, sides, 2].tolist()
    assert left < 0 < right
    assert float(cost(crossed(8.5 - math.degrees(0.05)))) < 0.5 * float(before)


def test_each_body_pays_for_itself(cost):
    assert cost(torch.cat([pose(), crossed(8.5)])).tolist() == pytest.approx([0, float(cost(crossed(8.5)))], abs=1e-7)
