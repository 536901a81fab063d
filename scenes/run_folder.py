"""The folder of one run: what lies where in it. Whatever a command writes into a run has its name here, or it would
outlive the run that is replaced."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

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


def visible_names(folder: Path) -> list[str]:
    """Names in a folder, sorted, without hidden ones (locks and what a killed process left); none if it is missing."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


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
