"""What a fit takes for true between two rounds of expectation maximisation over the hypotheses of its photos."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.tensor_structure import TensorStructure


class Expectation(TensorStructure):
    """Of B hypotheses of N photos; replaced as a whole every few steps, never changed."""

    responsibility: Float[Tensor, " B"]
    """How far each hypothesis is believed, from its loss and the colours; sums to one over a photo."""
    robust_weight: Float[Tensor, " N"]
    """How far each photo counts for what all photos share, 0 to 1."""
    expected_colors: Float[Tensor, "N V C"] | None = None
    """Colours that each photo expects on the surface from all others; None where none are asked for."""
    color_confidence: float = 1.0
    """How far these colours are to be listened to, 0 to 1."""

    @staticmethod
    def uniform(photo: Int[Tensor, " B"], photo_count: int, color_confidence: float = 1.0) -> Expectation:
        """All hypotheses of a photo, and all photos, count alike."""
        share = torch.bincount(photo, minlength=photo_count).float().reciprocal()
        return Expectation(share.index_select(0, photo), torch.ones_like(share), None, color_confidence)
