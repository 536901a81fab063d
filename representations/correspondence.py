"""Where each vertex of a united surface comes from: shares of pieces, and the nearest point on each of them.

The shares are the indicator of the nearest piece, diffused along the surface (never across a gap):

    (D + L) share = D indicator,    D = vertex area / (reach * radius of the piece)^2,    L the cotangent Laplacian

Without negative cotangents the matrix is an M-matrix whose rows sum to D: shares are non-negative and sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from .signed_distance import closest_points

_Array = np.ndarray
SOURCES = 4
"""Most pieces a vertex draws on."""
_LEAST_SHARE = 0.01
_ASYMMETRY = 1e-3


@dataclass(frozen=True)
class Pieces:
    """Closed pieces of one mesh: vertices (V_in, 3), faces (F_in, 3), the faces of each of the P pieces."""

    vertices: _Array
    faces: _Array
    face_index: Sequence[_Array]

    def radius(self, piece: int) -> float:
        """Mean radius, 2 volume / area."""
        a, b, c = (self.vertices[self.faces[self.face_index[piece], k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        return float(abs((a * normal).sum()) / 3 / (0.5 * np.linalg.norm(normal, axis=1).sum()))

    def closest(self, piece: int, points: _Array, reach: float = np.inf) -> tuple[_Array, _Array, _Array]:
        """Nearest face (of the whole mesh, -1 beyond `reach`), barycentric coordinates and distance for each point."""
        face, barycentric, distance = closest_points(points, self.vertices, self.faces[self.face_index[piece]], reach)
        return np.where(face >= 0, self.face_index[piece][face], -1), barycentric, distance


@dataclass(frozen=True)
class Sources:
    """For each of V points K sources, the largest share first."""

    share: _Array
    """(V, K), rows sum to one; unused columns are zero."""
    face: _Array
    """(V, K) faces of the pieces' mesh."""
    barycentric: _Array
    """(V, K, 3)"""


@dataclass(frozen=True)
class Twins:
    """The mirror image, in x -> -x, of every vertex, face and piece of a symmetric mesh."""

    vertex: _Array
    face: _Array
    piece: _Array


def find_sources(
    vertices: _Array,
    triangles: _Array,
    pieces: Pieces,
    reach: float,
    *,
    mirror: _Array | None = None,
    twins: Twins | None = None,
) -> Sources:
    """Sources of the vertices of a united surface; `reach` is the width of the passage in radii of the pieces.

    With `mirror` (index of each vertex's image) and `twins` the sources are mirror images of each other, too.
    """
    label, count = _nearest_piece(vertices, pieces), len(pieces.face_index)
    radii = np.array([pieces.radius(piece) for piece in range(count)])
    identity = np.eye(count)
    if mirror is None or twins is None:
        shares = _diffuse(vertices, triangles, identity[label], reach * radii[label])
        return _nearest_sources(vertices, pieces, shares)
    original = np.arange(len(mirror)) <= mirror
    label = np.where(original, label, twins.piece[label[mirror]])
    # On the mirror plane a vertex belongs to its piece and to the piece's image in equal parts.
    indicator = 0.5 * (identity[label] + identity[twins.piece[label[mirror]]])
    shares = _diffuse(vertices, triangles, indicator, reach * (indicator @ radii))
    shares = 0.5 * (shares + shares[mirror][:, twins.piece])
    half = _nearest_sources(vertices[original], pieces, shares[original])
    place = np.cumsum(original) - 1
    taken = place[np.where(original, np.arange(len(mirror)), mirror)]
    share, face, barycentric = half.share[taken], half.face[taken], half.barycentric[taken]
    image = twins.vertex[pieces.faces[face]]
    face = np.where(original[:, None], face, twins.face[face])
    # The image of a face lists its corners in another order.
    same = image[..., :, None] == pieces.faces[face][..., None, :]
    swapped = (barycentric[..., :, None] * same).sum(axis=-2)
    return Sources(share, face, np.where(original[:, None, None], barycentric, swapped))


