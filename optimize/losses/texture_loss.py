"""Texture reconstruction: a photo's pixels against the colours that the other photos put onto the surface.

The outline says little about a body seen from the side, where a quarter turn to the front and one to the rear look
alike; the pattern within it moves with every degree. The colours are held fixed for some steps
(`color_consistency.others`, the photo's own left out, so that a hypothesis cannot paint itself right) and the geometry
moves under them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.rendering.antialias import antialias
from ...representations.rendering.fragment import rasterize
from ...representations.rendering.interpolate import surface
from ...representations.rendering.silhouette import blur_pyramid_loss
from ...representations.rendering.topology import Topology

_LEVELS = 3
"""Scales of comparison: the coarse ones draw a pattern home from some pixels away."""
_INNER = 0.99


def texture_loss(
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    topology: Topology,
    expected: Float[Tensor, "B V C"],
    target: Float[Tensor, "B S S C"],
    mask: Float[Tensor, "B S S"],
) -> Float[Tensor, " B"]:
    """Mean squared feature difference where both the rendering and the photo show the subject, over three scales.

    `expected`: features of the vertices; `target`: the same features of the photos' pixels. Differentiable in
    `vertices_clip`, by the flow of the pattern within faces and at the edges of parts in front of others. The faces
    must make a closed surface: those that turn away are not drawn.
    """
    size = mask.shape[1], mask.shape[2]
    fragments = rasterize(vertices_clip, faces, size, cull="back")
    painted = torch.cat([expected, torch.ones_like(expected[..., :1])], dim=-1)
    seen = antialias(
        surface(painted, faces, fragments, vertices_clip, faces), fragments, vertices_clip, faces, topology
    )
    color, covered = seen[..., :-1], seen[..., -1]
    # Pixels on either outline mix the subject with what is behind it.
    inner = ((covered.detach() > _INNER) & (mask > _INNER)).to(mask)
    channels = color.shape[-1]
    loss = blur_pyramid_loss(
        color.permute(0, 3, 1, 2).flatten(0, 1),
        target.permute(0, 3, 1, 2).flatten(0, 1),
        inner.repeat_interleave(channels, dim=0),
        levels=_LEVELS,
    )
    return loss.reshape(-1, channels).sum(1)
