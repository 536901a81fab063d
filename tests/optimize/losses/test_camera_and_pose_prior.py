"""Priors of cameras and poses: no penalty where nothing is unusual, and the right unit of it elsewhere."""

import math

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.losses.camera_and_pose_prior import camera_prior, pose_prior
from zoetrope.optimize.losses.pose_spread import limit_spread
from zoetrope.optimize.schedule.stage import Weights
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import OrbitCamera
from zoetrope.scenes.hypotheses.free_cameras import USUAL_ELEVATION_DEG, FreeCameras

SKELETON = template("quadruped").skeleton
SPREAD = limit_spread(SKELETON)


def rows(elevation_deg: list[float], roll_deg: list[float], pose: Tensor | None = None) -> FreeCameras:
    count = len(elevation_deg)
    zero = torch.zeros(count)
    camera = OrbitCamera(zero, torch.tensor(elevation_deg), torch.tensor(roll_deg), zero + 3, torch.zeros(count, 2))
    return FreeCameras(torch.arange(count), camera, len(SKELETON), pose)


def test_the_usual_camera_is_free_and_others_pay_by_the_square() -> None:
    usual = USUAL_ELEVATION_DEG
    hypotheses = rows([usual, usual + 10, usual - 20, usual, usual], [0.0, 0, 0, 4, -8])
    paid = camera_prior(hypotheses, Weights(elevation=2.0, roll=3.0)).tolist()
    assert paid[0] == pytest.approx(0, abs=1e-9)
    assert paid[2] == pytest.approx(4 * paid[1], rel=1e-4)
    assert paid[4] == pytest.approx(4 * paid[3], rel=1e-4)
    doubled = camera_prior(hypotheses, Weights(elevation=4.0, roll=3.0)).tolist()
    assert doubled[1] == pytest.approx(2 * paid[1], rel=1e-4)
    assert doubled[3] == pytest.approx(paid[3], rel=1e-4)


def test_a_lens_is_paid_for_by_how_far_it_is_from_its_first_guess() -> None:
    hypotheses = rows([USUAL_ELEVATION_DEG], [0.0])
    with torch.no_grad():
        hypotheses.log_focal.fill_(-0.6)
    assert camera_prior(hypotheses, Weights(lens=0.5)).item() == pytest.approx(0.5 * 4)


def test_within_the_limits_only_the_distance_from_the_shared_pose_is_paid_for() -> None:
    joint = SKELETON.index("left_elbow")
    low, high = (SKELETON.limits_deg[joint, 0] * math.pi / 180).tolist()
    pose = torch.zeros(4, len(SKELETON), 3)
    pose[:, joint, 0] = torch.tensor([0.0, high / 2, high + 0.1, low - 0.2])
    shared = torch.zeros(len(SKELETON), 3)
    hypotheses = rows([0.0] * 4, [0.0] * 4, pose)
    count = len(SKELETON) - 1
    excess = pose_prior(hypotheses, shared, SKELETON, SPREAD, Weights(pose=0.0, pose_limit=1.0))
    assert excess.tolist() == pytest.approx([0, 0, 0.01 / count, 0.04 / count], abs=1e-7)
    own = pose_prior(hypotheses, shared, SKELETON, SPREAD, Weights(pose=1.0, pose_limit=0.0))
    assert own[0].item() == 0
    assert bool((own[1:] > 0).all())
    # Two standard deviations span half the joint's range, so the limits' distance is four of them.
    deviation = (high - low) / 4
    assert own[1].item() == pytest.approx((high / 2 / deviation) ** 2 / count, rel=1e-4)


def test_the_shared_pose_counts_towards_the_limits_but_is_not_paid_for_by_the_photo() -> None:
    joint = SKELETON.index("neck")
    shared = torch.zeros(len(SKELETON), 3)
    shared[joint, 0] = math.radians(float(SKELETON.limits_deg[joint, 0, 1])) + 0.3
    hypotheses = rows([0.0], [0.0])
    assert pose_prior(hypotheses, shared, SKELETON, SPREAD, Weights(pose=1.0, pose_limit=0.0)).item() == 0
    assert pose_prior(hypotheses, shared, SKELETON, SPREAD, Weights(pose=0.0, pose_limit=1.0)).item() > 0


def test_a_stiff_axis_pays_more_and_the_root_is_not_asked() -> None:
    joint = SKELETON.index("left_elbow")
    pose = torch.zeros(3, len(SKELETON), 3)
    pose[0, joint, 0] = pose[1, joint, 1] = 0.1
    pose[2, 0] = 2.0
    hypotheses = rows([0.0] * 3, [0.0] * 3, pose)
    bend, twist, root = pose_prior(hypotheses, torch.zeros(len(SKELETON), 3), SKELETON, SPREAD, Weights()).tolist()
    assert twist > 4 * bend > 0
    assert root == 0
