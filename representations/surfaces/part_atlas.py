"""Texture coordinates of parts that are deformed spheres: a picture for each part, all on one sheet.

A part's picture is two tiles side by side, its left and its right half, each half sphere laid flat by the azimuthal
equal-area projection (Lambert, 1772). It knows the sphere alone, so it stays as it is however the part deforms, and a
place on the part keeps its texel through the whole fit.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..atlas import Atlas

_MARGIN = 0.04
"""Free border of each tile, in parts of its side, so that bilinear look-ups see no neighbour."""


def part_atlas(sphere: Float[Tensor, "n 3"], faces: Int[Tensor, "f 3"], part_count: int) -> Atlas:
    """Atlas of `part_count` copies of a sphere, copy j's vertices numbered from j n on, its faces from j f on.

    `sphere`: unit vertices; `faces`: of one copy. A face belongs to the half (x > 0 or not) that holds its centre, and
    reaches over the rim into its tile's own margin. Left-right mirror images get mirrored tiles.
    """
    n = sphere.shape[0]
    right = sphere[faces].mean(1)[:, 0] <= 0
    side = sphere.new_tensor([1.0, -1.0])[:, None]
    # 2 sin(angle / 2) from the pole; all that a half's faces reach must fit.
    towards = side * sphere[:, 0]
    radius = (2 - 2 * towards).clamp_min(0).sqrt()
    flat = torch.stack([side * sphere[:, 2], (-sphere[:, 1]).expand(2, n)], dim=-1)
    flat = flat * (radius / flat.norm(dim=-1).clamp_min(1e-9))[..., None]
    reach = max(float(radius[half][faces[right == bool(half)]].max()) for half in (0, 1))
    local = 0.5 + flat / reach * (0.5 - _MARGIN)

    columns = 2 * math.ceil(math.sqrt(part_count / 2))
    tile = torch.arange(2 * part_count, device=sphere.device).reshape(part_count, 2)
    corner = torch.stack([tile % columns, tile // columns], dim=-1).to(sphere)
    uv = (corner[:, :, None] + local) / columns
    first = tile * n
    uv_faces = faces + torch.where(right[:, None], first[:, 1, None, None], first[:, 0, None, None])
    vertex = torch.arange(part_count, device=sphere.device)[:, None] * n + torch.arange(n, device=sphere.device)
    return Atlas(uv.reshape(-1, 2), uv_faces.reshape(-1, 3), vertex[:, None].expand(-1, 2, -1).reshape(-1))
