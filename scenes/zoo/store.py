"""Archetypes kept on disk: made once on a machine, loaded in a moment afterwards.

They lie in `zoetrope/zoo` of the user's cache folder (XDG_CACHE_HOME, else ~/.cache), named by a hash of the blueprint
and of the source files that turn it into a body, so that a changed program never meets an old body. Deleting the folder
costs nothing but time.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...representations.atlas import Atlas
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.geometry.unite import United
from ..atomic import atomic_write
from .blueprint import Blueprint, assemble
from .body import Archetype, make_archetype

_MAKERS = (
    "representations/geometry/unite.py",
    "representations/geometry/smooth_union.py",
    "representations/geometry/signed_distance.py",
    "representations/geometry/one_body.py",
    "representations/geometry/marching.py",
    "representations/geometry/remesh.py",
    "representations/geometry/corner_table.py",
    "representations/geometry/correspondence.py",
    "representations/atlas.py",
    "representations/body/chart.py",
    "scenes/zoo/loft.py",
    "scenes/zoo/blueprint.py",
    "scenes/zoo/body.py",
    "scenes/zoo/store.py",
)
_TENSORS = ("piece", "share", "source_face", "source_vertex", "barycentric", "remainder", "mirror")


def stored_archetype(blueprint: Blueprint, cache: Path | None = None) -> Archetype:
    """The archetype of a blueprint, from the cache folder if it is there, else made and put there.

    A cache that cannot be written to is done without.
    """
    path = (cache or _cache_folder()) / f"{_key(blueprint)}.safetensors"
    if path.is_file():
        try:
            return _unpacked(blueprint, load_file(path))
        except (SafetensorError, KeyError):
            path.unlink(missing_ok=True)
    archetype = make_archetype(blueprint)
    try:
        with atomic_write(path) as temporary:
            save_file(_packed(archetype), temporary)
    except OSError:
        # A machine that lets nothing be kept, such as a read-only home: the body is made anew each time.
        return archetype
    return archetype


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "zoetrope" / "zoo"


def _key(blueprint: Blueprint) -> str:
    return hashlib.sha256((_program() + repr(blueprint)).encode()).hexdigest()[:32]


@cache
def _program() -> str:
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for name in _MAKERS:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _packed(archetype: Archetype) -> dict[str, Tensor]:
    united = archetype.united
    tensors = {f"mesh.{f.name}": getattr(united.mesh, f.name) for f in fields(united.mesh)}
    tensors |= {f"united.{name}": getattr(united, name) for name in _TENSORS}
    tensors |= {f"atlas.{name}": value for name, value in vars(archetype.atlas).items()}
    tensors["euler"] = torch.tensor(united.euler)
    return {name: value.contiguous() for name, value in tensors.items() if value is not None}


def _unpacked(blueprint: Blueprint, tensors: dict[str, Tensor]) -> Archetype:
    def group(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    united = United(
        mesh=SkinnedMesh(**group("mesh.")),
        **group("united."),  # type: ignore[arg-type]
        bridges=(), thickened=(), splints=0, dropped=0.0, euler=int(tensors["euler"]),
    )  # fmt: skip
    return Archetype(blueprint, assemble(blueprint), united, Atlas(**group("atlas.")))
