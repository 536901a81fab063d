"""All materials of a glTF surface on one texture: laid flat anew, each texel coloured from where it lies.

Files repeat textures, overlap charts, and colour by factors and vertices alone; a fresh atlas holds all of that in one
picture that every renderer reads alike. Texels are looked up and mixed in linear light and encoded last.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ...representations.atlas import Atlas, dilate, texel_positions, unwrap
from ...representations.rendering.shading import srgb_from_linear
from .geometry import Geometry
from .material import GltfMaterial


def paint_atlas(
    geometry: Geometry, materials: list[GltfMaterial], vertices: Float[Tensor, "V 3"], resolution: int
) -> tuple[Float[Tensor, "T 2"], Int[Tensor, "F 3"], UInt8[Tensor, "R R 3"]]:
    """Texture coordinates that do not overlap, their rows at each corner, and the R x R picture, sRGB-encoded.

    `vertices` are those of the rest pose, whose areas the atlas keeps. Texels that a material leaves transparent take
    the colour of the nearest that is not.
    """
    # Cut where materials meet: no chart holds two of them, and the smallest patch of one has texels of its own.
    pairs = np.stack([geometry.faces, np.repeat(geometry.material[:, None], 3, axis=1)], axis=-1).reshape(-1, 2)
    corners, faces = np.unique(pairs, axis=0, return_inverse=True)
    atlas = unwrap(vertices[corners[:, 0]], torch.from_numpy(faces.reshape(-1, 3)), resolution=resolution)
    face, weights = _texels(atlas, resolution)
    covered = face >= 0
    at, share = face[covered], weights[covered]
    uv = torch.einsum("pc,pcud->pud", share, torch.from_numpy(geometry.uv)[at])
    vertex_colour = torch.einsum("pc,pcd->pd", share, torch.from_numpy(geometry.colour)[at])
    uv_area = _uv_area(geometry, atlas.uv[atlas.uv_faces] * resolution)[at]
    colour = torch.zeros(len(at), 3)
    opaque = torch.ones(len(at), dtype=torch.bool)
    owner = torch.from_numpy(geometry.material)[at]
    for number in torch.unique(owner).tolist():
        mine = (owner == number).nonzero()[:, 0]
        found = materials[number].sample(uv[mine], vertex_colour[mine], uv_area[mine])
        colour[mine] = found[:, :3]
        cutoff = materials[number].cutoff
        if cutoff is not None:
            opaque[mine] = found[:, 3] >= cutoff
    picture = torch.zeros(resolution, resolution, 3)
    picture[covered] = srgb_from_linear(colour)
    known = covered.clone()
    known[covered] = opaque
    filled = dilate(picture, known if bool(known.any()) else covered)
    return atlas.uv, atlas.uv_faces, (filled.clamp(0, 1) * 255).round().to(torch.uint8)


def _texels(atlas: Atlas, resolution: int) -> tuple[Tensor, Tensor]:
    """Face and barycentric coordinates at each texel, where even a face between all texel centres has one if it can."""
    face, weights = texel_positions(atlas.uv, atlas.uv_faces, resolution)
    count = len(atlas.uv_faces)
    owned = torch.bincount(face[face >= 0], minlength=count)
    small = (owned == 0).nonzero()[:, 0]
    column, row = (atlas.uv[atlas.uv_faces[small]].mean(dim=1) * resolution).long().clamp(0, resolution - 1).unbind(1)
    free = face[row, column] < 0
    face[row[free], column[free]] = small[free]
    weights[row[free], column[free]] = 1 / 3
    return face, weights


def _uv_area(geometry: Geometry, corners: Float[Tensor, "F 3 2"]) -> Float[Tensor, "F U"]:
    """How much of each set of a face's own texture coordinates lies under one texel of the atlas."""
    source = torch.stack([_area(torch.from_numpy(uv)) for uv in np.moveaxis(geometry.uv, 2, 0)], dim=1)
    return source / _area(corners).clamp_min(1e-6)[:, None]


def _area(corners: Float[Tensor, "F 3 2"]) -> Float[Tensor, " F"]:
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).abs()