def find_twins(pieces: Pieces) -> Twins:
    """Mirror images within a mesh; ValueError where it is not mirror symmetric to a thousandth of its size."""
    vertices, faces = pieces.vertices, pieces.faces
    size = float((vertices.max(axis=0) - vertices.min(axis=0)).max())
    members = [np.unique(faces[index]) for index in pieces.face_index]
    centres = np.array([vertices[member].mean(axis=0) for member in members])
    vertex, piece = np.full(len(vertices), -1), np.full(len(members), -1)
    flip = np.array([-1.0, 1.0, 1.0])
    for k, member in enumerate(members):
        twin = int(np.argmin(((centres[k] * flip - centres) ** 2).sum(axis=1)))
        distance, index = cKDTree(vertices[members[twin]]).query(vertices[member] * flip)
        if distance.max() > _ASYMMETRY * size or len(np.unique(index)) != len(members[twin]):
            raise ValueError(
                f"symmetric=True, but the mirror image of piece {k} is {distance.max() / size:.2%} of the subject's size "
                f"off the nearest piece ({_ASYMMETRY:.1%} at most); make the pieces symmetric or unite with symmetric=False"
            )
        vertex[member], piece[k] = members[twin][index], twin
    here, there = np.sort(faces, axis=1), np.sort(vertex[faces], axis=1)
    weight = np.array([len(vertices) ** 2, len(vertices), 1], dtype=np.int64)
    key, order = there @ weight, np.argsort(here @ weight)
    place = np.minimum(np.searchsorted((here @ weight)[order], key), len(faces) - 1)
    if ((here @ weight)[order][place] != key).any():
        raise ValueError("symmetric=True, but the faces of mirrored pieces differ; unite with symmetric=False")
    return Twins(vertex, order[place], piece)


def _nearest_piece(vertices: _Array, pieces: Pieces) -> _Array:
    label, best = np.full(len(vertices), -1), np.full(len(vertices), np.inf)
    for piece in range(len(pieces.face_index)):
        corners = pieces.vertices[pieces.faces[pieces.face_index[piece]]].reshape(-1, 3)
        margin = 0.5 * pieces.radius(piece)
        near = ((vertices > corners.min(axis=0) - margin) & (vertices < corners.max(axis=0) + margin)).all(axis=1)
        _, _, distance = pieces.closest(piece, vertices[near], margin)
        closer = np.flatnonzero(near)[distance < best[near]]
        label[closer], best[closer] = piece, distance[distance < best[near]]
    far = np.flatnonzero(label < 0)  # on a bridge between pieces
    if far.size:
        distances = [pieces.closest(piece, vertices[far])[2] for piece in range(len(pieces.face_index))]
        label[far] = np.argmin(distances, axis=0)
    return label


def _diffuse(vertices: _Array, triangles: _Array, values: _Array, width: _Array) -> _Array:
    """One implicit step of the heat equation on a triangle mesh, over `width` (V,) at each vertex."""
    count = len(vertices)
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    laplacian = sparse.csr_matrix((count, count))
    mass = np.zeros(count)
    for k in range(3):
        a, b = corners[:, (k + 1) % 3] - corners[:, k], corners[:, (k + 2) % 3] - corners[:, k]
        i, j = triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        half = 0.5 * (a * b).sum(axis=1) / np.maximum(area, 1e-20)
        laplacian = laplacian + sparse.coo_matrix((half, (i, j)), (count, count)).tocsr()
        mass += np.bincount(triangles[:, k], area / 6, count)
    laplacian = (laplacian + laplacian.T).maximum(0)
    mass = mass / width**2
    system = sparse.diags(mass + np.asarray(laplacian.sum(axis=1))[:, 0]) - laplacian
    return splu(system.tocsc()).solve(mass[:, None] * values)


def _nearest_sources(vertices: _Array, pieces: Pieces, shares: _Array) -> Sources:
    """The largest shares of each vertex and the nearest points on their pieces."""
    count = min(SOURCES, shares.shape[1])
    order = np.argsort(-shares, axis=1, kind="stable")[:, :count]
    share = np.take_along_axis(shares, order, axis=1)
    share = np.where(share < _LEAST_SHARE, 0, share)
    share /= share.sum(axis=1, keepdims=True)
    face = np.repeat(np.full((len(vertices), 1), -1), count, axis=1)
    barycentric = np.zeros((len(vertices), count, 3))
    for piece in range(shares.shape[1]):
        row, column = np.nonzero((order == piece) & (share > 0))
        if row.size:
            face[row, column], barycentric[row, column], _ = pieces.closest(piece, vertices[row])
    unused = face < 0
    face = np.where(unused, face[:, :1], face)
    barycentric = np.where(unused[..., None], barycentric[:, :1], barycentric)
    return Sources(share, face, barycentric)
