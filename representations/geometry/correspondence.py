"""Where each vertex of a united surface comes from: shares of pieces, and the nearest point on each of them.

The shares are the indicator of the nearest piece, diffused along the surface (never across a gap):

    (D + L) share' = D share,    D = vertex area / (reach * radius of the piece)^2,    L the cotangent Laplacian

(two such steps, since a single one leaves a kink at the border between pieces).
Without negative cotangents the matrix is an M-matrix whose rows sum to D: shares are non-negative and sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from .signed_distance import closest_points

_Array = np.ndarray
SOURCES = 6
"""Most pieces a vertex draws on; on the mirror plane a middle piece counts twice."""
_CANDIDATES = 8
_LEAST_SHARE = 0.01
_ASYMMETRY = 1e-3


@dataclass(frozen=True, eq=False)
class SurfacePieces:
    """Closed pieces of one mesh: vertices (V_in, 3), faces (F_in, 3), the faces of each of the P pieces."""

    vertices: _Array
    faces: _Array
    face_index: Sequence[_Array]

    @cached_property
    def piece_of_face(self) -> _Array:
        """(F_in,)"""
        piece = np.empty(len(self.faces), np.int64)
        for k, index in enumerate(self.face_index):
            piece[index] = k
        return piece

    def radius(self, piece: int) -> float:
        """Mean radius, 2 volume / area."""
        a, b, c = (self.vertices[self.faces[self.face_index[piece], k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        return float(abs((a * normal).sum()) / 3 / (0.5 * np.linalg.norm(normal, axis=1).sum()))

    def closest(self, piece: int, points: _Array, reach: float = np.inf) -> tuple[_Array, _Array, _Array]:
        """Nearest face (of the whole mesh, -1 beyond `reach`), barycentric coordinates and distance for each point."""
        face, barycentric, distance = closest_points(points, self.vertices, self.faces[self.face_index[piece]], reach)
        return np.where(face >= 0, self.face_index[piece][face], -1), barycentric, distance


@dataclass(frozen=True, eq=False)
class Sources:
    """For each of V points K sources, the largest share first."""

    share: _Array
    """(V, K), rows sum to one; unused columns are zero."""
    face: _Array
    """(V, K) faces of the pieces' mesh."""
    barycentric: _Array
    """(V, K, 3)"""

    def image(self, pieces: SurfacePieces, twins: Twins) -> Sources:
        """The mirror images of these sources."""
        face = twins.face[self.face]
        # The image of a face lists its corners in another order.
        same = twins.vertex[pieces.faces[self.face]][..., :, None] == pieces.faces[face][..., None, :]
        return Sources(self.share, face, (self.barycentric[..., :, None] * same).sum(axis=-2))

    def largest(self) -> Sources:
        """The K largest shares of each vertex, scaled up to one."""
        order = np.argsort(-self.share, axis=1, kind="stable")[:, :SOURCES]
        share = np.take_along_axis(self.share, order, axis=1)
        return Sources(
            share / share.sum(axis=1, keepdims=True),
            np.take_along_axis(self.face, order, axis=1),
            np.take_along_axis(self.barycentric, order[..., None], axis=1),
        )


@dataclass(frozen=True, eq=False)
class Twins:
    """The mirror image, in x -> -x, of every vertex, face and piece of a symmetric mesh."""

    vertex: _Array
    face: _Array
    piece: _Array


def find_sources(
    vertices: _Array,
    triangles: _Array,
    pieces: SurfacePieces,
    reach: float,
    *,
    mirror: _Array | None = None,
    twins: Twins | None = None,
) -> tuple[Sources, Diffusion]:
    """Sources of the vertices of a united surface; `reach` is the width of the passage in radii of the pieces.

    Also returns the diffusion that made the shares, for smoothing what was carried over. With `mirror` (index of each
    vertex's image) and `twins` the sources are mirror images of each other, too; but on the mirror plane, where a left
    piece and its right twin have equal shares, the left one comes first.
    """
    label, count = _nearest_piece(vertices, pieces), len(pieces.face_index)
    radii = np.array([pieces.radius(piece) for piece in range(count)])
    identity = np.eye(count)
    if mirror is None or twins is None:
        diffusion = Diffusion(vertices, triangles, reach * radii[label])
        shares = diffusion.step(diffusion.step(identity[label]))
        return _nearest_sources(vertices, pieces, shares).largest(), diffusion
    vertex_index = np.arange(len(mirror))
    original, middle = vertex_index <= mirror, vertex_index == mirror
    label = np.where(original, label, twins.piece[label[mirror]])
    # On the mirror plane a vertex belongs to its piece and to the piece's image in equal parts.
    indicator = 0.5 * (identity[label] + identity[twins.piece[label[mirror]]])
    diffusion = Diffusion(vertices, triangles, reach * (indicator @ radii))
    shares = diffusion.step(diffusion.step(indicator))
    shares = 0.5 * (shares + shares[mirror][:, twins.piece])
    half = _nearest_sources(vertices[original], pieces, shares[original])
    place = np.cumsum(original) - 1
    taken = place[np.where(original, vertex_index, mirror)]
    here = Sources(half.share[taken], half.face[taken], half.barycentric[taken])
    there = here.image(pieces, twins)
    # On the mirror plane a source and its image count the same. Pieces that come in twos are there twice already.
    alone = (twins.piece == np.arange(count))[pieces.piece_of_face[here.face]]
    halved = np.where(middle[:, None] & alone, 0.5 * here.share, here.share)
    merged = Sources(
        np.concatenate([halved, np.where(middle[:, None], here.share - halved, 0)], axis=1),
        np.concatenate([np.where(original[:, None], here.face, there.face), there.face], axis=1),
        np.concatenate(
            [np.where(original[:, None, None], here.barycentric, there.barycentric), there.barycentric], axis=1
        ),
    )
    return merged.largest(), diffusion


