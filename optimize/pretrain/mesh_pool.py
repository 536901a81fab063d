"""Photos of rigged meshes beside those of the zoo.

Nobody knows their parts. What they cover in a photo and where it was taken from is known, and these are what carries
over least from made-up animals to others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from ...scenes.error import InputError
from ...scenes.gltf.session import photograph_gltf
from ...scenes.gltf.subject import load_gltf
from ...scenes.zoo.stream import StreamConfig
from .pool import keep_filling, pack_shots


def mesh_files(folder: Path) -> tuple[Path, ...]:
    """The .glb and .gltf files of a folder, by name. Raises InputError where there are none."""
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".glb", ".gltf"))
    if not files:
        raise InputError(f"{folder} holds no .glb or .gltf file")
    return tuple(files)


def fill_mesh_pool(
    folder: Path, file: Path, config: StreamConfig, photo_count: int, report: Callable[[int], None]
) -> None:
    """Makes what is missing of the first `photo_count` photos of one mesh, which looks where its joints say.

    Raises InputError for a file that is no glTF and if the folder holds photos of another, or made by another recipe.
    """
    recipe = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), **asdict(config)}
    del recipe["species"]

    def make(seeds: Sequence[int]) -> Iterator[Mapping[str, np.ndarray]]:
        subject = load_gltf(file)
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            photography = config.photography(float(torch.rand(1, generator=generator)))
            yield pack_shots(photograph_gltf(subject, config.photo_count, photography, generator)[1], -1)

    keep_filling(folder, recipe, photo_count, config.photo_count, make, report)
