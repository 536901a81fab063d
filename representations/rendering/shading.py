"""Light on surfaces: normals at pixels, ambient and directional light, and the sRGB transfer curve.

Pictures are sRGB-encoded; light adds up only in linear values. So colours are decoded first, shaded, blended and
averaged linearly, and encoded last. The curve is that of IEC 61966-2-1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..geometry.mesh import face_normals, vertex_normals
from .fragments import Fragments
from .interpolate import surface

_LIGHTNESS = 0.3


@dataclass(frozen=True)
class Light:
    """Light from everywhere and from one direction. A surface that faces the latter has brightness `ambient` +
    `directional` times its albedo; with a sum of 1 it shows its own colour."""

    direction: tuple[float, float, float] = (0.35, 0.75, 0.6)
    """World vector from the subject towards the light, of any length: the default comes from above, front and left."""
    ambient: float = 0.55
    """Share of the albedo that is seen in full shadow."""
    directional: float = 0.45
    """Share that is added where the surface faces the light."""

    def __post_init__(self) -> None:
        if len(self.direction) != 3 or not any(self.direction):
            raise ValueError(f"Light.direction is {self.direction}; it must be a vector (x, y, z) other than zero")
        if self.ambient < 0 or self.directional < 0:
            raise ValueError(f"Light has ambient {self.ambient} and directional {self.directional}; both must be >= 0")


def linear_from_srgb(encoded: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """Linear light from sRGB-encoded values; negative values stay on the curve's straight part.

    >>> linear_from_srgb(torch.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.2140, 1.0000])
    """
    bent = ((encoded.clamp(min=0.04045) + 0.055) / 1.055).pow(2.4)
    return torch.where(encoded <= 0.04045, encoded / 12.92, bent)


def srgb_from_linear(linear: Float[Tensor, "*S"]) -> Float[Tensor, "*S"]:
    """sRGB-encoded values from linear light: the inverse of `linear_from_srgb`, with finite gradient everywhere.

    >>> srgb_from_linear(torch.tensor([0.0, 0.2140, 1.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    bent = 1.055 * linear.clamp(min=0.0031308).pow(1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, bent)


def normals(
    vertices: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    fragments: Fragments,
    vertices_clip: Float[Tensor, "B V 4"],
    smooth: bool = True,
) -> Float[Tensor, "B H W 3"]:
    """Unit normals at each pixel in the frame of `vertices`, on the side that is seen; zeros where nothing is seen.

    `smooth`: vertex normals, interpolated; else the faces' own. A back side shows its normal turned round.
    """
    seen = fragments.face >= 0
    batch, count = vertices.shape[0], faces.shape[0]
    index = (fragments.face.clamp(min=0) + torch.arange(batch, device=faces.device)[:, None, None] * count).reshape(-1)
    if smooth:
        values = surface(vertex_normals(vertices, faces), faces, fragments, vertices_clip, faces)
    else:
        values = face_normals(vertices, faces).reshape(-1, 3)
        values = values.index_select(0, index.long()) if count else values.new_zeros((len(index), 3))
        values = values.reshape(*fragments.face.shape, 3)
    with torch.no_grad():
        a, b, c = (vertices_clip[..., [0, 1, 3]].index_select(1, faces[:, corner]) for corner in range(3))
        toward = ((a * torch.linalg.cross(b, c)).sum(dim=-1) > 0).reshape(-1)
        side = toward[index.long()].reshape(seen.shape) if count else seen
        sign = torch.where(seen, torch.where(side, 1.0, -1.0), 0.0).to(vertices.dtype)
    return torch.nn.functional.normalize(values * sign[..., None], dim=-1, eps=1e-12)


def shade(albedo: Float[Tensor, "B H W 3"], normal: Float[Tensor, "B H W 3"], light: Light) -> Float[Tensor, "B H W 3"]:
    """Lambert's law: albedo * (ambient + directional * max(0, normal . direction)), all linear."""
    direction = torch.tensor(light.direction, dtype=normal.dtype, device=normal.device)
    cosine = (normal * (direction / direction.norm())).sum(dim=-1, keepdim=True).clamp(min=0)
    return albedo * (light.ambient + light.directional * cosine)


def opponent_colors(rgb: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """Lightness, red-green and yellow-blue, lightness scaled down: shading changes it while the coat stays the same."""
    r, g, b = rgb.unbind(-1)
    return torch.stack([_LIGHTNESS * (r + g + b) / 3**0.5, (r - g) / 2**0.5, (r + g - 2 * b) / 6**0.5], dim=-1)
