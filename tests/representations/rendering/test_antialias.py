"""Blended silhouettes: what a straight edge covers, colours in their range, gradients, tiny faces, occlusion."""

import pytest
import torch

from zoetrope.representations.rendering import Topology, antialias, coverage, rasterize
from zoetrope.representations.rendering.torch_antialias import antialias_torch

SIZE = (9, 11)


def mask_of(fragments, dtype=torch.float64):
    return (fragments.face >= 0).to(dtype)[..., None]


@pytest.mark.parametrize("left", [2.1, 2.4, 2.6, 2.9])
def test_a_straight_edge_covers_what_it_covers(left, quad):
    vertices, faces = quad(left, -3, 20, 11, (8, 9))
    fragments = rasterize(vertices, faces, (8, 9))
    blended = antialias(mask_of(fragments), fragments, vertices, faces)
    torch.testing.assert_close(blended[..., 0], coverage(vertices, faces, (8, 9)))


def test_a_slanted_edge_covers_its_area(quad):
    """Area and its change by a shift, for edges at all angles through the picture's centre."""
    for angle in torch.arange(3, 180, 17).double().deg2rad():
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).reshape(2, 2)
        corners = torch.tensor([[0, -90], [90, -90], [90, 90], [0, 90]], dtype=torch.float64) @ turn.T
        corners = (corners + 20.13).requires_grad_()
        clip = torch.cat([corners[:, :1] / 20 - 1, 1 - corners[:, 1:] / 20, torch.ones(4, 2)], dim=1)[None]
        faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
        fragments = rasterize(clip, faces, (40, 40))
        blended = antialias(mask_of(fragments), fragments, clip, faces)
        exact = coverage(clip, faces, (40, 40))
        assert abs(blended.sum() - exact.sum()) < 0.6
        grads = [torch.autograd.grad(one.sum(), corners, retain_graph=True)[0].sum(0) for one in (blended, exact)]
        assert (grads[0] - grads[1]).norm() < 0.03 * grads[1].norm()


@pytest.mark.parametrize("missing", [0, 6], ids=["closed", "open"])
@pytest.mark.parametrize(("distance", "zoom", "near"), [(2.5, 1.5, 0.1), (1.2, 0.4, 0.6)], ids=["whole", "cut"])
def test_gradient(missing, distance, zoom, near, bumpy, check_gradient):
    vertices, faces = bumpy(0, 2, distance, zoom)
    faces = faces[missing:]
    topology = Topology.of(faces)
    fragments = rasterize(vertices, faces, SIZE, near=near)
    picture = torch.rand(2, *SIZE, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    blended = antialias(picture, fragments, vertices, faces, topology, near)
    assert (blended != picture).sum() > 8
    check_gradient(lambda v: antialias(picture, fragments, v, faces, topology, near), vertices.clone().requires_grad_())
    check_gradient(
        lambda p: antialias(p, fragments, vertices, faces, topology, near), picture.requires_grad_(), linear=True
    )


@pytest.mark.parametrize("missing", [0, 60], ids=["closed", "open"])
@pytest.mark.parametrize("distance", [2.5, 0.8])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-9)])
def test_agreement_with_plain_torch(missing, distance, dtype, tolerance, bumpy):
    vertices, faces = bumpy(3, 3, distance, dtype=dtype)
    faces = faces[missing:]
    topology = Topology.of(faces)
    fragments = rasterize(vertices, faces, (40, 30), near=0.05)
    picture, pull = torch.rand(2, 3, 40, 30, 3, dtype=dtype)
    results = []
    for plain in (False, True):
        v, p = vertices.clone().requires_grad_(), picture.clone().requires_grad_()
        out = (
            antialias_torch(p, fragments, v, topology, 0.05)
            if plain
            else antialias(p, fragments, v, faces, topology, 0.05)
        )
        (out * pull).sum().backward()
        results.append((out.detach(), p.grad, v.grad))
    assert (results[0][0] != picture).any()
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * max(1.0, float(one.abs().max())))


