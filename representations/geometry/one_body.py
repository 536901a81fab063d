"""From a distance field in several bodies to one in one: ties, cavities, crumbs.

Inside points are connected across grid cells' faces, outside points across faces and edges, as the contours of
`marching` have it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from .signed_distance import Grid

_Array = np.ndarray
_OUTSIDE_LINKS = ndimage.generate_binary_structure(3, 2)
# Loose bits below this share of the volume are removed, larger ones tied.
_CRUMB = 0.0005


def label(mask: _Array, structure: _Array | None = None) -> _Array:
    """Connected components (across faces unless told otherwise) from 1 on, 0 where the mask is not set."""
    return np.asarray(ndimage.label(mask, structure)[0])  # pyright: ignore[reportIndexIssue]


def tie_pieces(
    grid: Grid,
    vertices: _Array,
    pieces: Sequence[_Array],
    places: Sequence[tuple[tuple[slice, slice, slice], _Array, float] | None],
    links: Sequence[tuple[int, int]],
) -> tuple[tuple[int, int], ...]:
    """Joins the bodies in `grid` (in place) with capsules until all pieces are in one; returns the pairs it tied.

    `pieces` are faces over `vertices`; `places` say where in the grid each piece's own box is, which of its points are
    inside the piece, and the piece's radius (None for a piece outside the grid). `links` are tried first, in order.
    """
    labels = label(grid.values < 0)
    body: dict[int, int] = {}
    for index, place in enumerate(places):
        if place is not None and place[1].any():
            body[index] = int(np.bincount(labels[place[0]][place[1]]).argmax())
    bridges: list[tuple[int, int]] = []

    def tie(i: int, j: int) -> None:
        thinner = min(place[2] for place in (places[i], places[j]) if place is not None)
        radius = max(2 * grid.spacing, 0.4 * thinner)
        start, end = _nearest_vertices(vertices, pieces[i], pieces[j], grid.low)
        start = _inward(start, vertices[pieces[i]].mean(axis=(0, 1)), 2 * radius)
        end = _inward(end, vertices[pieces[j]].mean(axis=(0, 1)), 2 * radius)
        _add_capsule(grid, start, end, radius)
        bridges.append((i, j))
        old, new = body[i], body[j]
        for index, of in body.items():
            body[index] = new if of == old else of

    for i, j in links:
        if i in body and j in body and body[i] != body[j]:
            tie(i, j)
    while len(set(body.values())) > 1:
        main = max(set(body.values()), key=lambda value: (sum(of == value for of in body.values()), -value))
        inner = [i for i, of in body.items() if of == main]
        near = [(i, j) for i, of in body.items() if of != main for j in inner]
        ends = [_nearest_vertices(vertices, pieces[i], pieces[j], grid.low) for i, j in near]
        tie(*near[int(np.argmin([np.linalg.norm(start - end) for start, end in ends]))])
    return tuple(bridges)


def fill_cavities(values: _Array, half: bool) -> None:
    """Turns closed pockets of outside into inside, in place; with `half` the border x = 0 is no way out."""
    outside = label(values >= 0, _OUTSIDE_LINKS)
    border = [outside[0], outside[-1], outside[:, 0], outside[:, -1], outside[:, :, -1]]
    if not half:
        border.append(outside[:, :, 0])
    open_labels = np.unique(np.concatenate([face.reshape(-1) for face in border]))
    cavity = (outside > 0) & ~np.isin(outside, open_labels)
    values[cavity] = -np.maximum(values[cavity], 1e-12)


def gather_crumbs(grid: Grid) -> tuple[int, float]:
    """Ties loose bits to the main body and removes the smallest, in place.

    Returns the number of ties and the removed share of the volume. Raises ValueError where nothing is inside.
    """
    inside = label(grid.values < 0)
    sizes = np.bincount(inside.reshape(-1))[1:]
    if sizes.size == 0:
        raise ValueError("the union is empty: no grid point lies inside any piece; raise the resolution")
    main = 1 + int(sizes.argmax())
    loose = [k for k in range(1, len(sizes) + 1) if k != main and sizes[k - 1] >= _CRUMB * sizes.sum()]
    for k in loose:
        body, bit = (np.argwhere(inside == which)[:, ::-1] * grid.spacing + grid.low for which in (main, k))
        distance, index = KDTree(body).query(bit)
        near = int(np.argmin(distance))
        _add_capsule(grid, bit[near], body[np.asarray(index)[near]], 1.5 * grid.spacing)
    inside = label(grid.values < 0)
    sizes = np.bincount(inside.reshape(-1))[1:]
    crumb = (inside > 0) & (inside != 1 + int(sizes.argmax()))
    grid.values[crumb] = -grid.values[crumb]
    return len(loose), 1 - int(sizes.max()) / int(sizes.sum())


def _nearest_vertices(vertices: _Array, a: _Array, b: _Array, low: _Array) -> tuple[_Array, _Array]:
    """The two vertices of two pieces that are nearest to each other, on the grid's side of its lower x border."""
    first, second = vertices[np.unique(a)], vertices[np.unique(b)]
    first, second = first[first[:, 0] >= low[0]], second[second[:, 0] >= low[0]]
    distance, index = KDTree(second).query(first)
    best = int(np.argmin(distance))
    return first[best], second[np.asarray(index)[best]]


def _inward(point: _Array, centre: _Array, depth: float) -> _Array:
    way = centre - point
    return point + way * min(1.0, depth / max(float(np.linalg.norm(way)), 1e-12))


def _add_capsule(grid: Grid, start: _Array, end: _Array, radius: float) -> None:
    """Joins a capsule to the field, with a fillet as large as its radius."""
    reach, shape = 2.5 * radius + 2 * grid.spacing, grid.values.shape
    first = np.maximum(np.floor((np.minimum(start, end) - reach - grid.low) / grid.spacing).astype(int), 0)
    last = np.minimum(np.ceil((np.maximum(start, end) + reach - grid.low) / grid.spacing).astype(int) + 1, shape[::-1])
    x, y, z = (grid.low[k] + grid.spacing * np.arange(first[k], last[k]) for k in range(3))
    points = np.stack(np.meshgrid(z, y, x, indexing="ij")[::-1], axis=-1)
    way = end - start
    t = np.clip(((points - start) @ way) / max(float(way @ way), 1e-24), 0, 1)
    capsule = np.linalg.norm(points - start - t[..., None] * way, axis=-1) - radius
    box = grid.values[first[2] : last[2], first[1] : last[1], first[0] : last[0]]
    overlap = np.maximum(1 - np.abs(box - capsule) / radius, 0)
    box[...] = np.minimum(box, capsule) - radius * overlap**2 / 4
