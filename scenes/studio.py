"""The studio: one finished subject photographed for people to look at, under the same quiet light from every side.

Light travels with the camera, so that no view lies in the dark: the same everywhere, and more from above and to the
left of the camera. Textures made from photos hold the photos' own shading already, so there is little of it here.
Colours are mixed in linear light and encoded last.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..representations.camera import Camera, Intrinsics, project
from ..representations.mesh import SkinnedMesh, vertex_normals
from ..representations.rendering.antialias import antialias
from ..representations.rendering.fragment import rasterize
from ..representations.rendering.interpolate import barycentrics, interpolate
from ..representations.rendering.photo_light import PhotoLight
from ..representations.rendering.shading import linear_from_srgb, srgb_from_linear
from ..representations.rendering.topology import Topology


@dataclass(frozen=True)
class Studio:
    """How pictures for people look. Colours are sRGB-encoded."""

    background: tuple[float, float, float] = (0.93, 0.93, 0.94)
    clay: tuple[float, float, float] = (0.74, 0.70, 0.66)
    """Colour of a subject without texture."""
    ambient: float = 0.65
    """Light from everywhere, of a textured subject; clay takes half of it, to show its shape."""
    key: float = 0.42
    """Light from above and to the left of the camera, where it falls squarely."""
    supersampling: int = 2
    """Rays per pixel and axis."""


@dataclass(frozen=True)
class Print:
    """B pictures of a subject."""

    color: Float[Tensor, "B H W 3"]
    """sRGB-encoded, over the background."""
    coverage: Float[Tensor, "B H W"]
    """Share of each pixel that the subject covers."""


_KEY_DIRECTION = (-0.4, 0.7, 0.6)


def photograph(
    vertices: Float[Tensor, "B V 3"],
    mesh: SkinnedMesh,
    camera: Camera,
    intrinsics: Intrinsics,
    texture: Float[Tensor, "H W 3"] | None = None,
    studio: Studio | None = None,
    topology: Topology | None = None,
    light: PhotoLight | None = None,
) -> Print:
    """Pictures of the posed `vertices` of `mesh`, one per camera, of the intrinsics' size; no gradients.

    `topology`: `Topology.of(mesh.faces)`, made here if None; pass it when photographing more than once.

    `texture` is sRGB-encoded in [0, 1]; without it the subject is of clay. `light` is that of photos, one per camera,
    and takes the place of the studio's on a textured subject. Raises ValueError where a texture comes to a mesh without
    uv.
    """
    studio = Studio() if studio is None else studio
    if texture is not None and (mesh.uv is None or mesh.uv_faces is None):
        raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
    with torch.no_grad():
        step, topology = studio.supersampling, Topology.of(mesh.faces) if topology is None else topology
        size = (step * intrinsics.height, step * intrinsics.width)
        clip = project(vertices, camera, intrinsics.resized(size[1], size[0]))
        fragments = rasterize(clip, mesh.faces, size, cull="back" if topology.closed else "none")
        ground = linear_from_srgb(clip.new_tensor(studio.background))
        empty = torch.cat([ground, ground.new_zeros(1)])
        picture = empty.expand(*fragments.face.shape, 4).contiguous()
        weights = barycentrics(fragments, clip, mesh.faces)
        normals = interpolate(vertex_normals(vertices, mesh.faces), mesh.faces, fragments, weights)
        # Only what is seen is shaded: most of a picture is background.
        seen = (fragments.face >= 0).reshape(-1).nonzero()[:, 0]
        shot, normals = seen // (size[0] * size[1]), normals.reshape(-1, 3).index_select(0, seen)
        facing = _facing(normals, camera, shot)
        if texture is None or mesh.uv is None or mesh.uv_faces is None:
            albedo, ambient = linear_from_srgb(normals.new_tensor(studio.clay)), studio.ambient / 2
        else:
            uv = interpolate(mesh.uv, mesh.uv_faces, fragments, weights).reshape(-1, 2).index_select(0, seen)
            albedo, ambient = _look_up(linear_from_srgb(texture.to(uv)), uv), studio.ambient
        if light is None or texture is None:
            lit = albedo * (ambient + (1 + studio.ambient - ambient) * studio.key * facing)
        else:
            towards = torch.einsum("pij,pj->pi", camera.rotation().index_select(0, shot), normals)
            lit = albedo * light.on(towards, shot)
        picture.view(-1, 4).index_copy_(0, seen, torch.nn.functional.pad(lit, (0, 1), value=1.0))
        picture = antialias(picture, fragments, clip, mesh.faces, topology)
        picture = torch.nn.functional.avg_pool2d(picture.permute(0, 3, 1, 2), step).permute(0, 2, 3, 1)
        return Print(srgb_from_linear(picture[..., :3].clamp(0, 1)), picture[..., 3])


def _facing(normals: Tensor, camera: Camera, shot: Tensor) -> Tensor:
    """Cosine (P, 1) between normals and the key light of the picture `shot` (P,) they are seen in, 0 behind it."""
    key = torch.nn.functional.normalize(normals.new_tensor(_KEY_DIRECTION), dim=0)
    towards = torch.einsum("bij,i->bj", camera.rotation(), key).index_select(0, shot)
    return (torch.nn.functional.normalize(normals, dim=-1, eps=1e-12) * towards).sum(-1, keepdim=True).clamp_min(0)


def _look_up(texture: Tensor, uv: Tensor) -> Tensor:
    """Texture values (P, C) at `uv` (P, 2), bilinear, clamped at the borders."""
    planes, grid = texture.permute(2, 0, 1)[None], (2 * uv - 1)[None, None]
    found = torch.nn.functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    return found[0, :, 0].T
