"""A folder of photos of one subject, as given: what can be used, what was left out and why.

Found by name inside the folder: `masks/STEM.png`, and `transforms.json` at the top level (cameras that are known).
`keypoints.json` and `truth/` are for evaluation and are never opened here. Nothing in the folder is written to.

One bad photo never stops the others: each is left out with one clear line. Only a folder that cannot serve at all
raises `InputError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console
from rich.progress import Progress

from ..error import InputError, PhotoError, some_of
from .decode import PHOTO_SUFFIXES, looks_like_photo
from .nerfstudio import scan_transforms
from .photo import WORKING_SIDE, Photo, read_mask, read_photo

MaskSource = Literal["auto", "alpha", "folder", "none"]
FEWEST_PHOTOS = 3
"""Without known cameras, fewer photos say too little about shape."""

_COMPANIONS = ("license", "licence", "readme", "copying", "notice", "citation", "changelog", "attribution", "authors")
_COMPANION_SUFFIXES = (".json", ".md", ".ini", ".db")
_RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw", ".raw")
_FILM_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".gif", ".m4v")


@dataclass(frozen=True)
class Rejected:
    """A file that was left out."""

    name: str
    """File name inside the collection's folder."""
    reason: str
    """What was found, what was expected, what to do; reads on from the name."""

    def __str__(self) -> str:
        return f"{self.name} {self.reason}"


@dataclass(frozen=True, eq=False)
class Collection:
    """Photos of one subject, sorted by file name."""

    name: str
    root: Path
    photos: tuple[Photo, ...]
    rejected: tuple[Rejected, ...]
    """Left out, in the order of their names."""
    known_cameras: bool
    """True: every photo has its `camera`, all in one world. False: none has."""
    notes: tuple[str, ...] = ()
    """What was odd but did not stop anything: one line each, beginning with the file's name."""


def load_collection(
    folder: Path | str,
    masks: MaskSource = "auto",
    cameras: str | Path = "auto",
    *,
    max_side: int = WORKING_SIDE,
    show_progress: bool = False,
) -> Collection:
    """The usable photos in `folder`.

    masks: "folder" takes `masks/STEM.png`, "alpha" the photos' own transparency, "auto" the first of the two that a
        photo has, "none" neither. Photos without keep `mask` None.
    cameras: "auto" takes `transforms.json` at the folder's top level if it is there, "estimate" ignores it, anything
        else names a file of that format. With known cameras, photos without one are left out.
    max_side: longest side of the working copies.
    show_progress: a bar on stderr while reading, if that is a terminal.

    Raises InputError when the folder cannot be read, when the cameras' file cannot be used, or when fewer than 3
    photos (1 with known cameras) remain.
    """
    root = Path(folder)
    if masks not in get_args(MaskSource):
        raise InputError(f"masks is '{masks}'; expected one of {', '.join(get_args(MaskSource))}")
    files, rejected = _list_files(root)
    mask_files = _mask_files(root) if masks in ("auto", "folder") else {}
    if masks == "folder" and not mask_files:
        raise InputError(f"masks is 'folder' but {root / 'masks'} holds no STEM.png; add masks or choose 'auto'")
    transforms = _transforms_path(root, cameras)
    if transforms is not None:
        # A file that cannot be used at all is said before the photos are read.
        scan_transforms(transforms)

    kept: list[Photo] = []
    is_twin = _twin_finder()
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not (show_progress and terminal.is_terminal)) as progress:
        for path in progress.track(files, description=f"reading {root.name}"):
            try:
                photo = read_photo(
                    path, max_side, alpha_is_mask=masks in ("auto", "alpha") and path.stem not in mask_files
                )
                if path.stem in mask_files:
                    mask_path = mask_files[path.stem]
                    photo = replace(photo, mask=read_mask(mask_path, photo, f"masks/{mask_path.name}"))
                is_twin(photo)
            except PhotoError as error:
                rejected.append(Rejected(path.name, str(error)))
            else:
                kept.append(photo)

    if transforms is not None and kept:
        kept = _attach_cameras(kept, transforms, rejected)
    rejected.sort(key=lambda entry: entry.name)
    fewest = 1 if transforms is not None else FEWEST_PHOTOS
    if len(kept) < fewest:
        raise InputError(_too_few(root, len(kept), fewest, rejected))
    notes = [f"{photo.path.name}: {note}" for photo in kept for note in photo.notes]
    notes += _mask_notes(root, files) if masks in ("auto", "folder") else []
    return Collection(root.resolve().name, root, tuple(kept), tuple(rejected), transforms is not None, tuple(notes))


