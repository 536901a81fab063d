"""Which faces meet at which edge: what silhouettes need to know of a mesh, found once and used in every step."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Int8, Int32
from torch import Tensor

from ..tensor_structure import TensorStructure


class Topology(TensorStructure):
    """Edges of a triangle mesh and their faces; make it with `Topology.of` and keep it as long as the faces last."""

    faces: Int32[Tensor, "F 3"]
    """The faces it was made of."""
    edges: Int32[Tensor, "E 2"]
    """Undirected edges, smaller vertex index first, sorted."""
    edge_faces: Int32[Tensor, "E K"]
    """Faces at each edge, lower index first, then -1. K is 2 unless more than two faces meet at some edge."""
    edge_sides: Int8[Tensor, "E K"]
    """+1 where the face runs along the edge from its first vertex to its second, -1 where it runs back, 0 if absent."""
    closed: bool
    """True if every edge has exactly two faces and they run along it in opposite directions (watertight, oriented)."""

    @staticmethod
    def of(faces: Int[Tensor, "F 3"], positions: Float[Tensor, "V 3"] | None = None) -> Topology:
        """The topology of `faces`, on their device. Faces that name a vertex twice have no edges.

        `positions`: if given, vertices at exactly the same place count as one (meshes cut along texture seams); the
        edges then name the vertex with the lowest index.
        """
        welded = faces.long()
        if positions is not None:
            _, group = torch.unique(positions, dim=0, return_inverse=True)
            first = torch.full((int(group.max()) + 1 if len(group) else 0,), len(group), device=faces.device)
            first = first.scatter_reduce(0, group, torch.arange(len(group), device=faces.device), "amin")
            welded = first[group][welded]
        a, b, c = welded.unbind(dim=1)
        proper = ((a != b) & (b != c) & (c != a)).nonzero()[:, 0]
        corners = welded[proper]
        halves = torch.cat([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
        edges, index, count = torch.unique(halves.sort(dim=1).values, dim=0, return_inverse=True, return_counts=True)
        face = proper.repeat(3)
        side = (halves[:, 0] < halves[:, 1]).long() * 2 - 1
        # Sorted by (edge, face): the place of each half-edge in its edge's row is its rank since the row began.
        order = torch.argsort(index * max(len(faces), 1) + face, stable=True)
        rank = torch.arange(len(order), device=faces.device) - (count.cumsum(0) - count)[index[order]]
        width = max(2, int(count.max()) if len(count) else 0)
        edge_faces = torch.full((len(edges), width), -1, dtype=torch.int32, device=faces.device)
        edge_sides = torch.zeros((len(edges), width), dtype=torch.int8, device=faces.device)
        edge_faces[index[order], rank] = face[order].int()
        edge_sides[index[order], rank] = side[order].to(torch.int8)
        closed = bool((count == 2).all()) and bool((edge_sides.sum(dim=1) == 0).all())
        return Topology(faces.int().contiguous(), edges.int().contiguous(), edge_faces, edge_sides, closed)
