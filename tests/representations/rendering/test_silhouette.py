"""Silhouette losses: what they measure and how far they pull. (Their compiled passes: `test_numba_silhouette.py`.)"""

import pytest
import torch

from zoetrope.representations.rendering import Topology, blur_pyramid_loss, coverage, distance_maps, outside_loss


def test_distances_are_euclidean():
    mask = torch.rand(3, 9, 12, generator=torch.Generator().manual_seed(1)) > 0.7
    outside, inside = distance_maps(mask)
    grid = torch.stack(torch.meshgrid(torch.arange(9.0), torch.arange(12.0), indexing="ij"), -1).reshape(-1, 2)
    between = torch.cdist(grid, grid)
    for picture in range(3):
        to_mask = between[:, mask[picture].reshape(-1)].amin(1).reshape(9, 12)
        to_rest = between[:, ~mask[picture].reshape(-1)].amin(1).reshape(9, 12)
        torch.testing.assert_close(outside[picture], to_mask)
        torch.testing.assert_close(inside[picture], to_rest)


def test_distances_where_there_is_nothing():
    outside, inside = distance_maps(torch.tensor([[[False, False]], [[True, True]]]))
    assert torch.isinf(outside[0]).all()
    assert (inside[0] == 0).all()
    assert (outside[1] == 0).all()
    assert torch.isinf(inside[1]).all()
    assert distance_maps(torch.zeros(0, 3, 4, dtype=torch.bool))[0].shape == (0, 3, 4)


def test_points_outside_are_drawn_home_from_anywhere():
    mask = torch.zeros(1, 20, 30, dtype=torch.bool)
    mask[:, 8:12, 10:20] = True
    distance = distance_maps(mask)[0].double()
    points = torch.tensor([[15.0, 10.0], [25.5, 10.0], [15.0, 2.5], [60.0, 10.0], [-40.0, -40.0]]).double()
    for point in points:
        at = point.reshape(1, 1, 2).clone().requires_grad_()
        loss = outside_loss(at, distance)
        loss.sum().backward()
        home = torch.stack([point[0].clamp(10, 20), point[1].clamp(8, 12)]) - point
        if home.norm() == 0:
            assert loss.item() == 0
        else:
            # To the next pixel's centre: half a pixel beyond the mask's border.
            assert abs(loss.item() - home.norm()) < 3
            pull = -at.grad.reshape(2)
            assert torch.dot(pull, home) / (pull.norm() * home.norm()) > 0.85
            assert 0.5 < pull.norm() <= 1.5


def test_coarse_levels_pull_over_distances_that_edges_cannot_span(bumpy):
    """A ball beside its target: descending the loss must move it there."""
    size = (48, 48)
    vertices, faces = bumpy(2, 1, distance=10.0, rough=0.0)
    topology = Topology.of(faces)

    def drawn(shift: torch.Tensor) -> torch.Tensor:
        """The ball, 3.6 pixels wide, this many pixels right of and above the centre."""
        return coverage(vertices + torch.cat([shift / 24 * 10, torch.zeros(2)]), faces, size, topology)

    home = torch.tensor([9.3, -11.6], dtype=torch.float64)
    target = drawn(home)
    shift = torch.tensor([-6.2, 4.9], dtype=torch.float64, requires_grad=True)
    assert (drawn(shift) * target).sum() == 0
    optimizer = torch.optim.Adam([shift], lr=0.5)
    for _ in range(120):
        optimizer.zero_grad()
        blur_pyramid_loss(drawn(shift), target, levels=6, growth=2.0).sum().backward()
        optimizer.step()
    assert (shift.detach() - home).norm() < 0.1


def test_the_loss_is_nil_only_for_the_same_and_knows_nothing_of_the_unknown():
    target = torch.rand(2, 17, 23, dtype=torch.float64)
    assert (blur_pyramid_loss(target, target) == 0).all()
    other = target.clone()
    other[0, 3:5, 7] += 0.5
    assert blur_pyramid_loss(other, target)[0] > 0
    assert blur_pyramid_loss(other, target)[1] == 0
    valid = torch.ones_like(target)
    valid[0, 3:5, 7] = 0
    assert blur_pyramid_loss(other, target, valid)[0] == 0
    assert (blur_pyramid_loss(other, target, torch.zeros_like(valid)) == 0).all()
    with pytest.raises(ValueError, match="levels is 0"):
        blur_pyramid_loss(target, target, levels=0)
