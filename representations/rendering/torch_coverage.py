"""`coverage` in plain torch, differentiated by autograd, on CPU and CUDA: the reference.

Where the compiled version walks along the outline, this one asks of every row that a segment crosses how much of each
pixel lies to the segment's right. If x runs linearly from l to h while the share dy of the row is passed, pixel c gets

    dy * mean of clamp(c + 1 - x, 0, 1) over [l, h]:

all of it while x < c, and c + 1 less the middle of the rest while x is inside the pixel.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .topology import Topology

Areas = Callable[[Tensor, Tensor, Tensor, int, tuple[int, int]], Tensor]


def coverage_torch(
    vertices_clip: Float[Tensor, "B V 4"],
    topology: Topology,
    size: tuple[int, int],
    near: float = 1e-3,
    areas: Areas | None = None,
) -> Float[Tensor, "B H W"]:
    """Share of each pixel that the mesh covers; see `coverage.coverage`. `areas`: `areas_torch` or another like it."""
    batch, (height, width) = vertices_clip.shape[0], size
    positions = vertices_clip.double()[..., [0, 1, 3]]
    ends, jump, layer, picture, double = _boundary(positions, topology, size, near)
    # Downward, so that a piece in a row has positive height.
    upward = ends[:, 1, 1] < ends[:, 0, 1]
    ends, jump = torch.where(upward[:, None, None], ends.flip(1), ends), torch.where(upward, -jump, jump)
    number = (areas or areas_torch)(ends, jump, picture * 2 + layer, 2 * batch, size)
    front, back = number.reshape(batch, 2, height, width).unbind(1)
    most = torch.where(double[:, None, None], torch.maximum(front, back), front)
    return most.clamp(0, 1).to(vertices_clip.dtype)


def areas_torch(ends: Tensor, jump: Tensor, block: Tensor, blocks: int, size: tuple[int, int]) -> Tensor:
    """Mean number of faces over each pixel of each block (blocks, H, W), from the outline.

    `ends` (n, 2, 2): segments from (column, row) downward; `jump` (n,): how much larger the number is on a segment's
    right; `block` (n,): whose outline it is. An exactly level segment covers nothing to its right and so gets no
    gradient here; its neighbours' ends get it, not shared between the two as it should be.
    """
    height, width = size
    piece, row = rows_crossed(ends.detach(), height)
    (xa, ya), (xb, yb) = ends[piece, 0].unbind(1), ends[piece, 1].unbind(1)
    begin, end = torch.maximum(ya, row.double()), torch.minimum(yb, row.double() + 1)
    slope = (xb - xa) / (yb - ya)
    x0, x1 = xa + (begin - ya) * slope, xa + (end - ya) * slope
    low, high = torch.minimum(x0, x1)[:, None], torch.maximum(x0, x1)[:, None]
    left = torch.arange(width, dtype=torch.float64, device=ends.device)
    enter, leave = torch.maximum(low, left), torch.minimum(high, left + 1)
    length = torch.where(high > low, high - low, 1.0)
    before = (torch.minimum(high, left) - low).clamp(min=0)
    slanted = (before + (leave - enter).clamp(min=0) * (left + 1 - 0.5 * (enter + leave))) / length
    share = torch.where(high > low, slanted, (left + 1 - low).clamp(0, 1))
    values = share * ((end - begin) * jump[piece])[:, None]
    number = torch.zeros((blocks * height, width), dtype=torch.float64, device=ends.device)
    return number.index_add(0, block[piece] * height + row, values).reshape(blocks, height, width)


def rows_crossed(ends: Tensor, height: int) -> tuple[Tensor, Tensor]:
    """Lists every segment (n, 2, 2), from its upper to its lower end, with every row of pixels it crosses: (m,)."""
    top, bottom = ends[:, 0, 1], ends[:, 1, 1]
    first = top.clamp(0, height).floor().long()
    count = torch.where(bottom > top, bottom.clamp(0, height).ceil().long() - first, 0).clamp(min=0)
    segment = torch.repeat_interleave(torch.arange(len(ends), device=ends.device), count)
    return segment, torch.arange(len(segment), device=ends.device) - (count.cumsum(0) - count)[segment] + first[segment]


def _boundary(
    positions: Tensor, topology: Topology, size: tuple[int, int], near: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Segments where the number of faces changes: ends (n, 2, 2) in pixels, jump, layer and picture (n,); and whether
    each picture needs both layers."""
    faces, edges = topology.faces.long(), topology.edges.long()
    behind = positions[..., 2] < near
    double = behind.any(dim=1) | (not topology.closed)
    a, b, c = (positions.index_select(1, faces[:, corner]) for corner in range(3))
    front = (a * torch.linalg.cross(b, c)).sum(dim=-1) > 0
    present = topology.edge_faces >= 0
    is_front = front[:, topology.edge_faces.clamp(min=0).long()]
    sides = topology.edge_sides.double()
    jumps = ((is_front & present) * sides).sum(-1), -((~is_front & present) * sides).sum(-1)
    ends, jump, layer, picture = [], [], [], []
    for index in range(2):
        which, edge = ((jumps[index] != 0) & (double[:, None] if index else True)).nonzero(as_tuple=True)
        first, second = edges[edge, 0], edges[edge, 1]
        some = ~(behind[which, first] & behind[which, second])
        which, edge, first, second = which[some], edge[some], first[some], second[some]
        forth = _place(positions, which, first, second, size, near)
        ends.append(torch.stack([forth, _place(positions, which, second, first, size, near)], dim=1))
        jump.append(jumps[index][which, edge])
        layer.append(torch.full_like(which, index))
        picture.append(which)
    corner_behind = behind[:, faces]
    which, face = (corner_behind.any(-1) & ~corner_behind.all(-1)).nonzero(as_tuple=True)
    following = corner_behind.roll(-1, dims=-1)
    # The cut runs from where the winding leaves the front to where it comes back.
    leave, enter = ((~corner_behind & following)[which, face], (corner_behind & ~following)[which, face])
    corner, back = leave.byte().argmax(-1), enter.byte().argmax(-1)
    out, into = faces[face, corner], faces[face, (corner + 1) % 3]
    came, home = faces[face, back], faces[face, (back + 1) % 3]
    cut = [_place(positions, which, into, out, size, near), _place(positions, which, came, home, size, near)]
    ends.append(torch.stack(cut, dim=1))
    is_front = front[which, face]
    jump.append(torch.where(is_front, 1.0, -1.0).double())
    layer.append((~is_front).long())
    picture.append(which)
    return torch.cat(ends), torch.cat(jump), torch.cat(layer), torch.cat(picture), double


def _place(positions: Tensor, picture: Tensor, at: Tensor, other: Tensor, size: tuple[int, int], near: float) -> Tensor:
    """Vertex `at` in pixels, or where the edge to `other` meets the near plane if it lies behind."""
    point, toward = positions[picture, at], positions[picture, other]
    behind = point[:, 2:] < near
    t = (toward[:, 2:] - near) / torch.where(behind, toward[:, 2:] - point[:, 2:], 1.0)
    point = torch.where(behind, toward + t * (point - toward), point)
    w = torch.where(behind[:, 0], near, point[:, 2])
    return torch.stack([(point[:, 0] / w + 1) * (0.5 * size[1]), (1 - point[:, 1] / w) * (0.5 * size[0])], dim=1)
