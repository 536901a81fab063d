"""One base for all structures of tensors: moved and mapped as a whole, compared without a fault, and used by all."""

import ast
import dataclasses
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from zoetrope.representations.body.template import template
from zoetrope.representations.camera import Intrinsics, OrbitCamera
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.representations.tensor_structure import TensorStructure, map_tensors

ROOT = Path(__file__).resolve().parents[2]


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
    assert (one == one) is True
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
    assert {body.radius.device.type, body.skeleton.joints.device.type, body.skeleton.limits_deg.device.type} == {"meta"}
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


@pytest.mark.parametrize("folder", ["representations", "priors", "scenes", "eval", "optimize", "cli"])
def test_every_dataclass_of_the_package_that_holds_tensors_is_one(folder: str) -> None:
    assert [name for path in sorted((ROOT / folder).rglob("*.py")) for name in _others(path)] == []


def test_another_structure_of_tensors_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(
        "@dataclass(frozen=True, eq=False)\nclass A:\n    one: Float[Tensor, ' N'] | None\n"
        "class B(NamedTuple):\n    many: dict[str, Tensor]\n"
        "@dataclass\nclass C:\n    of_tensors: Callable[[Tensor], Tensor]\n    name: str\n"
        "class D(TensorStructure):\n    one: Tensor\n"
    )
    assert _others(path) == ["a.py: A", "a.py: B"]


def _others(path: Path) -> list[str]:
    """Dataclasses and named tuples of a file that hold tensors by themselves."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ClassDef):
            continue
        marks = [ast.unparse(mark) for mark in (*node.decorator_list, *node.bases)]
        fields = [field.annotation for field in node.body if isinstance(field, ast.AnnAssign)]
        if any(mark.startswith("dataclass") or mark == "NamedTuple" for mark in marks) and any(map(_is_tensor, fields)):
            found.append(f"{path.name}: {node.name}")
    return found


def _is_tensor(annotation: ast.expr) -> bool:
    """Whether a field holds a tensor; what is called with tensors, or hands them out later, holds none."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in ("Callable", "Iterator"):
        return False
    return getattr(annotation, "id", "") == "Tensor" or any(map(_is_tensor, ast.iter_child_nodes(annotation)))
