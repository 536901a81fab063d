"""Pixel-wise gradient clipping (Pan et al., ICLR 2024): what comes back through an encoder, held within bounds.

Gradients through a latent model's encoder are large in few pixels and small in most. Each pixel's vector of colour
gradients keeps its direction and is cut to a length.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def clip_pixels(gradient: Float[Tensor, "B C H W"], bound: float) -> Float[Tensor, "B C H W"]:
    """The gradient with no pixel's vector longer than `bound`.

    >>> import torch
    >>> gradient = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
    >>> clip_pixels(gradient, 1.0).flatten().tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    length = gradient.norm(dim=1, keepdim=True)
    return gradient * (bound / length.clamp_min(1e-30)).clamp_max(1)


def clipped(pictures: Float[Tensor, "B C H W"], bound: float) -> Float[Tensor, "B C H W"]:
    """The same pictures; whatever gradient comes back to them is clipped on its way."""
    passed = pictures.view_as(pictures)
    if passed.requires_grad:
        passed.register_hook(lambda gradient: clip_pixels(gradient, bound))
    return passed
