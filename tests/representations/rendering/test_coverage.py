"""Exact coverage: areas, agreement with dense sampling and with the plain reference, gradients, far pulls."""

import pytest
import torch

from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering import Topology, coverage, rasterize
from zoetrope.representations.rendering.torch_coverage import coverage_torch

SIZE = (13, 17)


def test_a_rectangle_covers_what_it_covers(quad):
    vertices, faces = quad(2.25, 1.5, 6.5, 4.75, (8, 9))
    row = torch.tensor([0, 0.5, 1, 1, 0.75, 0, 0, 0]).double()
    column = torch.tensor([0, 0, 0.75, 1, 1, 1, 0.5, 0, 0]).double()
    torch.testing.assert_close(coverage(vertices, faces, (8, 9))[0], row[:, None] * column)
    # From behind and with its faces wound in either direction it covers the same.
    torch.testing.assert_close(coverage(vertices, faces.flip(1), (8, 9))[0], row[:, None] * column)


def test_what_is_thinner_than_a_pixel_keeps_its_share_and_its_pull(quad):
    vertices, faces = quad(3.6, -5, 3.7, 20, (8, 9))
    vertices.requires_grad_()
    covered = coverage(vertices, faces, (8, 9))
    assert (rasterize(vertices, faces, (8, 9)).face < 0).all()
    expected = torch.zeros(8, 9, dtype=torch.float64)
    expected[:, 3] = 0.1
    torch.testing.assert_close(covered[0], expected)
    covered.sum().backward()
    # Its left side, moved left by a pixel, would add a column of eight pixels.
    left = vertices.grad[0, :2, 0].sum() * 2 * 2 / 9
    torch.testing.assert_close(-left, torch.tensor(8.0, dtype=torch.float64))


def test_the_mean_of_dense_samples(bumpy):
    vertices, faces = bumpy(3, 4, rough=0.01)
    size, times = (24, 30), 16
    dense = (rasterize(vertices, faces, (size[0] * times, size[1] * times)).face >= 0).double()
    dense = dense.reshape(4, size[0], times, size[1], times).mean(dim=(2, 4))
    covered = coverage(vertices, faces, size)
    assert ((covered > 0.01) & (covered < 0.99)).sum() > 200
    # Where one outline passes before another the overlap counts twice: rarely, and in single pixels.
    assert ((covered - dense).abs() > 0.03).double().mean() < 0.01
    assert (covered - dense).abs().mean() < 2e-3


