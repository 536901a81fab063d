"""Optical flow of a moving mesh: where the point seen at each pixel of one picture is in another one, and whether it
is seen there.

A pixel's point is the same place on the surface in both pictures: its face and its barycentrics. There it is hidden if
the face that the other picture shows at that place lies in front of it. Depths are compared on the plane of that face,
exactly at the place, so that slanted surfaces do not hide themselves.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..camera import to_pixels
from ..tensor_structure import TensorStructure
from .fragment import rasterize
from .interpolate import surface
from .topology import Topology

_BEHIND = 0.004
"""How far behind another face a point may lie and count as seen, in parts of its distance."""


class Flow(TensorStructure):
    """Of B pictures to as many others."""

    shift: Float[Tensor, "B H W 2"]
    """Place in the other picture less that in the own, in pixels, right and down; 0 where there is no subject."""
    covered: Bool[Tensor, "B H W"]
    """Where the subject is seen in the own picture."""
    visible: Bool[Tensor, "B H W"]
    """Where that point is seen in the other one as well."""


def surface_flow(
    clip: Float[Tensor, "B V 4"],
    other_clip: Float[Tensor, "B V 4"],
    topology: Topology,
    size: tuple[int, int],
) -> Flow:
    """The flow from pictures of a mesh to others of it, both (height, width) large; vertices in clip space.

    No gradients. All of the mesh must lie in front of the cameras.
    """
    with torch.no_grad():
        height, width = size
        faces, cull = topology.faces, "back" if topology.closed else "none"
        own = rasterize(clip, faces, size, cull=cull)
        other = rasterize(other_clip, faces, size, cull=cull)
        there = surface(other_clip, faces, own, clip, faces)
        covered = own.face >= 0
        depth = torch.where(covered, there[..., 3], 1.0)
        place = to_pixels(torch.where(covered[..., None], there, there.new_ones(4)).flatten(1, 2), width, height)
        place = place.reshape(*depth.shape, 2)
        ticks = (torch.arange(side, device=place.device) for side in (height, width))
        rows, columns = torch.meshgrid(*ticks, indexing="ij")
        centres = torch.stack([columns, rows], dim=-1).to(place) + 0.5
        shift = torch.where(covered[..., None], place - centres, 0.0)
        inside = ((place >= 0) & (place < place.new_tensor([width, height]))).all(-1)
        nearest = place.floor().long()
        index = nearest[..., 1].clamp(0, height - 1) * width + nearest[..., 0].clamp(0, width - 1)
        face = other.face.flatten(1).gather(1, index.flatten(1)).reshape(index.shape)
        front = _depth_on_face(other_clip, faces, face, place, size)
        # Where nothing is shown at the place, the point lies on the outline, by less than a pixel.
        hidden = (face >= 0) & (front < depth * (1 - _BEHIND))
        return Flow(shift, covered, covered & inside & ~hidden)


def _depth_on_face(
    clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    face: Int[Tensor, "B H W"],
    place: Float[Tensor, "B H W 2"],
    size: tuple[int, int],
) -> Float[Tensor, "B H W"]:
    """Distance of faces along the viewing axis at places in pixels, never beyond those of their corners."""
    corners = faces.long()[face.clamp_min(0).long()]
    batch = torch.arange(len(clip), device=clip.device)[:, None, None, None]
    found = clip[batch, corners]
    pixels = to_pixels(found.flatten(1, 3), size[1], size[0]).reshape(*corners.shape, 2)
    a, b, c = pixels.unbind(-2)
    whole = _cross(b - a, c - a)
    one, two = _cross(b - place, c - place), _cross(c - place, a - place)
    # An edge-on face has no inside: its corners' mean is as good as any.
    thin = whole.abs() < 1e-6
    safe = torch.where(thin, 1.0, whole)
    first = torch.where(thin, 1 / 3, one / safe)
    second = torch.where(thin, 1 / 3, two / safe)
    weights = torch.stack([first, second, 1 - first - second], dim=-1)
    nearness = 1 / found[..., 3]
    mixed = (weights * nearness).sum(-1)
    return 1 / torch.minimum(torch.maximum(mixed, nearness.amin(-1)), nearness.amax(-1))


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
