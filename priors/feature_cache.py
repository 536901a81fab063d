"""Features kept on disk, by content: the same pixels through the same network are computed once.

One file in half precision per picture, named by a hash of the pixels and of the network with its options; see
`disk_cache`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from .disk_cache import cache_folder, read_tensors, write_tensors
from .semantic import FeatureMaps, SemanticNetwork

_FORMAT = 1


def cached_maps(
    network: SemanticNetwork, pictures: Float[Tensor, "B H W 3"], *, folder: Path | None = None
) -> FeatureMaps:
    """What `network.describe(pictures)` gives, rounded to half precision, computed only for pictures not seen before.

    A folder that cannot be written to is done without; a broken file is made again.
    """
    folder = folder or cache_folder("features")
    paths = [folder / f"{_key(network, picture)}.safetensors" for picture in pictures]
    stored = [read_tensors(path, "features") for path in paths]
    missing = [index for index, tensors in enumerate(stored) if tensors is None]
    if missing:
        made = network.describe(pictures[missing])
        for place, index in enumerate(missing):
            tensors = {"features": made.features[place]}
            if made.attention is not None:
                tensors["attention"] = made.attention[place]
            tensors = {name: value.half().cpu().contiguous() for name, value in tensors.items()}
            write_tensors(paths[index], tensors)
            stored[index] = tensors
    found = [tensors for tensors in stored if tensors is not None]

    def together(name: str) -> Tensor:
        return torch.stack([tensors[name] for tensors in found]).float().to(pictures.device)

    return FeatureMaps(together("features"), together("attention") if "attention" in found[0] else None)


def _key(network: SemanticNetwork, picture: Tensor) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {network.identity} {tuple(picture.shape)} {picture.dtype}".encode())
    digest.update(picture.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:40]
