"""How a run is started, resumed or replaced, and who may write to its folder.

Only what `RunFolder` lists is ever removed, and the folder of photos is never written to.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...scenes.atomic import atomic_write
from ...scenes.error import InputError, one_line
from ...scenes.json_file import read_json
from ...scenes.run_folder import RunFolder, visible_names
from ..config import FitConfig

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
        except BlockingIOError as error:
            raise InputError(f"another process is writing to {folder}; wait for it or choose another --out") from error
        yield


def _remove_run(folder: Path) -> None:
    # config.json goes last: a half-removed run can still be removed the next time.
    for path in RunFolder(folder).entries():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _circumstances(models: dict[str, str]) -> dict[str, Any]:
    import torch

    versions = {
        "python": platform.python_version(),
        "zoetrope": installed_version("zoetrope3d"),
        **{name: installed_version(name) for name in LIBRARIES},
    }
    machine = {"system": platform.system(), "processor": platform.machine(), "threads": torch.get_num_threads()}
    return {"versions": versions, "machine": machine, "models": models}
