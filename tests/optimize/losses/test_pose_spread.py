"""Usual deviations of joints: wide where motions are wide, narrow where nothing moves, and never nothing."""

import pytest
import torch

from zoetrope.optimize.losses.pose_spread import limit_spread, pose_spread
from zoetrope.representations.body.template import template
from zoetrope.scenes.zoo.species_template import species_template


@pytest.mark.parametrize("plan", ["quadruped", "biped", "bird"])
def test_every_joint_has_one_and_both_sides_have_the_same(plan):
    skeleton = template(plan).skeleton
    spread = pose_spread(skeleton)
    assert bool((spread >= 0.6 * limit_spread(skeleton)).all())
    torch.testing.assert_close(spread, spread[torch.tensor(skeleton.mirror)])


def test_joints_that_gaits_swing_are_free_and_the_trunk_is_not():
    """Knees go as far as their limits say; a trunk has far wider limits than any gait uses."""
    skeleton = template("quadruped").skeleton
    share = pose_spread(skeleton) / limit_spread(skeleton)
    for name in ("left_hip", "left_knee", "right_elbow"):
        assert float(share[skeleton.index(name), 0]) > 1
    for name in ("spine", "chest"):
        assert float(share[skeleton.index(name)].max()) < 0.85


def test_joints_that_the_template_lacks_go_by_their_limits():
    skeleton = species_template("elephant").skeleton
    known = set(template("quadruped").skeleton.names)
    own = [joint for joint, name in enumerate(skeleton.names) if name not in known]
    assert own, "an elephant has a trunk"
    torch.testing.assert_close(pose_spread(skeleton)[own], limit_spread(skeleton)[own])
