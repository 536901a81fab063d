"""One base for all structures of tensors: moved and mapped as a whole, compared without a fault, and used by all."""

import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from jaxtyping import AbstractArray, Float
from torch import Tensor

import zoetrope
from zoetrope.representations.camera import Intrinsics, OrbitCamera
from zoetrope.representations.mesh import SkinnedMesh, icosphere
from zoetrope.representations.template import template
from zoetrope.representations.tensor_structure import TensorStructure, map_tensors


class Named(NamedTuple):
    tensor: Tensor
    word: str


class Leaf(TensorStructure):
    tensor: Float[Tensor, " N"]
    count: int = 3


class Tree(TensorStructure):
    leaf: Leaf
    named: Named
    table: dict[str, list[Tensor]]
    pair: tuple[Tensor, Leaf | None]
    nothing: Tensor | None = None


class Loose(TensorStructure, frozen=False):
    tensor: Tensor


class Holder(TensorStructure):
    module: torch.nn.Module


def tree() -> Tree:
    one = torch.ones(2)
    return Tree(Leaf(one), Named(one, "word"), {"a": [one, 2 * one]}, (one, Leaf(3 * one)))


def leaves(structure: Tree) -> list[Tensor]:
    assert structure.pair[1] is not None
    table = structure.table["a"]
    return [structure.leaf.tensor, structure.named.tensor, *table, structure.pair[0], structure.pair[1].tensor]


def test_every_tensor_in_it_is_moved_and_mapped() -> None:
    whole = tree()
    assert {leaf.device.type for leaf in leaves(whole.to("meta"))} == {"meta"}
    assert {leaf.device.type for leaf in leaves(whole)} == {"cpu"}, "the one it was made of stays"
    doubled = whole.map(lambda tensor: 2 * tensor)
    assert [float(leaf[0]) for leaf in leaves(doubled)] == [2, 2, 2, 4, 2, 6]
    assert isinstance(doubled, Tree)
    assert isinstance(doubled.named, Named)
    assert doubled.named.word == "word"
    assert doubled.leaf.count == 3
    assert doubled.nothing is None
    assert map_tensors([whole], torch.neg)[0].leaf.tensor.tolist() == [-1, -1]


def test_comparing_two_asks_no_tensor() -> None:
    one, other = tree(), tree()
    assert (one == other) is False
    assert (one == one) is True  # noqa: PLR0124
    assert len({one, other, one}) == 2


def test_fields_are_frozen_unless_said() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Leaf(torch.ones(1)).count = 4  # type: ignore[misc]
    loose = Loose(torch.ones(1))
    loose.tensor = torch.zeros(1)
    assert float(loose.tensor) == 0
    assert (loose == Loose(torch.ones(1))) is False


def test_a_module_is_not_left_behind_without_a_word() -> None:
    with pytest.raises(TypeError, match="Linear is a module"):
        Holder(torch.nn.Linear(1, 1)).to("cpu")


def test_gradients_flow_through() -> None:
    free = torch.ones(2, requires_grad=True)
    Leaf(free).map(lambda tensor: 3 * tensor).tensor.sum().backward()
    assert free.grad is not None
    assert free.grad.tolist() == [3, 3]


def test_structures_of_the_package_move_whole() -> None:
    body = template("quadruped").to("meta")
    assert {body.girth.device.type, body.skeleton.joints.device.type, body.skeleton.limits_deg.device.type} == {"meta"}
    zero = torch.zeros(2)
    camera = OrbitCamera(zero, zero, zero, zero + 1, torch.zeros(2, 2)).to("meta")
    assert {tensor.device.type for tensor in vars(camera).values()} == {"meta"}
    lens = Intrinsics.from_field_of_view(30.0, 4, 4).to("meta")
    assert (lens.fx.device.type, lens.width) == ("meta", 4)
    vertices, faces = icosphere(0)
    one = torch.ones(len(vertices), 1)
    mesh = SkinnedMesh(vertices, faces, one, one[:, 0].long(), vertices).to("meta")
    assert mesh.faces.device.type == "meta"
    assert mesh.uv is None


def test_every_dataclass_of_the_package_that_holds_tensors_is_one() -> None:
    odd = [f"{one.__module__}.{one.__qualname__}" for one in _dataclasses() if not issubclass(one, TensorStructure)]
    assert odd == []
    assert sum(issubclass(one, TensorStructure) for one in _dataclasses()) > 80
    assert [one for one in _dataclasses() if one.__eq__ is not object.__eq__] == []


def _dataclasses() -> Iterator[type]:
    """All dataclasses and named tuples of the package with a field that holds tensors."""
    for module in _modules():
        for value in vars(module).values():
            kind = dataclasses.is_dataclass(value) or hasattr(value, "_fields")
            if isinstance(value, type) and kind and value.__module__ == module.__name__ and _holds_tensors(value):
                yield value


def _modules() -> Iterator[typing.Any]:
    for found in pkgutil.walk_packages(zoetrope.__path__, "zoetrope."):
        if found.name.split(".")[1] not in ("tests", "docs") and "numba" not in found.name:
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as error:  # an optional backend
                assert not (error.name or "").startswith("zoetrope"), error


def _holds_tensors(structure: type) -> bool:
    hints = typing.get_type_hints(structure)
    return any(_is_tensor(hint) for hint in hints.values())


def _is_tensor(hint: typing.Any) -> bool:
    if isinstance(hint, type) and (issubclass(hint, Tensor) or issubclass(getattr(hint, "array_type", int), Tensor)):
        return True
    origin = typing.get_origin(hint)
    # What is called with tensors, or hands them out later, holds none.
    return origin not in (None, *_CALLED) and any(_is_tensor(one) for one in typing.get_args(hint))


_CALLED = (typing.get_origin(typing.Callable[[int], int]), Iterator, typing.get_origin(Iterator[int]))
assert AbstractArray is not None
