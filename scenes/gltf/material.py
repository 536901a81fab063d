"""The colours of glTF materials: what a surface shows at a texture coordinate, in linear light.

  colour = max(base factor * decoded base texture(uv) * vertex colour, emission factor * decoded emissive texture(uv)),

where factors and vertex colours are linear and textures sRGB-encoded (glTF 2.0 Specification, chapters 3.7.2.1 and
3.9.2). A photographed surface has one colour here and no light of its own, so the stronger of what it reflects and what
it gives off stands for both: a coat that is painted into the emission, over black, looks as painted, and where both
pictures are the same, nothing is bleached. A material that says nothing of its base colour has that of its emission
alone. KHR_materials_unlit gives off its base colour only. Of KHR_materials_pbrSpecularGlossiness the diffuse colour is
taken, of its metals the specular one; of everything else that says how light is reflected (metal, roughness, normals,
clearcoat, transmission, ...) nothing is.
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
from ..json_file import JsonObject
from .file import GltfFile

TextureWrap = Literal["repeat", "clamp", "mirror"]

_WRAPS: dict[int, TextureWrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
_HALF = 0.5
_BLACK = 0.02
"""Linear colours below it are black."""
_MOST_UV_SETS = 8
_FARTHEST = 1e6
"""Texture coordinates that a transform makes stay numbers, whatever they were."""


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


class Emission(TensorStructure):
    """The light that a surface gives off by itself."""

    factor: Float[Tensor, " 3"]
    """Linear, multiplies the picture."""
    picture: TextureImage | None


class GltfMaterial(TensorStructure):
    """The colour of a surface."""

    factor: Float[Tensor, " 4"]
    """Linear, multiplies everything; the last is opacity."""
    picture: TextureImage | None
    cutoff: float | None
    """Below this opacity there is nothing; None where opacity does not count."""
    emission: Emission | None = None

    @property
    def pictures(self) -> tuple[TextureImage, ...]:
        """All textures that are looked up."""
        pair = (self.picture, None if self.emission is None else self.emission.picture)
        return tuple(picture for picture in pair if picture is not None)

    def sample(
        self,
        uv: Float[Tensor, "P U 2"],
        vertex_colour: Float[Tensor, "P 4"],
        uv_area: Float[Tensor, "P U"] | None = None,
    ) -> Float[Tensor, "P 4"]:
        """Linear colours and opacity. `uv` are the mesh's own; `uv_area`: how much of each set a sample stands for."""
        found = self.factor * vertex_colour
        if self.picture is not None:
            found = found * _look_up(self.picture, uv, uv_area)
        if self.emission is None:
            return found
        light = self.emission.factor.expand(len(found), 3)
        if self.emission.picture is not None:
            light = light * _look_up(self.emission.picture, uv, uv_area)[:, :3]
        return torch.cat([found[:, :3].maximum(light), found[:, 3:]], dim=1)


def read_materials(file: GltfFile) -> list[GltfMaterial]:
    """All materials of a file, and one more at the end: the white that a primitive without a material has."""
    painted = {
        primitive.get("material")
        for mesh in file.entries("meshes")
        for primitive in mesh.get("primitives", [])
        if "COLOR_0" in primitive.get("attributes", {})
    }
    materials = [
        _material(file, f"material {entry.get('name', number)!r}", entry, number in painted)
        for number, entry in enumerate(file.entries("materials"))
    ]
    return [*materials, GltfMaterial(torch.ones(4), None, None)]


def _material(file: GltfFile, name: str, entry: JsonObject, painted: bool) -> GltfMaterial:
    """`painted`: vertices of it have colours."""
    extensions = entry.get("extensions", {})
    factor, info = _base(file, name, entry)
    colour = _factor(file, name, [1.0, 1, 1, 1] if factor is None else factor, 4)
    mode = entry.get("alphaMode", "OPAQUE")
    if mode not in ("OPAQUE", "MASK", "BLEND"):
        file.note(f"{name} has alphaMode {mode!r}, which is none of the format's: taken as opaque")
    cutoff = {"MASK": float(entry.get("alphaCutoff", _HALF)), "BLEND": _HALF}.get(mode)
    picture = None if info is None else _picture(file, info)
    # What is not lit gives off its base colour, and nothing else.
    emission = None if "KHR_materials_unlit" in extensions else _emission(file, name, entry)
    if emission is not None:
        file.note("materials that shine: the stronger of base colour and emission is taken as their colour")
        if factor is None and info is None and not painted:
            # White by default; here nobody said that anything is white.
            colour = torch.tensor([0.0, 0, 0, 1])
    return GltfMaterial(colour, picture, cutoff, emission)


