"""Values known at some texels, continued over the rest of a surface as a membrane would: by a screened Laplacian.

At the vertices x minimises

    sum_v k_v |x_v - target_v|^2 + s sum_edges |x_a - x_b|^2 + f sum_v |x_v - rest|^2

with k the evidence that texels give their corners, s the membrane's stiffness and f a small pull towards a value of
rest, which keeps the system regular where nothing is known and lets what is known fade with the distance.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import factorized
from torch import Tensor

from ...representations.geometry.mesh import edges


class Membrane:
    """A surface and the T texels on it."""

    def __init__(
        self, faces: Int[Tensor, "F 3"], vertex_count: int, face: Int[Tensor, " T"], bary: Float[Tensor, "T 3"]
    ) -> None:
        """`face` and `bary` say where on the surface each texel lies."""
        self._count = vertex_count
        self.density = len(face) / vertex_count
        """Texels per vertex."""
        self._corners = faces.index_select(0, face)
        self._bary = bary
        pairs = edges(faces).cpu().numpy()
        adjacency = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (vertex_count, vertex_count))
        adjacency = adjacency + adjacency.T
        self._laplacian = sparse.diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency

    def continued(
        self,
        values: Float[Tensor, "T C"],
        evidence: Float[Tensor, " T"],
        *,
        stiffness: float,
        floor: float,
        rest: Float[np.ndarray, " C"],
    ) -> Float[Tensor, "T C"]:
        """The membrane at every texel."""
        corners = self._corners.cpu().numpy().ravel()
        share = (self._bary * evidence[:, None]).cpu().double().numpy()
        given = values.cpu().double().numpy()
        known = np.bincount(corners, weights=share.ravel(), minlength=self._count)
        solve = factorized((sparse.diags(known + floor) + stiffness * self._laplacian).tocsc())
        columns = []
        for channel in range(given.shape[1]):
            weights = (share * given[:, channel, None]).ravel()
            target = np.bincount(corners, weights=weights, minlength=self._count)
            columns.append(solve(target + floor * rest[channel]))
        at_vertices = torch.from_numpy(np.stack(columns, axis=1)).to(values)
        at_corners = at_vertices.index_select(0, self._corners.reshape(-1)).reshape(len(given), 3, -1)
        return (at_corners * self._bary[..., None]).sum(1)
