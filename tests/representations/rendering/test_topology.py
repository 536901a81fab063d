"""Edges and their faces."""

import torch

from zoetrope.representations.geometry.mesh import edges, icosphere
from zoetrope.representations.rendering import Topology


def test_a_closed_surface():
    _, faces = icosphere(2)
    topology = Topology.of(faces)
    assert topology.closed
    assert torch.equal(topology.edges.long(), edges(faces))
    assert (topology.edge_sides.sum(1) == 0).all()
    for edge, own, sides in zip(
        topology.edges.tolist(), topology.edge_faces.tolist(), topology.edge_sides, strict=True
    ):
        for face, side in zip(own, sides.tolist(), strict=True):
            corners = faces[face].tolist()
            run = edge if side > 0 else edge[::-1]
            assert run in [[corners[k], corners[(k + 1) % 3]] for k in range(3)]


def test_borders_and_turned_faces_are_not_closed():
    _, faces = icosphere(1)
    opened = Topology.of(faces[1:])
    assert not opened.closed
    assert (opened.edge_faces < 0).sum() == 3
    turned = faces.clone()
    turned[0] = turned[0].flip(0)
    assert not Topology.of(turned).closed


def test_three_faces_at_an_edge():
    topology = Topology.of(torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4], [5, 5, 6]]))
    shared = (topology.edges == torch.tensor([0, 1])).all(1).nonzero().item()
    assert topology.edge_faces[shared].tolist() == [0, 1, 2]
    assert topology.edge_sides[shared].tolist() == [1, -1, 1]
    assert not topology.closed
    assert 5 not in topology.edges


def test_seams_close_by_position():
    """Every corner its own vertex, as a mesh that is cut along all its edges."""
    vertices, faces = icosphere(1)
    loose = torch.arange(faces.numel()).reshape(-1, 3)
    assert not Topology.of(loose).closed
    welded = Topology.of(loose, vertices[faces.reshape(-1)])
    assert welded.closed
    assert len(welded.edges) == len(edges(faces))


def test_no_faces():
    topology = Topology.of(torch.zeros(0, 3, dtype=torch.int64))
    assert topology.edges.shape == (0, 2)
    assert topology.edge_faces.shape == (0, 2)
