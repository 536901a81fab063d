"""Collections made to order: `zoetrope zoo zebra --photos 20 --seed 3 --out DIR`, of any species or any rigged glTF."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from ...representations.body.chart import VERSION
from ..atomic import atomic_write
from ..error import InputError
from ..gltf.front_axis import Front
from ..json_file import read_json
from ..photography.photograph import PhotographyConfig
from ..photography.viewpoint import ViewpointConfig
from ..photography.write import write_zoo_collection
from .sitting import Sitting, take_photos
from .species import SPECIES
from .split import TEST_PHOTOS, seed_of

_MAKER = "zoetrope.scenes.zoo"


def write_zoo(
    subject: str,
    folder: Path,
    *,
    photo_count: int = 20,
    seed: int = 0,
    size: int = 384,
    noisy: bool = False,
    azimuth_deg: tuple[float, float] = (0.0, 360.0),
    front: Front | None = None,
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Writes a collection of one subject with ground truth to `folder`, in the layout of `photography.write`.

    `subject` is a species of `species.SPECIES` or the path of a .glb, .gltf or .vrm file. Of a species
    `truth/joints.json` holds the posed joints as well. `azimuth_deg`: between which the photos are taken; the held-out
    views go all round regardless. `front`: along which axis the subject of a file looks, None as its joints tell it.
    The same arguments write the same bytes. Returns what is unusual about a file, a line each, which
    `truth/transforms.json` has as "notes" too. Raises InputError for a subject that is neither, for a species with a
    `front`, and for a folder with other files in it.
    """
    if photo_count < 1 or size < 32:
        raise InputError(f"--photos is {photo_count} and --size {size}; at least 1 photo of 32 pixels can be made")
    low, high = azimuth_deg
    if not 0 < high - low <= 360:
        raise InputError(f"--azimuth is {low:g} {high:g}; it must go up, by 360 degrees at most")
    from_file = Path(subject).suffix.lower() in (".glb", ".gltf", ".vrm")
    if not from_file and subject not in SPECIES:
        raise InputError(
            f"there is no {subject!r} in the zoo; it has {', '.join(SPECIES)}, or give a .glb or .gltf file"
        )
    if front is not None and not from_file:
        raise InputError(f"--front is {front}, but {subject} is a species, whose front is known; give it with a file")
    loaded = None
    if from_file:
        from ..gltf.subject import load_gltf

        loaded = load_gltf(subject, front=front)
    _clear(folder, overwrite)
    generator = torch.Generator().manual_seed(seed)
    config = PhotographyConfig(size=size, noisy=noisy, viewpoint=ViewpointConfig(azimuth_deg=azimuth_deg))
    about: dict[str, Any] = {"made_by": _MAKER, "seed": seed, "noisy": noisy, "azimuth_deg": [low, high]}
    about["chart_version"] = VERSION
    if loaded is not None:
        from ..gltf.session import photograph_gltf

        if loaded.notes:
            about["notes"] = list(loaded.notes)
        poses, shots = photograph_gltf(loaded, photo_count, config, generator)
        write_zoo_collection(folder, loaded.sitter(), poses, shots, {**about, "subject": loaded.name})
        return loaded.notes
    sitting = take_photos(subject, photo_count, generator, config)
    write_zoo_collection(folder, sitting.sitter, sitting.poses, sitting.shots, {**about, "subject": subject})
    _write_joints(folder / "truth" / "joints.json", sitting)
    return ()


def split_collection(species: str, root: Path) -> Path:
    """The folder of a species' test collection below `root`, written first if it is not there."""
    folder = root / f"zoo_{species}"
    if not is_zoo(folder):
        write_zoo(species, folder, photo_count=TEST_PHOTOS, seed=seed_of(species))
    return folder


def is_zoo(folder: Path) -> bool:
    """Whether `write_zoo` filled this folder, so that it may be replaced."""
    path = folder / "truth" / "transforms.json"
    return path.is_file() and read_json(path, dict, expected="expected cameras").get("made_by") == _MAKER


def _clear(folder: Path, overwrite: bool) -> None:
    present = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if not present:
        return
    if not is_zoo(folder):
        raise InputError(f"{folder} holds other files ({', '.join(sorted(present)[:3])}); choose another --out")
    if not overwrite:
        raise InputError(f"{folder} holds a collection of the zoo already; add --overwrite, or choose another --out")
    shutil.rmtree(folder)


def _write_joints(path: Path, sitting: Sitting) -> None:
    poses = enumerate(sitting.joints.tolist())
    places = {f"{k:03d}": [[round(x, 6) for x in joint] for joint in pose] for k, pose in poses}
    content = {"names": sitting.skeleton.names, "parents": sitting.skeleton.parents, "photos": places}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")
