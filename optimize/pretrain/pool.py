"""Photos of the zoo kept for training: one file a sitting, read into memory as bytes.

A photo takes 50 times as long to make as to learn from, so each is made once and seen often, every time cut, coloured
and covered differently. Files are named by the seed that made them: a pool grows where it was left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Int8, UInt8
from safetensors.numpy import load_file, save_file
from torch import Tensor

from ...representations.chart import VERSION
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.photography.shot import Shot
from ...scenes.zoo.sitting import Sitting
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.stream import StreamConfig, stream

PLACE_STEPS = 64
"""Coordinates on the reference body are kept as whole numbers of 1 / 64, finer than any network will be."""
_RECIPE = "recipe.json"


@dataclass(frozen=True, eq=False)
class Pool:
    """N square photos of side S, and what is known of them at every other pixel, h = S / 2."""

    photo: UInt8[Tensor, "N S S 3"]
    visible: UInt8[Tensor, "N h h"]
    """Share of the pixel that shows the subject, 255 = all."""
    amodal: UInt8[Tensor, "N h h"]
    """The same as if nothing stood in front of it."""
    part: UInt8[Tensor, "N h h"]
    """Kind of part, or `photography.label.NONE`; like all labels also behind what covers the subject."""
    side: UInt8[Tensor, "N h h"]
    """`MIDDLE`, `LEFT`, `RIGHT` or `NONE`."""
    place: Int8[Tensor, "N h h 3"]
    """On the reference body, in steps of 1 / `PLACE_STEPS`."""
    view: Float[Tensor, "N 2"]
    """Azimuth and elevation in degrees."""
    species: Int[Tensor, " N"]
    """Index into `SPECIES`."""

    def __len__(self) -> int:
        return len(self.photo)

    def to(self, device: torch.device) -> Pool:
        """The same pool on another device."""
        return Pool(**{name: some.to(device) for name, some in vars(self).items()})


def fill_pool(
    folder: Path,
    config: StreamConfig,
    photo_count: int,
    report: Callable[[int], None],
    process_count: int | None = None,
) -> None:
    """Makes what is missing of the first `photo_count` photos; `report` is told how many there are after each sitting.

    Raises InputError if the folder holds photos made by another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = json.loads(json.dumps({"chart_version": VERSION, **asdict(config)}))
    written = folder / _RECIPE
    if written.is_file():
        if json.loads(written.read_text(encoding="utf-8")) != recipe:
            raise InputError(f"{folder} holds photos made by another recipe; give another folder or delete it")
    else:
        with atomic_write(written) as temporary:
            temporary.write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    seeds = range(-(-photo_count // config.photo_count))
    missing = [seed for seed in seeds if not _path(folder, seed).is_file()]
    done = (len(seeds) - len(missing)) * config.photo_count
    report(done)
    for seed, packed in zip(missing, stream(missing, config, pack, process_count), strict=True):
        with atomic_write(_path(folder, seed)) as temporary:
            save_file(dict(packed), temporary)
        done += config.photo_count
        report(done)


def read_pool(folder: Path, photo_count: int) -> Pool:
    """The first `photo_count` photos, or as many as there are. Raises InputError for a folder without any."""
    paths = sorted(folder.glob("[0-9]*.safetensors"))
    if not paths:
        raise InputError(f"{folder} holds no photos to train on")
    first = load_file(paths[0])
    each = len(first["photo"])
    paths = paths[: -(-photo_count // each)]
    held = {name: np.empty((len(paths) * each, *some.shape[1:]), some.dtype) for name, some in first.items()}
    for k, path in enumerate(paths):
        for name, some in load_file(path).items():
            held[name][k * each : (k + 1) * each] = some
    return Pool(**{name: torch.from_numpy(some) for name, some in held.items()})


def pack(sitting: Sitting) -> Mapping[str, np.ndarray]:
    """The fields of a `Pool` for one sitting."""
    shots = [_packed(shot) for shot in sitting.shots]
    fields = {name: np.ascontiguousarray(np.stack([shot[name] for shot in shots])) for name in shots[0]}
    return {**fields, "species": np.full(len(shots), list(SPECIES).index(sitting.species), np.int64)}


def _packed(shot: Shot) -> dict[str, np.ndarray]:
    labels = shot.labels
    if labels.part is None or labels.side is None or labels.reference is None:
        raise ValueError("photos to learn parts from must be of a subject that has parts")
    steps = np.rint(labels.reference[1::2, 1::2].astype(np.float32) * PLACE_STEPS)
    if np.abs(steps).max() > 127:
        raise ValueError(f"the reference body reaches {np.abs(steps).max() / PLACE_STEPS:.2f}, which int8 cannot hold")
    return {
        "photo": shot.photo,
        "visible": _halved(shot.visible),
        "amodal": _halved(shot.amodal),
        "part": labels.part[1::2, 1::2],
        "side": labels.side[1::2, 1::2],
        "place": steps.astype(np.int8),
        "view": np.array([shot.azimuth_deg, shot.elevation_deg], np.float32),
    }


def _halved(mask: UInt8[np.ndarray, "S S"]) -> UInt8[np.ndarray, "h h"]:
    quarters = mask[0::2, 0::2].astype(np.uint16) + mask[1::2, 0::2] + mask[0::2, 1::2] + mask[1::2, 1::2]
    return ((quarters + 2) // 4).astype(np.uint8)


def _path(folder: Path, seed: int) -> Path:
    return folder / f"{seed:06d}.safetensors"
