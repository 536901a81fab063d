"""Pictures for the diffusion prior: zoo photos cut as a fit's renderings are, many of them on a plain background."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from ...representations.tensor_structure import TensorStructure
from .augment import AugmentConfig, draw_batch
from .pool import Pool

_CUT = AugmentConfig(
    turn_deg=4.0, closer_share=1.0, closer_margin=(0.03, 0.18), closer_shift=0.02, strength=0.0, mask_share=0.0
)
"""Tight: what is small comes back from the autoencoder without its pattern, and takes longer to learn to paint."""
_PLAIN = 0.9
_BEYOND = 0.01
"""Share of a cut that may lie beyond the photo, where nobody knows what is; with more of it the background goes."""
_SLOPE = 0.15
"""Standard deviation of a plain background's slope from side to side."""


class Pictures(TensorStructure):
    """B pictures of side S in [0, 1], and what they show."""

    picture: Float[Tensor, "B 3 S S"]
    species: Int[Tensor, " B"]
    view: Float[Tensor, "B 2"]
    """Azimuth and elevation in degrees."""
    plain: Bool[Tensor, " B"]
    """Whether the background is one colour, lighter or darker towards one side."""
    layout: Float[Tensor, "B 5 s s"]
    """At an eighth of the size: how much of the subject is there, and this times its place on the reference body
    (three coordinates) and its side (-1/2 right, 1/2 left)."""


def draw_pictures(pool: Pool, index: Int[Tensor, " B"], size: int, generator: torch.Generator) -> Pictures:
    """Photos number `index`, cut, turned and mirrored anew."""
    batch = draw_batch(pool, index, size, _CUT, generator)
    count, device = len(index), batch.picture.device
    plain = (torch.rand(count, generator=generator) < _PLAIN).to(device)
    plain |= batch.inside.mean((1, 2)) < 1 - _BEYOND
    colour = torch.rand(count, 3, 1, 1, generator=generator)
    # Mostly greys, from black to white.
    colour = torch.lerp(colour.mean(1, keepdim=True), colour, 0.5 * torch.rand(count, 1, 1, 1, generator=generator))
    slope = _SLOPE * torch.randn(2, count, 1, 1, 1, generator=generator)
    ticks = torch.linspace(-0.5, 0.5, size)
    ground = (colour + slope[0] * ticks + slope[1] * ticks[:, None]).clamp(0, 1).to(device)
    # Where something stands in front of the subject it is not shown; pools for this have little of that.
    shown = interpolate(batch.visible[:, None], (size, size), mode="bilinear")
    alone = torch.lerp(ground, batch.picture, shown)
    picture = torch.where(plain[:, None, None, None], alone, batch.picture)
    about = torch.cat([torch.ones_like(batch.left)[:, None], batch.canonical_xyz, batch.left[:, None] - 0.5], dim=1)
    layout = avg_pool2d(about * batch.visible[:, None], 4)
    return Pictures(picture.clamp(0, 1), batch.species, batch.view, plain, layout)
