"""Passes: the ways in which the frames of a video can be drawn, one of which is the subject's own colours.

* color: the texture in the studio's light, clay where there is none;
* clay: the shape alone;
* normals: unit normals n in the camera's axes (right, up, towards it), as the encoded colour (n + 1) / 2;
* parts: one colour per body part of the chart, flat;
* correspondence: place on the reference body as a colour, so that the same place has the same one on every subject;
* wireframe: edges of triangles over clay, a pixel wide at any size: with barycentrics b on the screen, the edge
  opposite to corner k of a triangle is b_k h_k pixels away, h_k being the triangle's height over it;
* skeleton: bones and joints over the faded subject.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...representations.body.chart import PARTS, reference_point
from ...representations.camera import project, to_pixels
from ...representations.rendering.shading import linear_from_srgb, normals
from .animation import Animation
from .bones import draw_bones
from .part_colour import part_colours
from .pass_name import Pass
from .studio import Albedo, AlbedoFunction, GBuffer, PremultipliedImage, clay, textured

_LINE_WIDTH = 1.0
"""Of the wireframe, in pixels."""
_LINE = 0.012
"""Albedo of its lines."""
_CLEAR = 3.5
"""Pixels that a triangle has to extend for full lines; those of smaller ones are paler, or all would be black."""
_FADED = 0.75
"""How far the subject behind a skeleton is faded to light grey."""
_GREY = 0.62
_TRUNK = 1.6
"""k of `reference_colours`."""


def draw_passes(
    animation: Animation, texture: Float[Tensor, "H W 3"] | None, passes: Sequence[Pass]
) -> Iterator[Float[Tensor, "S W C"]]:
    """Frames with their passes side by side, W = passes * S, sRGB-encoded; C is 4 where the studio has no background.

    `texture` is sRGB-encoded in [0, 1]. What is seen is found once for all passes of a frame.
    """
    studio, painters = animation.config.studio, _painters(animation, texture)
    for index in animation.parts():
        gbuffer = animation.gbuffer(index)
        prints = []
        for one in passes:
            exposure = gbuffer.shade(painters[one], studio)
            if one == "skeleton":
                exposure = exposure.beneath(_bones(animation, index))
            shot = exposure.over(studio.background)
            prints.append(shot.rgba() if studio.background is None else shot.color)
        yield from torch.cat(prints, dim=2)


def _painters(animation: Animation, texture: Tensor | None) -> dict[Pass, AlbedoFunction]:
    shape = clay(animation.config.studio)
    own = shape if texture is None else textured(animation.mesh, texture)
    return {
        "color": own,
        "clay": shape,
        "normals": _normals,
        "parts": _parts,
        "correspondence": _correspondence,
        "wireframe": _wired(shape),
        "skeleton": _faded(own),
    }


def _normals(gbuffer: GBuffer) -> Albedo:
    faced = normals(gbuffer.vertices, gbuffer.mesh.faces, gbuffer.fragments, gbuffer.clip)
    faced = gbuffer.in_camera(faced.reshape(-1, 3).index_select(0, gbuffer.seen))
    return Albedo(linear_from_srgb((faced + 1) / 2), ambient=None)


def _parts(gbuffer: GBuffer) -> Albedo:
    corners = gbuffer.mesh.part[gbuffer.mesh.faces[gbuffer.face]]
    owner = corners.gather(1, _of_same_part(gbuffer).byte().argmax(1, keepdim=True))[:, 0]
    return Albedo(linear_from_srgb(part_colours().to(gbuffer.clip))[owner], ambient=None)


def _correspondence(gbuffer: GBuffer) -> Albedo:
    # Within one part alone: between a head's crown and its ear lies no place of the reference body.
    weights = gbuffer.weights * _of_same_part(gbuffer)
    places = gbuffer.mesh.reference[gbuffer.mesh.faces[gbuffer.face]]
    place = (weights[..., None] * places).sum(1) / weights.sum(1, keepdim=True)
    return Albedo(linear_from_srgb(reference_colours(place)), ambient=None)


def reference_colours(places: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    """sRGB-encoded colours of places on the reference body: its right to left red, upward green, forward blue.

    Each channel is 1/2 + tanh(k x / reach) / (2 tanh k), which gives the trunk, the middle of the body, more of the
    colours than it has of the space.

    >>> reference_colours(torch.zeros(1, 3)).tolist()
    [[0.5, 0.5, 0.5]]
    """
    share = places / _reach().to(places)
    return (0.5 + 0.5 * torch.tanh(_TRUNK * share) / math.tanh(_TRUNK)).clamp(0, 1)


@lru_cache(maxsize=1)
def _reach() -> Float[Tensor, " 3"]:
    """How far the reference body reaches from the origin along each axis."""
    addresses = torch.cartesian_prod(
        torch.arange(len(PARTS)).float(), torch.linspace(0, 1, 9), torch.arange(16) * (torch.pi / 8)
    )
    return reference_point(addresses[:, 0].long(), addresses[:, 1], addresses[:, 2]).abs().amax(0)


def _of_same_part(gbuffer: GBuffer) -> Bool[Tensor, "P 3"]:
    """Corners of each point's face that are of the part to which the point belongs: the one with the largest share."""
    part = gbuffer.mesh.part[gbuffer.mesh.faces[gbuffer.face]]
    same = part[:, :, None] == part[:, None, :]
    largest = (same * gbuffer.weights[:, None, :]).sum(-1).argmax(1)
    return same[torch.arange(len(part), device=part.device), largest]


