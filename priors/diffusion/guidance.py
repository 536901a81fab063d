"""How the predicts and without a prompt become one: classifier-free guidance and what came after it.

All but the perpendicular negative are diffusers' own guiders. The scale s is that of Ho and Salimans as diffusers has
it: model output = without + s (with - without); 1 is the plain model output with the prompt.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

GuidanceKind = Literal["plain", "apg", "cfg_zero_star", "perpendicular"]


@dataclass(frozen=True)
class GuidanceConfig:
    """Which way of guiding, and how strongly."""

    kind: GuidanceKind = "plain"
    """plain: classifier-free guidance (Ho and Salimans, 2022); apg: adaptive projected guidance (Sadat et al., ICLR
    2025), less saturated at large scales; cfg_zero_star: the model output without a prompt scaled to fit the other (Fan
    et al., 2025), for flow models; perpendicular: of a negative prompt only what is at right angles to the prompt
    counts (Perp-Neg, Armandpour et al., 2023)."""
    scale: float = 7.5
    negative_scale: float = 1.0
    """Of the perpendicular negative."""


def guide(
    config: GuidanceConfig,
    positive: Float[Tensor, "B C h w"],
    empty: Float[Tensor, "B C h w"],
    negative: Float[Tensor, "B C h w"] | None = None,
) -> Float[Tensor, "B C h w"]:
    """One model output of three: with the prompt, without any, and with what is not wanted (None: nothing).

    A negative prompt stands in the place of the empty one, as is usual, but for kind perpendicular. What the model
    outputs are about is for the caller to choose: the latent itself for apg, as its authors have it; for the others it
    is all one.
    """
    if config.kind == "perpendicular":
        return _perpendicular(config, positive, empty, negative)
    guider = _guider(config)
    # Guiders are made for sampling; a single model output is a step in the middle of it.
    guider.set_state(step=1, num_inference_steps=3, timestep=torch.zeros(()))
    return guider.forward(positive, empty if negative is None else negative).pred


def _guider(config: GuidanceConfig) -> Any:
    from diffusers.guiders.adaptive_projected_guidance import AdaptiveProjectedGuidance
    from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
    from diffusers.guiders.classifier_free_zero_star_guidance import ClassifierFreeZeroStarGuidance

    logging.getLogger("diffusers.guiders.guider_utils").setLevel(logging.ERROR)  # says that it is experimental
    if config.kind == "plain":
        return ClassifierFreeGuidance(guidance_scale=config.scale)
    if config.kind == "apg":
        return AdaptiveProjectedGuidance(guidance_scale=config.scale, eta=0.0)
    return ClassifierFreeZeroStarGuidance(guidance_scale=config.scale, zero_init_steps=0)


def _perpendicular(config: GuidanceConfig, positive: Tensor, empty: Tensor, negative: Tensor | None) -> Tensor:
    wanted = positive - empty
    if negative is None:
        return empty + config.scale * wanted
    unwanted = negative - empty
    along = (unwanted * wanted).sum((1, 2, 3), keepdim=True) / wanted.square().sum((1, 2, 3), keepdim=True).clamp_min(
        1e-12
    )
    return empty + config.scale * (wanted - config.negative_scale * (unwanted - along * wanted))
