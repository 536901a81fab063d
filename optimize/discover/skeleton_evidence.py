"""What the photos say about the skeleton: silhouettes, features, and part labels where a network gives them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from ...representations.body.chart import PART_KINDS
from ...representations.tensor_structure import TensorStructure
from .labelled_sketch import LabelMap, label_map

_LEVEL = 0.5
"""Share of a pixel from which on it belongs to the subject."""


class SkeletonEvidence(TensorStructure):
    """N photos of one kind of animal as square crops of S pixels; maps may be coarser, of h x w cells each."""

    masks: Float[Tensor, "N S S"]
    """Share of each pixel that shows the subject."""
    features: Float[Tensor, "N C h w"] | None = None
    """Of any network; its cells span the crop evenly."""
    part: Float[Tensor, "N K p q"] | None = None
    """Probabilities of `photography.label.PART_KINDS`, K of them."""
    left: Float[Tensor, "N p q"] | None = None
    """Probability that the surface seen is on the subject's left."""
    azimuth_deg: Float[Tensor, " N"] | None = None
    """From where each photo was taken, as far as that is known."""
    valid: Float[Tensor, "N S S"] | None = None
    """0 beyond a photo's frame where the subject may go on unseen (see `observe.View`)."""

    def __post_init__(self) -> None:
        if (self.part is None) != (self.left is None):
            raise ValueError("part labels and their sides belong together; give both or neither")
        if self.part is None and self.features is None:
            raise ValueError("neither part labels nor features are given; a skeleton needs one of them")
        if self.part is not None and self.part.shape[1] != len(PART_KINDS):
            raise ValueError(f"part labels have {self.part.shape[1]} kinds; there are {len(PART_KINDS)}")

    def __len__(self) -> int:
        return self.masks.shape[0]

    def subject(self, photo: int) -> Bool[np.ndarray, "S S"]:
        """The silhouette of one photo."""
        return self.masks[photo].detach().cpu().numpy() >= _LEVEL

    def labels(self, photo: int) -> LabelMap:
        """What each pixel of one photo shows. Raises ValueError where no labels are given."""
        if self.part is None or self.left is None:
            raise ValueError("no part labels are given")
        size = self.masks.shape[-1]
        part = _enlarged(self.part[photo], size)
        left = _enlarged(self.left[photo][None], size)[0]
        return label_map(part, left, self.subject(photo))

    def dense_features(self, photo: int) -> Float32[np.ndarray, "C S S"]:
        """Features of unit length at every pixel of one photo. Raises ValueError where none are given."""
        if self.features is None:
            raise ValueError("no features are given")
        dense = _enlarged(self.features[photo].float(), self.masks.shape[-1])
        return dense / np.maximum(np.linalg.norm(dense, axis=0, keepdims=True), 1e-9)


def _enlarged(maps: Float[Tensor, "K p q"], size: int) -> Float32[np.ndarray, "K S S"]:
    """Maps at `size` pixels; those that have them already stay as they are."""
    maps = maps.detach().float().cpu()
    if maps.shape[-2:] == (size, size):
        return maps.numpy()
    return torch.nn.functional.interpolate(maps[None], size=(size, size), mode="bilinear", align_corners=False)[
        0
    ].numpy()
