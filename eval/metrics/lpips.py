"""LPIPS v0.1: how different two pictures look to an ImageNet network, weighted as people judged.

    d(a, b) = sum over layers l of mean over pixels of  w_l . (f_l(a) - f_l(b))^2

with features f_l of unit length at each pixel and weights w_l fitted to human choices (Zhang et al., CVPR 2018, arXiv
1801.03924). Through torchmetrics, which carries the w_l; the network itself is torchvision's. `alex` is the authors'
choice for scoring, `vgg` is used as a loss. Features of any other network are not LPIPS: `feature_distance.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from .pretrained import pretrained_weights, tensors_only

LpipsNetwork = Literal["alex", "vgg", "squeeze"]

_TORCHVISION: dict[LpipsNetwork, str] = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
_SMALLEST_SIDE = 32
"""Smaller pictures leave nothing of the last layers."""


@dataclass(frozen=True, eq=False)
class Lpips:
    """The frozen network; made by `load_lpips`."""

    network: LpipsNetwork
    metric: Any
    """torchmetrics' LearnedPerceptualImagePatchSimilarity."""

    def distance(self, made: Float[Tensor, "B H W 3"], true: Float[Tensor, ...]) -> Float[Tensor, " B"]:
        """LPIPS of each picture to its true one, 0 for equal ones; values in [0, 1], sRGB-encoded.

        Raises ValueError where the two differ in size or are smaller than 32 pixels.
        """
        if made.shape != true.shape or min(made.shape[1:3]) < _SMALLEST_SIDE:
            raise ValueError(
                f"pictures are {tuple(made.shape)} and {tuple(true.shape)}; LPIPS needs one size of at least "
                f"{_SMALLEST_SIDE} pixels"
            )
        distances = []
        with torch.no_grad():
            for a, b in zip(made.to(self.metric.device), true.to(self.metric.device), strict=True):
                self.metric.reset()
                self.metric.update(a.permute(2, 0, 1)[None], b.permute(2, 0, 1)[None])
                distances.append(self.metric.compute())
        self.metric.reset()
        return torch.stack(distances).to(made.device)


def load_lpips(
    network: LpipsNetwork = "alex", *, allow_download: bool = False, device: torch.device | str = "cpu"
) -> Lpips:
    """LPIPS on torchvision's ImageNet weights from PyTorch's hub cache; downloaded only if that is allowed.

    Raises InputError where the weights are missing or are others.
    """
    from torchvision.models import get_model_weights

    url = get_model_weights(_TORCHVISION[network])["DEFAULT"].url
    pretrained_weights(url, metric="LPIPS", allow_download=allow_download)
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    with tensors_only("LPIPS"):
        metric = LearnedPerceptualImagePatchSimilarity(net_type=network, normalize=True)
    return Lpips(network, metric.to(device).eval())
