"""Marching cubes: closed and manifold for any signs, outward, exact derivatives."""

import numpy as np
import pytest
import torch

from zoetrope.representations.geometry.marching import crossings, isosurface


def _noise(seed: int, size: int = 12) -> torch.Tensor:
    values = torch.randn(size, size + 1, size + 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    values[0] = values[-1] = values[:, 0] = values[:, -1] = values[:, :, 0] = values[:, :, -1] = 1.0
    return values


def test_white_noise_gives_a_closed_oriented_manifold():
    for seed in range(3):
        faces = isosurface(_noise(seed)).faces.numpy()
        half_edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        assert len(np.unique(half_edges, axis=0)) == len(half_edges)
        assert {tuple(edge) for edge in half_edges} == {tuple(edge[::-1]) for edge in half_edges}


def test_all_signs_of_one_cube_match_the_number_of_cut_edges():
    for case in range(1, 255):
        values = torch.ones(4, 4, 4)
        for corner in range(8):
            if case >> corner & 1:
                values[1 + (corner >> 2), 1 + (corner >> 1 & 1), 1 + (corner & 1)] = -1.0
        surface = isosurface(values)
        signs = values < 0
        cut = sum(int((signs.diff(dim=axis)).sum()) for axis in range(3))
        assert surface.edges.shape[0] == cut
        assert surface.faces.unique().numel() == cut


def test_vertices_lie_on_the_plane_they_sample():
    z, y, x = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in (7, 8, 9)), indexing="ij")
    low = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    normal = torch.tensor([0.48, 0.6, 0.64], dtype=torch.float64)
    points = low + 0.25 * torch.stack([x, y, z], dim=-1)
    offset = float((points.reshape(-1, 3) @ normal).median()) + 0.0137
    values = points @ normal - offset
    surface = isosurface(values)
    vertices = crossings(values, surface.edges, low, 0.25)
    assert torch.allclose(vertices @ normal, torch.full((len(vertices),), offset, dtype=torch.float64), atol=1e-12)
    a, b, c = (vertices[surface.faces[:, k]] for k in range(3))
    assert bool((torch.linalg.cross(b - a, c - a) @ normal > 0).all())


def test_gradcheck_of_positions_with_respect_to_values():
    values = _noise(5, 3)
    values = (values + 0.2 * values.sign()).requires_grad_()  # away from zero, where a step would change the topology
    surface = isosurface(values)
    low = torch.zeros(3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: crossings(v, surface.edges, low, 0.5), (values,))


def test_an_edge_that_is_no_longer_crossed_keeps_a_finite_place_and_gradient():
    values = _noise(1, 4)
    surface = isosurface(values)
    moved = (values + 0.9).requires_grad_()
    vertices = crossings(moved, surface.edges, torch.zeros(3, dtype=torch.float64), 1.0)
    vertices.square().sum().backward()
    assert bool(vertices.isfinite().all())
    assert moved.grad is not None
    assert bool(moved.grad.isfinite().all())
    still = isosurface(moved.detach()).edges
    assert len(still) < len(surface.edges)


def test_values_that_are_not_finite_are_refused():
    values = _noise(0, 4)
    values[2, 2, 2] = float("nan")
    with pytest.raises(ValueError, match="1 of"):
        isosurface(values)