def _wired(shape: AlbedoFunction) -> AlbedoFunction:
    def albedo_of(gbuffer: GBuffer) -> Albedo:
        below = shape(gbuffer)
        distance, extent = _edge_distance(gbuffer)
        rays = (_LINE_WIDTH / 2 - distance) * gbuffer.supersampling
        line = ((rays + 0.5).clamp(0, 1) * (extent / _CLEAR).clamp(max=1))[:, None]
        return Albedo(below.albedo * (1 - line) + _LINE * line, below.ambient)

    return albedo_of


def _edge_distance(gbuffer: GBuffer) -> tuple[Float[Tensor, " P"], Float[Tensor, " P"]]:
    """Pixels from each point to the nearest edge of its face, and that face's extent, the root of twice its area."""
    height, width = (side // gbuffer.supersampling for side in gbuffer.fragments.size)
    faces, count = gbuffer.mesh.faces, len(gbuffer.mesh.faces)
    depth = gbuffer.clip[..., 3]
    a, b, c = (to_pixels(gbuffer.clip, width, height)[:, faces[:, k]] for k in range(3))
    twice = ((b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0]).abs()
    bases = torch.stack([(c - b).norm(dim=-1), (a - c).norm(dim=-1), (b - a).norm(dim=-1)], dim=-1)
    heights = (twice[..., None] / bases.clamp_min(1e-9)).reshape(-1, 3)
    row = gbuffer.shot * count + gbuffer.face
    # Weights in space times depth are weights on the screen.
    flat = gbuffer.weights * depth[:, faces].reshape(-1, 3).index_select(0, row)
    flat = flat / flat.sum(1, keepdim=True)
    distance = (flat * heights.index_select(0, row)).amin(1)
    return distance, twice.reshape(-1).sqrt().index_select(0, row)


def _faded(own: AlbedoFunction) -> AlbedoFunction:
    def albedo_of(gbuffer: GBuffer) -> Albedo:
        below = own(gbuffer)
        return Albedo(torch.lerp(below.albedo, below.albedo.new_tensor(_GREY), _FADED), below.ambient)

    return albedo_of


def _bones(animation: Animation, index: Tensor) -> PremultipliedImage:
    size = animation.config.size
    ends = animation.bones[index]
    clip = project(ends.flatten(1, 2), animation.camera.select(index), animation.lens(len(index), size))
    places = torch.cat([to_pixels(clip, size, size), clip[..., 3:]], dim=-1)
    return draw_bones(animation.skeleton, places.reshape(ends.shape), size)
