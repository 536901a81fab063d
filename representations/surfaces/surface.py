"""The one interface of all shape representations: posing, rendering, fitting and export read nothing else.

A surface owns the parameters of one subject's shape. Once per optimisation step it gives the shared rest mesh; per
photo it gives small offsets on that topology; and it names the penalties that keep it well behaved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import Parameter

from ..body.skeleton import Skeleton
from ..body.template import Template
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

    def state_dict(self) -> dict[str, Any]:
        """Parameters and buffers by name."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Takes over what `state_dict` returned."""
        ...

    @property
    def instance_coefficients(self) -> Float[Tensor, "N ..."]:
        """The parameter whose N rows are the photos' own shapes."""
        ...

    @property
    def mirror(self) -> Int[Tensor, " V"]:
        """Index of each vertex's mirror image in `shared`; its own index where that is not known."""
        ...

    def skeleton(self) -> Skeleton:
        """The skeleton that `shared` is bound to, at rest, differentiable in the parameters."""
        ...

    def set_level(self, level: int) -> None:
        """Changes how fine the mesh of `shared` is, 1 (coarse) to 4, where that can be changed; parameters stay."""
        ...

    def set_cutoff(self, cutoff: float) -> None:
        """Changes the highest frequency of the deformation that counts, where that can be changed."""
        ...

    @property
    def template(self) -> Template | None:
        """The template that it is a deformation of; None where there is none any more."""
        ...

    def begun(self, template: Template) -> Surface:
        """An untouched surface of this kind, level and cutoff on another template, of as many photos.

        Raises ValueError for a unified surface: there is no way back.
        """
        ...

    @property
    def united(self) -> bool:
        """Whether it is one watertight mesh whose faces stay, as outputs need it."""
        ...

    def unified(self) -> Surface:
        """The surface as it stands as one watertight mesh; itself where it is one."""
        ...

    def unified_from(self, state: Mapping[str, Tensor]) -> Surface:
        """What `unified` gave, as its `state_dict` has it; the joints' names and parents are this surface's."""
        ...

    def normalise(self) -> tuple[float, Float[Tensor, " 3"]]:
        """Brings the rest shape's box to the origin, longest side 1, in place; returns scale and old centre.

        Raises ValueError where it is not unified: joints are tied to their template.
        """
        ...


@runtime_checkable
class FieldSurface(Surface, Protocol):
    """A surface that also knows the space around it, for volume rendering and for sampling."""

    def field(self, points: Float[Tensor, "M 3"]) -> Float[Tensor, " M"]:
        """Signed distance at rest-frame points, negative inside, differentiable in points and parameters."""
        ...
