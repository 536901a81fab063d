"""Photos of the zoo kept for training: one file a sitting, read into memory as bytes.

A photo takes 50 times as long to make as to learn from, so each is made once and seen often, every time cut, coloured
and covered differently. Files are named by the seed that made them: a pool grows where it was left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Int8, UInt8
from safetensors.numpy import load_file, save_file
from torch import Tensor

from ...representations.body.chart import VERSION
from ...representations.tensor_structure import TensorStructure
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.json_file import read_json
from ...scenes.photography.label import NONE
from ...scenes.photography.shot import Shot
from ...scenes.zoo.sitting import Sitting
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.stream import StreamConfig, stream

CANONICAL_XYZ_STEPS = 64
"""Coordinates on the reference body are kept as whole numbers of 1 / 64, finer than any network will be."""
_RECIPE = "recipe.json"
_SPOKEN_PHOTOS = 400


class Pool(TensorStructure):
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
    canonical_xyz: Int8[Tensor, "N h h 3"]
    """On the reference body, in steps of 1 / `CANONICAL_XYZ_STEPS`."""
    view: Float[Tensor, "N 2"]
    """Azimuth and elevation in degrees."""
    species: Int[Tensor, " N"]
    """Index into `SPECIES`; -1 for one that is not of the zoo."""

    def __len__(self) -> int:
        return len(self.photo)


def spoken(each: int) -> Callable[[int], None]:
    """A report for filling pools `each` photos at a time: prints how many there are, now and then."""
    start = time.monotonic()

    def report(done: int) -> None:
        if done % _SPOKEN_PHOTOS < each:
            print(f"{done} photos after {(time.monotonic() - start) / 60:.1f} min", flush=True)

    return report


def fill_pool(
    folder: Path,
    config: StreamConfig,
    photo_count: int,
    report: Callable[[int], None],
    process_count: int | None = None,
    first_seed: int = 0,
) -> None:
    """Makes what is missing of `photo_count` photos from `first_seed` on.

    `report` is told how many there are after each sitting. Raises InputError if the folder holds photos made by
    another recipe.
    """
    recipe = {"chart_version": VERSION, "first_seed": first_seed, **asdict(config)}
    keep_filling(
        folder,
        recipe,
        photo_count,
        config.photo_count,
        lambda seeds: stream(seeds, config, pack, process_count),
        report,
        first_seed,
    )


def keep_filling(
    folder: Path,
    recipe: Mapping[str, object],
    photo_count: int,
    each: int,
    make: Callable[[Sequence[int]], Iterable[Mapping[str, np.ndarray]]],
    report: Callable[[int], None],
    first_seed: int = 0,
) -> None:
    """Writes what is missing of the first `photo_count` photos, `each` a file, with what `make` gives for its seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = json.loads(json.dumps(recipe))
    written = folder / _RECIPE
    if written.is_file():
        if read_json(written, object) != recipe:
            raise InputError(f"{folder} holds photos made by another recipe; give another folder or delete it")
    else:
        with atomic_write(written) as temporary:
            temporary.write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    seeds = range(first_seed, first_seed + -(-photo_count // each))
    missing = [seed for seed in seeds if not _path(folder, seed).is_file()]
    done = (len(seeds) - len(missing)) * each
    report(done)
    if not missing:
        return
    for seed, packed in zip(missing, make(missing), strict=True):
        with atomic_write(_path(folder, seed)) as temporary:
            save_file(dict(packed), temporary)
        done += each
        report(done)


def read_pool(folder: Path, photo_count: int, beside: Sequence[Path] = ()) -> Pool:
    """The first `photo_count` photos, or as many as there are, and then all of the folders `beside`.

    Raises InputError for a folder without any.
    """
    folders = [sorted(one.glob("[0-9]*.safetensors")) for one in (folder, *beside)]
    for one, paths in zip((folder, *beside), folders, strict=True):
        if not paths:
            raise InputError(f"{one} holds no photos to train on")
    first = load_file(folders[0][0])
    each = len(first["photo"])
    paths = [*folders[0][: -(-photo_count // each)], *(path for others in folders[1:] for path in others)]
    held = {name: np.empty((len(paths) * each, *some.shape[1:]), some.dtype) for name, some in first.items()}
    for k, path in enumerate(paths):
        for name, some in load_file(path).items():
            held[name][k * each : (k + 1) * each] = some
    return Pool(**{name: torch.from_numpy(some) for name, some in held.items()})


def pack(sitting: Sitting) -> Mapping[str, np.ndarray]:
    """The fields of a `Pool` for one sitting."""
    return pack_shots(sitting.shots, list(SPECIES).index(sitting.species))


def pack_shots(shots: Sequence[Shot], species: int) -> Mapping[str, np.ndarray]:
    """The fields of a `Pool` for photos of one subject; its parts may be unknown."""
    packed = [_packed(shot) for shot in shots]
    fields = {name: np.ascontiguousarray(np.stack([one[name] for one in packed])) for name in packed[0]}
    return {**fields, "species": np.full(len(shots), species, np.int64)}


def _packed(shot: Shot) -> dict[str, np.ndarray]:
    part, side, reference = shot.labels.part, shot.labels.side, shot.labels.reference
    if part is None or side is None or reference is None:
        part = side = np.full(shot.visible.shape, NONE, np.uint8)
        reference = np.zeros((*shot.visible.shape, 3), np.float16)
    steps = np.rint(reference[1::2, 1::2].astype(np.float32) * CANONICAL_XYZ_STEPS)
    if np.abs(steps).max() > 127:
        raise ValueError(
            f"the reference body reaches {np.abs(steps).max() / CANONICAL_XYZ_STEPS:.2f}, which int8 cannot hold"
        )
    return {
        "photo": shot.photo,
        "visible": _halved(shot.visible),
        "amodal": _halved(shot.amodal),
        "part": part[1::2, 1::2],
        "side": side[1::2, 1::2],
        "canonical_xyz": steps.astype(np.int8),
        "view": np.array([shot.azimuth_deg, shot.elevation_deg], np.float32),
    }


def _halved(mask: UInt8[np.ndarray, "S S"]) -> UInt8[np.ndarray, "h h"]:
    quarters = mask[0::2, 0::2].astype(np.uint16) + mask[1::2, 0::2] + mask[0::2, 1::2] + mask[1::2, 1::2]
    return ((quarters + 2) // 4).astype(np.uint8)


def _path(folder: Path, seed: int) -> Path:
    return folder / f"{seed:06d}.safetensors"