@pytest.mark.parametrize("missing", [0, 25], ids=["closed", "open"])
@pytest.mark.parametrize("distance", [2.5, 0.8, 0.2])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-7)])
def test_agreement_with_plain_torch(missing, distance, dtype, tolerance, bumpy):
    vertices, faces = bumpy(2, 3, distance, dtype=dtype)
    topology = Topology.of(faces[missing:])
    pull = torch.randn(3, *SIZE, dtype=dtype)
    results = []
    for draw in (lambda v: coverage(v, faces[missing:], SIZE, topology, 0.05), None):
        v = vertices.clone().requires_grad_()
        out = coverage_torch(v, topology, SIZE, 0.05) if draw is None else draw(v)
        (out * pull).sum().backward()
        results.append((out, v.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(
            one, other, rtol=tolerance, atol=tolerance * max(1.0, float(one.detach().abs().max()))
        )


@pytest.mark.parametrize("missing", [0, 6], ids=["closed", "open"])
@pytest.mark.parametrize(("distance", "zoom", "near"), [(2.5, 1.5, 0.1), (1.2, 0.4, 0.6)], ids=["whole", "cut"])
def test_gradient(missing, distance, zoom, near, bumpy, check_gradient):
    vertices, faces = bumpy(0, 2, distance, zoom)
    faces = faces[missing:]
    topology = Topology.of(faces)
    covered = coverage(vertices, faces, SIZE, topology, near)
    assert ((covered > 0) & (covered < 1)).sum() > 20
    assert (vertices[..., 3] < near).any() == (near > 0.1)
    check_gradient(lambda v: coverage(v, faces, SIZE, topology, near), vertices.requires_grad_())


def test_three_sheets_at_one_edge_cover_their_union(quad):
    """Two sheets side by side and a third over one of them, all meeting at one edge."""
    vertices, faces = quad(1, 1, 4, 7, (8, 9))
    more = torch.stack([vertices[0, 2], vertices[0, 3]])
    more = torch.stack([more, more])
    more[0, :, 0] += 2 * 2 / 9 * 3
    more[1, :, 0] -= 2 * 2 / 9 * 1
    vertices = torch.cat([vertices, more.reshape(1, 4, 4)], dim=1)
    sheets = torch.tensor([[3, 2, 4], [3, 4, 5], [3, 2, 6], [3, 6, 7]])
    covered = coverage(vertices, torch.cat([faces, sheets]), (8, 9))
    expected = torch.zeros(8, 9, dtype=torch.float64)
    expected[1:7, 1:7] = 1
    torch.testing.assert_close(covered[0], expected)


def test_bodies_that_pass_through_each_other_cover_their_union():
    vertices, faces = icosphere(3)
    vertices, both = vertices.double(), torch.cat([faces, faces + len(vertices)])
    apart = torch.tensor([0.7, 0.2, 0.4], dtype=torch.float64)
    world = torch.cat([vertices - apart, vertices + apart])
    depth = 4 - world[:, 2]
    clip = torch.stack([world[:, 0] * 2, world[:, 1] * 2, depth, depth], dim=-1)[None]
    covered = coverage(clip, both, (40, 40))
    alone = [coverage(clip, half, (40, 40)) for half in both.chunk(2)]
    inside = torch.maximum(*alone) == 1
    assert (inside.sum(), ((alone[0] == 1) & (alone[1] == 1)).sum()) > (400, 100)
    torch.testing.assert_close(covered[inside], torch.ones_like(covered[inside]))
    assert (covered <= torch.clamp(alone[0] + alone[1], max=1) + 1e-9).all()
    assert (covered >= torch.maximum(*alone) - 1e-9).all()


def test_moving_sideways_changes_no_area(bumpy):
    """The gradient of the whole area along a shift is nil, and that of its centre is the area."""
    vertices, faces = bumpy(3, 2, rough=0)
    flat = vertices * torch.tensor([1.0, 0.7, 1, 1])
    flat[..., 3] = 2.5  # seen in parallel, a shift of x moves all points alike
    flat.requires_grad_()
    covered = coverage(flat, faces, (48, 48))
    (by_area,) = torch.autograd.grad(covered.sum(), flat, retain_graph=True)
    assert by_area[..., 0].sum(1).abs().max() < 1e-9
    column = torch.arange(48).double() + 0.5
    (by_moment,) = torch.autograd.grad((covered * column).sum(), flat)
    moved = by_moment[..., 0].sum(1) / (48 / 2 / 2.5)
    # Within a pixel all area counts as at its centre: exact but for what enters and leaves a pixel at its border.
    torch.testing.assert_close(moved, covered.detach().sum((1, 2)), rtol=1e-2, atol=0)


def test_edges_far_off_the_picture(quad):
    vertices, faces = quad(-1e7, -1e7, 1e7, 4.5, (8, 9))
    covered = coverage(vertices.requires_grad_(), faces, (8, 9))
    expected = torch.tensor([1, 1, 1, 1, 0.5, 0, 0, 0]).double()[:, None].expand(8, 9)
    torch.testing.assert_close(covered[0], expected)
    covered.sum().backward()
    assert torch.isfinite(vertices.grad).all()
    assert (coverage(vertices.detach() + torch.tensor([1e4, 0, 0, 0]), faces, (8, 9))[0, :, :] >= 0).all()
    for shift in ([100.0, 0, 0, 0], [-100.0, 0, 0, 0], [0, 100.0, 0, 0], [0, 0, 0, -100.0]):
        near, small = quad(1, 1, 5, 5, (8, 9))
        assert (coverage(near + torch.tensor(shift), small, (8, 9)) == 0).all()


@pytest.mark.parametrize(("batch", "faces", "size"), [(0, 1, (4, 4)), (2, 0, (4, 5)), (2, 1, (0, 4)), (2, 1, (4, 0))])
def test_nothing_to_cover(batch, faces, size):
    corners = torch.tensor([[-1.0, -1, 0, 1], [3, -1, 0, 1], [-1, 3, 0, 1]]).expand(batch, -1, -1).clone()
    covered = coverage(corners.requires_grad_(), torch.arange(3).expand(faces, 3), size)
    assert covered.shape == (batch, *size)
    assert (covered == 0).all() or faces
    covered.sum().backward()
    assert corners.grad.shape == corners.shape


def test_many_pictures_as_alone_and_the_same_every_time(bumpy):
    vertices, faces = bumpy(1, 3, dtype=torch.float32)
    topology = Topology.of(faces)
    many = vertices.repeat(200, 1, 1).requires_grad_()
    covered = coverage(many, faces, (16, 16), topology)
    covered.sin().sum().backward()
    for picture in range(3):
        alone = vertices[picture : picture + 1].clone().requires_grad_()
        single = coverage(alone, faces, (16, 16), topology)
        single.sin().sum().backward()
        assert torch.equal(covered[picture::3], single.expand(200, -1, -1))
        assert torch.equal(many.grad[picture::3], alone.grad.expand(200, -1, -1))


def test_what_cannot_be_drawn_is_refused(bumpy):
    vertices, faces = bumpy(0, 2)
    vertices[1, 5, 0] = torch.inf
    with pytest.raises(ValueError, match=r"vertices_clip\[1, 5\]"):
        coverage(vertices, faces, SIZE)
    with pytest.raises(ValueError, match="topology is of 3 faces but there are 20"):
        coverage(vertices, faces, SIZE, Topology.of(faces[:3]))
