"""The compiled skinning against its reference, its gradients, and its independence of the number of threads."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor

from zoetrope.representations.body.skinning import skin, skin_torch


def case(batch: int, count: int, joint_count: int, dtype: torch.dtype, *, own: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Vertices, weights of which most are zero (one row all of them), transforms."""
    generator = torch.Generator().manual_seed(3)
    vertices = torch.randn(*((batch,) if own else ()), count, 3, dtype=dtype, generator=generator)
    weights = torch.rand(count, joint_count, dtype=dtype, generator=generator)
    weights = torch.where(weights > 0.6, weights, 0)
    weights[1] = 0
    transforms = torch.randn(batch, joint_count, 3, 4, dtype=dtype, generator=generator)
    return vertices.requires_grad_(), weights, transforms.requires_grad_()


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_skin_agrees_with_the_reference_in_value_and_gradients(own: bool, dtype: torch.dtype, tolerance: float) -> None:
    vertices, weights, transforms = case(19, 40, 6, dtype, own=own)
    ours, reference = skin(vertices, weights, transforms), skin_torch(vertices, weights, transforms)
    torch.testing.assert_close(ours, reference, atol=tolerance, rtol=tolerance)
    pull = torch.randn(ours.shape, dtype=dtype)
    for a, b in zip(
        torch.autograd.grad(ours, (vertices, transforms), pull),
        torch.autograd.grad(reference, (vertices, transforms), pull),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=10 * tolerance, rtol=tolerance)


@pytest.mark.parametrize("own", [False, True])
def test_skin_gradcheck(own: bool) -> None:
    vertices, weights, transforms = case(3, 5, 3, torch.float64, own=own)
    assert torch.autograd.gradcheck(lambda v, t: skin(v, weights, t), (vertices, transforms))


def test_skin_takes_strided_input_and_gradients() -> None:
    vertices, weights, transforms = case(4, 9, 5, torch.float64, own=True)
    strided = vertices.detach().transpose(0, 1).contiguous().transpose(0, 1).requires_grad_()
    ours = skin(strided, weights.T.contiguous().T, transforms)
    (ours[:, ::2].sum() + ours.permute(2, 0, 1)[0].square().sum()).backward()
    reference = skin_torch(vertices, weights, transforms)
    (reference[:, ::2].sum() + reference[..., 0].square().sum()).backward()
    torch.testing.assert_close(strided.grad, vertices.grad)


def test_gradients_have_the_same_bits_on_any_number_of_threads() -> None:
    vertices, weights, transforms = case(37, 50, 6, torch.float32, own=False)
    pull = torch.randn(37, 50, 3)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3, 5):
            torch.set_num_threads(threads)
            ours = skin(vertices, weights, transforms)
            found.append((ours.detach(), *torch.autograd.grad(ours, (vertices, transforms), pull)))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_weights_may_have_a_gradient_too() -> None:
    vertices, weights, transforms = case(2, 4, 3, torch.float64, own=False)
    weights.requires_grad_()
    assert torch.autograd.gradcheck(skin, (vertices, weights, transforms))


def test_no_pictures_and_no_vertices() -> None:
    vertices, weights, transforms = case(2, 4, 3, torch.float32, own=False)
    none = skin(vertices, weights, transforms[:0])
    assert none.shape == (0, 4, 3)
    (gradient,) = torch.autograd.grad(none.sum(), vertices)
    assert torch.equal(gradient, torch.zeros(4, 3))
    assert skin(vertices[:0], weights[:0], transforms).shape == (2, 0, 3)


@pytest.mark.parametrize(("vertices", "transforms"), [((5, 3), (2, 3, 3, 4)), ((4, 3), (2, 2, 3, 4))])
def test_shapes_that_do_not_fit_are_named(vertices: tuple[int, ...], transforms: tuple[int, ...]) -> None:
    unchecked = inspect.unwrap(skin)  # as users call it, without the tests' own look at shapes
    with pytest.raises(ValueError, match=r"4 vertices on 3 joints"):
        unchecked(torch.zeros(vertices), torch.zeros(4, 3), torch.zeros(transforms))
    with pytest.raises(ValueError, match="vertices for 3 pictures but transforms for 2"):
        unchecked(torch.zeros(3, 4, 3), torch.zeros(4, 3), torch.zeros(2, 3, 3, 4))
