"""One base for all dataclasses that hold tensors: moved to a device, or mapped, as a whole.

    class Intrinsics(TensorStructure):
        fx: Float[Tensor, " B"]
        ...

    intrinsics.to("cuda")           # every tensor in it, however deep
    intrinsics.map(torch.detach)

A subclass is a frozen dataclass by itself, without a decorator. Two of them are equal only if they are the same object:
comparing fields would ask tensors for one truth value, which raises. The habit of one base is egoallo's (Yi et al.
2024, `tensor_dataclass.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[type], type]:
        """Tells type checkers alone that subclasses are dataclasses."""
        return lambda structure: structure


Structure = TypeVar("Structure", bound="TensorStructure")
Value = TypeVar("Value")


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(dataclasses.field,))
class TensorStructure:
    """A dataclass whose fields are tensors, other tensor structures, or anything else, which stays as it is.

    `class Name(TensorStructure, frozen=False)` lets fields be assigned.

    >>> class Pair(TensorStructure):
    ...     left: Tensor
    ...     right: tuple[Tensor, ...]
    ...     name: str = "pair"
    >>> pair = Pair(torch.zeros(2), (torch.ones(1),))
    >>> pair.map(lambda tensor: tensor + 1)
    Pair(left=tensor([1., 1.]), right=(tensor([2.]),), name='pair')
    >>> pair.to("meta").right[0].device
    device(type='meta')
    >>> pair == Pair(torch.zeros(2), (torch.ones(1),))
    False
    """

    def __init_subclass__(cls, *, frozen: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=frozen, eq=False)(cls)  # type: ignore[call-overload]

    def to(self: Structure, device: torch.device | str) -> Structure:
        """The same with every tensor on `device`."""
        return self.map(lambda tensor: tensor.to(device))

    def map(self: Structure, function: Callable[[Tensor], Tensor]) -> Structure:
        """The same with `function` applied to every tensor, also those of structures, tuples, lists and dicts in it.

        Raises TypeError for a field that is a module: modules are not copied, they are moved in place.
        """
        return _replaced(self, function)


def map_tensors(value: Value, function: Callable[[Tensor], Tensor]) -> Value:
    """`value` with `function` applied to every tensor in it: in structures, tuples (named ones too), lists, dicts.

    Raises TypeError for a module.

    >>> map_tensors({"a": [torch.ones(2)], "b": 3}, torch.neg)
    {'a': [tensor([-1., -1.])], 'b': 3}
    """
    return _mapped(value, function)


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, TensorStructure):
        return _replaced(value, function)
    if isinstance(value, nn.Module):
        raise TypeError(f"a {type(value).__name__} is a module, which is moved in place, by its own `to`")
    if isinstance(value, tuple):
        items = [_mapped(item, function) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [_mapped(item, function) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, function) for key, item in value.items()}
    return value


def _replaced(structure: Any, function: Callable[[Tensor], Tensor]) -> Any:
    values = {one.name: _mapped(getattr(structure, one.name), function) for one in dataclasses.fields(structure)}
    return dataclasses.replace(structure, **values)
