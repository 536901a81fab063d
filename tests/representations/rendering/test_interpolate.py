"""Attributes at pixels: values against ray casting, gradients against finite differences and the plain reference."""

import pytest
import torch

from zoetrope.representations.rendering import barycentrics, interpolate, rasterize, surface
from zoetrope.representations.rendering.interpolate import barycentrics_torch, interpolate_torch

SIZE = (7, 9)


@pytest.mark.parametrize("distance", [2.5, 0.7])
def test_interpolated_positions_lie_on_the_pixel_s_ray(distance, bumpy):
    """Clip positions themselves, interpolated, must project onto the pixel centre at the depth that was seen."""
    vertices, faces = bumpy(1, 3, distance)
    fragments = rasterize(vertices, faces, SIZE, near=0.05)
    bary = barycentrics(fragments, vertices, faces)
    at = interpolate(vertices, faces, fragments, bary)
    seen = fragments.face >= 0
    picture, row, column = seen.nonzero(as_tuple=True)
    x, y, _, w = at[seen].unbind(-1)
    torch.testing.assert_close(bary[seen].sum(-1), torch.ones_like(w))
    torch.testing.assert_close(w, fragments.depth[seen])
    torch.testing.assert_close((x / w + 1) * SIZE[1] / 2, column.double() + 0.5)
    torch.testing.assert_close((1 - y / w) * SIZE[0] / 2, row.double() + 0.5)
    assert len(picture) > 30
    assert (bary[~seen] == 0).all()
    assert (at[~seen] == 0).all()


@pytest.mark.parametrize("distance", [2.5, 0.7])
def test_barycentrics_gradient(distance, bumpy, check_gradient):
    vertices, faces = bumpy(0, 2, distance)
    fragments = rasterize(vertices, faces, SIZE, near=0.05)
    check_gradient(lambda v: barycentrics(fragments, v, faces), vertices.requires_grad_())


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("wanted", ["both", "attributes", "geometry"])
def test_gradients_of_interpolation(shared, wanted, bumpy, check_gradient):
    vertices, faces = bumpy(0, 2)
    fragments = rasterize(vertices, faces, SIZE)
    bary = barycentrics(fragments, vertices, faces)
    seams = (faces * 2 + torch.tensor([0, 1, 0])) % 15
    attributes = torch.randn(*(() if shared else (2,)), 15, 3, dtype=torch.float64)
    attributes.requires_grad_(wanted != "geometry")
    bary = bary.detach().requires_grad_(wanted != "attributes")
    vertices.requires_grad_(wanted != "attributes")
    check_gradient(lambda a, b: interpolate(a, seams, fragments, b), attributes, bary)
    check_gradient(lambda a, v: surface(a, seams, fragments, v, faces), attributes, vertices)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_agreement_with_plain_torch(dtype, tolerance, bumpy):
    vertices, faces = bumpy(3, 5, dtype=dtype)
    fragments = rasterize(vertices, faces, (40, 56))
    attributes = torch.randn(vertices.shape[1], 4, dtype=dtype)
    pull = torch.randn(5, 40, 56, 4, dtype=dtype)
    results = []
    for bary_of, mix in ((barycentrics, interpolate), (barycentrics_torch, interpolate_torch), (None, surface)):
        v, a = vertices.clone().requires_grad_(), attributes.clone().requires_grad_()
        if bary_of is None:
            out = mix(a, faces, fragments, v, faces)
        else:
            out = mix(a, faces, fragments, bary_of(fragments, v, faces))
        (out * pull).sum().backward()
        results.append((out, a.grad, v.grad))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance * float(one.detach().abs().max()))


def test_the_number_of_threads_changes_no_gradient(bumpy):
    vertices, faces = bumpy(2, 9, dtype=torch.float32)
    fragments = rasterize(vertices, faces, (30, 30))
    before, grads = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for _ in range(2):
                v = vertices.clone().requires_grad_()
                a = torch.ones(9, vertices.shape[1], 2).cumsum(1).requires_grad_()
                surface(a, faces, fragments, v, faces).sin().sum().backward()
                grads.append((v.grad, a.grad))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for pair in grads[1:] for one, other in zip(grads[0], pair, strict=True))


def test_faces_without_area_have_finite_weights_and_no_gradient(quad):
    """A face on edge, forced into the fragments as another library might report it."""
    vertices, faces = quad(1, 1, 7, 7, (8, 8))
    fragments = rasterize(vertices, faces, (8, 8))
    flat = vertices.clone()
    flat[..., 1] = 0
    flat.requires_grad_()
    bary = barycentrics(fragments, flat, faces)
    bary.square().sum().backward()
    assert torch.isfinite(bary).all()
    assert torch.isfinite(flat.grad).all()


def test_mismatches_are_refused(bumpy):
    vertices, faces = bumpy(0, 2)
    fragments = rasterize(vertices, faces, SIZE)
    bary = barycentrics(fragments, vertices, faces)
    with pytest.raises(ValueError, match="rows 0 to 11 but attributes have 5"):
        interpolate(torch.zeros(5, 2, dtype=torch.float64), faces, fragments, bary)
    with pytest.raises(ValueError, match="float32 but the geometry is"):
        interpolate(torch.zeros(12, 2), faces, fragments, bary)


def test_second_derivatives_are_refused_rather_than_wrong(bumpy):
    vertices, faces = bumpy(0, 1)
    vertices.requires_grad_()
    fragments = rasterize(vertices, faces, SIZE)
    (first,) = torch.autograd.grad(barycentrics(fragments, vertices, faces).square().sum(), vertices, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
