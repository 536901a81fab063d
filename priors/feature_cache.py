"""Features kept on disk, by content: the same pixels through the same network are computed once.

They lie in `zoetrope/features` of the user's cache folder (XDG_CACHE_HOME, else ~/.cache), one safetensors file in half
precision per picture, named by a hash of the pixels and of the network with its options. Deleting the folder costs
nothing but time.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .semantic import FeatureMaps, SemanticNetwork

_FORMAT = 1


def cached_maps(
    network: SemanticNetwork, pictures: Float[Tensor, "B H W 3"], *, folder: Path | None = None
) -> FeatureMaps:
    """What `network.describe(pictures)` gives, rounded to half precision, computed only for pictures not seen before.

    A folder that cannot be written to is done without; a broken file is made again.
    """
    folder = folder or _cache_folder()
    paths = [folder / f"{_key(network, picture)}.safetensors" for picture in pictures]
    stored = [_read(path) for path in paths]
    missing = [index for index, tensors in enumerate(stored) if tensors is None]
    if missing:
        made = network.describe(pictures[missing])
        for place, index in enumerate(missing):
            tensors = {"features": made.features[place]}
            if made.attention is not None:
                tensors["attention"] = made.attention[place]
            tensors = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
            _write(paths[index], tensors)
            stored[index] = tensors
    found = [tensors for tensors in stored if tensors is not None]

    def together(name: str) -> Tensor:
        return torch.stack([tensors[name] for tensors in found]).float().to(pictures.device)

    return FeatureMaps(together("features"), together("attention") if "attention" in found[0] else None)


def _key(network: SemanticNetwork, picture: Tensor) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {network.identity} {tuple(picture.shape)} {picture.dtype}".encode())
    digest.update(picture.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:40]


def _cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "zoetrope" / "features"


def _read(path: Path) -> dict[str, Tensor] | None:
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError):
        return None
    return tensors if "features" in tensors else None


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    """Written beside its place, then renamed, so that a killed process leaves no half file under the name."""
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A machine that lets nothing be kept, such as a read-only home: the features are made anew each time.
        return
    try:
        save_file(tensors, temporary)
        os.replace(temporary, path)
    except (OSError, SafetensorError):
        # As above, or a disk that is full.
        return
    finally:
        temporary.unlink(missing_ok=True)
