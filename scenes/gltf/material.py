"""The colours of glTF materials: what a surface reflects at a texture coordinate, in linear light.

  colour = factor * decoded texture(uv) * vertex colour,

where factors and vertex colours are linear and textures sRGB-encoded (glTF 2.0 Specification, chapters 3.7.2.1 and
3.9.2). Of KHR_materials_pbrSpecularGlossiness the diffuse colour is taken; of everything else that says how light is
reflected (metal, roughness, normals, clearcoat, ...) nothing is.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.rendering.shading import linear_from_srgb
from ...representations.rendering.texture import sample_texture
from ...representations.tensor_structure import TensorStructure
from .file import Entry, GltfFile

TextureWrap = Literal["repeat", "clamp", "mirror"]

_WRAPS: dict[int, TextureWrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
_HALF = 0.5


class TextureImage(TensorStructure):
    """A texture and how it is looked up."""

    pixels: Float[Tensor, "H W 4"]
    """Linear light and opacity."""
    wrap: tuple[TextureWrap, TextureWrap]
    """Beyond [0, 1], along u and v."""
    nearest: bool
    """True where texels are squares of one colour, not mixed with their neighbours."""
    uv_set: int
    """Which TEXCOORD_n the mesh gives for it."""
    transform: Float[np.ndarray, "2 3"]
    """Applied to uv first (KHR_texture_transform)."""


class Material(TensorStructure):
    """The colour of a surface."""

    factor: Float[Tensor, " 4"]
    """Linear, multiplies everything; the last is opacity."""
    picture: TextureImage | None
    cutoff: float | None
    """Below this opacity there is nothing; None where opacity does not count."""

    def sample(
        self,
        uv: Float[Tensor, "P 2"],
        vertex_colour: Float[Tensor, "P 4"],
        footprint: Float[Tensor, " P"] | None = None,
    ) -> Float[Tensor, "P 4"]:
        """Linear colours and opacity. `uv` are the mesh's own; `footprint`: how many texels a sample stands for."""
        found = self.factor * vertex_colour
        return found if self.picture is None else found * _look_up(self.picture, uv, footprint)


def read_materials(file: GltfFile) -> list[Material]:
    """All materials of a file, and one more at the end: the white that a primitive without a material has."""
    materials = [_material(file, entry) for entry in file.entries("materials")]
    return [*materials, Material(torch.ones(4), None, None)]


def _material(file: GltfFile, entry: Entry) -> Material:
    glossy = entry.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
    if glossy is None:
        surface = entry.get("pbrMetallicRoughness", {})
        factor, info = surface.get("baseColorFactor"), surface.get("baseColorTexture")
    else:
        factor, info = glossy.get("diffuseFactor"), glossy.get("diffuseTexture")
    mode = entry.get("alphaMode", "OPAQUE")
    cutoff = {"MASK": float(entry.get("alphaCutoff", _HALF)), "BLEND": _HALF}.get(mode)
    values = torch.tensor([1.0, 1, 1, 1] if factor is None else factor, dtype=torch.float32)
    if values.shape != (4,) or not bool(torch.isfinite(values).all()):
        raise file.fail(f"material {entry.get('name')!r} has a colour factor {factor}; four numbers are expected")
    # Some writers leave factors above 1, which no surface reflects.
    return Material(values.clamp(0, 1), None if info is None else _picture(file, info), cutoff)


def _picture(file: GltfFile, info: Entry) -> TextureImage:
    texture = file.entry("textures", info.get("index"))
    webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
    source = webp.get("source", texture.get("source"))
    if source is None:
        raise file.fail(f"texture {info.get('index')} has no picture that can be read; export it with PNG or JPEG")
    sampler = file.entry("samplers", texture["sampler"]) if "sampler" in texture else {}
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    pixels = torch.from_numpy(file.image(source).astype(np.float32) / 255)
    along_u, along_v = _WRAPS.get(sampler.get("wrapS", 10497)), _WRAPS.get(sampler.get("wrapT", 10497))
    if along_u is None or along_v is None:
        raise file.fail(f"sampler {texture['sampler']} wraps by {sampler}; known are {sorted(_WRAPS)}")
    return TextureImage(
        pixels=torch.cat([linear_from_srgb(pixels[..., :3]), pixels[..., 3:]], dim=-1),
        wrap=(along_u, along_v),
        nearest=sampler.get("magFilter") == _NEAREST,
        uv_set=moved.get("texCoord", info.get("texCoord", 0)),
        transform=_uv_transform(moved),
    )


def _uv_transform(moved: Entry) -> Float[np.ndarray, "2 3"]:
    """Offset, then rotation (counter-clockwise about the top left corner), then scale, as column maps."""
    angle = moved.get("rotation", 0.0)
    (x, y), (sx, sy) = moved.get("offset", (0, 0)), moved.get("scale", (1, 1))
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c * sx, s * sy, x], [-s * sx, c * sy, y]], np.float64)


def _look_up(picture: TextureImage, uv: Tensor, footprint: Tensor | None) -> Tensor:
    height, width = picture.pixels.shape[:2]
    size = uv.new_tensor([width, height]).double()
    matrix = torch.from_numpy(picture.transform)
    place = uv.double() @ matrix[:, :2].T + matrix[:, 2]
    axes = []
    for axis, wrap in enumerate(picture.wrap):
        along, half = place[:, axis], 0.5 / float(size[axis])
        if wrap == "repeat":
            along = along - along.floor()
        elif wrap == "mirror":
            along = 1 - (torch.remainder(along, 2) - 1).abs()
        # Beyond the centre of the last texel a border that does not repeat has that texel's colour.
        axes.append(along if wrap == "repeat" else along.clamp(half, 1 - half))
    place = torch.stack(axes, dim=1)
    if picture.nearest:
        column, row = (place * size).floor().long().minimum(size.long() - 1).unbind(1)
        return picture.pixels[row, column]
    coarse = None if footprint is None else footprint[None, None]
    return sample_texture(picture.pixels, place.float()[None, None], wrap="repeat", footprint=coarse)[0, 0]
