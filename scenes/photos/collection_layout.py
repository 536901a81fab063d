"""Where the photos of a collection, their masks and their cameras lie: by every layout of the field.

    FOLDER/a.jpg            FOLDER/masks/a.png          FOLDER/transforms.json        all in one folder
    FOLDER/images/a.jpg     FOLDER/masks/a.png          FOLDER/transforms.json        nerfstudio, instant-ngp, COLMAP
    FOLDER/JPEGImages/480p/bear/0.jpg    FOLDER/Annotations/480p/bear/0.png           DAVIS, PASCAL VOC

Either FOLDER or the folder of photos in it may be named; the companions are the same. A parent's companions count only
where it is clear that they belong to these photos: the photos' folder has a name for photos (images, rgb) or is the
parent's only one, or the cameras name photos in it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..error import InputError, some_of
from ..json_file import read_json
from .decode import PHOTO_SUFFIXES
from .mask_name import MASK_SUFFIXES, is_mask_folder, mask_keys, name_key
from .nerfstudio import photo_stem

_PHOTO_FOLDERS = (
    *("images", "image", "imgs", "img", "photos", "photo", "pictures", "rgb", "rgbs", "color", "colors", "colour"),
    *("frames", "jpegimages", "jpgs", "input", "inputs", "train"),
)
"""Names (lower case) of folders of photos, the likeliest first."""
_NO_PHOTOS = ("truth", "depth", "depths", "normal", "normals", "sparse", "flow", "thumbnails", "thumbs", "results")
_DEEPEST = 3
"""Levels below a folder on which photos are looked for, and above them for folders of masks that run beside theirs."""


@dataclass(frozen=True)
class Layout:
    """What was found."""

    photos: Path
    """The folder that holds the photos themselves."""
    mask_folders: tuple[Path, ...]
    """The likeliest first."""
    transforms: Path | None
    """The cameras' file that lies with these photos, if any."""


def find_layout(folder: Path) -> Layout:
    """Where things lie for the folder that a user names: that of the photos, or the one above.

    Raises InputError where `folder` holds no photos, but several folders in it do.
    """
    photos = folder if _holds_photos(folder) else photos_below(folder) or folder
    place = Path(os.path.abspath(photos))
    candidates = _mask_folders_in(photos, place) + _mask_folders_in(place.parent, place)
    candidates += _parallel_mask_folders(place)
    mask_folders: dict[str, Path] = {}
    for path in candidates:
        mask_folders.setdefault(os.path.abspath(path), path)
    mask_folders.pop(str(place), None)
    transforms = _transforms_in(photos) or _transforms_in(folder) or _transforms_above(place)
    return Layout(photos, tuple(mask_folders.values()), transforms)


def _holds_photos(folder: Path) -> bool:
    return any(path.suffix.lower() in PHOTO_SUFFIXES for path in _files(folder))


def photos_below(folder: Path) -> Path | None:
    """The one folder of photos inside, or inside a folder in it; None where there is none.

    Raises InputError where it could be several.
    """
    level = [folder]
    for _ in range(_DEEPEST):
        level = [
            path
            for place in level
            for path in _folders(place)
            if not is_mask_folder(path.name) and name_key(path.name) not in _NO_PHOTOS
        ]
        holding = sorted((path for path in level if _holds_photos(path)), key=_rank)
        if len(holding) == 1 or (len(holding) > 1 and _rank(holding[0]) < _rank(holding[1])):
            return holding[0]
        if holding:
            names = some_of([str(path) for path in sorted(holding)], 4)
            raise InputError(f"{folder} holds no photos itself, but {names} do; name one of them")
    return None


def _rank(folder: Path) -> int:
    """0 for the likeliest name of a folder of photos."""
    key = name_key(folder.name)
    return _PHOTO_FOLDERS.index(key) if key in _PHOTO_FOLDERS else len(_PHOTO_FOLDERS)


def _belongs_with_parent(photos: Path) -> bool:
    if _without_number(photos.name) in _PHOTO_FOLDERS:
        return True
    others = [path for path in _folders(photos.parent) if path.name != photos.name]
    return not any(_holds_photos(path) for path in others if not is_mask_folder(path.name))


def _mask_folders_in(folder: Path, place: Path) -> list[Path]:
    """Folders of masks inside `folder` that belong to the photos in `place`, and those in them called as `place` is."""
    found = [path for path in _folders(folder) if is_mask_folder(path.name) and path.name != place.name]
    deeper = [path / place.name for path in found if (path / place.name).is_dir()]
    if os.path.abspath(folder) != str(place) and not _belongs_with_parent(place):
        # fox_masks for fox, among other animals' photos.
        found = [path for path in found if name_key(place.name) in mask_keys(path, says_mask=False)]
    number = re.search(r"\d*$", place.name)
    assert number is not None

    def order(path: Path) -> tuple[bool, bool, bool, str]:
        key = name_key(path.name)
        # masks_2 belongs to images_2.
        return not key.endswith(number.group()), key != "masks", not key.startswith("mask"), path.name

    return [path for path in sorted(found, key=order) if _holds_masks(path)] + deeper


def _parallel_mask_folders(place: Path) -> list[Path]:
    """Folders of masks whose path runs beside that of the photos: Annotations/480p/bear for JPEGImages/480p/bear."""
    found = []
    for depth in range(1, min(_DEEPEST, len(place.parents) - 1) + 1):
        top = place.parents[depth]
        first, *below = place.relative_to(top).parts
        for folder in _folders(top):
            beside = folder.joinpath(*below)
            if folder.name != first and is_mask_folder(folder.name, alone=True) and beside.is_dir():
                found.append(beside)
    return found


def _transforms_in(folder: Path) -> Path | None:
    path = folder / "transforms.json"
    return path if path.is_file() else None


def _transforms_above(photos: Path) -> Path | None:
    """A file of cameras in the folder above that names photos in this one: transforms.json, transforms_train.json."""
    named = [path for path in _files(photos.parent) if re.fullmatch(r"transforms.*\.json", name_key(path.name))]
    for path in sorted(named, key=lambda path: (name_key(path.name) != "transforms.json", path.name)):
        if _names_photos_in(path, photos):
            return path
    return None


def _names_photos_in(transforms: Path, photos: Path) -> bool:
    try:
        frames = read_json(transforms, dict).get("frames")
    except InputError:
        # A file that is no transforms.json says nothing of these photos; it lies outside of the folder that was named.
        return False
    keys = {name_key(path.stem) for path in _files(photos) if path.suffix.lower() in PHOTO_SUFFIXES}
    for frame in frames if isinstance(frames, list) else []:
        name = frame.get("file_path") if isinstance(frame, dict) else None
        if not isinstance(name, str) or name_key(photo_stem(name)) not in keys:
            continue
        folder = _without_number(photos.name)
        parts = [_without_number(part) for part in name.replace("\\", "/").split("/")[:-1]]
        if (parts and parts[-1] == folder) or (not parts and _belongs_with_parent(photos)):
            return True
    return False


def _without_number(name: str) -> str:
    """images for images_2, which is nerfstudio's name for images of half the size."""
    return re.sub(r"[_-]\d+$", "", name_key(name))


def _holds_masks(folder: Path) -> bool:
    return any(path.suffix.lower() in MASK_SUFFIXES for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_file()]


def _folders(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.is_dir()]


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, hidden files apart, in the order of names; nothing where it cannot be read."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError:
        return []
    return [path for path in entries if not path.name.startswith(".")]