def find_twins(pieces: SurfacePieces) -> Twins:
    """Mirror images within a mesh; ValueError where it is not mirror symmetric to a thousandth of its size."""
    vertices, faces = pieces.vertices, pieces.faces
    size = float((vertices.max(axis=0) - vertices.min(axis=0)).max())
    members = [np.unique(faces[index]) for index in pieces.face_index]
    centres = np.array([vertices[member].mean(axis=0) for member in members])
    vertex, piece = np.full(len(vertices), -1), np.full(len(members), -1)
    flip = np.array([-1.0, 1.0, 1.0])
    for k, member in enumerate(members):
        twin = int(np.argmin(((centres[k] * flip - centres) ** 2).sum(axis=1)))
        distance, index = KDTree(vertices[members[twin]]).query(vertices[member] * flip)
        if distance.max() > _ASYMMETRY * size or len(np.unique(index)) != len(members[twin]):
            raise ValueError(
                f"symmetric=True, but the mirror image of piece {k} is {distance.max() / size:.2%} of the subject's "
                f"size off the nearest piece ({_ASYMMETRY:.1%} at most); make the pieces symmetric or unite with "
                "symmetric=False"
            )
        vertex[member], piece[k] = members[twin][index], twin
    here, there = np.sort(faces, axis=1), np.sort(vertex[faces], axis=1)
    weight = np.array([len(vertices) ** 2, len(vertices), 1], dtype=np.int64)
    key, order = there @ weight, np.argsort(here @ weight)
    place = np.minimum(np.searchsorted((here @ weight)[order], key), len(faces) - 1)
    if ((here @ weight)[order][place] != key).any():
        raise ValueError("symmetric=True, but the faces of mirrored pieces differ; unite with symmetric=False")
    return Twins(vertex, order[place], piece)


def _nearest_piece(vertices: _Array, pieces: SurfacePieces) -> _Array:
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


class Diffusion:
    """Implicit steps of the heat equation on a triangle mesh, each over `width` (V,) at each vertex."""

    def __init__(self, vertices: _Array, triangles: _Array, width: _Array) -> None:
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
        # Narrower than the mesh's own edges (the square root of twice the area or so) nothing would be smooth.
        self._mass = (mass / np.maximum(width**2, 2 * mass))[:, None]
        system = sparse.diags(self._mass[:, 0] + np.asarray(laplacian.sum(axis=1))[:, 0]) - laplacian
        self._solver = splu(system.tocsc())

    def step(self, values: _Array) -> _Array:
        """Values (V, C) after one step: weighted means, so rows that sum to one still do."""
        return self._solver.solve(self._mass * values)


def _nearest_sources(vertices: _Array, pieces: SurfacePieces, shares: _Array) -> Sources:
    """The largest shares of each vertex and the nearest points on their pieces."""
    shares = np.pad(shares, ((0, 0), (0, max(0, _CANDIDATES - shares.shape[1]))))
    order = np.argsort(-shares, axis=1, kind="stable")[:, :_CANDIDATES]
    share = np.take_along_axis(shares, order, axis=1)
    share = np.where(share < _LEAST_SHARE, 0, share)
    share /= share.sum(axis=1, keepdims=True)
    face = np.full((len(vertices), _CANDIDATES), -1)
    barycentric = np.zeros((len(vertices), _CANDIDATES, 3))
    for piece in range(len(pieces.face_index)):
        row, column = np.nonzero((order == piece) & (share > 0))
        if row.size:
            face[row, column], barycentric[row, column], _ = pieces.closest(piece, vertices[row])
    unused = face < 0
    face = np.where(unused, face[:, :1], face)
    barycentric = np.where(unused[..., None], barycentric[:, :1], barycentric)
    return Sources(share, face, barycentric)
