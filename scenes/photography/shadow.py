"""Where light does not come: maps of the posed body as the sun, the zenith and the ground see it.

A map is a parallel projection (Williams, "Casting Curved Shadows on Curved Surfaces", 1978) onto S x S texels

    column, row, depth = M (x, y, z, 1),

`depth` growing away from the light. From the sun's map come the body's shadow on itself and on the ground, sharp near
the feet and soft far from what casts it; from the zenith's, how much of the sky a place beneath the body sees; from
below, how close the body is to each place of the ground, which darkens it (contact shadow).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from ...representations.rendering import rasterize

SHADOW_MAP_SIZE = 160
"""Texels along a side of every map."""
EMPTY = 1e6
"""Depth where a map sees nothing."""
_MARGIN = 0.12
# The rasteriser keeps the smallest w; far away and nearly constant, w orders a parallel projection right.
_AFAR = 6.0


@dataclass(frozen=True, eq=False)
class ShadowMaps:
    """The maps of B photos; matrices as M above, (3, 4), float32."""

    sun: Float32[np.ndarray, "B 3 4"]
    sun_depth: Float32[np.ndarray, "B S S"]
    """Of the surface the sun sees, `EMPTY` where none."""
    ground: Float32[np.ndarray, "B S S 4"]
    """What the ground needs. On the sun's map: the share of the sun that is hidden, with sharp edge and with soft, and
    the depth of what hides it. On the map from below: the share of the sky's light that is left."""
    zenith: Float32[np.ndarray, "B 3 4"]
    zenith_depth: Float32[np.ndarray, "B S S"]
    below: Float32[np.ndarray, "B 3 4"]


def shadow_maps(
    vertices: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    sun_direction: Float[Tensor, "B 3"],
    softness: Float[Tensor, " B"],
    ground: Float[Tensor, " B"],
    closed: bool = False,
) -> ShadowMaps:
    """Maps of B bodies. `sun_direction`: unit vectors towards it; `softness` as in `Light`; `ground`: its height.
    `closed`: the body has no holes, so that its back faces need not be drawn.
    """
    up = torch.tensor([0.0, 1.0, 0.0]).expand_as(sun_direction)
    sun, sun_depth = _map(vertices, faces, sun_direction, _MARGIN, closed)
    zenith, zenith_depth = _map(vertices, faces, up, _MARGIN, closed)
    below, below_depth = _map(vertices, faces, -up, 0.6, closed)
    on_ground = np.empty((*sun_depth.shape, 4), np.float32)
    for b in range(len(on_ground)):
        scale = float(np.linalg.norm(sun[b, 0, :3]))
        hit = (sun_depth[b] < EMPTY).astype(np.float32)
        # The caster's depth is averaged where there is one, and so spreads a little beyond its outline.
        wide = max(1.0, 0.030 * float(softness[b]) * scale)
        soft = cv2.GaussianBlur(hit, (0, 0), wide)
        depth = cv2.GaussianBlur(np.where(hit > 0, sun_depth[b], 0), (0, 0), wide)
        on_ground[b, ..., 0] = cv2.GaussianBlur(hit, (0, 0), max(0.6, 0.006 * float(softness[b]) * scale))
        on_ground[b, ..., 1] = soft
        on_ground[b, ..., 2] = depth / np.maximum(soft, 1e-3)
        scale = float(np.linalg.norm(below[b, 0, :3]))
        height = np.maximum(below_depth[b] - (below[b, 2, 3] + below[b, 2, 1] * float(ground[b])), 0)
        near = cv2.GaussianBlur(np.exp(-height / 0.035), (0, 0), 0.012 * scale)
        far = cv2.GaussianBlur(np.exp(-height / 0.45), (0, 0), 0.10 * scale)
        on_ground[b, ..., 3] = (1 - 0.8 * near) * (1 - 0.6 * far)
    return ShadowMaps(sun, sun_depth, on_ground, zenith, zenith_depth, below)


def _map(
    vertices: Tensor, faces: Tensor, towards: Tensor, margin: float, closed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The body in parallel projection against `towards` (B, 3): matrices and depths."""
    helper = torch.where(towards[:, 1:2].abs() < 0.9, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    right = torch.nn.functional.normalize(torch.linalg.cross(helper, towards), dim=-1)
    axes = torch.stack([right, torch.linalg.cross(right, towards), -towards], dim=1)
    local = vertices @ axes.transpose(1, 2)
    low, high = local.amin(1), local.amax(1)
    side = (high - low)[:, :2].amax(1) * (1 + 2 * margin)
    centre = (low + high) / 2
    scale = SHADOW_MAP_SIZE / side
    x = 2 * (local[..., 0] - centre[:, None, 0]) / side[:, None]
    y = -2 * (local[..., 1] - centre[:, None, 1]) / side[:, None]
    w = local[..., 2] - centre[:, None, 2] + _AFAR
    clip = torch.stack([x * w, y * w, w, w], dim=-1)
    seen = rasterize(clip, faces, (SHADOW_MAP_SIZE, SHADOW_MAP_SIZE), cull="back" if closed else "none")
    shift = torch.stack(
        [SHADOW_MAP_SIZE / 2 - scale * centre[:, 0], SHADOW_MAP_SIZE / 2 - scale * centre[:, 1], _AFAR - centre[:, 2]],
        -1,
    )
    rows = axes * torch.stack([scale, scale, torch.ones_like(scale)], -1)[..., None]
    depth = torch.where(seen.face >= 0, seen.depth, EMPTY)
    return torch.cat([rows, shift[..., None]], -1).float().numpy(), depth.float().numpy()
