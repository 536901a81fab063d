"""The signed distance of many overlapping pieces as one body, filleted where they meet at an angle.

Two distances a, b are joined by the quadratic smooth minimum

    min(a, b) - k max(1 - |a - b| / k, 0)^2 / 4,    k = k_0 sin^2(angle between the two surfaces' normals)

whose radius k shrinks with the angle (in the spirit of Gourmel et al. 2013, gradient-based blending): collinear pieces
of one limb join without a bulge, neighbouring legs that face each other stay apart, and a leg meets the trunk in a
fillet. k_0 is a share of the thinner piece's radius. The body is then made whole: pieces that touch nothing are tied
on with a capsule, cavities filled, crumbs removed, and everything that was done is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import ndimage
from skimage.measure import euler_number

from .one_body import fill_cavities, gather_crumbs, label, tie_pieces
from .signed_distance import Grid, closest_on_triangle, mesh_distance, smooth_normals

_Array = np.ndarray
_PIECE_CRUMB = 0.02
# Depth of the core in grid spacings: a limb whose radius is _CORE + 0.87 has grid points in its core all along.
_CORE = 0.8
# A piece counts as thickened when more than this share of its surface was moved.
_THIN_SHARE = 0.02
# Fillets are never wider than this share of the longest side; beyond it only the time grows.
_WIDEST = 0.04


@dataclass(frozen=True)
class SmoothUnion:
    """The joined body on a grid, and what had to be done to make it one."""

    grid: Grid
    bridges: tuple[tuple[int, int], ...]
    """Pairs of pieces that did not touch and were tied together with a capsule."""
    thickened: tuple[int, ...]
    """Pieces too thin for the grid in places, grown there by a spacing or two."""
    splints: int
    """Number of loose bits of a piece that were tied to the rest."""
    dropped: float
    """Share of the volume in crumbs that were left out, each below 0.05 %."""


@dataclass(frozen=True, eq=False)
class _Piece:
    faces: _Array
    normals: _Array
    radius: float
    """Mean radius, 2 volume / area (exact for a long cylinder)."""
    fillet: float
    """Widest fillet, k_0, this piece gives room for."""
    corner: tuple[int, int, int]
    """First grid point [z, y, x] of the piece's own box."""
    distance: _Array
    nearest: _Array

    @property
    def box(self) -> tuple[slice, slice, slice]:
        first, size = self.corner, self.distance.shape
        return (
            slice(first[0], first[0] + size[0]),
            slice(first[1], first[1] + size[1]),
            slice(first[2], first[2] + size[2]),
        )


def smooth_union(
    vertices: _Array,
    pieces: Sequence[_Array],
    *,
    blend: float = 0.8,
    resolution: int = 160,
    links: Sequence[tuple[int, int]] = (),
    half: bool = False,
) -> SmoothUnion:
    """Joins closed `pieces` ((F_i, 3) faces over shared `vertices` (V, 3)); `resolution` points on the longest side.

    `blend` is the fillet's k_0 in radii of the thinner piece; `links` names pairs (piece, parent) to tie where pieces
    stand apart, else the nearest are tied. `half` keeps x >= 0 only, with grid points on the plane x = 0. Raises
    ValueError for a piece without volume, and where half a body does not reach the plane.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    spacing = float((high - low).max()) / resolution
    low, high = low - 4 * spacing, high + 4 * spacing
    if half:
        low[0] = 0.0
    shape = np.ceil((high - low) / spacing).astype(int)[::-1] + 1
    out = np.full(shape, 4 * spacing)
    built: list[_Piece | None] = []
    thickened = []
    for index, faces in enumerate(pieces):
        piece = _build(vertices, faces, index, blend, _WIDEST * resolution * spacing, low, spacing, shape)
        if piece is not None:
            # Of a piece of the other half only a sliver may reach in here; its being in bits means nothing.
            ours = not half or vertices[faces, 0].mean() > -spacing
            if ours and _thicken(piece, spacing):
                thickened.append(index)
            np.minimum(out[piece.box], piece.distance, out=out[piece.box])
        built.append(piece)
    present = [piece for piece in built if piece is not None]
    for i, a in enumerate(present):
        for b in present[:i]:
            k = min(a.fillet, b.fillet)
            _blend_pair(
                out, k, low, spacing, vertices,
                a.faces, a.normals, np.array(a.corner), a.distance, a.nearest,
                b.faces, b.normals, np.array(b.corner), b.distance, b.nearest,
            )  # fmt: skip
    grid = Grid(out, low, spacing)
    bridges = tie_pieces(grid, vertices, pieces, [_place(piece) for piece in built], links)
    fill_cavities(out, half)
    splints, dropped = gather_crumbs(grid)
    if half and not (out[:, :, 0] < 0).any():
        raise ValueError("half of a symmetric body was asked for, but the pieces do not reach the plane x = 0")
    return SmoothUnion(grid, bridges, tuple(thickened), splints, dropped)


def _place(piece: _Piece | None) -> tuple[tuple[slice, slice, slice], _Array, float] | None:
    return None if piece is None else (piece.box, piece.distance < 0, piece.radius)


def _build(
    vertices: _Array,
    faces: _Array,
    index: int,
    blend: float,
    widest: float,
    low: _Array,
    spacing: float,
    shape: _Array,
) -> _Piece | None:
    """Distances in the piece's own box of the grid; None where it lies outside the grid."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area, volume = 0.5 * np.linalg.norm(normal, axis=1).sum(), (a * normal).sum() / 6
    if len(faces) == 0 or area == 0 or volume == 0:
        raise ValueError(f"piece {index} has {len(faces)} faces and volume 0; leave it out or give it a shape")
    if volume < 0:
        faces = faces[:, ::-1]
    radius = 2 * abs(volume) / area
    fillet = min(blend * radius, widest)
    band = max(1.25 * fillet, 2 * spacing) + 2 * spacing
    corners = vertices[np.unique(faces)]
    first = np.maximum(np.floor((corners.min(axis=0) - band - low) / spacing).astype(int), 0)[::-1]
    last = np.minimum(np.ceil((corners.max(axis=0) + band - low) / spacing).astype(int)[::-1] + 1, shape)
    if (last - first < 2).any():
        return None
    used, compact = np.unique(faces, return_inverse=True)
    normals = np.zeros_like(vertices)
    normals[used] = smooth_normals(vertices[used], compact.reshape(-1, 3))
    depth, height, width = (int(n) for n in last - first)
    distance, nearest = mesh_distance(
        vertices, faces, low + spacing * first[::-1], spacing, (depth, height, width), band
    )
    corner = (int(first[0]), int(first[1]), int(first[2]))
    return _Piece(np.ascontiguousarray(faces), normals, radius, fillet, corner, distance, nearest)


