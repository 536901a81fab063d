"""The studio: one finished subject photographed for people to look at, under the same quiet light from every side.

Light travels with the camera, so that no view lies in the dark: the same everywhere, and more from above and to the
left of the camera. Textures made from photos hold the photos' own shading already, so there is little of it here.
Colours are mixed in linear light and encoded last.

What cameras see (`GBuffer`) is found once; a function gives the albedo of the surface there, and may be another one
for the same buffer. What comes of it (`PremultipliedImage`) has nothing behind it yet: a background is laid under it,
or none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.camera import Camera, Intrinsics, project
from ...representations.geometry.mesh import SkinnedMesh, vertex_normals
from ...representations.rendering.antialias import antialias
from ...representations.rendering.fragment import rasterize
from ...representations.rendering.fragments import Fragments
from ...representations.rendering.interpolate import barycentrics, interpolate
from ...representations.rendering.photo_light import PhotoLight
from ...representations.rendering.shading import linear_from_srgb, srgb_from_linear
from ...representations.rendering.topology import Topology
from ...representations.tensor_structure import TensorStructure

Colour = tuple[float, float, float]
"""sRGB-encoded, in [0, 1]."""


@dataclass(frozen=True)
class Studio:
    """How pictures for people look."""

    background: Colour | None = (0.93, 0.93, 0.94)
    """None for pictures that nothing is behind."""
    clay: Colour = (0.74, 0.70, 0.66)
    """Colour of a subject without texture."""
    ambient: float = 0.65
    """Light from everywhere, of a textured subject; clay takes half of it, to show its shape."""
    key: float = 0.42
    """Light from one side, where it falls squarely."""
    key_direction: tuple[float, float, float] = (-0.4, 0.7, 0.6)
    """Where that light comes from, of any length, in the camera's axes: right, up, and towards the camera."""
    supersampling: int = 2
    """Rays per pixel and axis."""


class Image(TensorStructure):
    """B pictures of a subject."""

    color: Float[Tensor, "B H W 3"]
    """sRGB-encoded, over the background; where there is none, not multiplied by the coverage."""
    coverage: Float[Tensor, "B H W"]
    """Share of each pixel that the subject covers."""

    def rgba(self) -> Float[Tensor, "B H W 4"]:
        """Colour and coverage together."""
        return torch.cat([self.color, self.coverage[..., None]], dim=-1)


class PremultipliedImage(TensorStructure):
    """B pictures of a subject, nothing behind it."""

    light: Float[Tensor, "B H W 3"]
    """Linear, multiplied by the coverage."""
    coverage: Float[Tensor, "B H W"]
    """In [0, 1]."""

    def over(self, background: Colour | None) -> Image:
        """Before a background, mixed in linear light; or before None, in colours of the subject alone.

        Empty pixels next to it take its colour then, so that pictures shrunk or smoothed with their colours apart from
        their coverage get no fringe; those farther off are black.
        """
        coverage = self.coverage[..., None]
        if background is not None:
            ground = linear_from_srgb(self.light.new_tensor(background))
            return Image(srgb_from_linear((self.light + (1 - coverage) * ground).clamp(0, 1)), self.coverage)
        near = _means(torch.cat([self.light, coverage], dim=-1), _BLEED)
        colour = torch.where(coverage > 0, self.light, near[..., :3])
        share = torch.where(coverage > 0, coverage, near[..., 3:]).clamp_min(1e-6)
        return Image(srgb_from_linear((colour / share).clamp(0, 1)), self.coverage)

    def beneath(self, other: PremultipliedImage) -> PremultipliedImage:
        """With other pictures before these."""
        left = 1 - other.coverage
        return PremultipliedImage(other.light + left[..., None] * self.light, other.coverage + left * self.coverage)


class Albedo(TensorStructure):
    """Colours of the P points of a geometry buffer."""

    albedo: Float[Tensor, "#P 3"]
    """Linear."""
    ambient: float | None = 1.0
    """Share of the studio's ambient light that it takes, the rest goes to the key light; None: seen as it is, unlit."""


