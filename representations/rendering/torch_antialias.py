"""`antialias` in plain torch, differentiated by autograd, on CPU and CUDA: the reference."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .fragments import Fragments
from .topology import Topology


def antialias_torch(
    picture: Float[Tensor, "B H W C"],
    fragments: Fragments,
    vertices_clip: Float[Tensor, "B V 4"],
    topology: Topology,
    near: float = 1e-3,
) -> Float[Tensor, "B H W C"]:
    """The picture with blended silhouettes; see `antialias.antialias`."""
    batch, height, width, channels = picture.shape
    pixels = height * width
    positions = _pixels(vertices_clip, (height, width))
    with torch.no_grad():
        which, edge, inner, outer, upright = _crossings(positions, fragments, topology, near)
    # Where the edge's line meets the line of pixel centres, about the inner pixel: with gradient.
    column, row = (inner % width + 0.5).to(positions.dtype), (inner // width + 0.5).to(positions.dtype)
    (xa, ya, wa), (xb, yb, wb) = (positions[which, topology.edges[edge, end].long()].unbind(-1) for end in range(2))
    xa, ya, xb, yb = xa - column * wa, ya - row * wa, xb - column * wb, yb - row * wb
    slope = torch.where(upright, ya * wb - wa * yb, wa * xb - xa * wb)
    t = (ya * xb - xa * yb) / slope * torch.where(outer > inner, 1.0, -1.0)
    receives = t.detach() < 0.5
    weight = torch.where(receives, 0.5 - t, t - 0.5)
    receiver = which * pixels + torch.where(receives, inner, outer)
    giver = which * pixels + torch.where(receives, outer, inner)
    sums = positions.new_zeros((batch * pixels, 2)).reshape(-1)
    sums = sums.index_add(0, receiver * 2 + (~upright).long(), weight).reshape(-1, 2)
    both = sums.sum(dim=1)
    damping = 1 - sums[:, 0] * sums[:, 1] / torch.where(both > 0, both, 1.0)
    weight = (weight * damping[receiver]).to(picture.dtype)[:, None]
    flat = picture.reshape(-1, channels)
    change = weight * (flat.index_select(0, giver) - flat.index_select(0, receiver))
    return flat.index_add(0, receiver, change).reshape(picture.shape)


def _pixels(vertices_clip: Tensor, size: tuple[int, int]) -> Tensor:
    """Homogeneous pixels (column w, row w, w) in float64."""
    x, y, _, w = vertices_clip.double().unbind(-1)
    return torch.stack([(x + w) * (0.5 * size[1]), (w - y) * (0.5 * size[0]), w], dim=-1)


def _crossings(
    positions: Tensor, fragments: Fragments, topology: Topology, near: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Pairs of pixels and the edge that parts them: picture, edge, inner and outer pixel, side by side or not; (n,)."""
    height, width = fragments.size
    pixels, device = height * width, positions.device
    faces, edge_faces = topology.faces.long(), topology.edge_faces.long()
    a, b, c = (positions.index_select(1, faces[:, corner]) for corner in range(3))
    # Rows grow downward, which turns the sign of the determinant.
    front = torch.where((a * torch.linalg.cross(b, c)).sum(-1) < 0, 1, -1)
    side = front[:, edge_faces.clamp(min=0)] * topology.edge_sides
    agrees = (side == side[..., :1]) | (edge_faces < 0)
    visible = (positions[..., 2][:, topology.edges.long()] >= near).any(dim=-1)
    which, edge = (agrees.all(dim=-1) & visible).nonzero(as_tuple=True)
    side = side[which, edge, 0]
    start, end = positions[which, topology.edges[edge, 0].long()], positions[which, topology.edges[edge, 1].long()]
    start, end = _cut(start, end, near), _cut(end, start, near)
    (xa, ya, wa), (xb, yb, wb) = start.unbind(-1), end.unbind(-1)
    xa, ya, xb, yb = xa / wa, ya / wa, xb / wb, yb / wb
    upright = (yb - ya).abs() >= (xb - xa).abs()
    along_a, along_b = torch.where(upright, ya, xa), torch.where(upright, yb, xb)
    across_a, across_b = torch.where(upright, xa, ya), torch.where(upright, xb, yb)
    lines, places = torch.where(upright, height, width), torch.where(upright, width, height)
    before = torch.where(upright, (side > 0) == (ya > yb), (side > 0) == (xb > xa))
    low, high = torch.minimum(along_a, along_b), torch.maximum(along_a, along_b).minimum(lines.double())
    first = (low - 0.5).ceil().clamp(min=0).minimum(lines.double()).long()
    count = ((high - 0.5).ceil().long() - first).clamp(min=0)
    item = torch.repeat_interleave(torch.arange(len(which), device=device), count)
    line = torch.arange(len(item), device=device) - (count.cumsum(0) - count)[item] + first[item]
    s = (line + 0.5 - along_a[item]) / (along_b - along_a)[item]
    place = across_a[item] + s * (across_b - across_a)[item] - 0.5
    kept = ((place >= 0) & (place < places[item] - 1)).nonzero()[:, 0]
    item, line, s, place = item[kept], line[kept], s[kept], place[kept]
    which, edge, upright, before = which[item], edge[item], upright[item], before[item]
    distance = 1 / ((1 - s) / wa[item] + s / wb[item])
    cell = place.floor().long()
    pixel = torch.where(upright, line * width + cell, cell * width + line)
    other = pixel + torch.where(upright, 1, width)
    inner, outer = torch.where(before, pixel, other), torch.where(before, other, pixel)
    t = torch.where(before, place - cell, 1.0 - (place - cell))

    seen, far = fragments.face.reshape(-1, pixels).long(), fragments.depth.reshape(-1, pixels).double()
    face_in, face_out, far_in = seen[which, inner], seen[which, outer], far[which, inner]
    parts = (face_in >= 0) & (face_in != face_out) & (far[which, outer] > distance * (1 + 1e-6))
    parts &= ~(edge_faces[edge] == torch.where(face_out < 0, -2, face_out)[:, None]).any(dim=1)
    own = (edge_faces[edge] == face_in[:, None]).any(dim=1) | (far_in <= distance * (1 + 1e-6))
    # Inverse distance of the edge's faces in the inner pixel, by their planes.
    centre = torch.stack([inner % width + 0.5, inner // width + 0.5], dim=1).to(positions.dtype)[:, None, None]
    corners = positions[which[:, None, None], faces[edge_faces[edge].clamp(min=0)]]
    shifted = torch.cat([corners[..., :2] - centre * corners[..., 2:], corners[..., 2:]], dim=-1)
    p, q, r = shifted.unbind(dim=-2)
    edges = [u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0] for u, v in ((q, r), (r, p), (p, q))]
    determinant = edges[0] * p[..., 2] + edges[1] * q[..., 2] + edges[2] * r[..., 2]
    usable = (determinant != 0) & (edge_faces[edge] >= 0)
    inverse = (edges[0] + edges[1] + edges[2]) / torch.where(usable, determinant, 1.0)
    nearest = torch.where(usable, inverse, -torch.inf).amax(dim=1)
    recedes = (nearest > -torch.inf) & (nearest * torch.where(face_in < 0, 0.0, far_in) <= 1 + 1e-3)
    parts &= own | recedes

    # Of several edges between two pixels the outermost, and of equal ones the first.
    slot = (which * pixels + pixel) * 2 + (~upright).long()
    most = torch.full((len(seen) * pixels * 2,), -1.0, dtype=t.dtype, device=device)
    most = most.scatter_reduce(0, slot[parts], t[parts], "amax")
    best = (parts & (t == most[slot])).nonzero()[:, 0]
    chosen = torch.full((len(most),), len(edge), device=device).scatter_reduce(0, slot[best], best, "amin")
    kept = chosen[chosen < len(edge)]
    return which[kept], edge[kept], inner[kept], outer[kept], upright[kept]


def _cut(point: Tensor, toward: Tensor, near: float) -> Tensor:
    """`point`, or where the edge from it to `toward` meets the near plane if it lies behind."""
    behind = point[:, 2:] < near
    t = (near - point[:, 2:]) / torch.where(behind, toward[:, 2:] - point[:, 2:], 1.0)
    cut = point + t * (toward - point)
    return torch.where(behind, torch.cat([cut[:, :2], torch.full_like(cut[:, 2:], near)], dim=1), point)
