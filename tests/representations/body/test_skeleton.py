"""Skeletons: forward kinematics against a plain recursion, chains, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.representations.body.skeleton import (
    BodyPlan,
    Skeleton,
    forward_kinematics,
    forward_kinematics_torch,
    posed_joints,
)
from zoetrope.representations.body.template import template
from zoetrope.representations.rotation import quaternion_from_vector

PLANS: tuple[BodyPlan, ...] = ("quadruped", "biped", "bird")


def recursive(skeleton: Skeleton, turns: np.ndarray, joint: int) -> np.ndarray:
    """4x4 rest-to-posed map of one joint, straight from the definition, with scipy's rotations."""
    pivot = skeleton.joints[joint].double().numpy()
    local = np.eye(4)
    local[:3, :3] = Rotation.from_rotvec(turns[joint]).as_matrix()
    local[:3, 3] = pivot - local[:3, :3] @ pivot
    parent = skeleton.parents[joint]
    return local if parent < 0 else recursive(skeleton, turns, parent) @ local


@pytest.mark.parametrize("plan", PLANS)
def test_kinematics_follow_the_definition(plan: BodyPlan) -> None:
    skeleton = template(plan).skeleton
    vectors = torch.randn(3, len(skeleton), 3, generator=torch.Generator().manual_seed(1))
    rotations = quaternion_from_vector(vectors)
    expected = np.array(
        [[recursive(skeleton, turns, j)[:3] for j in range(len(skeleton))] for turns in vectors.double().numpy()]
    )
    for transforms in (forward_kinematics(skeleton, rotations), forward_kinematics_torch(skeleton, rotations)):
        torch.testing.assert_close(transforms.double(), torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_bones_keep_their_lengths_and_children_stay_on_their_parents() -> None:
    skeleton = template("quadruped").skeleton
    vectors = torch.randn(4, len(skeleton), 3, generator=torch.Generator().manual_seed(2))
    transforms = forward_kinematics(skeleton, quaternion_from_vector(vectors))
    starts, ends = posed_joints(transforms, skeleton.joints), posed_joints(transforms, skeleton.tips)
    rest = (skeleton.tips - skeleton.joints).norm(dim=1)
    torch.testing.assert_close((ends - starts).norm(dim=-1), rest.expand(4, -1), atol=1e-5, rtol=0)
    followers = [(parent, child) for parent, child in enumerate(skeleton.main_child) if child >= 0]
    assert followers
    for parent, child in followers:
        torch.testing.assert_close(ends[:, parent], starts[:, child], atol=1e-5, rtol=0)


def test_identity_moves_nothing_and_the_root_carries_all() -> None:
    skeleton = template("bird").skeleton
    still = torch.zeros(1, len(skeleton), 3)
    transforms = forward_kinematics(skeleton, quaternion_from_vector(still))
    torch.testing.assert_close(transforms[0], torch.eye(3, 4).expand(len(skeleton), 3, 4), atol=1e-6, rtol=0)
    still[0, 0] = torch.tensor([0.3, -0.8, 0.5])
    transforms = forward_kinematics(skeleton, quaternion_from_vector(still))
    torch.testing.assert_close(transforms, transforms[:, :1].expand_as(transforms), atol=1e-6, rtol=0)


def test_main_child_and_levels_describe_the_tree() -> None:
    skeleton = template("quadruped").skeleton
    name = skeleton.names
    chain, joint = [], skeleton.index("hips")
    while joint >= 0:
        chain.append(name[joint])
        joint = skeleton.main_child[joint]
    assert chain == ["hips", "spine", "chest", "neck", "head", "muzzle"]
    assert skeleton.main_child[skeleton.index("tail_3")] == -1
    depth = {joint: d for d, level in enumerate(skeleton.levels) for joint in level}
    assert sorted(depth) == list(range(len(skeleton)))
    assert all(depth[j] == depth[p] + 1 for j, p in enumerate(skeleton.parents) if p >= 0)


def test_wrong_trees_are_refused() -> None:
    skeleton = template("biped").skeleton
    with pytest.raises(ValueError, match="parents must precede"):
        dataclasses.replace(skeleton, parents=(-1, -1, *skeleton.parents[2:]))
    with pytest.raises(ValueError, match="parents must precede"):
        dataclasses.replace(skeleton, parents=(-1, 2, *skeleton.parents[2:]))
    with pytest.raises(ValueError, match="own inverse"):
        dataclasses.replace(skeleton, mirror=(1, 2, 0, *skeleton.mirror[3:]))
    with pytest.raises(KeyError, match="no joint 'elbow'"):
        skeleton.index("elbow")
