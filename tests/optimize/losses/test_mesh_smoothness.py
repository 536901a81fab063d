"""Smoothness of meshes whose smoothness is known."""

import pytest
import torch

from zoetrope.optimize.losses.mesh_smoothness import laplacian_loss, normal_loss
from zoetrope.representations.geometry.mesh import icosphere
from zoetrope.representations.rendering.topology import Topology


def test_a_flat_grid_is_smooth_inside_and_a_fold_is_not() -> None:
    row, column = torch.meshgrid(torch.arange(5.0), torch.arange(5.0), indexing="ij")
    flat = torch.stack([column, row, 0 * row], -1).reshape(-1, 3).double()
    corner = torch.arange(25).reshape(5, 5)[:-1, :-1].reshape(-1)
    faces = torch.cat(
        [torch.stack([corner, corner + 1, corner + 6], 1), torch.stack([corner, corner + 6, corner + 5], 1)]
    )
    topology = Topology.of(faces)
    assert float(normal_loss(flat, topology)) == pytest.approx(0, abs=1e-12)
    folded = flat.clone()
    folded[:, 2] = (flat[:, 0] - 2).abs()
    # Sixteen cells of two faces: of their 40 inner edges the 4 along the fold turn by a right angle.
    assert float(normal_loss(folded, topology)) == pytest.approx(4 / 40)


def test_the_laplacian_of_a_sphere_is_its_curvature_times_its_edges() -> None:
    coarse, fine = (icosphere(level) for level in (2, 3))
    losses = [float(laplacian_loss(v.double(), Topology.of(f))) for v, f in (coarse, fine)]
    assert losses[0] / losses[1] == pytest.approx(4, rel=0.15)
    # A neighbour at a chord of length t lies t^2 / 2 below the tangent plane, and where five meet they are uneven.
    edges = Topology.of(fine[1]).edges.long()
    square = (fine[0][edges[:, 0]] - fine[0][edges[:, 1]]).square().sum(1).mean()
    assert losses[1] == pytest.approx(float(square) / 2, rel=0.3)


def test_gradients() -> None:
    vertices, faces = icosphere(1)
    topology = Topology.of(faces)
    shaken = (vertices + 0.1 * torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0))).double()
    for loss in (laplacian_loss, normal_loss):
        assert torch.autograd.gradcheck(lambda v, f=loss: f(v, topology), (shaken.requires_grad_(),))
