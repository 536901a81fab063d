"""State on disk that survives a kill at any byte: one safetensors file per checkpoint, put in place by a rename.

A state is a tree of dicts, lists and tuples over tensors, numpy arrays, generators and plain values. Its tensors go
into the file as they are, the tree around them as JSON into the file's metadata; nothing is pickled. `journal.json`
beside the checkpoints tells which stages the run went through, for people and reports; a resume reads the checkpoint.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.json_file import parse_json, read_json

CHECKPOINT_FORMAT_VERSION = 4
"""Of the tree in the metadata, and of the names in a fit's state: 3 had those of before the renaming."""


@dataclass(frozen=True)
class StageStep:
    """How far a fit has come."""

    stage: str
    """Name of the stage under way."""
    iteration: int
    """Finished iterations of that stage."""
    step: int
    """Finished iterations of all stages; the metrics log holds lines up to this step."""


@dataclass(frozen=True)
class Checkpoint:
    """A state and the place in the fit that it belongs to."""

    place: StageStep
    state: Any


def save_checkpoint(folder: Path, state: Any, place: StageStep, name: str = "last") -> Path:
    """Writes `folder/NAME.safetensors` whole or not at all, and returns its path.

    `state` may hold tensors of any device, numpy arrays, torch and numpy generators, str, int, float, bool, None, and
    dicts, lists and tuples of these; optimiser state dicts among them. An older checkpoint of that name stays until the
    new one is safely on disk. Raises TypeError naming the place in the tree of anything else.
    """
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, name, tensors)
    header = json.dumps({"format_version": CHECKPOINT_FORMAT_VERSION, "place": asdict(place), "state": tree})
    folder.mkdir(parents=True, exist_ok=True)
    # Hidden files are what a killed process was writing, ours or safetensors' own; a run has one writer.
    for leftover in folder.glob(".*"):
        leftover.unlink()
    path = folder / f"{name}.safetensors"
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata={"zoetrope": header})
    _note_stage(folder, place)
    return path


def load_checkpoint(folder: Path, name: str = "last", device: torch.device | str = "cpu") -> Checkpoint | None:
    """The checkpoint that `save_checkpoint` wrote under `name`, tensors on `device`; None if there is none.

    Generators come back as new ones in the saved state, on the kind of device they were made for.
    Raises InputError if the file cannot be read or has another format version.
    """
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = parse_json((file.metadata() or {}).get("zoetrope", "{}"), dict, source="its header")
            # Copies: what the file gives out may be mapped from it, and the file is going to be replaced.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - the file is no dict
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); start the run anew or put back a copy of it") from error
    if header.get("format_version") != CHECKPOINT_FORMAT_VERSION:
        found = header.get("format_version")
        raise InputError(
            f"{path} has format version {found!r}, this zoetrope reads {CHECKPOINT_FORMAT_VERSION}; start the run anew"
        )
    return Checkpoint(StageStep(**header["place"]), _unpack(header["state"], tensors, torch.device(device)))


def read_stages(folder: Path) -> list[StageStep]:
    """The stages a run went through, in order, each with how far it came; empty before the first checkpoint."""
    path = folder / "journal.json"
    if not path.is_file():
        return []
    try:
        return [StageStep(**row) for row in read_json(path, list)]
    except TypeError as error:
        raise InputError(f"{path} does not list stages ({error}); delete it") from error


def _note_stage(folder: Path, place: StageStep) -> None:
    # A resumed run may have been killed further on than its checkpoint: what was noted from there on is done again.
    stages = [row for row in read_stages(folder) if row.step <= place.step and row.stage != place.stage]
    with atomic_write(folder / "journal.json") as temporary:
        temporary.write_text(json.dumps([asdict(row) for row in [*stages, place]], indent=2) + "\n")


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """The JSON tree of `value`; its tensors are added to `tensors` under their paths."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        # A copy of its own: views and shared storage must not meet in the file.
        return {"$": "tensor", "key": _keep(value.detach().to("cpu", copy=True), path, tensors)}
    if isinstance(value, np.ndarray):
        return {"$": "array", "key": _keep(torch.from_numpy(value.copy()), path, tensors)}
    if isinstance(value, torch.Generator):
        key = _keep(value.get_state(), path, tensors)
        return {"$": "torch.Generator", "key": key, "device": value.device.type}
    if isinstance(value, np.random.Generator):
        return {"$": "numpy.Generator", "state": _pack(dict(value.bit_generator.state), path, tensors)}
    if isinstance(value, dict):
        items = [[_key(key, path), _pack(item, f"{path}.{key}", tensors)] for key, item in value.items()]
        return {"$": "dict", "items": items}
    if type(value) is tuple:
        return {"$": "tuple", "items": [_pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]}
    if isinstance(value, list):
        return [_pack(item, f"{path}.{i}", tensors) for i, item in enumerate(value)]
    raise TypeError(
        f"{path} is a {type(value).__name__}, which a checkpoint cannot hold; store its tensors and numbers"
    )


def _keep(tensor: Tensor, path: str, tensors: dict[str, Tensor]) -> str:
    # Paths can meet, since keys may hold dots themselves: {"a.b": ..., "a": {"b": ...}}.
    while path in tensors:
        path += "'"
    tensors[path] = tensor.contiguous()
    return path


def _key(key: Any, path: str) -> str | int:
    if type(key) not in (str, int):
        raise TypeError(f"{path} has the key {key!r}; the keys of a checkpoint are strings and integers")
    return key


def _unpack(node: Any, tensors: dict[str, Tensor], device: torch.device) -> Any:
    if isinstance(node, list):
        return [_unpack(item, tensors, device) for item in node]
    if not isinstance(node, dict):
        return node
    kind = node["$"]
    if kind == "tensor":
        return tensors[node["key"]].to(device)
    if kind == "array":
        return tensors[node["key"]].numpy()
    if kind == "dict":
        return {key: _unpack(item, tensors, device) for key, item in node["items"]}
    if kind == "tuple":
        return tuple(_unpack(item, tensors, device) for item in node["items"])
    if kind == "torch.Generator":
        generator = torch.Generator(node["device"])
        generator.set_state(tensors[node["key"]])
        return generator
    assert kind == "numpy.Generator", (
        f"unknown node {kind!r} in a checkpoint of format version {CHECKPOINT_FORMAT_VERSION}"
    )
    state = _unpack(node["state"], tensors, device)
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)
