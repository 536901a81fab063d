"""Compiled forward kinematics against its reference, its gradients, and its independence of the number of threads."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from zoetrope.representations.body.skeleton import Skeleton, forward_kinematics, forward_kinematics_torch
from zoetrope.representations.rotation import quaternion_from_vector


def tree(dtype: torch.dtype) -> Skeleton:
    """Two legs on a root, one of two bones; siblings and depths mixed."""
    parents = (-1, 0, 0, 1, 3, 2)
    generator = torch.Generator().manual_seed(1)
    joints = torch.randn(len(parents), 3, dtype=dtype, generator=generator)
    return Skeleton(
        names=tuple(f"joint_{j}" for j in range(len(parents))),
        parents=parents,
        joints=joints,
        tips=joints + 1,
        mirror=tuple(range(len(parents))),
        limits_deg=torch.zeros(len(parents), 3, 2, dtype=dtype),
        parts=("torso",) * len(parents),
        plan="quadruped",
    )


def pose(batch: int, dtype: torch.dtype) -> Tensor:
    vector = torch.randn(batch, 6, 3, dtype=dtype, generator=torch.Generator().manual_seed(2))
    return quaternion_from_vector(vector).requires_grad_()


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_kinematics_agree_with_the_reference_in_value_and_gradients(
    own: bool, dtype: torch.dtype, tolerance: float
) -> None:
    skeleton, rotations = tree(dtype), pose(19, dtype)
    joints = (torch.randn(19, 6, 3, dtype=dtype) if own else skeleton.joints.clone()).requires_grad_()
    ours = forward_kinematics(skeleton, rotations, joints)
    reference = forward_kinematics_torch(skeleton, rotations, joints)
    torch.testing.assert_close(ours, reference, atol=tolerance, rtol=tolerance)
    pull = torch.randn(ours.shape, dtype=dtype)
    for a, b in zip(
        torch.autograd.grad(ours, (rotations, joints), pull),
        torch.autograd.grad(reference, (rotations, joints), pull),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=10 * tolerance, rtol=tolerance)


@pytest.mark.parametrize("own", [False, True])
def test_kinematics_gradcheck_beyond_unit_quaternions(own: bool) -> None:
    skeleton = tree(torch.float64)
    rotations = torch.randn(2, 6, 4, dtype=torch.float64, requires_grad=True)
    joints = (torch.randn(2, 6, 3, dtype=torch.float64) if own else skeleton.joints.clone()).requires_grad_()
    assert torch.autograd.gradcheck(lambda r, j: forward_kinematics(skeleton, r, j), (rotations, joints))


def test_gradients_have_the_same_bits_on_any_number_of_threads() -> None:
    skeleton, rotations = tree(torch.float32), pose(37, torch.float32)
    joints = skeleton.joints.clone().requires_grad_()
    pull = torch.randn(37, 6, 3, 4)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            ours = forward_kinematics(skeleton, rotations, joints)
            found.append((ours.detach(), *torch.autograd.grad(ours, (rotations, joints), pull)))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_a_child_turns_about_its_own_joint_in_its_parents_frame() -> None:
    skeleton = tree(torch.float64)
    turn = quaternion_from_vector(torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64))
    rotations = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64).repeat(1, 6, 1)
    rotations[0, 3] = turn
    transforms = forward_kinematics(skeleton, rotations)[0]
    for joint in (0, 1, 2, 5):  # not below joint 3
        torch.testing.assert_close(transforms[joint], torch.eye(3, 4, dtype=torch.float64))
    torch.testing.assert_close(transforms[4], transforms[3])
    still = skeleton.joints[3]
    torch.testing.assert_close(transforms[3, :, :3] @ still + transforms[3, :, 3], still)


def test_shapes_that_do_not_fit_are_named() -> None:
    skeleton = tree(torch.float32)
    unchecked = inspect.unwrap(forward_kinematics)  # as users call it, without the tests' own look at shapes
    with pytest.raises(ValueError, match="for a skeleton of 6 joints"):
        unchecked(skeleton, torch.zeros(2, 5, 4))
    with pytest.raises(ValueError, match="joints for 3 pictures but rotations for 2"):
        unchecked(skeleton, torch.zeros(2, 6, 4), torch.zeros(3, 6, 3))
