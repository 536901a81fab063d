"""Edits of a closed triangle mesh that keep it manifold: edge split, edge collapse, edge flip.

The mesh is a corner table (Rossignac 2001): corner 3 f + i is the i-th corner of face f, `corner_vertex` its vertex,
`opposite` the corner across the edge facing it, `vertex_corner` one corner of each vertex. A dead face has vertex -1.

A mesh that is open along a plane is closed by one ghost vertex per border loop, joined to all its border edges. The
ghost makes the border ordinary for topology; `kind` says which vertices are free (0), on the border (1), ghosts (2).
All functions are numba kernels for use inside other kernels.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FREE, BORDER, GHOST = 0, 1, 2


def build(faces: np.ndarray, vertex_count: int, capacity: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`corner_vertex`, `opposite` and `vertex_corner` of closed `faces`, with room for `capacity` faces.

    Raises ValueError where an edge does not have exactly two faces of consistent winding.
    """
    corner_vertex = np.full(3 * capacity, -1, np.int64)
    opposite = np.full(3 * capacity, -1, np.int64)
    vertex_corner = np.full(capacity, -1, np.int64)
    flat = faces.reshape(-1)
    corner_vertex[: flat.size] = flat
    start, end = faces[:, [1, 2, 0]].reshape(-1), faces[:, [2, 0, 1]].reshape(-1)
    key, twin = start * vertex_count + end, end * vertex_count + start
    order = np.argsort(key)
    ordered = key[order]
    place = np.minimum(np.searchsorted(ordered, twin), key.size - 1)
    bad = int((ordered[place] != twin).sum() + (ordered[1:] == ordered[:-1]).sum())
    if bad:
        raise ValueError(f"{bad} half-edges have no single twin: the mesh is not a closed, oriented manifold")
    opposite[: flat.size] = order[place]
    vertex_corner[flat[::-1]] = np.arange(flat.size)[::-1]
    return corner_vertex, opposite, vertex_corner


@njit(cache=True)
def following(corner):
    """The next corner of the same face, counter-clockwise."""
    return corner - 2 if corner % 3 == 2 else corner + 1


@njit(cache=True)
def preceding(corner):
    """The previous corner of the same face."""
    return corner + 2 if corner % 3 == 0 else corner - 1


@njit(cache=True)
def swing_corner(opposite, corner):
    """The corner of the same vertex in the next face around it, counter-clockwise."""
    return following(opposite[following(corner)])


@njit(cache=True)
def valence(opposite, vertex_corner, vertex):
    """Number of faces (and neighbours) of a vertex, ghosts counted."""
    first = vertex_corner[vertex]
    corner, count = swing_corner(opposite, first), 1
    while corner != first:
        corner, count = swing_corner(opposite, corner), count + 1
    return count


@njit(cache=True)
def adjacent(corner_vertex, opposite, vertex_corner, u, v):
    """Whether an edge joins u and v."""
    first = vertex_corner[u]
    corner = first
    while True:
        if corner_vertex[following(corner)] == v:
            return True
        corner = swing_corner(opposite, corner)
        if corner == first:
            return False


@njit(cache=True)
def can_collapse(corner_vertex, opposite, vertex_corner, kind, corner):
    """Whether merging u into v, the ends of the edge facing `corner`, keeps the mesh manifold and the border plain.

    The link condition (Dey et al. 1999): the only neighbours u and v share are the two facing the edge. Besides, no
    vertex may be left with fewer than three neighbours, a border vertex is never merged into a free one, and no inner
    edge may come to join two border vertices (its mirror image would coincide with it).
    """
    across = opposite[corner]
    u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
    x, y = corner_vertex[corner], corner_vertex[across]
    if kind[u] == GHOST or kind[v] == GHOST or x == y or kind[u] > kind[v]:
        return False
    if kind[u] == BORDER and kind[x] != GHOST and kind[y] != GHOST:
        return False
    if valence(opposite, vertex_corner, x) <= 3 or valence(opposite, vertex_corner, y) <= 3:
        return False
    first = vertex_corner[u]
    current = first
    while True:
        w = corner_vertex[following(current)]
        if w != v and w != x and w != y:
            if adjacent(corner_vertex, opposite, vertex_corner, v, w):
                return False
            if kind[u] == FREE and kind[v] == BORDER and kind[w] == BORDER:
                return False
        current = swing_corner(opposite, current)
        if current == first:
            return True


