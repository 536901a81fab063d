"""Signed distances to triangle meshes: exact near the surface, on grids and at points, and their smooth union.

Grids are indexed [z, y, x]; negative is inside. Distance is exact within a band and clamped beyond it. The sign counts
windings along rays in x (inside where the count is not zero), so a mesh may overlap itself or be turned inside out.
Kernels are sequential within one mesh: the same bits on every run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

_Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Grid:
    """Values sampled on a regular lattice: point [z, y, x] lies at `low + spacing * (x, y, z)`."""

    values: _Array
    """(D, H, W) float64."""
    low: _Array
    """(3,) position of point [0, 0, 0]."""
    spacing: float


def mesh_distance(
    vertices: _Array, faces: _Array, low: _Array, spacing: float, shape: tuple[int, int, int], band: float
) -> tuple[_Array, _Array]:
    """Signed distance of a closed mesh on a grid of `shape` (D, H, W), clamped to +-`band`, and the closest face.

    `vertices` (V, 3) float64, `faces` (F, 3) int64. Returns float64 distances and int32 faces, -1 beyond the band.
    """
    squared = np.full(shape, band * band)
    nearest = np.full(shape, -1, np.int32)
    _splat(vertices, faces, low, spacing, band, squared, nearest)
    turns = np.zeros((shape[0], shape[1], shape[2] + 1), np.int32)
    _scan(vertices, faces, low, spacing, turns)
    inside = np.cumsum(turns[:, :, :-1], axis=2) != 0
    return np.where(inside, -1.0, 1.0) * np.sqrt(squared), nearest


def closest_points(
    points: _Array, vertices: _Array, faces: _Array, reach: float = math.inf
) -> tuple[_Array, _Array, _Array]:
    """For each of M points the closest face, barycentric coordinates (M, 3) there, and the unsigned distance.

    Exact. Points farther than `reach` from the mesh get face -1 and infinite distance.
    """
    centres = vertices[faces].mean(axis=1)
    radii = np.sqrt(((vertices[faces] - centres[:, None]) ** 2).sum(-1).max(axis=1))
    face = np.full(len(points), -1, np.int64)
    barycentric = np.zeros((len(points), 3))
    distance = np.full(len(points), np.inf)
    _query(points, vertices, faces, centres, radii, reach, face, barycentric, distance)
    return face, barycentric, distance


def smooth_normals(vertices: _Array, faces: _Array) -> _Array:
    """Unit vertex normals (V, 3), area-weighted."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(total, faces[:, corner], normal)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)


def sample_grid(grid: Grid, points: _Array) -> tuple[_Array, _Array]:
    """Trilinear values (M,) and gradients (M, 3) at points; those outside are moved to the grid's border."""
    value, gradient = np.empty(len(points)), np.empty((len(points), 3))
    _sample(grid.values, grid.low, grid.spacing, points, value, gradient)
    return value, gradient


@njit(cache=True)
def trilinear(values, low, spacing, x, y, z):
    """Value and gradient (v, gx, gy, gz) of a grid at one point; for use within other kernels."""
    depth, height, width = values.shape
    u = min(max((x - low[0]) / spacing, 0.0), width - 1.000001)
    v = min(max((y - low[1]) / spacing, 0.0), height - 1.000001)
    w = min(max((z - low[2]) / spacing, 0.0), depth - 1.000001)
    i, j, k = int(u), int(v), int(w)
    u, v, w = u - i, v - j, w - k
    a000, a001 = values[k, j, i], values[k, j, i + 1]
    a010, a011 = values[k, j + 1, i], values[k, j + 1, i + 1]
    a100, a101 = values[k + 1, j, i], values[k + 1, j, i + 1]
    a110, a111 = values[k + 1, j + 1, i], values[k + 1, j + 1, i + 1]
    b00, b01 = a000 + u * (a001 - a000), a010 + u * (a011 - a010)
    b10, b11 = a100 + u * (a101 - a100), a110 + u * (a111 - a110)
    c0, c1 = b00 + v * (b01 - b00), b10 + v * (b11 - b10)
    gx0 = (1 - v) * (a001 - a000) + v * (a011 - a010)
    gx1 = (1 - v) * (a101 - a100) + v * (a111 - a110)
    gx = (1 - w) * gx0 + w * gx1
    gy = (1 - w) * (b01 - b00) + w * (b11 - b10)
    return c0 + w * (c1 - c0), gx / spacing, gy / spacing, (c1 - c0) / spacing


@njit(cache=True)
def _sample(values, low, spacing, points, value, gradient):
    for m in range(points.shape[0]):
        v, gx, gy, gz = trilinear(values, low, spacing, points[m, 0], points[m, 1], points[m, 2])
        value[m] = v
        gradient[m, 0], gradient[m, 1], gradient[m, 2] = gx, gy, gz


