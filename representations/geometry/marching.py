"""Marching cubes whose every vertex sits on a known grid edge, so that positions are differentiable in the grid.

A vertex on the edge between grid points a and b, one inside and one outside, lies at

    p = p_a + t (p_b - p_a),    t = v_a / (v_a - v_b)                       (Lorensen and Cline 1987)

The case table is built here from one rule instead of being written down: on each face of a cube, inside corners that
touch only across a diagonal stay apart. Both cubes at a face apply the rule to the same four signs, so their contours
meet and the surface is closed and manifold by construction; contours are cut into triangles without diagonals that
lie in a cube's face, so no edge ever has more than two triangles either. (scikit-image's extraction resolves ambiguous
cubes with vertices inside the cube and keeps no record of edges; both rule it out for gradients.)
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..tensor_structure import TensorStructure

# Corner c of a cube is offset by bit 0 of c along x, bit 1 along y, bit 2 along z; an edge joins corners one bit apart.
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1]
_EDGE_INDEX = {edge: k for k, edge in enumerate(_EDGES)}


class Isosurface(TensorStructure):
    """Topology of a zero level set: each vertex is the crossing of one grid edge."""

    edges: Int[Tensor, "V 2"]
    """Flat indices of the two grid points of each vertex's edge; the first is inside (negative)."""
    faces: Int[Tensor, "F 3"]
    """Vertex indices, counter-clockwise seen from outside (where values are positive)."""


def isosurface(values: Float[Tensor, "D H W"]) -> Isosurface:
    """The zero level set of a grid indexed [z, y, x], negative inside; open where it runs into the grid's border.

    Zero counts as outside. Raises ValueError for values that are not finite.

    >>> ball = torch.linspace(-1, 1, 9) ** 2
    >>> surface = isosurface((ball[:, None, None] + ball[:, None] + ball).sqrt() - 0.7)
    >>> surface.edges.shape[0] - surface.faces.shape[0] // 2  # Euler number of a sphere
    2
    """
    grid = values.detach().cpu().numpy()
    if not np.isfinite(grid).all():
        bad = int((~np.isfinite(grid)).sum())
        raise ValueError(f"{bad} of {grid.size} grid values are not finite; look for the step that made them so")
    inside = grid < 0
    depth, height, width = grid.shape
    strides = (1, width, width * height)

    # Every grid point owns the edges towards +x, +y and +z; a slot per owned edge holds the vertex on it.
    slots = np.full((3, grid.size), -1, np.int64)
    ends = []
    vertex_count = 0
    flat = np.arange(grid.size).reshape(grid.shape)
    for axis, stride in enumerate(strides):
        before = tuple(slice(None, -1) if k == 2 - axis else slice(None) for k in range(3))
        after = tuple(slice(1, None) if k == 2 - axis else slice(None) for k in range(3))
        start = flat[before][inside[before] != inside[after]]
        slots[axis, start] = vertex_count + np.arange(start.size)
        vertex_count += start.size
        start_inside = inside.reshape(-1)[start]
        ends.append(np.stack([start + stride * ~start_inside, start + stride * start_inside], axis=1))

    case = np.zeros((depth - 1, height - 1, width - 1), np.int64)
    for corner in range(8):
        dx, dy, dz = corner & 1, corner >> 1 & 1, corner >> 2
        case |= inside[dz : depth - 1 + dz, dy : height - 1 + dy, dx : width - 1 + dx].astype(np.int64) << corner
    base = flat[:-1, :-1, :-1][(case > 0) & (case < 255)]
    triangles = _table()[case[(case > 0) & (case < 255)]]
    base = np.broadcast_to(base[:, None], triangles.shape[:2])[triangles[..., 0] >= 0]
    corners = triangles[triangles[..., 0] >= 0]
    axis_of = np.array([(a ^ b).bit_length() - 1 for a, b in _EDGES])
    offset_of = np.array([sum(strides[k] for k in range(3) if a >> k & 1) for a, _ in _EDGES])
    faces = slots[axis_of[corners], base[:, None] + offset_of[corners]]
    return Isosurface(
        edges=torch.from_numpy(np.concatenate(ends)).to(values.device),
        faces=torch.from_numpy(faces.astype(np.int64)).to(values.device),
    )