def _list_files(root: Path) -> tuple[list[Path], list[Rejected]]:
    """Files that claim to be photos, by name, and those that are neither photos nor known companions."""
    if not root.exists():
        raise InputError(f"{root} does not exist; expected a folder of photos")
    if not root.is_dir():
        raise InputError(f"{root} is a file; expected a folder of photos")
    try:
        entries = sorted(root.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise InputError(f"{root} cannot be read ({error.strerror}); expected a folder of photos") from error
    photos: list[Path] = []
    rejected: list[Rejected] = []
    for path in entries:
        reason = _why_no_photo(path)
        if reason is None:
            photos.append(path)
        elif reason:
            rejected.append(Rejected(path.name, reason))
    if not photos:
        raise InputError(_nothing_here(root, entries, rejected))
    return photos, rejected


def _why_no_photo(path: Path) -> str | None:
    """None: try it as a photo; "": nothing anybody would take for one; else why it is left out."""
    name, suffix = path.name.lower(), path.suffix.lower()
    if name.startswith(".") or path.is_dir():
        return ""
    if not path.exists():
        return "is a link that leads nowhere; restore its target or delete it"
    if not path.is_file():
        return "is not a regular file; delete it"
    if suffix in PHOTO_SUFFIXES:
        return None
    if suffix in _COMPANION_SUFFIXES or name.split(".")[0].split("-")[0] in _COMPANIONS:
        return ""
    if suffix in _RAW_SUFFIXES:
        return "is a camera raw file, which is not read; develop it to JPEG or TIFF"
    if suffix in _FILM_SUFFIXES:
        return "is a video or animation, which is not read; save single frames as JPEG or PNG"
    try:
        return None if looks_like_photo(path) else "is not a photo and was ignored"
    except OSError as error:
        return f"cannot be read ({error.strerror}); check its permissions"


def _mask_files(root: Path) -> dict[str, Path]:
    folder = root / "masks"
    if not folder.is_dir():
        return {}
    files = sorted(folder.iterdir(), key=lambda path: path.name)
    return {path.stem: path for path in files if path.suffix.lower() == ".png" and not path.name.startswith(".")}


def _mask_notes(root: Path, photos: list[Path]) -> list[str]:
    """Files in masks/ that serve no photo: mostly misspelt."""
    if not (root / "masks").is_dir():
        return []
    stems, notes = {path.stem for path in photos}, []
    for path in sorted((root / "masks").iterdir(), key=lambda path: path.name):
        if path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith("."):
            if path.suffix.lower() != ".png":
                notes.append(f"masks/{path.name}: masks are read from PNG files only; save it as PNG")
            elif path.stem not in stems:
                notes.append(f"masks/{path.name}: no photo has this name")
    return notes


def _transforms_path(root: Path, cameras: str | Path) -> Path | None:
    if cameras == "estimate":
        return None
    if cameras == "auto":
        path = root / "transforms.json"
        return path if path.is_file() else None
    path = Path(cameras)
    if path.is_dir():
        path = path / "transforms.json"
    if not path.is_file():
        raise InputError(f"cameras is '{cameras}', which is no file; expected auto, estimate or a transforms.json")
    return path


def _twin_finder() -> Callable[[Photo], None]:
    """A check that raises PhotoError for a photo whose name or pixels equal those of one it passed before."""
    stems: dict[str, str] = {}
    contents: dict[bytes, str] = {}

    def check(photo: Photo) -> None:
        # Outputs are named by stem, and some file systems do not tell capitals apart.
        stem = photo.stem.casefold()
        if stem in stems:
            raise PhotoError(f"has the same name as {stems[stem]}; outputs are named after photos, so rename one")
        # Equal files decode to equal pixels, so this finds copies of the file as well.
        digest = hashlib.sha256(f"{photo.width}x{photo.height}".encode())
        digest.update(photo.pixels.tobytes())
        pixels = digest.digest()
        if pixels in contents:
            raise PhotoError(f"shows the same pixels as {contents[pixels]}, which is kept; delete one of them")
        stems[stem] = photo.path.name
        contents[pixels] = photo.path.name

    return check


def _attach_cameras(photos: list[Photo], path: Path, rejected: list[Rejected]) -> list[Photo]:
    cameras, refused = scan_transforms(path, {photo.stem: (photo.width, photo.height) for photo in photos})
    kept = []
    for photo in photos:
        if photo.stem in cameras:
            kept.append(replace(photo, camera=cameras[photo.stem]))
            continue
        missing = f"has no camera in {path.name}; add its frame, or have all cameras estimated (--cameras estimate)"
        rejected.append(Rejected(photo.path.name, refused.get(photo.stem, missing)))
    return kept


def _nothing_here(root: Path, entries: list[Path], rejected: list[Rejected]) -> str:
    inside = [path for path in entries if path.is_dir() and path.name not in ("masks", "truth")]
    for folder in inside:
        if any(path.suffix.lower() in PHOTO_SUFFIXES for path in folder.iterdir()):
            return f"{root} holds no photos itself, but {folder} does; name that folder instead"
    expected = "expected JPEG, PNG, WebP, TIFF or HEIC files"
    if not entries:
        return f"{root} is empty; {expected}"
    found = f"; found {some_of([entry.name for entry in rejected], 5)}" if rejected else ""
    return f"{root} holds no photos{found}; {expected}"


def _too_few(root: Path, kept: int, fewest: int, rejected: list[Rejected]) -> str:
    why = f"; left out: {'; '.join(map(str, rejected[:5]))}" if rejected else ""
    more = f"; and {len(rejected) - 5} more" if len(rejected) > 5 else ""
    need = f"{fewest} are needed without known cameras" if fewest > 1 else "1 is needed"
    return f"{root} has {kept} usable photo{'s' * (kept != 1)} but {need}; add photos or repair these{why}{more}"
