"""A folder of photos of one subject, as given: what can be used, what was left out and why.

Found by the customs of the field, beside the photos, in the folder or in the one above: masks (`masks/STEM.png`,
`STEM_mask.png` and others, see `mask_search.py`), and `transforms.json` (cameras that are known, see
`collection_layout.py`). `keypoints.json` and `truth/` are for evaluation and are never opened here. Nothing in the
folder is written to.

One bad photo never stops the others: each is left out with one clear line. Only a folder that cannot serve at all
raises `InputError`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console
from rich.progress import Progress

from ..companion import find_companion
from ..error import InputError, PhotoError, some_of
from .collection_layout import Layout, find_layout, photos_below
from .decode import PHOTO_SUFFIXES, looks_like_photo
from .mask_attach import attach_masks
from .mask_file import holds_mask
from .mask_name import MASK_SUFFIXES, is_mask_folder, name_key
from .mask_search import search_masks
from .nerfstudio import mask_names, scan_cameras
from .photo import WORKING_SIDE, Photo, read_photo

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

    masks: "folder" takes mask files (`masks/STEM.png` and the like), "alpha" the photos' own transparency, "auto" the
        first of the two that a photo has, "none" neither. Photos without keep `mask` None.
    cameras: "auto" takes the `transforms.json` that lies with the photos, if any, "estimate" ignores it, anything else
        names a file of that format. With known cameras, photos without one are left out.
    max_side: longest side of the working copies.
    show_progress: a bar on stderr while reading, if that is a terminal.

    Raises InputError when the folder cannot be read, when the cameras' file cannot be used, or when fewer than 3
    photos (1 with known cameras) remain.
    """
    root = Path(folder)
    if masks not in get_args(MaskSource):
        raise InputError(f"masks is '{masks}'; expected one of {', '.join(get_args(MaskSource))}")
    layout = find_layout(_required_folder(root))
    files, others, rejected = _list_files(root, layout.photos)
    transforms = _transforms_path(layout, cameras)
    if transforms is not None:
        # A file that cannot be used at all is said before the photos are read.
        scan_cameras(transforms)
    notes: list[str] = []
    listed = layout.transforms if cameras == "estimate" else transforms
    named = {} if listed is None else _named_masks(listed, files, notes, must_be_read=transforms is not None)
    search = search_masks(files, others, layout.mask_folders, named, layout.photos)
    rejected = [entry for entry in rejected if entry.name not in {path.name for path in search.masks.values()}]
    rejected += [Rejected(path.name, reason) for path, reason in search.left_out.items()]
    if not search.photos:
        raise InputError(_too_few(root, 0, FEWEST_PHOTOS, rejected))
    _require_photos(layout.photos, search.photos)
    mask_files = search.masks if masks in ("auto", "folder") else {}
    if masks == "folder" and not mask_files:
        raise InputError(
            f"masks is 'folder' but neither {layout.photos / 'masks'} nor another folder of masks holds STEM.png of "
            "a photo; add masks or choose 'auto'"
        )

    kept: list[Photo] = []
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not (show_progress and terminal.is_terminal)) as progress:
        for path in progress.track(search.photos, description=f"reading {root.name}"):
            try:
                photo = read_photo(path, max_side, alpha_is_mask=masks in ("auto", "alpha") and path not in mask_files)
            except PhotoError as error:
                rejected.append(Rejected(path.name, str(error)))
            else:
                kept.append(photo)

    notes += [f"{photo.path.name}: {note}" for photo in kept for note in photo.notes]
    if masks != "none":
        names = {photo: _shown(mask, layout.photos) for photo, mask in mask_files.items()}
        attached = attach_masks(kept, mask_files, names)
        kept = list(attached.photos)
        rejected += [Rejected(path.name, reason) for path, reason in attached.without_subject.items()]
        notes += [*(search.notes if masks != "alpha" else ()), *attached.notes]
    kept = _without_twins(kept, rejected)
    if transforms is not None:
        if transforms.parent.absolute() != layout.photos.absolute() and cameras == "auto":
            notes.append(f"cameras: taken from {transforms} (--cameras estimate has them estimated)")
        kept = _attach_cameras(kept, transforms, rejected, notes) if kept else kept
    rejected.sort(key=lambda entry: entry.name)
    fewest = 1 if transforms is not None else FEWEST_PHOTOS
    if len(kept) < fewest:
        raise InputError(_too_few(root, len(kept), fewest, rejected))
    return Collection(root.resolve().name, root, tuple(kept), tuple(rejected), transforms is not None, tuple(notes))


def _required_folder(root: Path) -> Path:
    if not root.exists():
        raise InputError(f"{root} does not exist; expected a folder of photos")
    if not root.is_dir():
        raise InputError(f"{root} is a file; expected a folder of photos")
    return root


