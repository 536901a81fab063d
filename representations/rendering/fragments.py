"""What a rasteriser finds: the face seen at each pixel, and its distance."""

from __future__ import annotations

from jaxtyping import Float, Int32
from torch import Tensor

from ..tensor_structure import TensorStructure


class Fragments(TensorStructure):
    """What is seen at each pixel of B pictures."""

    face: Int32[Tensor, "B H W"]
    """Index of the nearest face, -1 where nothing is seen."""
    depth: Float[Tensor, "B H W"]
    """Distance along the viewing axis (clip w) of the point seen, inf where nothing is seen. Carries no gradient."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.face.shape[1], self.face.shape[2]