def _base(file: GltfFile, name: str, entry: JsonObject) -> tuple[object, JsonObject | None]:
    """Factor and texture of the colour that a surface reflects, as the file has them."""
    glossy = entry.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
    if glossy is None:
        surface = entry.get("pbrMetallicRoughness", {})
        return surface.get("baseColorFactor"), surface.get("baseColorTexture")
    factor, info = glossy.get("diffuseFactor"), glossy.get("diffuseTexture")
    shine = glossy.get("specularFactor")
    opaque = entry.get("alphaMode", "OPAQUE") == "OPAQUE"  # the other texture's fourth channel is no opacity
    if opaque and factor is not None and max(factor[:3]) < _BLACK and shine is not None and max(shine) > _BLACK:
        # Metal: all that it reflects is its highlight, whose colour is the other workflow's base colour.
        file.note(f"{name} is black but for its specular colour, which is taken as its colour")
        return [*shine, factor[3]], glossy.get("specularGlossinessTexture")
    return factor, info


def _emission(file: GltfFile, name: str, entry: JsonObject) -> Emission | None:
    factor = _factor(file, name, entry.get("emissiveFactor", [0.0, 0, 0]), 3)
    strength = entry.get("extensions", {}).get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
    factor = factor * float(strength)
    if not bool((factor > 0).any()):
        return None
    # Brighter than a surface can be: the hue is kept.
    factor = factor / factor.max().clamp_min(1)
    info = entry.get("emissiveTexture")
    return Emission(factor, None if info is None else _picture(file, info))


def _factor(file: GltfFile, name: str, values: object, count: int) -> Float[Tensor, " C"]:
    factor = torch.tensor(values, dtype=torch.float32)
    if factor.shape != (count,) or not bool(torch.isfinite(factor).all()):
        expected = {3: "three", 4: "four"}[count]
        raise file.fail(f"{name} has a colour factor {values}; {expected} numbers are expected")
    # Some writers leave factors above 1, which no surface reflects.
    return factor.clamp(0, 1)


def _picture(file: GltfFile, info: JsonObject) -> TextureImage:
    texture = file.entry("textures", info.get("index"))
    extensions = texture.get("extensions", {})
    source = extensions.get("EXT_texture_webp", {}).get("source", texture.get("source"))
    if source is None:
        source = extensions.get("EXT_texture_avif", {}).get("source")
    if source is None:
        kinds = f" (it has {', '.join(extensions)})" if extensions else ""
        raise file.fail(f"texture {info.get('index')} has no picture that can be read{kinds}; export PNG or JPEG")
    sampler = file.entry("samplers", texture["sampler"]) if "sampler" in texture else {}
    moved = info.get("extensions", {}).get("KHR_texture_transform", {})
    pixels = torch.from_numpy(file.image(source).astype(np.float32) / 255)
    along_u, along_v = _WRAPS.get(sampler.get("wrapS", 10497)), _WRAPS.get(sampler.get("wrapT", 10497))
    if along_u is None or along_v is None:
        raise file.fail(f"sampler {texture['sampler']} wraps by {sampler}; known are {sorted(_WRAPS)}")
    uv_set = moved.get("texCoord", info.get("texCoord", 0))
    if not isinstance(uv_set, int) or not 0 <= uv_set < _MOST_UV_SETS:
        raise file.fail(f"texture {info.get('index')} uses TEXCOORD_{uv_set}; the first {_MOST_UV_SETS} sets are read")
    return TextureImage(
        pixels=torch.cat([linear_from_srgb(pixels[..., :3]), pixels[..., 3:]], dim=-1),
        wrap=(along_u, along_v),
        nearest=sampler.get("magFilter") == _NEAREST,
        uv_set=uv_set,
        transform=_uv_transform(moved),
    )


def _uv_transform(moved: JsonObject) -> Float[np.ndarray, "2 3"]:
    """Offset, then rotation (counter-clockwise about the top left corner), then scale, as column maps."""
    angle = moved.get("rotation", 0.0)
    (x, y), (sx, sy) = moved.get("offset", (0, 0)), moved.get("scale", (1, 1))
    if not all(abs(float(value)) < _FARTHEST for value in (angle, x, y, sx, sy)):
        raise ValueError(f"a texture transform {moved} goes too far")
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c * sx, s * sy, x], [-s * sx, c * sy, y]], np.float64)


def _look_up(picture: TextureImage, uv: Tensor, uv_area: Tensor | None) -> Tensor:
    uv = uv[:, picture.uv_set]
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
    coarse = None
    if uv_area is not None:
        texels = abs(float(np.linalg.det(picture.transform[:, :2]))) * height * width
        coarse = (uv_area[:, picture.uv_set] * texels)[None, None]
    return sample_texture(picture.pixels, place.float()[None, None], wrap="repeat", footprint=coarse)[0, 0]