def _list_files(root: Path, folder: Path) -> tuple[list[Path], list[Path], list[Rejected]]:
    """Files that claim to be photos, by name, other pictures, and what is neither a photo nor a known companion."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); expected a folder of photos") from error
    photos: list[Path] = []
    others: list[Path] = []
    rejected: list[Rejected] = []
    for path in entries:
        reason = _why_no_photo(path)
        if reason is None:
            photos.append(path)
        elif reason:
            rejected.append(Rejected(path.name, reason))
            others += [path] * (path.suffix.lower() in MASK_SUFFIXES and path.is_file())
    if not photos:
        raise InputError(_nothing_here(root, entries, rejected))
    return photos, others, rejected


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


def _named_masks(transforms: Path, photos: Sequence[Path], notes: list[str], *, must_be_read: bool) -> dict[Path, Path]:
    """The masks that a file of cameras names, by photo; what it names and is not to be had is noted."""
    try:
        named = mask_names(transforms)
    except InputError as error:
        if must_be_read:
            raise
        notes.append(f"{error}; it is not used")
        return {}
    by_key = {name_key(stem): name for stem, name in named.items()}
    found, missing = {}, []
    for photo in photos:
        name = named.get(photo.stem, by_key.get(name_key(photo.stem)))
        if name is None:
            continue
        try:
            mask = find_companion(transforms.parent, name, named_in=transforms)
        except InputError as error:
            notes.append(f"{error}; the mask was left out")
            continue
        if mask is None:
            missing.append(name)
        else:
            found[photo] = mask
    if missing:
        notes.append(f"{transforms.name}: {some_of(missing, 3)}: mask_path names no file; left out")
    return found


def _require_photos(folder: Path, photos: Sequence[Path]) -> None:
    """Refuse a folder of masks that was named in place of the photos'."""
    if is_mask_folder(folder.resolve().name) and all(holds_mask(path) for path in photos[:8]):
        raise InputError(f"{folder} holds masks, not photos; name the folder of the photos, masks are found from there")


def _shown(path: Path, base: Path) -> str:
    """A path for people: relative to the photos' folder, in short."""
    return Path(os.path.relpath(path, base)).as_posix()


def _transforms_path(layout: Layout, cameras: str | Path) -> Path | None:
    if cameras == "estimate":
        return None
    if cameras == "auto":
        return layout.transforms
    path = Path(cameras)
    if path.is_dir():
        path = path / "transforms.json"
    if not path.is_file():
        raise InputError(f"cameras is '{cameras}', which is no file; expected auto, estimate or a transforms.json")
    return path


def _without_twins(photos: Sequence[Photo], rejected: list[Rejected]) -> list[Photo]:
    kept, is_twin = [], _twin_finder()
    for photo in photos:
        try:
            is_twin(photo)
        except PhotoError as error:
            rejected.append(Rejected(photo.path.name, str(error)))
        else:
            kept.append(photo)
    return kept


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


def _attach_cameras(photos: list[Photo], path: Path, rejected: list[Rejected], notes: list[str]) -> list[Photo]:
    sizes = {photo.stem: (photo.width, photo.height) for photo in photos}
    scan = scan_cameras(path, sizes, {photo.stem: photo.orientation for photo in photos})
    notes += scan.notes
    kept, renamed = [], []
    for photo in photos:
        if photo.stem in scan.frames:
            called = scan.frames[photo.stem].file_path.rsplit("/", 1)[-1]
            renamed += [f"{called} ({photo.path.name})"] * (called not in (photo.path.name, photo.stem))
            seen = photo.mirrored() if photo.stem in scan.mirrored else photo
            kept.append(replace(seen, camera=scan.frames[photo.stem]))
            continue
        missing = f"has no camera in {path.name}; add its frame, or have all cameras estimated (--cameras estimate)"
        rejected.append(Rejected(photo.path.name, scan.refused.get(photo.stem, missing)))
    if renamed:
        notes.append(f"{path.name}: {some_of(renamed, 3)}: names photos by another ending or in other capitals")
    return kept


def _nothing_here(root: Path, entries: list[Path], rejected: list[Rejected]) -> str:
    masks = [path for path in entries if path.is_dir() and is_mask_folder(path.name)]
    expected = "expected JPEG, PNG, WebP, TIFF or HEIC files"
    if not entries:
        return f"{root} is empty; {expected}"
    found = f"; found {some_of([entry.name for entry in rejected], 5)}" if rejected else ""
    found += f"; {masks[0].name} holds masks: name the folder of their photos" if masks and not rejected else ""
    return f"{root} holds no photos{found}; {expected}"


def _too_few(root: Path, kept: int, fewest: int, rejected: list[Rejected]) -> str:
    why = f"; left out: {'; '.join(map(str, rejected[:5]))}" if rejected else ""
    more = f"; and {len(rejected) - 5} more" if len(rejected) > 5 else ""
    need = f"{fewest} are needed without known cameras" if fewest > 1 else "1 is needed"
    try:
        below = photos_below(root)
    except InputError:
        # Several folders: none of them is meant more than the others.
        below = None
    hint = f" ({below} holds more: name that folder)" if below is not None and root.is_dir() else ""
    return f"{root} has {kept} usable photo{'s' * (kept != 1)} but {need}; add photos or repair these{hint}{why}{more}"
