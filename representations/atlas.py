"""Texture atlases: a mesh cut open and laid flat, and the map from each texel back onto the mesh.

Texture coordinates lie in [0, 1] with the origin at the picture's top left (glTF); texel (row, column) of an R x R
texture has its centre at u = (column + 1/2)/R, v = (row + 1/2)/R.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
import xatlas
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from .geometry.mesh import face_normals
from .rendering.fragment import rasterize
from .rendering.interpolate import barycentrics
from .tensor_structure import TensorStructure

# Share of the texture that charts are expected to fill. Measured on animal meshes of 5,000 to 20,000 faces: 0.43 to 0.5
# with 4 texels of padding; what does not fit makes the atlas larger, which costs padding and not correctness.
_FILL = 0.45

_Nearest = tuple[np.ndarray, np.ndarray]


class Atlas(TensorStructure):
    """Texture coordinates of a mesh."""

    uv: Float[Tensor, "T 2"]
    uv_faces: Int[Tensor, "F 3"]
    """Row of `uv` for each corner of `faces`."""
    vertex_of_uv: Int[Tensor, " T"]
    """The vertex that each row of `uv` belongs to: `vertex_of_uv[uv_faces] == faces`."""


def unwrap(
    vertices: Float[Tensor, "V 3"], faces: Int[Tensor, "F 3"], *, resolution: int = 1024, padding: int = 4
) -> Atlas:
    """Charts of little distortion, packed without overlap, through xatlas; the same input gives the same bits.

    Each chart keeps about `padding` texels of an R = `resolution` texture round itself. A chart may come
    out mirrored; faces without area lie in one point. Takes 2 to 4 s for 10,000 to 20,000 faces on one core.
    Raises ValueError where the mesh is empty or not finite.
    """
    if faces.shape[0] == 0 or not bool(torch.isfinite(vertices).all()):
        raise ValueError(f"cannot unwrap {faces.shape[0]} faces on vertices that must be finite; repair the mesh first")
    area = float(face_normals(vertices.detach().double(), faces).norm(dim=-1).sum() / 2)
    if area <= 0:
        raise ValueError("cannot unwrap a mesh without area; repair it first")
    atlas = xatlas.Atlas()
    # A unit-sized copy: xatlas compares areas and lengths with absolute constants.
    points = vertices.detach().double().cpu() / math.sqrt(area)
    atlas.add_mesh(points.numpy().astype(np.float32), faces.cpu().numpy().astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.padding = padding
    packing.texels_per_unit = math.sqrt(_FILL) * resolution
    atlas.generate(xatlas.ChartOptions(), packing)
    vertex_of_uv, uv_faces, uv = atlas[0]
    # The packer makes a rectangle of texels; one scale on both axes keeps charts undistorted in a square texture.
    uv = uv.astype(np.float64) * (atlas.width, atlas.height) / max(atlas.width, atlas.height)
    return Atlas(
        torch.from_numpy(uv.astype(np.float32)).to(vertices),
        torch.from_numpy(uv_faces.astype(np.int64)).to(faces.device),
        torch.from_numpy(vertex_of_uv.astype(np.int64)).to(faces.device),
    )


def texel_positions(
    uv: Float[Tensor, "T 2"], uv_faces: Int[Tensor, "F 3"], resolution: int
) -> tuple[Int[Tensor, "R R"], Float[Tensor, "R R 3"]]:
    """The face under each texel centre (-1 where none lies there) and the centre's barycentric coordinates on it.

    With them anything on the mesh is laid out as a picture, and `render`ed pictures find their texels.
    """
    points = uv.detach().double()
    ones = torch.ones_like(points[:, :1])
    clip = torch.cat([2 * points[:, :1] - 1, 1 - 2 * points[:, 1:], 0 * ones, ones], dim=1)[None]
    fragments = rasterize(clip, uv_faces, (resolution, resolution), near=0.5)
    weights = barycentrics(fragments, clip, uv_faces)
    return fragments.face[0].long(), weights[0].to(uv)


def dilate(
    texture: Float[Tensor, "R S C"], covered: Bool[Tensor, "R S"], pixels: int | None = None
) -> Float[Tensor, "R S C"]:
    """The texture with its gutters filled: each texel that is not `covered` takes the colour of the nearest that is.

    `pixels` limits how far colours spread; None fills everything, so that no mipmap mixes in a background. Gradients
    flow to the texels the colours came from. A texture with nothing covered comes back as it is.
    """
    if not bool(covered.any()):
        return texture
    outside = ~covered.cpu().numpy()
    distance, nearest = cast(_Nearest, distance_transform_edt(outside, return_indices=True))
    source = nearest[0].astype(np.int64) * texture.shape[1] + nearest[1]
    if pixels is not None:
        own = np.arange(source.size).reshape(source.shape)
        source = np.where(distance <= pixels, source, own)
    index = torch.from_numpy(source.reshape(-1)).to(texture.device)
    return texture.flatten(0, 1).index_select(0, index).reshape(texture.shape)
