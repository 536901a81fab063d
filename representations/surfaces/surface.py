"""The one interface of all shape representations: posing, rendering, fitting and export read nothing else.

A surface owns the parameters of one subject's shape. Once per optimisation step it gives the shared rest mesh; per
photo it gives small offsets on that topology; and it names the penalties that keep it well behaved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter

from ..geometry.mesh import SkinnedMesh


@runtime_checkable
class Surface(Protocol):
    """What every representation offers; implementations are `torch.nn.Module`s, so `parameters` comes for free."""

    def shared(self) -> SkinnedMesh:
        """The rest mesh all photos share, its vertices differentiable in the parameters. Call it once per step."""
        ...

    def instance(self, photos: Int[Tensor, " B"]) -> Float[Tensor, "B V 3"]:
        """Offsets of each photo's own shape, to be added to the vertices of `shared`; `photos` are int64 indices."""
        ...

    def regularizers(self) -> dict[str, Float[Tensor, ""]]:
        """Named scalar penalties, unweighted and non-negative; a fit multiplies each with its own weight."""
        ...

    def individuality(self) -> Float[Tensor, " N"]:
        """How far each photo's own shape is from the shared one, unweighted, non-negative and 0 for the same shape."""
        ...

    def parameter_groups(self) -> dict[str, list[tuple[Parameter, str]]]:
        """Parameters by the kind of variable that a stage may free, each with the name of its learning rate."""
        ...

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """What is fitted."""
        ...


@runtime_checkable
class FieldSurface(Surface, Protocol):
    """A surface that also knows the space around it, for volume rendering and for sampling."""

    def field(self, points: Float[Tensor, "M 3"]) -> Float[Tensor, " M"]:
        """Signed distance at rest-frame points, negative inside, differentiable in points and parameters."""
        ...