def _thicken(piece: _Piece, spacing: float) -> bool:
    """Grows a piece in place where it is too thin for the grid; returns whether it had to.

    Where the surface lies far from the core (the points a fair depth inside), it is moved out by up to one spacing, so
    that even a sheet without thickness becomes a plate two spacings thick. If the piece is still in parts or has holes
    (a solid ball has the Euler number 1, each hole takes one off), all of it grows by up to 1.5 spacings, the
    least that serves best.
    """
    core = piece.distance < -_CORE * spacing
    away = np.asarray(ndimage.distance_transform_edt(~core)) if core.any() else np.full(core.shape, np.inf)
    # The way from the core to the surface, in grid spacings: up to 2 where the piece is thick.
    ramp = np.clip(away - np.maximum(piece.distance, 0) / spacing - 2, 0, 1)
    growth = ndimage.gaussian_filter(ramp * ramp * (3 - 2 * ramp), 1.0)
    skin = np.abs(piece.distance) < spacing
    thin = bool((growth[skin] > 0.5).mean() > _THIN_SHARE) if skin.any() else True
    piece.distance[...] -= spacing * growth
    best, grown = np.inf, 0.0
    for steps in range(7):
        inside = piece.distance < 0.25 * steps * spacing
        sizes = np.bincount(label(inside).reshape(-1))[1:]
        if sizes.size == 0:
            continue
        crumbs = 1 - int(sizes.max()) / int(sizes.sum())
        fault = abs(int(np.asarray(euler_number(inside, connectivity=1))) - 1) if crumbs < _PIECE_CRUMB else np.inf
        if fault < best:
            best, grown = fault, 0.25 * steps * spacing
        if best == 0:
            break
    if best == np.inf:
        grown = 1.5 * spacing
    piece.distance[...] -= grown
    return thin or grown > 0


@njit(cache=True)
def _blend_pair(
    out, k, low, spacing, vertices,
    faces_a, normals_a, corner_a, distance_a, nearest_a,
    faces_b, normals_b, corner_b, distance_b, nearest_b,
):  # fmt: skip
    """Lowers `out` to the smooth minimum of two pieces where their boxes overlap."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        first[axis] = max(corner_a[axis], corner_b[axis])
        last[axis] = min(corner_a[axis] + distance_a.shape[axis], corner_b[axis] + distance_b.shape[axis])
    for z in range(first[0], last[0]):
        for y in range(first[1], last[1]):
            for x in range(first[2], last[2]):
                za, ya, xa = z - corner_a[0], y - corner_a[1], x - corner_a[2]
                zb, yb, xb = z - corner_b[0], y - corner_b[1], x - corner_b[2]
                a, b = distance_a[za, ya, xa], distance_b[zb, yb, xb]
                face_a, face_b = nearest_a[za, ya, xa], nearest_b[zb, yb, xb]
                if face_a < 0 or face_b < 0 or abs(a - b) >= k or min(a, b) - 0.25 * k >= out[z, y, x]:
                    continue
                px, py, pz = low[0] + spacing * x, low[1] + spacing * y, low[2] + spacing * z
                ax, ay, az = _normal_at(px, py, pz, vertices, faces_a, normals_a, face_a)
                bx, by, bz = _normal_at(px, py, pz, vertices, faces_b, normals_b, face_b)
                size = (ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz)
                dot = ax * bx + ay * by + az * bz
                radius = k * (1 - dot * dot / size) if size > 1e-20 else 0.0
                if radius > 1e-9:
                    overlap = max(1 - abs(a - b) / radius, 0.0)
                    out[z, y, x] = min(out[z, y, x], min(a, b) - 0.25 * radius * overlap * overlap)


@njit(cache=True)
def _normal_at(x, y, z, vertices, faces, normals, face):
    """Interpolated normal at the point of a face nearest to (x, y, z), not normalised."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    u, v, w, _ = closest_on_triangle(x, y, z, vertices[a], vertices[b], vertices[c])
    return (
        u * normals[a, 0] + v * normals[b, 0] + w * normals[c, 0],
        u * normals[a, 1] + v * normals[b, 1] + w * normals[c, 1],
        u * normals[a, 2] + v * normals[b, 2] + w * normals[c, 2],
    )
