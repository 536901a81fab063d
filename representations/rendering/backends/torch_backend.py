"""Visibility in plain torch, on any device: the reference that every other backend is compared with.

The same arithmetic as `numba_backend`, in the same order and in float64, but on lists: every triangle is listed with
every pixel centre in its box, each pair is tested, and each pixel keeps the largest 1/w and then the lowest index.
Maxima and minima do not depend on order, so the result is reproducible on a GPU, too. Long lists are cut into chunks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

_TRIANGLES_AT_ONCE = 1 << 19
_PAIRS_AT_ONCE = 1 << 21


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    check_finite(vertices_clip)
    batch, (height, width) = vertices_clip.shape[0], size
    step = max(1, _TRIANGLES_AT_ONCE // faces.shape[0])
    owner = torch.full((batch, height * width), -1, dtype=torch.int32, device=vertices_clip.device)
    depth = torch.full((batch, height * width), torch.inf, dtype=vertices_clip.dtype, device=vertices_clip.device)
    for start in range(0, batch, step):
        corners, picture, face = visible_triangles(vertices_clip[start : start + step], faces, size, near, cull)
        nearest, index = _nearest(corners, picture, face, len(owner[start : start + step]), size)
        seen = nearest > 0
        owner[start : start + step] = torch.where(seen, index, -1).int()
        depth[start : start + step] = torch.where(seen, 1 / nearest, torch.inf).to(depth.dtype)
    return owner.reshape(batch, height, width), depth.reshape(batch, height, width)


def visible_triangles(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """What is in front of the near plane: corners (n, 3, 3) as (column, row, 1/w), picture (n,) and face (n,).

    A face that the plane cuts comes as one or two triangles, after all whole ones. With `cull` only those that wind
    counter-clockwise as seen.
    """
    corners, picture, face = _cut(vertices_clip.double(), faces.long(), size, near)
    if cull:
        x, y = corners[..., 0], corners[..., 1]
        area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
        kept = ~(area >= 0)
        corners, picture, face = corners[kept], picture[kept], face[kept]
    return corners, picture, face


def check_finite(vertices_clip: Tensor) -> None:
    """Raises ValueError naming the first vertex whose x, y or w is not finite."""
    finite = torch.isfinite(vertices_clip[..., [0, 1, 3]]).all(dim=-1)
    if not finite.all():
        picture, vertex = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"vertices_clip[{picture}, {vertex}] is {vertices_clip[picture, vertex].tolist()}; every number must be "
            "finite: look for a division by zero or a diverging step before rendering"
        )


def pixel_boxes(corners: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Pixels whose centres lie in each triangle's box: the first (n, 2) as (column, row), and the first beyond."""
    height, width = size
    low, high = corners[..., :2].amin(dim=1) - 0.5, corners[..., :2].amax(dim=1) - 0.5
    limit = torch.tensor([width, height], dtype=corners.dtype, device=corners.device)
    # A centre on the right or the lower border of the box cannot belong to the face, by the top-left rule.
    return low.clamp(min=0).ceil().minimum(limit).long(), high.clamp(min=-1).minimum(limit).ceil().long()


