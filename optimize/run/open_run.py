"""The folder of one run: what lies where in it, how it is started, resumed or replaced, and who may write to it.

Only names that belong to a run are ever removed, and the folder of photos is never written to. Whatever a command
writes into a run has its name here, or it would outlive the run that is replaced.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...scenes.atomic import atomic_write
from ...scenes.error import InputError, one_line
from ...scenes.json_file import read_json
from ..config import FitConfig

_FOLDERS = ("observations", "checkpoints", "posed", "instances", "distillation", "cleaned", "export")
_FILES = (
    *("config.json", "metrics.jsonl", "transforms.json", "rest.ply", "subject.glb", "contact_sheet.png"),
    *("scores.json", "keypoints.png", "comparison.json", "report.html"),
)
_EVENTS = re.compile(r"events\.out\.tfevents\..+")
_VIDEO = re.compile(r"turntable(_\w+)?\.(mp4|gif|webp|png)")
_FRAMES = re.compile(r"turntable(_\w+)?")
"""A folder of a video's frames; other files in it are not the run's, see `video.write_frames`."""
_FRAME = re.compile(r"\d{3,}\.png")
_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{12}(\.\w+)?")
"""What a killed process was writing, see `scenes.atomic`: the name that it was to have, in two pieces."""
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
    def export(self) -> Path:
        """Folder of the subject in other formats, with other motions, or with what other runs have given it."""
        return self.root / "export"

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

    @property
    def rest(self) -> Path:
        """The subject's mesh at rest."""
        return self.root / "rest.ply"

    @property
    def contact_sheet(self) -> Path:
        """Picture of each photo beside its fit."""
        return self.root / "contact_sheet.png"

    @property
    def scores(self) -> Path:
        """Agreement with the photos, and with the truth where that is known."""
        return self.root / "scores.json"

    @property
    def keypoints(self) -> Path:
        """Picture of keypoints carried from photo to photo."""
        return self.root / "keypoints.png"

    @property
    def comparison(self) -> Path:
        """Differences of the scores to those of a second run."""
        return self.root / "comparison.json"

    def turntable(self, ending: str, *words: str) -> Path:
        """A video of the subject turning; `words` say what is special about it. Without ending it is a folder of
        frames.

        >>> RunFolder(Path("fox")).turntable(".mp4", "walk", "normals").name
        'turntable_walk_normals.mp4'
        """
        return self.root / ("_".join(["turntable", *words]) + ending)

    def entries(self) -> list[Path]:
        """All in the folder that belongs to the run, `config.json` last; other files and folders are somebody's own.

        Among them is what a killed process was writing and has left hidden.
        """
        present = sorted(self.root.iterdir()) if self.root.is_dir() else []
        return sorted((own for path in present for own in _own(path)), key=lambda path: path == self.config)


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
        except BlockingIOError as error:
            raise InputError(f"another process is writing to {folder}; wait for it or choose another --out") from error
        yield


def _own(path: Path) -> list[Path]:
    """What of an entry of a run folder is the run's: all of it, some frames in it, or nothing."""
    unfinished = _UNFINISHED.fullmatch(path.name)
    name = "".join(part or "" for part in unfinished.groups()) if unfinished else path.name
    if path.is_symlink():  # a folder may have been put elsewhere; the link goes, what it names stays
        return [path] if name in (*_FOLDERS, *_FILES) or _FRAMES.fullmatch(name) or _VIDEO.fullmatch(name) else []
    if path.is_file():
        return [path] if name in _FILES or _EVENTS.fullmatch(name) or _VIDEO.fullmatch(name) else []
    if not _FRAMES.fullmatch(name):
        return [path] if name in _FOLDERS else []
    inside = sorted(path.iterdir())
    frames = [file for file in inside if _FRAME.fullmatch(file.name)]
    return [path] if unfinished or (frames and frames == inside) else frames


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
