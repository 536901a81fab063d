"""The finished subject, apart from any photo: mesh, rig, shared texture and clips, as turntables and exports need it.

On disk one safetensors file holds it exactly (a GLB keeps four joints a vertex and knows no body parts): tensors as
they are, names and trees as JSON in the metadata.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..representations.body.skeleton import Skeleton
from ..representations.geometry.mesh import SkinnedMesh
from ..representations.motion.clip import Clip, RootMotion
from ..representations.tensor_structure import TensorStructure
from .atomic import atomic_write
from .error import InputError
from .json_file import parse_json

SUBJECT_FORMAT_VERSION = 1

_TREE = ("names", "parents", "mirror", "parts", "plan", "landmarks")
_PLACES = ("joints", "tips", "limits_deg")


class Subject(TensorStructure):
    """A rigged mesh in its rest pose with what it wears and how it moves."""

    mesh: SkinnedMesh
    skeleton: Skeleton
    texture: UInt8[Tensor, "H W 3"] | None = None
    """Shared albedo on the mesh's atlas, sRGB-encoded."""
    clips: tuple[Clip, ...] = ()

    def clip(self, name: str) -> Clip:
        """The clip called `name`; raises InputError with the names there are."""
        for clip in self.clips:
            if clip.name == name:
                return clip
        names = ", ".join(clip.name for clip in self.clips) or "none"
        raise InputError(f"the subject has no motion {name!r}; it has: {names}")


def save_subject(path: Path, subject: Subject) -> None:
    """Writes the subject to `path` (.safetensors), whole or not at all."""
    mesh, skeleton = subject.mesh, subject.skeleton
    tensors = {f"mesh.{f.name}": getattr(mesh, f.name) for f in fields(mesh)}
    tensors |= {f"skeleton.{name}": getattr(skeleton, name) for name in _PLACES}
    tensors["texture"] = subject.texture
    for k, clip in enumerate(subject.clips):
        tensors |= {f"clip.{k}.times": clip.times, f"clip.{k}.rotations": clip.rotations}
        if clip.root is not None:
            tensors |= {f"clip.{k}.turns": clip.root.turns, f"clip.{k}.shifts": clip.root.shifts}
    about = {
        "format_version": SUBJECT_FORMAT_VERSION,
        "skeleton": {name: getattr(skeleton, name) for name in _TREE},
        "clips": [{"name": clip.name, "loop": clip.loop} for clip in subject.clips],
    }
    kept = {
        name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items() if value is not None
    }
    with atomic_write(path) as temporary:
        save_file(kept, temporary, metadata={"zoetrope": json.dumps(about)})


def load_subject(path: Path) -> Subject:
    """The subject that `save_subject` wrote. Raises InputError for a missing or damaged file or another format."""
    if not path.is_file():
        raise InputError(f"{path} is missing; finish the run first: zoetrope fit ... --resume")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            about = parse_json((file.metadata() or {}).get("zoetrope", "{}"), dict, source="its header")
            # Copies: what the file gives out may be mapped from it, and the file may be replaced.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 - the file is no dict
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); run the fit again") from error
    if about.get("format_version") != SUBJECT_FORMAT_VERSION:
        found = about.get("format_version")
        raise InputError(
            f"{path} has format version {found!r}, this zoetrope reads {SUBJECT_FORMAT_VERSION}; run the fit again"
        )
    clips = tuple(_clip(_group(tensors, f"clip.{k}."), entry) for k, entry in enumerate(about["clips"]))
    mesh = SkinnedMesh(**_group(tensors, "mesh."))
    stored = _tree(about["skeleton"]) | _group(tensors, "skeleton.")
    skeleton = Skeleton(**stored)
    return Subject(mesh, skeleton, tensors.get("texture"), clips)


def _clip(stored: dict[str, Tensor], entry: dict[str, Any]) -> Clip:
    root = RootMotion(stored["turns"], stored["shifts"]) if "turns" in stored else None
    return Clip(entry["name"], stored["times"], stored["rotations"], entry["loop"], root)


def _group(tensors: dict[str, Tensor], prefix: str) -> dict[str, Any]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _tree(stored: dict[str, Any]) -> dict[str, Any]:
    # JSON knows lists only.
    rows = {name: tuple(stored[name]) for name in ("names", "parents", "mirror", "parts")}
    landmarks = {name: (joint, tip) for name, (joint, tip) in stored["landmarks"].items()}
    return {**rows, "plan": stored["plan"], "landmarks": landmarks}