def in_chunks(count: Tensor, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Lists n things, `count` (n,) times each: which of them (m,), and the how-manieth time (m,), from 0.

    In pieces of at most `at_once` entries, or those of one thing if they are more.
    """
    total = count.cumsum(0)
    begin = 0
    while begin < len(count):
        done = int(total[begin - 1]) if begin else 0
        end = max(int(torch.searchsorted(total, done + at_once, right=True)), begin + 1)
        which = torch.repeat_interleave(torch.arange(begin, end, device=count.device), count[begin:end])
        yield which, torch.arange(len(which), device=count.device) + done - (total - count)[which]
        begin = end


def _cut(vertices: Tensor, faces: Tensor, size: tuple[int, int], near: float) -> tuple[Tensor, Tensor, Tensor]:
    x, y, w = vertices[:, :, 0], vertices[:, :, 1], vertices[:, :, 3]
    front = w >= near
    screen = _project(x, y, torch.where(front, w, 1.0), size)
    sides = front[:, faces]
    picture, face = sides.all(dim=-1).nonzero(as_tuple=True)
    corners = screen[picture[:, None], faces[face]]
    cut_picture, cut_face = (sides.any(dim=-1) & ~sides.all(dim=-1)).nonzero(as_tuple=True)
    if len(cut_face) == 0:
        return corners, picture, face
    # Around each face: a corner where it is in front, then the point where the side meets the plane, three times.
    points, valid = [], []
    for corner in range(3):
        a, b = faces[cut_face, corner], faces[cut_face, (corner + 1) % 3]
        points.append(screen[cut_picture, a])
        valid.append(front[cut_picture, a])
        m, n = torch.where(front[cut_picture, a], a, b), torch.where(front[cut_picture, a], b, a)
        (xm, ym, wm), (xn, yn, wn) = ([s[cut_picture, k] for s in (x, y, w)] for k in (m, n))
        crosses = front[cut_picture, a] != front[cut_picture, b]
        t = (wm - near) / torch.where(crosses, wm - wn, 1.0)
        points.append(_project(xm + t * (xn - xm), ym + t * (yn - ym), torch.full_like(xm, near), size))
        valid.append(crosses)
    polygon, present = torch.stack(points, dim=1), torch.stack(valid, dim=1)
    order = torch.argsort((~present).byte(), dim=1, stable=True)[:, :4]
    polygon = polygon.gather(1, order[..., None].expand(-1, -1, 3))
    square = present.sum(dim=1) == 4
    return (
        torch.cat([corners, polygon[:, [0, 1, 2]], polygon[square][:, [0, 2, 3]]]),
        torch.cat([picture, cut_picture, cut_picture[square]]),
        torch.cat([face, cut_face, cut_face[square]]),
    )


def _project(x: Tensor, y: Tensor, w: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    inverse = 1.0 / w
    return torch.stack([(x * inverse + 1.0) * (0.5 * width), (1.0 - y * inverse) * (0.5 * height), inverse], dim=-1)


def _nearest(
    corners: Tensor, picture: Tensor, face: Tensor, batch: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The largest 1/w at each pixel, 0 where there is none, and the lowest index of a face that has it."""
    height, width = size
    device = corners.device
    nearest = torch.zeros(batch * height * width, dtype=corners.dtype, device=device)
    owner = torch.full((batch * height * width,), torch.iinfo(torch.int64).max, device=device)
    first, last = pixel_boxes(corners, size)
    extent = (last - first).clamp(min=0)
    for rows, place in in_chunks(extent[:, 0] * extent[:, 1], _PAIRS_AT_ONCE):
        column, row = first[rows, 0] + place % extent[rows, 0], first[rows, 1] + place // extent[rows, 0]
        inside, inverse = _test(corners[rows], column + 0.5, row + 0.5)
        kept = inside.nonzero()[:, 0]
        rows, inverse = rows[kept], inverse[kept]
        pixel = (picture[rows] * height + row[kept]) * width + column[kept]
        before = nearest.clone()
        nearest = nearest.scatter_reduce(0, pixel, inverse, "amax")
        owner = torch.where(nearest > before, torch.iinfo(torch.int64).max, owner)
        wins = (inverse == nearest[pixel]) & (inverse > 0)
        owner = owner.scatter_reduce(0, pixel[wins], face[rows][wins], "amin")
    return nearest.reshape(batch, -1), owner.reshape(batch, -1)


def _test(corners: Tensor, column: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Whether each triangle (n, 3, 3) owns its pixel centre (n,), and the 1/w it has there."""
    x, y, z = corners.unbind(dim=-1)
    a, b = [x[:, k] - column for k in range(3)], [y[:, k] - row for k in range(3)]
    edge = [a[(k + 1) % 3] * b[(k + 2) % 3] - b[(k + 1) % 3] * a[(k + 2) % 3] for k in range(3)]
    least = torch.minimum(torch.minimum(edge[0], edge[1]), edge[2])
    most = torch.maximum(torch.maximum(edge[0], edge[1]), edge[2])
    inside = (least >= 0) | (most <= 0)
    turn = torch.where(least == 0, 1.0, -1.0).to(corners.dtype)
    for k in range(3):
        dx = turn * (x[:, (k + 2) % 3] - x[:, (k + 1) % 3])
        dy = turn * (y[:, (k + 2) % 3] - y[:, (k + 1) % 3])
        inside = inside & ((edge[k] != 0) | (dy < 0) | ((dy == 0) & (dx > 0)))
    total = edge[0] + edge[1] + edge[2]
    inverse = (edge[0] * z[:, 0] + edge[1] * z[:, 1] + edge[2] * z[:, 2]) / torch.where(total == 0, math.inf, total)
    return inside & (total != 0), inverse