def crossings(
    values: Float[Tensor, "D H W"],
    edges: Int[Tensor, "V 2"],
    low: Float[Tensor, " 3"],
    spacing: Float[Tensor, ""] | float,
) -> Float[Tensor, "V 3"]:
    """Positions (x, y, z) of the zero crossings on grid edges, differentiable in `values`; `low` is grid point [0,0,0].

    Where an edge no longer brackets zero (topology kept while values moved on) the vertex rests, without gradient, on
    the end whose value is nearer zero.
    """
    height, width = values.shape[1:]
    flat = values.reshape(-1)
    a, b = flat.index_select(0, edges[:, 0]), flat.index_select(0, edges[:, 1])
    bracketed = (a < 0) != (b < 0)
    t = torch.where(bracketed, a / torch.where(bracketed, a - b, torch.ones_like(a)), (b.abs() < a.abs()).to(a.dtype))
    index = torch.stack([edges % width, edges // width % height, edges // (width * height)], dim=-1).to(values.dtype)
    return low + spacing * (index[:, 0] + t[:, None] * (index[:, 1] - index[:, 0]))


@cache
def _table() -> np.ndarray:
    """(256, 5, 3) edges of up to five triangles for each set of inside corners, padded with -1."""
    rings = _face_rings()
    coplanar = np.zeros((12, 12), bool)
    for ring in rings:
        for a in _ring_edges(ring):
            coplanar[a, _ring_edges(ring)] = True
    table = np.full((256, 5, 3), -1, np.int64)
    for case in range(1, 255):
        triangles: list[tuple[int, int, int]] = []
        for contour in _contours(case, rings):
            cut = _triangulate(contour, coplanar)
            assert cut is not None  # holds for all 254 cases
            triangles += cut
        table[case, : len(triangles)] = triangles
    return table


def _face_rings() -> list[list[int]]:
    """The corners of each of the cube's six faces, counter-clockwise seen from outside the cube."""
    rings = []
    for axis in range(3):
        u, v = 1 << (axis + 1) % 3, 1 << (axis + 2) % 3
        ring = [0, u, u | v, v]
        rings += [ring[::-1], [corner | 1 << axis for corner in ring]]
    return rings


def _ring_edges(ring: list[int]) -> list[int]:
    return [_EDGE_INDEX[min(pair), max(pair)] for pair in zip(ring, ring[1:] + ring[:1], strict=True)]


def _contours(case: int, rings: list[list[int]]) -> list[list[int]]:
    """Closed loops of cut edges. On every face each run of inside corners is cut off by itself."""
    follow: dict[int, int] = {}
    for ring in rings:
        ring_edges = _ring_edges(ring)
        inside = [case >> corner & 1 for corner in ring]
        for k in range(4):
            if inside[k] and not inside[k - 1]:  # a run begins at k; it is entered through edge k-1
                last = next(step for step in range(k, k + 4) if not inside[(step + 1) % 4])
                follow[ring_edges[k - 1]] = ring_edges[last % 4]
    loops = []
    while follow:
        edge, target = follow.popitem()
        loop = [edge]
        while target != edge:
            loop.append(target)
            target = follow.pop(target)
        loops.append(loop)
    return loops


def _triangulate(loop: list[int], coplanar: np.ndarray) -> list[tuple[int, int, int]] | None:
    """Triangles of a polygon without diagonals between two edges of one cube face; None if there are none."""
    if len(loop) < 3:
        return []
    last = len(loop) - 1
    for k in range(1, last):
        if (k > 1 and coplanar[loop[0], loop[k]]) or (k < last - 1 and coplanar[loop[k], loop[last]]):
            continue
        left, right = _triangulate(loop[: k + 1], coplanar), _triangulate(loop[k:], coplanar)
        if left is not None and right is not None:
            return [(loop[0], loop[k], loop[last]), *left, *right]
    return None