@njit(cache=True)
def collapse(corner_vertex, opposite, vertex_corner, corner):
    """Merges u into v, the ends following and preceding `corner`; ask `can_collapse` first."""
    across = opposite[corner]
    u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
    x, y = corner_vertex[corner], corner_vertex[across]
    first = vertex_corner[u]
    current = first
    while True:
        corner_vertex[current] = v
        current = swing_corner(opposite, current)
        if current == first:
            break
    a, b = opposite[following(corner)], opposite[preceding(corner)]
    c, d = opposite[following(across)], opposite[preceding(across)]
    opposite[a], opposite[b], opposite[c], opposite[d] = b, a, d, c
    vertex_corner[x], vertex_corner[v] = following(a), preceding(a)
    vertex_corner[y] = following(c)
    vertex_corner[u] = -1
    for dead in (corner, across):
        for k in range(3):
            corner_vertex[dead - dead % 3 + k] = -1


@njit(cache=True)
def can_flip(corner_vertex, opposite, vertex_corner, kind, corner):
    """Whether the edge facing `corner` may be replaced by the other diagonal of its two faces."""
    across = opposite[corner]
    u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
    x, y = corner_vertex[corner], corner_vertex[across]
    if kind[u] == GHOST or kind[v] == GHOST or kind[x] == GHOST or kind[y] == GHOST or x == y:
        return False
    if kind[x] == BORDER and kind[y] == BORDER:
        return False
    if valence(opposite, vertex_corner, u) <= 3 or valence(opposite, vertex_corner, v) <= 3:
        return False
    return not adjacent(corner_vertex, opposite, vertex_corner, x, y)


@njit(cache=True)
def flip(corner_vertex, opposite, vertex_corner, corner):
    """Replaces the edge facing `corner` by the one from `corner` to the corner across; ask `can_flip` first."""
    across = opposite[corner]
    at_u, at_v = following(corner), following(across)
    x, y = corner_vertex[corner], corner_vertex[across]
    b, d = opposite[at_u], opposite[at_v]
    # (x, u, v) -> (x, u, y) and (y, v, u) -> (y, v, x)
    corner_vertex[preceding(corner)] = y
    corner_vertex[preceding(across)] = x
    opposite[corner], opposite[d] = d, corner
    opposite[across], opposite[b] = b, across
    opposite[at_u], opposite[at_v] = at_v, at_u
    vertex_corner[x], vertex_corner[y] = corner, across
    vertex_corner[corner_vertex[at_u]], vertex_corner[corner_vertex[at_v]] = at_u, at_v


@njit(cache=True)
def split(corner_vertex, opposite, vertex_corner, corner, middle, first_face):
    """Puts vertex `middle` on the edge facing `corner`; the two new faces are `first_face` and the one after it."""
    across = opposite[corner]
    u, v = corner_vertex[following(corner)], corner_vertex[preceding(corner)]
    x, y = corner_vertex[corner], corner_vertex[across]
    b, d = opposite[following(corner)], opposite[following(across)]
    e, g = 3 * first_face, 3 * first_face + 3
    # (x, u, v) -> (x, u, m) and (x, m, v); (y, v, u) -> (y, v, m) and (y, m, u)
    corner_vertex[preceding(corner)] = middle
    corner_vertex[preceding(across)] = middle
    corner_vertex[e], corner_vertex[e + 1], corner_vertex[e + 2] = x, middle, v
    corner_vertex[g], corner_vertex[g + 1], corner_vertex[g + 2] = y, middle, u
    opposite[corner], opposite[g] = g, corner
    opposite[across], opposite[e] = e, across
    opposite[following(corner)], opposite[e + 2] = e + 2, following(corner)
    opposite[following(across)], opposite[g + 2] = g + 2, following(across)
    opposite[e + 1], opposite[b] = b, e + 1
    opposite[g + 1], opposite[d] = d, g + 1
    vertex_corner[middle] = e + 1
    vertex_corner[u], vertex_corner[v] = following(corner), following(across)
    vertex_corner[x], vertex_corner[y] = corner, across
