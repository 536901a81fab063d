"""FID: how far one set of pictures is from another, as a whole (Heusel et al., NeurIPS 2017, arXiv 1706.08500).

The Frechet distance (`frechet.py`) between features of the 2048-wide pooling layer of the InceptionV3 of 2015,
converted from TensorFlow by torch-fidelity, pictures resized to 299 as TensorFlow 1 did; through torchmetrics.
Published figures use thousands of pictures; with a few dozen the value is far larger and only compares with others of
the same count. Features of any other network are not FID: `feature_distance.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...scenes.error import InputError
from .pretrained import pretrained_weights, tensors_only

INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Fid:
    """The frozen network; made by `load_fid`."""

    metric: Any
    """torchmetrics' FrechetInceptionDistance."""

    def distance(self, made: Float[Tensor, "N H W 3"], true: Float[Tensor, "M h w 3"]) -> float:
        """FID between made and true pictures; values in [0, 1], sRGB-encoded; at least 2 of each."""
        if min(len(made), len(true)) < 2:
            raise ValueError(f"there are {len(made)} made and {len(true)} true pictures; FID needs 2 or more of each")
        self.metric.reset()
        with torch.no_grad():
            for pictures, real in ((made, False), (true, True)):
                for batch in pictures.split(_BATCH):
                    levels = (batch.to(self.metric.device).clamp(0, 1) * 255).round().to(torch.uint8)
                    self.metric.update(levels.permute(0, 3, 1, 2).contiguous(), real=real)
        value = float(self.metric.compute())
        self.metric.reset()
        return value


def load_fid(*, allow_download: bool = False, device: torch.device | str = "cpu") -> Fid:
    """FID on torch-fidelity's InceptionV3 from PyTorch's hub cache; downloaded only if that is allowed.

    Raises InputError where torch-fidelity is not installed, or the weights are missing or are others.
    """
    weights: Path = pretrained_weights(INCEPTION_URL, metric="FID", allow_download=allow_download)
    from torchmetrics.image.fid import FrechetInceptionDistance

    try:
        with tensors_only("FID"):
            metric = FrechetInceptionDistance(
                feature=2048, feature_extractor_weights_path=str(weights), antialias=False
            )
    except ModuleNotFoundError as error:
        raise InputError("FID needs its InceptionV3: pip install torch-fidelity") from error
    return Fid(metric.to(device).eval())
