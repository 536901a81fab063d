"""Tensors kept on disk because they are slow to make: one safetensors file each, in the user's cache folder.

Files lie in `zoetrope/KIND` of XDG_CACHE_HOME, else of ~/.cache, named by a hash of all that they depend on. Deleting
them costs nothing but time.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


def cache_folder(kind: str) -> Path:
    """Where files of one kind lie; it need not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "zoetrope" / kind


def read_tensors(path: Path, required: str) -> dict[str, Tensor] | None:
    """What the file holds; None where it is missing, broken or has no tensor of the required name."""
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError):
        return None
    return tensors if required in tensors else None


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Written beside its place, then renamed, so that a killed process leaves no half file under the name.

    A folder that cannot be written to, or a disk that is full, is done without: the tensors are made anew next time.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    try:
        save_file(tensors, temporary)
        os.replace(temporary, path)
    except (OSError, SafetensorError):
        return
    finally:
        temporary.unlink(missing_ok=True)
