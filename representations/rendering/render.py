"""Finished pictures of a mesh: visibility, colour, light, blended silhouettes, supersampling; and one layer per part.

All is differentiable in positions, colours, textures and texture coordinates. Colours enter and leave sRGB-encoded;
shading, blending and averaging happen in linear light.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..tensor_structure import TensorStructure
from .antialias import antialias
from .fragment import Backend, Cull, rasterize
from .fragments import Fragments
from .interpolate import surface
from .shading import Light, linear_from_srgb, normals, shade, srgb_from_linear
from .texture import sample_texture, texel_footprint
from .topology import Topology


class Material(TensorStructure):
    """What colours a surface: either `colors` per vertex, or a `texture` with its coordinates. All sRGB-encoded."""

    colors: Float[Tensor, "V 3"] | Float[Tensor, "B V 3"] | None = None
    """Colour per vertex, shared by all pictures or each their own."""
    texture: Float[Tensor, "Ht Wt 3"] | Float[Tensor, "B Ht Wt 3"] | None = None
    """Texture picture, row 0 on top."""
    uv: Float[Tensor, "T 2"] | None = None
    """Texture coordinates (see `texture.py`)."""
    uv_faces: Int[Tensor, "F 3"] | None = None
    """Indices into `uv` for each corner of the mesh's faces."""

    def __post_init__(self) -> None:
        if (self.colors is None) == (self.texture is None):
            raise ValueError("Material needs either colors or a texture with uv and uv_faces")
        if self.texture is not None and (self.uv is None or self.uv_faces is None):
            raise ValueError("Material.texture needs uv and uv_faces")


@dataclass(frozen=True)
class RenderSettings:
    """How a picture is made."""

    size: tuple[int, int] = (256, 256)
    """Height and width in pixels."""
    light: Light | None = None
    """None shows colours as they are."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Colour where nothing is seen, sRGB-encoded."""
    supersample: int = 1
    """Each pixel is the mean of this number squared."""
    smooth: bool = True
    """Normals interpolated from vertices; else one per face."""
    mipmap: bool = True
    """Blurred copies of the texture where it is seen from afar."""
    cull: Cull = "none"
    """"back" leaves out faces seen from behind: quicker on closed meshes."""
    near: float = 1e-3
    """Depth at which faces are cut."""
    backend: Backend = "auto"
    """Who finds visibility (see `fragment.rasterize`)."""

    def __post_init__(self) -> None:
        if self.supersample < 1:
            raise ValueError(f"RenderSettings.supersample is {self.supersample}; it must be 1 or more")


class Rendering(TensorStructure):
    """Pictures and what is known of each pixel."""

    color: Float[Tensor, "B H W 3"]
    """sRGB-encoded, in front of the background."""
    alpha: Float[Tensor, "B H W"]
    """Share of the pixel that the subject covers, in [0, 1]."""
    depth: Float[Tensor, "B H W"]
    """Distance along the viewing axis of the nearest point in the pixel, inf where nothing is seen. Differentiable."""
    normal: Float[Tensor, "B H W 3"]
    """Unit normals on the side that is seen, zeros where nothing is seen."""
    fragments: Fragments
    """Visibility, at the supersampled size."""


def render(
    vertices_clip: Float[Tensor, "B V 4"],
    vertices: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    material: Material,
    settings: RenderSettings,
    topology: Topology | None = None,
) -> Rendering:
    """Pictures of a mesh, B at once.

    `vertices_clip`: positions as the cameras see them (see `fragment.py`); `vertices`: the same in the world, for
    normals and light. `topology`: `Topology.of(faces)`, made here if None; pass it when drawing more than once.
    """
    scale = settings.supersample
    height, width = settings.size
    fragments = rasterize(
        vertices_clip,
        faces,
        (height * scale, width * scale),
        backend=settings.backend,
        near=settings.near,
        cull=settings.cull,
    )
    seen = fragments.face >= 0
    normal = normals(vertices, faces, fragments, vertices_clip, settings.smooth)
    light = linear_from_srgb(_albedo(material, fragments, vertices_clip, faces, settings))
    if settings.light is not None:
        light = shade(light, normal, settings.light)
    light = torch.where(seen[..., None], light, _background(settings.background, light))
    picture = torch.cat([light, seen[..., None].to(light.dtype)], dim=-1)
    picture = antialias(picture, fragments, vertices_clip, faces, topology, settings.near)
    depth = surface(vertices_clip[..., 3:], faces, fragments, vertices_clip, faces)[..., 0]
    depth = torch.where(seen, depth, torch.inf)
    if scale > 1:
        picture, normal = _means(picture, scale), torch.nn.functional.normalize(_means(normal, scale), dim=-1)
        depth = depth.reshape(-1, height, scale, width, scale).amin(dim=(2, 4))
    return Rendering(srgb_from_linear(picture[..., :3]), picture[..., 3], depth, normal, fragments)


def _albedo(
    material: Material, fragments: Fragments, vertices_clip: Tensor, faces: Tensor, settings: RenderSettings
) -> Tensor:
    if material.texture is None:
        assert material.colors is not None
        return surface(material.colors, faces, fragments, vertices_clip, faces)
    assert material.uv is not None
    assert material.uv_faces is not None
    uv = surface(material.uv, material.uv_faces, fragments, vertices_clip, faces)
    height, width = material.texture.shape[-3:-1]
    footprint = None
    if settings.mipmap:
        footprint = texel_footprint(material.uv, material.uv_faces, fragments, vertices_clip, faces, (height, width))
    return sample_texture(material.texture, uv, fragments.face >= 0, footprint=footprint)


def _background(color: tuple[float, float, float], like: Tensor) -> Tensor:
    return linear_from_srgb(torch.tensor(color, dtype=like.dtype, device=like.device))


def _means(picture: Tensor, scale: int) -> Tensor:
    batch, height, width, channels = picture.shape
    return picture.reshape(batch, height // scale, scale, width // scale, scale, channels).mean(dim=(2, 4))
