"""Even triangles on a level set: marching cubes' mesh retold with edges of a wanted length.

Incremental remeshing (Botsch and Kobbelt 2004): split long edges, collapse short ones, flip to Delaunay, slide vertices
within the surface towards even spacing and put them back on the level set. The wanted length follows the radius of
curvature (thin limbs get shorter edges) within bounded ratios, and its scale is solved for the wanted number of faces.
The mesh stays closed and manifold throughout, or, for half of a mirror-symmetric subject, open in the plane x = 0.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy.spatial import KDTree

from .corner_table import (
    BORDER,
    FREE,
    GHOST,
    build,
    can_collapse,
    can_flip,
    collapse,
    flip,
    following,
    preceding,
    split,
    swing_corner,
)
from .signed_distance import Grid, sample_grid, trilinear

_Array = np.ndarray

# An equilateral triangle of side l has the area l^2 sqrt(3) / 4; edges settle between 4/5 and 4/3 of the wanted length.
_FACE_AREA = math.sqrt(3) / 4
_LONG, _SHORT = 4 / 3, 4 / 5
# They settle a little long: without this share there would be six in a hundred too few faces.
_SETTLING = 0.97
# From the small edges of marching cubes to the wanted ones in steps: one leap would leave uneven triangles.
_GROWTH = (0.5, 0.7, 0.85, 1.0, 1.0, 1.0, 1.0)


def remesh(
    vertices: _Array, faces: _Array, grid: Grid, target_faces: int, *, size_ratio: float = 3.0, half: bool = False
) -> tuple[_Array, _Array]:
    """Vertices (V, 3) and faces (F, 3) of about `target_faces` even triangles on the zero level of `grid`.

    `size_ratio` bounds how much longer the longest wanted edge is than the shortest. With `half` the mesh may be open
    along x = 0, where its border stays. Raises ValueError where the mesh is not manifold.
    """
    tree, wanted = KDTree(vertices), _wanted_lengths(vertices, faces, grid, target_faces, size_ratio)
    closed, kind, vertex_count = _close(faces, len(vertices)) if half else (faces, None, len(vertices))
    capacity = 2 * len(closed) + 1000
    corner_vertex, opposite, vertex_corner = build(closed, vertex_count, capacity)
    points = np.zeros((capacity, 3))
    points[: len(vertices)] = vertices
    kinds = np.zeros(capacity, np.int8)
    if kind is not None:
        kinds[:vertex_count] = kind
    counts = np.array([vertex_count, len(closed)])
    length = np.ones(capacity)
    length[: len(vertices)] = wanted
    table = (corner_vertex, opposite, vertex_corner)
    for growth in _GROWTH:
        _split_pass(points, length, kinds, *table, counts, growth)
        _collapse_pass(points, length, kinds, *table, counts, growth)
        for _ in range(2):
            _flip_pass(points, kinds, *table, counts)
            _relax_pass(points, length, kinds, *table, counts, grid.values, grid.low, grid.spacing)
        used = np.flatnonzero((vertex_corner[: counts[0]] >= 0) & (kinds[: counts[0]] != GHOST))
        length[used] = wanted[tree.query(points[used])[1]]
    alive = corner_vertex[: 3 * counts[1]].reshape(-1, 3)
    alive = alive[(alive[:, 0] >= 0) & (kinds[alive] != GHOST).all(axis=1)]
    used, compact = np.unique(alive, return_inverse=True)
    return points[used], compact.reshape(-1, 3)


def _wanted_lengths(vertices: _Array, faces: _Array, grid: Grid, target_faces: int, size_ratio: float) -> _Array:
    """Edge length at each vertex: square root of the radius of curvature, smoothed, scaled for the number of faces."""
    _, gradient = sample_grid(grid, vertices)
    normal = gradient / np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
    pairs = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1), axis=0)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    degree = np.bincount(both[:, 0], minlength=len(vertices))

    def smooth(values: _Array) -> _Array:
        total = np.stack([np.bincount(both[:, 0], column[both[:, 1]], len(vertices)) for column in values.T], axis=1)
        return 0.5 * values + 0.5 * total / np.maximum(degree, 1)[:, None]

    for _ in range(4):
        normal = smooth(normal)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    # Root mean square over the edges of (turn of the normal / length), twice: the mean over directions halves it.
    turn = ((normal[both[:, 0]] - normal[both[:, 1]]) ** 2).sum(1)
    square = np.maximum(((vertices[both[:, 0]] - vertices[both[:, 1]]) ** 2).sum(1), (0.1 * grid.spacing) ** 2)
    bend = np.bincount(both[:, 0], turn, len(vertices)) / np.bincount(both[:, 0], square, len(vertices))
    radius = 1 / np.sqrt(np.maximum(2 * bend, 1e-12))
    radius = np.exp(_repeat(smooth, np.log(radius)[:, None], 12)[:, 0])
    length = np.sqrt(radius)
    middle = np.median(length)
    length = np.clip(length, middle / math.sqrt(size_ratio), middle * math.sqrt(size_ratio))
    corners = vertices[faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    count = (area / (_FACE_AREA * length[faces].mean(axis=1) ** 2)).sum()
    return _SETTLING * length * math.sqrt(count / target_faces)


def _repeat(function, values: _Array, times: int) -> _Array:
    for _ in range(times):
        values = function(values)
    return values


def _close(faces: _Array, vertex_count: int) -> tuple[_Array, _Array, int]:
    """Closes every border loop with a ghost vertex. Returns faces, kinds and the number of vertices with ghosts."""
    start, end = faces.reshape(-1), faces[:, [1, 2, 0]].reshape(-1)
    key, twin = start * vertex_count + end, end * vertex_count + start
    open_edge = ~np.isin(key, twin)
    follow = dict(zip(start[open_edge].tolist(), end[open_edge].tolist(), strict=True))
    if len(follow) != int(open_edge.sum()):
        raise ValueError("two border loops of the mesh meet in one vertex, so it is not manifold")
    kind = np.full(vertex_count, FREE, np.int8)
    kind[list(follow)] = BORDER
    fans: list[tuple[int, int, int]] = []
    ghost = vertex_count
    while follow:
        first, current = follow.popitem()
        fans.append((ghost, current, first))
        while current != first:
            last, current = current, follow.pop(current)
            fans.append((ghost, current, last))
        ghost += 1
    kind = np.concatenate([kind, np.full(ghost - vertex_count, GHOST, np.int8)])
    return np.concatenate([faces, np.array(fans, np.int64).reshape(-1, 3)]), kind, ghost


@njit(cache=True)
def _distance(points, u, v):
    x, y, z = points[u, 0] - points[v, 0], points[u, 1] - points[v, 1], points[u, 2] - points[v, 2]
    return math.sqrt(x * x + y * y + z * z)


@njit(cache=True)
def _normal(points, a, b, c):
    ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
    vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx


@njit(cache=True)
def _ring_normal(points, kind, corner_vertex, opposite, vertex_corner, vertex):
    """Area-weighted normal of the faces around a vertex, not normalised."""
    first = vertex_corner[vertex]
    corner, x, y, z = first, 0.0, 0.0, 0.0
    while True:
        b, c = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
        if kind[b] != GHOST and kind[c] != GHOST:
            nx, ny, nz = _normal(points, vertex, b, c)
            x, y, z = x + nx, y + ny, z + nz
        corner = swing_corner(opposite, corner)
        if corner == first:
            return x, y, z


@njit(cache=True)
def _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, vertex, skip, nx, ny, nz):
    """Least cosine between unit (nx, ny, nz) and the faces around a vertex, those with vertex `skip` left out."""
    first = vertex_corner[vertex]
    corner, worst = first, 1.0
    while True:
        b, c = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
        if kind[b] != GHOST and kind[c] != GHOST and b != skip and c != skip:
            x, y, z = _normal(points, vertex, b, c)
            size = math.sqrt(x * x + y * y + z * z)
            worst = min(worst, (x * nx + y * ny + z * nz) / size if size > 1e-18 else -1.0)
        corner = swing_corner(opposite, corner)
        if corner == first:
            return worst


@njit(cache=True)
def _split_pass(points, length, kind, corner_vertex, opposite, vertex_corner, counts, scale):
    corner = 0
    while corner < 3 * counts[1]:
        across = opposite[corner]
        if corner_vertex[corner] >= 0 and corner < across and 3 * counts[1] + 6 <= corner_vertex.shape[0]:
            u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
            x, y = corner_vertex[corner], corner_vertex[across]
            on_border = kind[x] == GHOST or kind[y] == GHOST
            chord = on_border and (kind[x] == BORDER or kind[y] == BORDER)
            if kind[u] != GHOST and kind[v] != GHOST and not chord:
                wanted = 0.5 * scale * (length[u] + length[v])
                if _distance(points, u, v) > _LONG * wanted:
                    middle = counts[0]
                    for k in range(3):
                        points[middle, k] = 0.5 * (points[u, k] + points[v, k])
                    length[middle] = 0.5 * (length[u] + length[v])
                    kind[middle] = BORDER if on_border else FREE
                    split(corner_vertex, opposite, vertex_corner, corner, middle, counts[1])
                    counts[0] += 1
                    counts[1] += 2
                    continue
        corner += 1


@njit(cache=True)
def _collapse_pass(points, length, kind, corner_vertex, opposite, vertex_corner, counts, scale):
    for corner in range(3 * counts[1]):
        if corner_vertex[corner] < 0:
            continue
        u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
        if kind[u] == GHOST or kind[v] == GHOST:
            continue
        wanted = 0.5 * scale * (length[u] + length[v])
        if _distance(points, u, v) >= _SHORT * wanted:
            continue
        if not can_collapse(corner_vertex, opposite, vertex_corner, kind, corner):
            continue
        ux, uy, uz = _ring_normal(points, kind, corner_vertex, opposite, vertex_corner, u)
        vx, vy, vz = _ring_normal(points, kind, corner_vertex, opposite, vertex_corner, v)
        x, y, z = ux + vx, uy + vy, uz + vz
        size = math.sqrt(x * x + y * y + z * z)
        if size < 1e-18:
            continue
        x, y, z = x / size, y / size, z / size
        before = min(
            _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, u, v, x, y, z),
            _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, v, u, x, y, z),
        )
        u0, u1, u2 = points[u, 0], points[u, 1], points[u, 2]
        v0, v1, v2 = points[v, 0], points[v, 1], points[v, 2]
        if kind[u] == kind[v]:
            for k in range(3):
                points[v, k] = 0.5 * (points[u, k] + points[v, k])
        for k in range(3):
            points[u, k] = points[v, k]
        after = min(
            _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, u, v, x, y, z),
            _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, v, u, x, y, z),
        )
        reach = max(
            _reach(points, kind, corner_vertex, opposite, vertex_corner, u),
            _reach(points, kind, corner_vertex, opposite, vertex_corner, v),
        )
        if reach > _LONG * wanted or after < min(0.3, before):
            points[u, 0], points[u, 1], points[u, 2] = u0, u1, u2
            points[v, 0], points[v, 1], points[v, 2] = v0, v1, v2
            continue
        length[v] = 0.5 * (length[u] + length[v])
        collapse(corner_vertex, opposite, vertex_corner, corner)


@njit(cache=True)
def _reach(points, kind, corner_vertex, opposite, vertex_corner, vertex):
    """Length of the longest edge at a vertex."""
    first = vertex_corner[vertex]
    corner, longest = first, 0.0
    while True:
        w = corner_vertex[following(corner)]
        if kind[w] != GHOST:
            longest = max(longest, _distance(points, vertex, w))
        corner = swing_corner(opposite, corner)
        if corner == first:
            return longest


@njit(cache=True)
def _flip_pass(points, kind, corner_vertex, opposite, vertex_corner, counts):
    """Edges whose two facing angles exceed 180 degrees together are flipped where that folds nothing."""
    for corner in range(3 * counts[1]):
        if corner_vertex[corner] < 0 or opposite[corner] < corner:
            continue
        u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
        x, y = corner_vertex[corner], corner_vertex[opposite[corner]]
        if kind[u] == GHOST or kind[v] == GHOST or kind[x] == GHOST or kind[y] == GHOST:
            continue
        if _cotangent(points, x, u, v) + _cotangent(points, y, u, v) >= -1e-9:
            continue
        ax, ay, az = _normal(points, x, u, v)
        bx, by, bz = _normal(points, y, v, u)
        nx, ny, nz = ax + bx, ay + by, az + bz
        c, d = _cosine(*_normal(points, x, u, y), nx, ny, nz), _cosine(*_normal(points, y, v, x), nx, ny, nz)
        if min(c, d) > 0.5 and can_flip(corner_vertex, opposite, vertex_corner, kind, corner):
            flip(corner_vertex, opposite, vertex_corner, corner)


@njit(cache=True)
def _cosine(ax, ay, az, bx, by, bz):
    size = math.sqrt((ax * ax + ay * ay + az * az) * (bx * bx + by * by + bz * bz))
    return (ax * bx + ay * by + az * bz) / size if size > 0 else -1.0


@njit(cache=True)
def _cotangent(points, at, u, v):
    ax, ay, az = points[u, 0] - points[at, 0], points[u, 1] - points[at, 1], points[u, 2] - points[at, 2]
    bx, by, bz = points[v, 0] - points[at, 0], points[v, 1] - points[at, 1], points[v, 2] - points[at, 2]
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    return (ax * bx + ay * by + az * bz) / (math.sqrt(x * x + y * y + z * z) + 1e-30)


@njit(cache=True)
def _relax_pass(points, length, kind, corner_vertex, opposite, vertex_corner, counts, values, low, spacing):
    """Each vertex slides to its faces' mean centre, weighted by area over wanted area, then onto the surface."""
    for vertex in range(counts[0]):
        if vertex_corner[vertex] < 0 or kind[vertex] == GHOST:
            continue
        nx, ny, nz = _ring_normal(points, kind, corner_vertex, opposite, vertex_corner, vertex)
        if kind[vertex] == BORDER:
            nx = 0.0
        size = math.sqrt(nx * nx + ny * ny + nz * nz)
        if size < 1e-18:
            continue
        nx, ny, nz = nx / size, ny / size, nz / size
        before = _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, vertex, -1, nx, ny, nz)
        p0, p1, p2 = points[vertex, 0], points[vertex, 1], points[vertex, 2]
        mx, my, mz, total = 0.0, 0.0, 0.0, 0.0
        first = vertex_corner[vertex]
        corner = first
        while True:
            b, c = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
            if kind[b] != GHOST and kind[c] != GHOST:
                fx, fy, fz = _normal(points, vertex, b, c)
                mean = (length[vertex] + length[b] + length[c]) / 3
                weight = math.sqrt(fx * fx + fy * fy + fz * fz) / (mean * mean)
                mx += weight * (p0 + points[b, 0] + points[c, 0]) / 3
                my += weight * (p1 + points[b, 1] + points[c, 1]) / 3
                mz += weight * (p2 + points[b, 2] + points[c, 2]) / 3
                total += weight
            corner = swing_corner(opposite, corner)
            if corner == first:
                break
        sx, sy, sz = mx / total - p0, my / total - p1, mz / total - p2
        if kind[vertex] == BORDER:
            sx = 0.0
        along = sx * nx + sy * ny + sz * nz
        x, y, z = p0 + sx - along * nx, p1 + sy - along * ny, p2 + sz - along * nz
        for _ in range(2):
            d, gx, gy, gz = trilinear(values, low, spacing, x, y, z)
            if kind[vertex] == BORDER:
                gx = 0.0
            square = gx * gx + gy * gy + gz * gz
            if square > 0.01:
                step = min(max(d / square, -spacing), spacing)
                x, y, z = x - step * gx, y - step * gy, z - step * gz
        points[vertex, 0], points[vertex, 1], points[vertex, 2] = x, y, z
        after = _worst_turn(points, kind, corner_vertex, opposite, vertex_corner, vertex, -1, nx, ny, nz)
        if after < min(0.3, before):
            points[vertex, 0], points[vertex, 1], points[vertex, 2] = p0, p1, p2