def test_colours_stay_in_their_range_and_flat_pictures_flat(bumpy):
    vertices, faces = bumpy(2, 4)
    fragments = rasterize(vertices, faces, SIZE)
    picture = (torch.rand(4, *SIZE, 5, dtype=torch.float64) > 0.5).double()
    blended = antialias(picture, fragments, vertices, faces)
    assert blended.min() >= 0
    assert blended.max() <= 1
    assert torch.equal(
        antialias(torch.full_like(picture, 0.3), fragments, vertices, faces), torch.full_like(picture, 0.3)
    )


def test_faces_smaller_than_pixels_still_give_a_smooth_outline(bumpy):
    """At 20,480 faces in 48 x 48 pixels hardly any silhouette edge belongs to a face that is seen at a pixel centre."""
    vertices, faces = bumpy(5, 1, rough=0.0)
    topology = Topology.of(faces)
    fragments = rasterize(vertices, faces, (48, 48))
    exact = coverage(vertices, faces, (48, 48), topology)
    mask = mask_of(fragments)
    blended = antialias(mask, fragments, vertices, faces, topology)[..., 0]
    border = (exact > 0) & (exact < 1)
    before, after = (mask[..., 0] - exact).abs()[border].mean(), (blended - exact).abs()[border].mean()
    assert after < 0.25 * before


def test_only_what_stands_in_front_is_blended(quad):
    """A near square before a far wall: its outline mixes the two, and the wall's hidden edges touch nothing."""
    size = (16, 16)
    near, faces = quad(3.3, 3.3, 9.4, 9.4, size, depth=1.0)
    far, _ = quad(5.6, -9, 40, 40, size, depth=3.0)
    vertices = torch.cat([near, far], dim=1).requires_grad_()
    both = torch.cat([faces, faces + 4])
    fragments = rasterize(vertices, both, size)
    picture = torch.zeros(1, *size, 1, dtype=torch.float64)
    picture[fragments.face >= 2] = 1.0
    blended = antialias(picture, fragments, vertices, both)
    expected = picture[0, :, :, 0].clone()
    expected[3, 6:9], expected[9, 6:9], expected[6:9, 9] = 0.3, 0.6, 0.6
    # The wall's left edge runs at 5.6: it is seen above and below the square only.
    torch.testing.assert_close(blended[0, 3, 6:9, 0], expected[3, 6:9])
    torch.testing.assert_close(blended[0, 9, 6:9, 0], expected[9, 6:9])
    torch.testing.assert_close(blended[0, 6:9, 9, 0], expected[6:9, 9])
    torch.testing.assert_close(blended[0, 11:, 5, 0], torch.full((5,), 0.4, dtype=torch.float64))
    assert (blended[0, 4:9, 4:8] == 0).all()
    (grad,) = torch.autograd.grad(blended[0, 4:9].sum(), vertices)
    assert (grad[0, :4, 0].abs() > 0).any()
    assert (grad[0, 4:] == 0).all()


def test_an_unseen_body_and_empty_batches(bumpy):
    vertices, faces = bumpy(1, 2)
    away = vertices + torch.tensor([100.0, 0, 0, 0])
    fragments = rasterize(away, faces, SIZE)
    picture = torch.rand(2, *SIZE, 3, dtype=torch.float64)
    assert torch.equal(antialias(picture, fragments, away, faces), picture)
    none = rasterize(vertices[:0], faces, SIZE)
    assert antialias(picture[:0], none, vertices[:0], faces).shape == (0, *SIZE, 3)
    bare = rasterize(vertices, faces[:0], SIZE)
    assert torch.equal(antialias(picture, bare, vertices, faces[:0]), picture)


def test_wrong_shapes_are_refused(bumpy):
    vertices, faces = bumpy(0, 2)
    fragments = rasterize(vertices, faces, SIZE)
    with pytest.raises(ValueError, match=r"picture has shape \(2, 4, 4, 1\)"):
        antialias(torch.zeros(2, 4, 4, 1, dtype=torch.float64), fragments, vertices, faces)
    with pytest.raises(ValueError, match="topology is of 2 faces"):
        antialias(mask_of(fragments), fragments, vertices, faces, Topology.of(faces[:2]))
