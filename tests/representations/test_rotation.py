"""Unit quaternions: group axioms, the exponential map and its gradient, agreement with scipy's rotations."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from scipy.spatial.transform import Rotation
from torch import Tensor

from zoetrope.representations.rotation import (
    conjugate,
    matrix_from_quaternion,
    multiply,
    quaternion_from_matrix,
    quaternion_from_vector,
    rotate,
    slerp,
    vector_from_quaternion,
)

FEW = settings(max_examples=40, deadline=None)
_number = st.floats(-4, 4, allow_nan=False, width=64)
vectors = st.tuples(_number, _number, _number).map(lambda v: torch.tensor(v, dtype=torch.float64))
quaternions = vectors.map(quaternion_from_vector)


def same(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


def scipy_of(quaternion: Tensor) -> Rotation:
    w, x, y, z = quaternion.tolist()
    return Rotation.from_quat([x, y, z, w])


@FEW
@given(vectors)
def test_the_exponential_map_is_scipys(vector: Tensor) -> None:
    quaternion = quaternion_from_vector(vector)
    assert float(quaternion.norm()) == pytest.approx(1, abs=1e-6)
    expected = torch.from_numpy(Rotation.from_rotvec(vector.numpy()).as_matrix())
    same(matrix_from_quaternion(quaternion), expected, 1e-6)


@FEW
@given(vectors)
def test_the_logarithm_undoes_the_exponential(vector: Tensor) -> None:
    back = vector_from_quaternion(quaternion_from_vector(vector))
    assert float(back.norm()) <= math.pi + 1e-9
    # Beyond pi the shorter way round is meant; as rotations the two are one.
    same(matrix_from_quaternion(quaternion_from_vector(back)), matrix_from_quaternion(quaternion_from_vector(vector)))
    if float(vector.norm()) < math.pi - 1e-3:
        same(back, vector, 1e-6)


@FEW
@given(quaternions, quaternions, quaternions, vectors)
def test_group_axioms_and_the_action(a: Tensor, b: Tensor, c: Tensor, point: Tensor) -> None:
    one = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    same(multiply(multiply(a, b), c), multiply(a, multiply(b, c)))
    same(multiply(a, one), a)
    same(multiply(a, conjugate(a)), one * a.square().sum(), 1e-9)
    same(matrix_from_quaternion(multiply(a, b)), matrix_from_quaternion(a) @ matrix_from_quaternion(b), 1e-6)
    same(rotate(multiply(a, b), point), rotate(a, rotate(b, point)), 1e-5)
    same(rotate(a, point), matrix_from_quaternion(a) @ point)
    same(rotate(a, point), torch.from_numpy(scipy_of(a).apply(point.numpy())), 1e-5)


@FEW
@given(quaternions)
def test_a_matrix_gives_its_quaternion_back(quaternion: Tensor) -> None:
    matrix = matrix_from_quaternion(quaternion)
    back = quaternion_from_matrix(matrix)
    assert float(back[0]) >= 0
    same(matrix_from_quaternion(back), matrix, 1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_turns_survive_matrices_and_logarithms(axis: int) -> None:
    vector = torch.zeros(3, dtype=torch.float64)
    vector[axis] = math.pi
    matrix = matrix_from_quaternion(quaternion_from_vector(vector))
    back = vector_from_quaternion(quaternion_from_matrix(matrix))
    assert float(back.norm()) == pytest.approx(math.pi, abs=1e-6)
    assert abs(float(back[axis])) == pytest.approx(math.pi, abs=1e-6)


@FEW
@given(quaternions, quaternions, st.floats(0, 1))
def test_slerp_goes_the_short_way_at_constant_speed(a: Tensor, b: Tensor, t: float) -> None:
    def angle(p: Tensor, q: Tensor) -> float:
        return float(vector_from_quaternion(multiply(conjugate(p), q)).norm())

    whole = angle(a, b)
    middle = slerp(a, b, t)
    assert whole <= math.pi + 1e-6
    assert angle(a, middle) == pytest.approx(t * whole, abs=1e-5)
    assert angle(middle, b) == pytest.approx((1 - t) * whole, abs=1e-5)
    same(slerp(a, b, 0.0), a, 1e-6)
    same(matrix_from_quaternion(slerp(a, b, 1.0)), matrix_from_quaternion(b), 1e-5)
    # Either sign of a quaternion is the same rotation and must give the same path.
    same(matrix_from_quaternion(slerp(a, -b, t)), matrix_from_quaternion(middle), 1e-5)


@pytest.mark.parametrize("length", [0.0, 1e-9, 3e-4, 0.02, 1.0, 3.0])
def test_gradcheck_of_the_exponential_down_to_zero(length: float) -> None:
    direction = torch.tensor([[0.48, -0.6, 0.64]], dtype=torch.float64)
    vector = (length * direction).requires_grad_()
    assert torch.autograd.gradcheck(quaternion_from_vector, (vector,), atol=1e-6)


@pytest.mark.parametrize("length", [1e-8, 2e-4, 9.9e-4, 1.01e-3])
def test_the_series_near_zero_is_as_exact_as_the_formula(length: float) -> None:
    vector = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64) * length
    x, y, z, w = Rotation.from_rotvec(vector.numpy()).as_quat().tolist()
    same(quaternion_from_vector(vector), torch.tensor([w, x, y, z], dtype=torch.float64), 1e-14)


def test_the_logarithm_has_finite_gradients_at_the_identity() -> None:
    quaternion = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64, requires_grad=True)
    vector_from_quaternion(quaternion).sum().backward()
    assert quaternion.grad is not None
    same(quaternion.grad[1:], torch.full((3,), 2.0, dtype=torch.float64))


def test_rotation_turns_counter_clockwise_about_its_axis() -> None:
    quarter = quaternion_from_vector(torch.tensor([0.0, math.pi / 2, 0.0]))
    # About +Y the front (+Z) turns to the left (+X).
    same(rotate(quarter, torch.tensor([0.0, 0.0, 1.0])), torch.tensor([1.0, 0.0, 0.0]), 1e-6)
