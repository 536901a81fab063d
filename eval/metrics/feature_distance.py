"""Distances on the features of a network that is at hand, under that network's own name.

Where LPIPS' and FID's networks cannot be had, another one still tells better from worse. Its figures have another scale
and mean something else, so `name_of` puts the network into every name: feature_distance(mobilenetv2_100).

    feature distance(a, b) = mean over stages l of mean over pixels of |f_l(a) - f_l(b)|^2 / 2,  f_l of unit length

which is LPIPS (Zhang et al., CVPR 2018, arXiv 1801.03924) without its fitted weights, scaled to [0, 2]: 0 same
direction everywhere, 1 orthogonal, 2 opposite. Between sets: the Frechet distance of the last stage, averaged over
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from ...priors.timm_network import load_timm
from ...representations.tensor_structure import TensorStructure
from ...scenes.error import InputError, one_line
from .frechet import FeatureStatistics, frechet_distance


class FeatureNetwork(TensorStructure):
    """A frozen network that gives feature maps of pictures."""

    name: str
    """Stands in the name of every figure that comes from it."""
    stages: Callable[[Tensor], list[Tensor]]
    """(B, 3, H, W) in [0, 1] to feature maps (B, C, h, w), finest first."""


def name_of(distance: str, network: FeatureNetwork) -> str:
    """What a figure is to be called in tables and files.

    >>> name_of("frechet_distance", FeatureNetwork("mobilenetv2_100", lambda pictures: [pictures]))
    'frechet_distance(mobilenetv2_100)'
    """
    return f"{distance}({network.name})"


def feature_distance(
    network: FeatureNetwork, made: Float[Tensor, "B H W 3"], true: Float[Tensor, ...]
) -> Float[Tensor, " B"]:
    """Distance of each picture to its true one in [0, 2], 0 for equal ones; values in [0, 1], sRGB-encoded."""
    if made.shape != true.shape:
        raise ValueError(f"pictures are {tuple(made.shape)} and {tuple(true.shape)}; they must have one size")
    with torch.no_grad():
        pairs = zip(network.stages(_planes(made)), network.stages(_planes(true)), strict=True)
        unlike = [(normalize(a, dim=1) - normalize(b, dim=1)).square().sum(1) / 2 for a, b in pairs]
        return torch.stack([stage.mean((1, 2)) for stage in unlike]).mean(0).to(made.device)


def frechet_feature_distance(
    network: FeatureNetwork, made: Float[Tensor, "N H W 3"], true: Float[Tensor, "M h w 3"]
) -> float:
    """Squared Frechet distance between two sets of pictures on the network's last stage; at least 2 of each."""

    def statistics(pictures: Tensor) -> FeatureStatistics:
        with torch.no_grad():
            return FeatureStatistics.of(
                torch.cat([network.stages(_planes(batch))[-1].mean((2, 3)) for batch in pictures.split(16)])
            )

    return frechet_distance(statistics(made), statistics(true))


def load_mobilenet(weights: Path, *, device: torch.device | str = "cpu") -> FeatureNetwork:
    """ImageNet's MobileNetV2 (Sandler et al., CVPR 2018) from a file in timm's layout.

    weights: .safetensors of timm's `mobilenetv2_100`, trained with TensorFlow's padding and pixels in [-1, 1].
    Raises InputError where it is missing or another network's.
    """
    try:
        network = load_timm(f"timm:mobilenetv2_100,pad_type=same,mean=0.5,std=0.5@{weights}")
    except OSError as error:
        raise InputError(one_line(error)) from error
    module: Any = network.module.to(device)

    def stages(pictures: Tensor) -> list[Tensor]:
        return module.forward_intermediates(network.normalized(pictures.to(device)), intermediates_only=True)

    return FeatureNetwork("mobilenetv2_100", stages)


def _planes(pictures: Tensor) -> Tensor:
    return pictures.permute(0, 3, 1, 2).contiguous()