@njit(cache=True)
def closest_on_triangle(px, py, pz, a, b, c):
    """Barycentric coordinates of the closest point and its squared distance, by Voronoi region of the triangle."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = px - a[0], py - a[1], pz - a[2]
    # With m = (ab.ab, ab.ac, ac.ac) and r = (ab.ap, ac.ap), all dot products at b and c follow from those at a.
    m00 = abx * abx + aby * aby + abz * abz
    m01 = abx * acx + aby * acy + abz * acz
    m11 = acx * acx + acy * acy + acz * acz
    r0 = abx * apx + aby * apy + abz * apz
    r1 = acx * apx + acy * apy + acz * apz
    v = w = 0.0
    determinant = m00 * m11 - m01 * m01
    s, t = m11 * r0 - m01 * r1, m00 * r1 - m01 * r0
    if determinant > 0 and s >= 0 and t >= 0 and s + t <= determinant:
        v, w = s / determinant, t / determinant
    else:
        # Outside the triangle (or on a degenerate one): the closest point lies on one of the edges.
        best = np.inf
        for edge in range(3):
            if edge == 0:
                q = min(max(r0 / m00, 0.0), 1.0) if m00 > 0 else 0.0
                ev, ew = q, 0.0
            elif edge == 1:
                q = min(max(r1 / m11, 0.0), 1.0) if m11 > 0 else 0.0
                ev, ew = 0.0, q
            else:
                length = m00 - 2 * m01 + m11
                q = min(max((r1 - m01 - r0 + m00) / length, 0.0), 1.0) if length > 0 else 0.0
                ev, ew = 1 - q, q
            x, y, z = apx - ev * abx - ew * acx, apy - ev * aby - ew * acy, apz - ev * abz - ew * acz
            square = x * x + y * y + z * z
            if square < best:
                best, v, w = square, ev, ew
    x, y, z = apx - v * abx - w * acx, apy - v * aby - w * acy, apz - v * abz - w * acz
    return max(1 - v - w, 0.0), v, w, x * x + y * y + z * z


@njit(cache=True)
def _splat(vertices, faces, low, spacing, band, squared, nearest):
    """Each face offers its distance to the grid points in its bounding box, widened by the band."""
    depth, height, width = squared.shape
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    limit = (width, height, depth)
    for f in range(faces.shape[0]):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        for k in range(3):
            first[k] = max(math.ceil((min(a[k], b[k], c[k]) - band - low[k]) / spacing), 0)
            last[k] = min(math.floor((max(a[k], b[k], c[k]) + band - low[k]) / spacing), limit[k] - 1)
        nx = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        ny = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        nz = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        squared_normal = nx * nx + ny * ny + nz * nz
        for k in range(first[2], last[2] + 1):
            z = low[2] + spacing * k
            for j in range(first[1], last[1] + 1):
                y = low[1] + spacing * j
                for i in range(first[0], last[0] + 1):
                    x = low[0] + spacing * i
                    height_over = nx * (x - a[0]) + ny * (y - a[1]) + nz * (z - a[2])
                    # The plane is a lower bound of the distance to the face.
                    if height_over * height_over >= squared[k, j, i] * squared_normal and squared_normal > 0:
                        continue
                    _, _, _, square = closest_on_triangle(x, y, z, a, b, c)
                    if square < squared[k, j, i]:
                        squared[k, j, i] = square
                        nearest[k, j, i] = f


@njit(cache=True)
def _side(y1, z1, y2, z2):
    """Which side of the directed line 1 -> 2 the origin is on, never 0: ties fall as if the origin moved a little in y,
    and infinitely less in z. Swapping the ends flips the answer exactly, so faces at an edge never count twice.
    """
    cross = y1 * z2 - y2 * z1
    if cross != 0:
        return 1 if cross > 0 else -1
    if z1 != z2:
        return 1 if z1 > z2 else -1
    if y1 != y2:
        return 1 if y2 > y1 else -1
    return 0


@njit(cache=True)
def _scan(vertices, faces, low, spacing, turns):
    """Marks, on every ray along x, the first grid point behind each face it crosses, +1 or -1 by orientation."""
    depth, height, last = turns.shape
    for f in range(faces.shape[0]):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        j0 = max(math.ceil((min(a[1], b[1], c[1]) - low[1]) / spacing), 0)
        j1 = min(math.floor((max(a[1], b[1], c[1]) - low[1]) / spacing), height - 1)
        k0 = max(math.ceil((min(a[2], b[2], c[2]) - low[2]) / spacing), 0)
        k1 = min(math.floor((max(a[2], b[2], c[2]) - low[2]) / spacing), depth - 1)
        for k in range(k0, k1 + 1):
            z = low[2] + spacing * k
            for j in range(j0, j1 + 1):
                y = low[1] + spacing * j
                ay, az, by, bz, cy, cz = a[1] - y, a[2] - z, b[1] - y, b[2] - z, c[1] - y, c[2] - z
                turn = _side(by, bz, cy, cz)
                if turn == 0 or _side(cy, cz, ay, az) != turn or _side(ay, az, by, bz) != turn:
                    continue
                wa, wb, wc = by * cz - cy * bz, cy * az - ay * cz, ay * bz - by * az
                total = wa + wb + wc
                if total == 0:
                    continue
                x = (wa * a[0] + wb * b[0] + wc * c[0]) / total
                i = min(max(math.ceil((x - low[0]) / spacing), 0), last - 1)
                turns[k, j, i] += turn


@njit(cache=True)
def _query(points, vertices, faces, centres, radii, reach, face, barycentric, distance):
    for m in range(points.shape[0]):
        x, y, z = points[m, 0], points[m, 1], points[m, 2]
        best, bound = reach * reach, reach
        for f in range(faces.shape[0]):
            dx, dy, dz = x - centres[f, 0], y - centres[f, 1], z - centres[f, 2]
            far = bound + radii[f]
            if dx * dx + dy * dy + dz * dz > far * far:
                continue
            u, v, w, square = closest_on_triangle(
                x, y, z, vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
            )
            if square < best or (face[m] < 0 and square <= best):
                best, bound = square, math.sqrt(square)
                face[m] = f
                barycentric[m, 0], barycentric[m, 1], barycentric[m, 2] = u, v, w
                distance[m] = bound