class GBuffer(TensorStructure):
    """What B cameras see of a mesh, at the centres of rays, of which a pixel has several. No gradients."""

    vertices: Float[Tensor, "B V 3"]
    mesh: SkinnedMesh
    camera: Camera
    clip: Float[Tensor, "B V 4"]
    fragments: Fragments
    """At the rays."""
    topology: Topology
    supersampling: int
    """Rays per pixel and axis."""

    @staticmethod
    def of(
        vertices: Float[Tensor, "B V 3"],
        mesh: SkinnedMesh,
        camera: Camera,
        intrinsics: Intrinsics,
        supersampling: int = 2,
        topology: Topology | None = None,
    ) -> GBuffer:
        """Posed `vertices` of `mesh`, one picture per camera, of the intrinsics' size.

        `topology`: `Topology.of(mesh.faces)`, made here if None.
        """
        with torch.no_grad():
            topology = Topology.of(mesh.faces) if topology is None else topology
            size = (supersampling * intrinsics.height, supersampling * intrinsics.width)
            clip = project(vertices, camera, intrinsics.resized(size[1], size[0]))
            fragments = rasterize(clip, mesh.faces, size, cull="back" if topology.closed else "none")
            return GBuffer(vertices, mesh, camera, clip, fragments, topology, supersampling)

    @cached_property
    def seen(self) -> Int[Tensor, " P"]:
        """Rays that meet the subject, counted through all pictures. Only they are shaded: most rays meet nothing."""
        return (self.fragments.face >= 0).reshape(-1).nonzero()[:, 0]

    @cached_property
    def shot(self) -> Int[Tensor, " P"]:
        """Picture that each point is seen in."""
        return self.seen // (self.fragments.size[0] * self.fragments.size[1])

    @cached_property
    def face(self) -> Int[Tensor, " P"]:
        """Face that each point lies on."""
        return self.fragments.face.reshape(-1).index_select(0, self.seen).long()

    @cached_property
    def weights(self) -> Float[Tensor, "P 3"]:
        """Shares of the face's corners in each point."""
        return self._weights.reshape(-1, 3).index_select(0, self.seen)

    @cached_property
    def normals(self) -> Float[Tensor, "P 3"]:
        """Unit normals in the world, outward."""
        mixed = self.mix(vertex_normals(self.vertices, self.mesh.faces), self.mesh.faces)
        return torch.nn.functional.normalize(mixed, dim=-1, eps=1e-12)

    def mix(
        self, attributes: Float[Tensor, "V C"] | Float[Tensor, "B V C"], faces: Int[Tensor, "F 3"]
    ) -> Float[Tensor, "P C"]:
        """Attributes at the points; `faces` may index them in another way than the mesh's vertices."""
        drawn = interpolate(attributes, faces, self.fragments, self._weights)
        return drawn.reshape(-1, attributes.shape[-1]).index_select(0, self.seen)

    def shade(self, albedo_of: AlbedoFunction, studio: Studio, light: PhotoLight | None = None) -> PremultipliedImage:
        """Pictures shaded; `light`, one per camera, takes the place of the studio's."""
        with torch.no_grad():
            lit = self._lit(albedo_of(self), studio, light).expand(len(self.seen), 3)
            picture = self.clip.new_zeros(*self.fragments.face.shape, 4)
            picture.view(-1, 4).index_copy_(0, self.seen, torch.nn.functional.pad(lit, (0, 1), value=1.0))
            picture = antialias(picture, self.fragments, self.clip, self.mesh.faces, self.topology)
            picture = torch.nn.functional.avg_pool2d(picture.permute(0, 3, 1, 2), self.supersampling)
            picture = picture.permute(0, 2, 3, 1)
            return PremultipliedImage(picture[..., :3], picture[..., 3].clamp(0, 1))

    @cached_property
    def _weights(self) -> Float[Tensor, "B H W 3"]:
        return barycentrics(self.fragments, self.clip, self.mesh.faces)

    def _lit(self, albedo: Albedo, studio: Studio, light: PhotoLight | None) -> Tensor:
        if albedo.ambient is None:
            return albedo.albedo
        if light is None:
            ambient = studio.ambient * albedo.ambient
            return albedo.albedo * (ambient + (1 + studio.ambient - ambient) * studio.key * self._facing(studio))
        return albedo.albedo * light.on(self.in_camera(self.normals), self.shot)

    def in_camera(self, directions: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        """Directions at the points from the world into the axes of the camera that sees each."""
        return torch.einsum("pij,pj->pi", self.camera.rotation().index_select(0, self.shot), directions)

    def _facing(self, studio: Studio) -> Tensor:
        """Cosine (P, 1) between normals and the key light of the picture they are seen in, 0 behind it."""
        key = torch.nn.functional.normalize(self.clip.new_tensor(studio.key_direction), dim=0)
        towards = torch.einsum("bij,i->bj", self.camera.rotation(), key).index_select(0, self.shot)
        return (self.normals * towards).sum(-1, keepdim=True).clamp_min(0)


AlbedoFunction = Callable[[GBuffer], Albedo]

_BLEED = 5
"""Side in pixels of the square that an empty pixel takes its colour from."""


def draw_subject(
    vertices: Float[Tensor, "B V 3"],
    mesh: SkinnedMesh,
    camera: Camera,
    intrinsics: Intrinsics,
    texture: Float[Tensor, "H W 3"] | None = None,
    studio: Studio | None = None,
    topology: Topology | None = None,
    light: PhotoLight | None = None,
) -> Image:
    """Pictures of the posed `vertices` of `mesh`, one per camera, of the intrinsics' size; no gradients.

    `topology`: `Topology.of(mesh.faces)`, made here if None; pass it when photographing more than once.

    `texture` is sRGB-encoded in [0, 1]; without it the subject is of clay. `light` is that of photos, one per camera,
    and takes the place of the studio's on a textured subject. Raises ValueError where a texture comes to a mesh without
    uv.
    """
    studio = Studio() if studio is None else studio
    albedo_of = clay(studio) if texture is None else textured(mesh, texture)
    gbuffer = GBuffer.of(vertices, mesh, camera, intrinsics, studio.supersampling, topology)
    return gbuffer.shade(albedo_of, studio, None if texture is None else light).over(studio.background)


def textured(mesh: SkinnedMesh, texture: Float[Tensor, "H W 3"]) -> AlbedoFunction:
    """Paints with a texture, sRGB-encoded in [0, 1]. Raises ValueError where `mesh` has no uv."""
    uv, uv_faces = mesh.uv, mesh.uv_faces
    if uv is None or uv_faces is None:
        raise ValueError("a texture needs texture coordinates; unwrap the mesh first (representations.atlas)")
    linear = linear_from_srgb(texture.detach().to(uv))
    return lambda gbuffer: Albedo(_look_up(linear, gbuffer.mix(uv, uv_faces)))


def clay(studio: Studio) -> AlbedoFunction:
    """Paints in the colour of clay."""
    return lambda gbuffer: Albedo(linear_from_srgb(gbuffer.clip.new_tensor(studio.clay))[None], ambient=0.5)


def _look_up(texture: Tensor, uv: Tensor) -> Tensor:
    """Texture values (P, C) at `uv` (P, 2), bilinear, clamped at the borders."""
    planes, grid = texture.permute(2, 0, 1)[None], (2 * uv - 1)[None, None]
    found = torch.nn.functional.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    return found[0, :, 0].T


def _means(pictures: Tensor, side: int) -> Tensor:
    """Means (B, H, W, C) over the square round each pixel."""
    planes = torch.nn.functional.avg_pool2d(pictures.permute(0, 3, 1, 2), side, stride=1, padding=side // 2)
    return planes.permute(0, 2, 3, 1)
