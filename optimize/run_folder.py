"""The folder of one run: what lies where in it, how it is started, resumed or replaced, and who may write to it.

Only names that belong to a run are ever removed, and the folder of photos is never written to.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..scenes.atomic import atomic_write
from ..scenes.error import InputError, one_line
from ..scenes.json_file import read_json
from .config import FitConfig

_FOLDERS = ("observations", "checkpoints", "posed", "instances", "distillation", "cleaned", "export")
_FILES = (
    *("config.json", "metrics.jsonl", "transforms.json", "rest.ply", "subject.glb", "scores.json", "report.html"),
    *("events.out.tfevents.*", "turntable.*", "contact_sheet.*"),
)
LIBRARIES = (
    "torch",
    "numpy",
    "numba",
    "scipy",
    "trimesh",
    "manifold3d",
    "xatlas",
    "opencv-python-headless",
    "diffusers",
    "transformers",
)
"""Distributions whose versions decide what a fit comes to."""


@dataclass(frozen=True)
class RunFolder:
    """Where the parts of a run lie. Makes nothing by itself."""

    root: Path

    @property
    def config(self) -> Path:
        """All options, seed, versions, machine, model ids."""
        return self.root / "config.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of what a resumed fit starts from."""
        return self.root / "checkpoints"

    @property
    def observations(self) -> Path:
        """Folder of crops, masks and maps."""
        return self.root / "observations"

    @property
    def masks(self) -> Path:
        """Folder of the masks that were estimated, STEM.png, as large as the photos; crops have theirs in masks/."""
        return self.root / "observations" / "estimated"

    @property
    def metrics(self) -> Path:
        """One JSON line per logged step."""
        return self.root / "metrics.jsonl"

    @property
    def cameras(self) -> Path:
        """Fitted cameras for the original photos' pixels, nerfstudio format."""
        return self.root / "transforms.json"

    @property
    def posed(self) -> Path:
        """Folder of the subject in each photo's pose, STEM.ply."""
        return self.root / "posed"

    @property
    def instances(self) -> Path:
        """Folder of the rigged subject with each photo's shape, texture and pose, STEM.glb."""
        return self.root / "instances"

    @property
    def distillation(self) -> Path:
        """Folder of what a diffusion prior has made of views that no photo has: losses and pictures."""
        return self.root / "distillation"

    @property
    def cleaned(self) -> Path:
        """Folder of pictures that compare photos before and after they were cleaned up, STEM.png."""
        return self.root / "cleaned"

    @property
    def exact_subject(self) -> Path:
        """The same subject with all its numbers, for exports and turntables (see scenes.subject)."""
        return self.root / "checkpoints" / "subject.safetensors"

    @property
    def subject(self) -> Path:
        """The rigged, textured, animated subject."""
        return self.root / "subject.glb"


@contextmanager
def open_run(
    config: FitConfig, models: dict[str, str] | None = None, about: Mapping[str, Any] | None = None
) -> Iterator[RunFolder]:
    """The run folder made ready and held for writing: a new one, a replaced one, or one to go on with.

    A new run gets its `config.json` before anything else. `models` are the ids of the priors in use, `about` goes into
    that file as it is. A second process that opens the same folder gets an InputError instead of mixing its lines in.

    Raises InputError where the folder holds something else, where there is nothing to resume, where the options are not
    those the run was started with, or where `out` lies inside the folder of photos. Then nothing was changed.
    """
    run = RunFolder(config.out)
    check_out(config)
    if config.resume:
        with _sole_writer(config.out):
            yield run
        return
    config.out.mkdir(parents=True, exist_ok=True)
    with _sole_writer(config.out):
        _remove_run(config.out)
        with atomic_write(run.config) as temporary:
            data = config.to_json() | _circumstances(models or {}) | dict(about or {})
            temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        yield run


def check_out(config: FitConfig) -> None:
    """Raises InputError where `open_run` would refuse the folder, so that nobody waits for that."""
    run = RunFolder(config.out)
    _refuse_wrong_places(config)
    if config.resume:
        _refuse_other_options(config)
        return
    present = visible_names(config.out)
    if present and not config.overwrite:
        raise InputError(
            f"--out {config.out} is not empty ({', '.join(present[:3])}{', ...' if len(present) > 3 else ''}); "
            "add --resume to go on with that run, --overwrite to replace it, or choose another folder"
        )
    if present and not run.config.is_file():
        raise InputError(f"--overwrite replaces runs only, and {config.out} has no config.json; choose another --out")


def read_config(folder: Path) -> FitConfig:
    """The options of the run in `folder`. Raises InputError where there is none."""
    path = RunFolder(folder).config
    if not path.is_file():
        raise InputError(f"{folder} is no run: it has no config.json; give the folder that `zoetrope fit --out` wrote")
    data = read_json(path, dict, expected="restore it or start a new run", finite=True)
    try:
        return FitConfig.from_json(data, folder)
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} has odd options ({one_line(error)}); restore it or start a new run") from error


def changed_versions(folder: Path) -> list[str]:
    """What is not as it was when the run in `folder` was started, in words; bits may differ after a resume then."""
    recorded = read_json(RunFolder(folder).config, dict, expected="restore it or start a new run")
    now = _circumstances({})
    changes = []
    for group in ("versions", "machine"):
        for name, value in now[group].items():
            before = recorded.get(group, {}).get(name)
            if before != value:
                changes.append(f"{name} {before} -> {value}")
    return changes


def installed_version(package: str) -> str | None:
    """Version of a distribution, or None where it is not installed under that name.

    >>> installed_version("no-such-distribution") is None
    True
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def visible_names(folder: Path) -> list[str]:
    """Names in a folder, sorted, without hidden ones (locks and what a killed process left); none if it is missing."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def _refuse_wrong_places(config: FitConfig) -> None:
    out, photos = config.out.resolve(), config.photos.resolve()
    if out == photos or photos in out.parents:
        raise InputError(f"--out {config.out} lies inside the photos {config.photos}; choose a folder outside of it")
    if config.out.exists() and not config.out.is_dir():
        raise InputError(f"--out {config.out} is a file; a run is written to a folder: choose another name")


def _refuse_other_options(config: FitConfig) -> None:
    if not RunFolder(config.out).config.is_file():
        raise InputError(f"--resume finds no run in {config.out} (no config.json); leave --resume out to start one")
    differences = config.differences(read_config(config.out))
    if differences:
        raise InputError(
            f"--resume goes on with the options of the run in {config.out}, but this command has "
            f"{'; '.join(differences)}; repeat the run's options or choose another --out"
        )


@contextmanager
def _sole_writer(folder: Path) -> Iterator[None]:
    """Holds the folder while the block runs. The lock goes with the process, however that ends.

    Without POSIX file locks (Windows) it does nothing.
    """
    if os.name != "posix":
        yield
        return
    import fcntl

    with open(folder / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise InputError(f"another process is writing to {folder}; wait for it or choose another --out") from fault
        yield


def _remove_run(folder: Path) -> None:
    for name in _FOLDERS:
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
    # config.json goes last: a half-removed run can still be removed the next time.
    for pattern in reversed(_FILES):
        for path in folder.glob(pattern):
            path.unlink()


def _circumstances(models: dict[str, str]) -> dict[str, Any]:
    import torch

    versions = {
        "python": platform.python_version(),
        **{name: installed_version(name) for name in ("zoetrope", *LIBRARIES)},
    }
    machine = {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()}
    return {"versions": versions, "machine": machine, "models": models}
