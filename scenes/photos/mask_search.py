"""Which file is the mask of which photo, and which files beside photos are no photos.

Masks lie in folders of masks (`collection_layout.py`), beside their photos, or are named by nerfstudio's `mask_path`.
In a folder of masks a name is enough. Beside the photos it is not: a_mask.png beside a.jpg, or a.png beside a.jpg, is a
mask only if its content is one's (black and white, numbers, cut out), so that dog_mask.jpg, a dog that wears a mask,
stays a photo.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..error import some_of
from .mask_file import holds_mask, is_cut_out
from .mask_name import MASK_SUFFIXES, is_mask_folder, mask_keys, name_key, photo_keys, says_ignore

_MOST_NOTES = 8


@dataclass(frozen=True)
class MaskSearch:
    """What became of the files."""

    photos: tuple[Path, ...]
    """Those files that are photos."""
    masks: dict[Path, Path]
    """The mask of each photo that has one."""
    left_out: dict[Path, str]
    """Files beside the photos that are masks and serve none of them, and why."""
    notes: tuple[str, ...]


def search_masks(
    photos: Sequence[Path],
    others: Sequence[Path],
    mask_folders: Sequence[Path],
    named: Mapping[Path, Path],
    shown_from: Path,
) -> MaskSearch:
    """Pairs of photos and masks.

    photos: files of the photos' folder that claim to be photos. others: other files in it. mask_folders: the likeliest
    first. named: masks that a file of cameras names, by photo. shown_from: names in notes are relative to it.
    """
    beside, left_out = _beside(photos, others)
    kept = tuple(path for path in photos if path not in left_out and path not in beside.values())
    found: dict[Path, list[Path]] = {path: [] for path in kept}
    notes: list[str] = []
    for folder in mask_folders:
        files = _pictures(folder)
        pairs = _paired(kept, files)
        for photo, mask in pairs.items():
            found[photo].append(mask)
        used = set(pairs.values())
        # Folders elsewhere may hold the masks of other photos.
        if folder.parent == shown_from:
            unused = [_unused(mask, photos, shown_from) for mask in files if mask not in used]
            notes += unused[:_MOST_NOTES] + [f"{folder.name}: {len(unused)} files are not used"] * (
                len(unused) > _MOST_NOTES
            )
    for photo in kept:
        extra = [named[photo]] if photo in named else []
        # masks/STEM.png is this package's own place and goes before all others.
        first = [
            mask
            for mask in found[photo]
            if name_key(mask.parent.name) == "masks" and mask.parent.parent == photo.parent
        ]
        rest = [mask for mask in found[photo] if mask not in first]
        found[photo] = list(dict.fromkeys([*first, *extra, *([beside[photo]] if photo in beside else []), *rest]))
    masks = {photo: choices[0] for photo, choices in found.items() if choices}
    notes += _said(kept, found, shown_from)
    return MaskSearch(kept, masks, left_out, tuple(notes))


def _beside(photos: Sequence[Path], others: Sequence[Path]) -> tuple[dict[Path, Path], dict[Path, str]]:
    """Masks among the photos' own files, by photo; and files that are masks but serve no photo."""
    pictures = [path for path in (*photos, *others) if path.suffix.lower() in MASK_SUFFIXES]
    by_key: dict[str, list[Path]] = {}
    for path in photos:
        for key in photo_keys(path):
            by_key.setdefault(key, []).append(path)
    masks: dict[Path, Path] = {}
    left_out: dict[Path, str] = {}
    for path in pictures:
        if says_ignore(path):
            left_out[path] = "is named as instant-ngp's pictures of what is to be ignored; it is no mask of the subject"
            continue
        keys = mask_keys(path, says_mask=False)
        # A photo and its mask need not have different names, only different endings; then the content decides alone.
        partners = [photo for key in (*keys, name_key(path.stem)) for photo in by_key.get(key, []) if photo != path]
        says_mask = bool(keys) or is_mask_folder(path.stem, alone=True)
        if not (says_mask or partners) or not (holds_mask(path) or is_cut_out(path)):
            continue
        partners = [photo for photo in dict.fromkeys(partners) if photo not in masks and photo not in masks.values()]
        partners = [photo for photo in partners if not holds_mask(photo)]
        if partners:
            masks[partners[0]] = path
        elif says_mask and not is_cut_out(path):
            left_out[path] = "is a mask by name and content, but no photo has its name, or it has a mask already"
    return masks, left_out


def _paired(photos: Sequence[Path], files: Sequence[Path]) -> dict[Path, Path]:
    """The mask of each photo among `files`: first those whose names fit exactly, then by ever looser customs."""
    pairs: dict[Path, Path] = {}
    taken: set[Path] = set()
    # PNG keeps masks exactly.
    ordered = sorted(files, key=lambda path: (path.suffix.lower() != ".png", path.name))
    by_stem: dict[str, Path] = {}
    for path in reversed(ordered):
        by_stem[path.stem] = path
    for photo in photos:
        for stem in (photo.stem, photo.name):
            mask = by_stem.get(stem)
            if mask is not None and mask not in taken and photo not in pairs:
                pairs[photo] = mask
                taken.add(mask)
    names = {path: mask_keys(path, says_mask=True) for path in ordered}
    for looseness in range(max((len(photo_keys(photo)) for photo in photos), default=0)):
        wanted: dict[str, list[Path]] = {}
        for photo in photos:
            keys = photo_keys(photo)
            if photo not in pairs and looseness < len(keys):
                wanted.setdefault(keys[looseness], []).append(photo)
        for mask in ordered:
            if mask in taken:
                continue
            fits = [photo for key in names[mask] for photo in wanted.get(key, []) if photo not in pairs]
            if fits:
                pairs[fits[0]] = mask
                taken.add(mask)
    return pairs


def _pictures(folder: Path) -> list[Path]:
    try:
        files = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError:
        return []
    return [path for path in files if path.suffix.lower() in MASK_SUFFIXES and path.is_file() and path.name[0] != "."]


def _unused(mask: Path, photos: Sequence[Path], shown_from: Path) -> str:
    keys = set(mask_keys(mask, says_mask=True))
    owner = next((photo for photo in photos if keys & set(photo_keys(photo))), None)
    name = _shown(mask, shown_from)
    what = "no photo has this name" if owner is None else f"{owner.name} has another mask, which is taken"
    return f"{name}: {what}"


def _said(photos: Sequence[Path], found: Mapping[Path, list[Path]], shown_from: Path) -> list[str]:
    """Where masks come from that do not lie in masks/, and which photos have none while others have."""
    notes = []
    usual = shown_from / "masks"
    elsewhere: dict[Path, int] = {}
    for choices in found.values():
        if choices and choices[0].parent != usual:
            elsewhere[choices[0].parent] = elsewhere.get(choices[0].parent, 0) + 1
    for folder, count in elsewhere.items():
        place = "beside the photos" if photos and folder == photos[0].parent else f"from {_shown(folder, shown_from)}"
        notes.append(f"masks: {count} taken {place}")
    double = [photo.name for photo, choices in found.items() if len(choices) > 1]
    if double:
        first = found[next(photo for photo in photos if photo.name == double[0])]
        notes.append(
            f"{some_of(double, 3)}: more than one mask; {_shown(first[0], shown_from)} is taken, not "
            f"{_shown(first[1], shown_from)}"
        )
    return notes


def _shown(path: Path, base: Path) -> str:
    """A path for people: as it is seen from the photos' folder."""
    return Path(os.path.relpath(path, base)).as_posix()
