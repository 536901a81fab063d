"""Bodies of very different proportions, all made of the templates by aiming and scaling bones."""

import math
from functools import cache

import pytest
import torch

from zoetrope.representations.body.skeleton import forward_kinematics, posed_joints
from zoetrope.representations.body.template import template
from zoetrope.representations.motion.library import motion
from zoetrope.representations.rotation import multiply

_COLUMNS = {"shoulder": -90, "elbow": -90, "wrist": -90, "hip": -90, "knee": -90, "hock": -90}
_TAIL = ("tail_1", "tail_2", "tail_3")

# Body plan, lengths relative to the template's, elevations of bones above the horizon in degrees.
_BODIES = {
    "quadruped": ("quadruped", {}, {}),
    "biped": ("biped", {}, {}),
    "bird": ("bird", {}, {}),
    "giraffe": (
        "quadruped",
        {"neck": 3.2, "hip": 1.25, "knee": 1.3, "hock": 2.0, "shoulder": 1.3, "elbow": 1.45, "wrist": 2.4},
        {"neck": 60, "head": -10},
    ),
    "elephant": (
        "quadruped",
        {"neck": 0.5, "hip": 1.15, "hock": 0.5, "shoulder": 1.4, "wrist": 0.6},
        {**_COLUMNS, "neck": 15, "head": 0},
    ),
    "bear": (
        "quadruped",
        {"hock": 0.45, "back_paw": 1.6, "wrist": 0.4, "front_paw": 1.3, **dict.fromkeys(_TAIL, 0.3)},
        {},
    ),
    "cat": ("quadruped", {"neck": 0.6, "hock": 0.7, "wrist": 0.7, **dict.fromkeys(_TAIL, 1.3)}, {}),
    "kangaroo": (
        "quadruped",
        {
            **{"shoulder": 0.55, "elbow": 0.6, "wrist": 0.35, "front_paw": 0.6, "knee": 1.7, "hock": 1.5},
            **{"hips": 0.7, "spine": 0.7, "chest": 0.7},
            **dict.fromkeys(_TAIL, 1.6),
        },
        {"hips": 55, "spine": 55, "chest": 55, "hip": -10, "knee": -125, "hock": -8, "back_paw": -8, "tail_1": 205},
    ),
    "heron": ("bird", {"upper_leg": 1.6, "lower_leg": 2.2, "neck": 2.2}, {}),
}  # fmt: skip


@cache
def body(name):
    """The skeleton of one of these bodies."""
    plan, lengths, elevations = _BODIES[name]
    skeleton = template(plan).skeleton
    joints, tips = skeleton.joints.clone(), skeleton.tips.clone()
    for joint, label in enumerate(skeleton.names):
        kind = label.removeprefix("left_").removeprefix("right_")
        parent = skeleton.parents[joint]
        if parent >= 0 and skeleton.main_child[parent] == joint:
            joints[joint] = tips[parent]
        elif parent >= 0:
            joints[joint] = joints[parent] + skeleton.joints[joint] - skeleton.joints[parent]
        bone = (skeleton.tips[joint] - skeleton.joints[joint]) * lengths.get(kind, 1.0)
        if kind in elevations:
            angle, length = math.radians(elevations[kind]), float(bone[1:].norm())
            bone[1], bone[2] = length * math.sin(angle), length * math.cos(angle)
        tips[joint] = joints[joint] + bone
    return skeleton.with_rest(joints, tips)


@pytest.fixture
def animal():
    """A maker of bodies by name."""
    return body


@pytest.fixture
def moving():
    """A maker of clips by the names of a body and a motion; each is made once."""
    return _moving


@cache
def _moving(name, what):
    return motion(what, body(name))


def placed(skeleton, clip, points):
    """Rest points (J, 3), carried by their joints over the clip and put where the ground is level."""
    turned = clip.rotations.clone()
    shift = torch.zeros(len(turned), 3)
    if clip.root is not None:
        turned[:, 0] = multiply(clip.root.turns, turned[:, 0])
        shift = clip.root.shifts
    return posed_joints(forward_kinematics(skeleton, turned), points) + shift[:, None]


@pytest.fixture
def on_ground():
    """`placed`, for tests."""
    return placed
