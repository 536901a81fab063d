"""The seam for losses that a fit does not know of: what one step has rendered, and a term that looks at it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from ...representations.geometry.mesh import SkinnedMesh
from ...representations.tensor_structure import TensorStructure
from ...scenes.hypotheses.hypotheses import Hypotheses
from ..observe.observations import View


class RenderedStep(TensorStructure):
    """What one step has rendered: all that a loss term may look at."""

    mesh: SkinnedMesh
    vertices: Float[Tensor, "B V 3"]
    """Posed, in the world."""
    clip: Float[Tensor, "B V 4"]
    coverage: Float[Tensor, "B S S"]
    view: View
    hypotheses: Hypotheses


@runtime_checkable
class Term(Protocol):
    """An additional loss that keeps nothing from step to step: a name, and a value for every hypothesis."""

    name: str
    weight: float

    def __call__(self, rendered: RenderedStep) -> Float[Tensor, " B"]: ...
