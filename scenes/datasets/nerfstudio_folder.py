"""nerfstudio folders: photos with known cameras, masks perhaps (Tancik et al., SIGGRAPH 2023, arXiv 2302.04264).

`transforms.json` lists frames: `file_path` (images/frame_00001.png, also without ending), camera-to-world
`transform_matrix` in OpenGL axes, `mask_path` perhaps (white = keep); intrinsics for all frames or in each. instant-ngp
writes the same file with fields of its own (`is_fisheye`). A collection's cameras are pinholes, so photos with lens
distortion are undistorted here: see `lens_distortion.py`. The world stays as it is given.

Cameras are for the pixels as they are stored; those of photos that EXIF turns are turned with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from ..companion import find_companion
from ..error import InputError, PhotoError, some_of
from ..photos.collection import Rejected
from ..photos.decode import PHOTO_SUFFIXES, as_stored, decode, upright
from ..photos.lens_distortion import COEFFICIENTS, Distortion, undistort, undistorted_camera
from ..photos.mask_file import SUBJECT_LEVEL, read_mask_file
from ..photos.mask_orientation import place_masks
from ..photos.nerfstudio import (
    NOT_USED_NOTE,
    OTHER_LENSES,
    is_set,
    photo_stem,
    require_usual_axes,
    says_upright,
    unused_fields,
)
from ..photos.nerfstudio_frame import read_frame, turned_camera
from ..photos.photo import Photo
from .dataset import Dataset, DatasetPhoto
from .source import read_annotations

NERFSTUDIO_FOLDER_SOURCE = (
    "make one with ns-process-data, or get one at https://docs.nerf.studio/quickstart/existing_dataset.html"
)

_WHAT = "nerfstudio's transforms.json (a list 'frames')"
_PERSPECTIVES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
_FISHEYES = ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
_DISTORTION = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
_NEGLIGIBLE = 1e-6
_WHOLE = 1 << 16
"""Longest side that photos are decoded at: their own."""


@dataclass(frozen=True, eq=False)
class _Source:
    """One photo's file and size."""

    path: Path
    size: tuple[int, int]
    """Width and height, upright."""
    orientation: int
    """EXIF orientation by which its camera may have to be turned; 1 = it is for upright pixels."""


def read_nerfstudio(source: Path, category: str | None) -> Dataset:
    """The photos of a nerfstudio folder (or of the file transforms.json in it), with cameras and masks.

    Raises InputError where there is no transforms.json or it is another format.
    """
    path = source if source.is_file() else _transforms_in(source)
    content = read_annotations(path, _WHAT, NERFSTUDIO_FOLDER_SOURCE)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) and "file_path" in frame for frame in frames):
        raise InputError(f"{path} has no list 'frames' with file_path; expected {_WHAT}; {NERFSTUDIO_FOLDER_SOURCE}")
    try:
        _lens({}, content)
    except PhotoError as error:
        raise InputError(f"{path} {error}") from error
    require_usual_axes(content, InputError, f"{path} ")
    unused = unused_fields(content)
    notes = (f"{path.name}: {', '.join(unused)}: {NOT_USED_NOTE}",) if unused else ()
    name = category or path.resolve().parent.name
    return Dataset("nerfstudio folder", NERFSTUDIO_FOLDER_SOURCE, name, (), _photos(content, path), notes)


def _transforms_in(folder: Path) -> Path:
    """The file of cameras in a folder, or in the one above where the folder is that of the photos."""
    for place in (folder, folder / ".."):
        if (place / "transforms.json").is_file():
            return place / "transforms.json"
        named = sorted(path for path in place.glob("transforms*.json") if path.is_file())
        if len(named) == 1:
            return named[0]
        if named and place == folder:
            raise InputError(f"{folder} holds {some_of([path.name for path in named], 5)}; name the one to be read")
    return folder / "transforms.json"


def _photos(content: dict[str, Any], transforms: Path) -> Iterator[DatasetPhoto | Rejected]:
    root = transforms.parent
    for frame, stem in zip(content["frames"], _stems(content["frames"]), strict=True):
        listed = str(frame["file_path"])
        try:
            path, notes = _find_photo(root, listed)
            small = decode(path, 64)
            source = _Source(path, (small.width, small.height), 1 if says_upright(content) else small.orientation)
            yield _photo(frame, content, transforms, source, stem, notes)
        except PhotoError as error:
            yield Rejected(listed, str(error))


def _photo(
    frame: dict[str, Any], content: dict[str, Any], transforms: Path, source: _Source, stem: str, notes: list[str]
) -> DatasetPhoto:
    """The photo, its mask and its camera as a pinhole sees them."""
    require_usual_axes(frame, PhotoError, "its camera ")
    distortion = _lens(frame, content)
    named = {**frame, "file_path": f"{stem}.png"}
    try:
        read = read_frame(named, content, source.size, source.orientation)
    except PhotoError as error:
        raise PhotoError(f"its camera in {transforms.name} {error}") from error
    if read.scale != 1:
        notes.append(f"its transform_matrix is a rotation scaled by {read.scale:.3g}; the scale was divided out")
    if read.turned:
        notes.append(f"EXIF turns it (orientation {source.orientation}); its camera, one of stored pixels, was turned")
    mask = _mask(frame, transforms, source, notes)
    photo = DatasetPhoto(source.path, stem, mask=mask, camera=read.camera)
    if distortion.is_none and not read.mirrored:
        return replace(photo, notes=tuple(notes))
    turn = source.orientation if read.turned else 1
    pixels = as_stored(_pixels(source.path), turn)
    stored_mask = None if mask is None else as_stored(mask, turn)
    camera, mirrored = read.camera, read.mirrored
    if not distortion.is_none:
        # Coefficients are for the pixels that the camera was estimated from.
        seen = camera
        if read.turned:
            seen = read_frame(named, content, (pixels.shape[1], pixels.shape[0])).camera
        straight = undistorted_camera(seen, distortion)
        pixels = undistort(pixels, seen, distortion, straight)
        if stored_mask is not None:
            white = np.where(stored_mask, 255, 0).astype(np.uint8)
            stored_mask = undistort(white, seen, distortion, straight) >= SUBJECT_LEVEL
        camera, mirrored = turned_camera(straight, turn) if read.turned else (straight, False)
        notes.append("its lens distortion was undone, so its pixels are not the file's")
    pixels, mask = upright(pixels, turn), None if stored_mask is None else upright(stored_mask, turn)
    if mirrored:
        pixels, mask = upright(pixels, 2), None if mask is None else upright(mask, 2)
        notes.append("EXIF mirrors it and its camera does not; it was written unmirrored")
    return replace(photo, pixels=pixels, mask=mask, camera=camera, notes=tuple(notes))


def _find_photo(root: Path, listed: str) -> tuple[Path, list[str]]:
    """The file that a frame names: as it stands, in the folder or in images/, with an ending, with another ending."""
    name = listed.replace("\\", "/")
    last = name.rsplit("/", 1)[-1]
    places = [(root, name), (root, last), (root / "images", last)]
    refused: InputError | None = None
    for ends in (lambda name: [name, *(name + suffix for suffix in PHOTO_SUFFIXES)], _other_endings):
        for folder, wanted in places:
            try:
                paths = [find_companion(folder, ended, named_in=root / "transforms.json") for ended in ends(wanted)]
            except InputError as error:
                refused = refused or error
                continue
            found = list(dict.fromkeys(path for path in paths if path is not None))
            if found:
                same = found[0].name in (last, *(last + suffix for suffix in PHOTO_SUFFIXES))
                return found[0], [] if same else [f"transforms.json names it {last}; {found[0].name} was taken"]
    if refused is not None:
        raise PhotoError(f"cannot be taken: {refused}") from refused
    raise PhotoError("is missing from the folder")


def _other_endings(name: str) -> list[str]:
    path = PurePosixPath(name)
    if path.suffix.lower() not in PHOTO_SUFFIXES:
        return []
    return [str(path.with_suffix(suffix)) for suffix in PHOTO_SUFFIXES]


def _stems(frames: list[dict[str, Any]]) -> list[str]:
    """Names for the photos: theirs, or with their folders' where two would be the same."""
    paths = [str(frame["file_path"]).replace("\\", "/") for frame in frames]
    stems = [photo_stem(path) for path in paths]
    if len({stem.casefold() for stem in stems}) == len(stems):
        return stems
    folders = [[part for part in PurePosixPath(path).parts[:-1] if part not in (".", "..", "/")] for path in paths]
    return ["_".join([*above, stem]) for above, stem in zip(folders, stems, strict=True)]


def _lens(frame: Mapping[str, Any], shared: Mapping[str, Any]) -> Distortion:
    """A frame's lens; coefficients are exactly 0 where they do not matter. Raises PhotoError for other lenses."""
    merged = {**{key: value for key, value in shared.items() if key != "frames"}, **frame}
    model = merged.get("camera_model", "OPENCV")
    for key in OTHER_LENSES:
        if is_set(merged, key):
            raise PhotoError(f"has {key} = {merged[key]}; only OPENCV, fisheyes and pinholes are read")
    if model not in (*_PERSPECTIVES, *_FISHEYES):
        raise PhotoError(f"has camera model {model}; only OPENCV, fisheyes and pinholes are read: undistort them first")
    fisheye = model in _FISHEYES or is_set(merged, "is_fisheye")
    known = COEFFICIENTS["OPENCV_FISHEYE" if fisheye else "OPENCV"]
    try:
        values = {key: float(merged.get(key) or 0.0) for key in _DISTORTION}
    except (TypeError, ValueError) as error:
        raise PhotoError(f"has lens distortion that is no number ({error})") from error
    for key, value in values.items():
        if not np.isfinite(value) or (key not in known and abs(value) > _NEGLIGIBLE):
            raise PhotoError(f"has lens distortion {key} = {value:g}; only {', '.join(known)} are undone")
    coefficients = np.array([values[key] for key in known])
    coefficients = np.where(np.abs(coefficients) <= _NEGLIGIBLE, 0.0, coefficients)
    return Distortion("OPENCV_FISHEYE" if fisheye else "OPENCV", coefficients)


def _mask(
    frame: Mapping[str, Any], transforms: Path, source: _Source, notes: list[str]
) -> Bool[np.ndarray, "h w"] | None:
    """The frame's mask, upright and at the photo's size; what is wrong with it goes to the notes."""
    if not frame.get("mask_path"):
        return None
    name = str(frame["mask_path"])
    try:
        path = find_companion(transforms.parent, name, named_in=transforms)
        if path is None:
            raise PhotoError("is missing")
        picture = read_mask_file(path, _WHOLE)
    except (PhotoError, InputError) as error:
        notes.append(f"its mask {name} {error}; it was left out")
        return None
    if picture.orientation == 1 and source.orientation == 1 and (picture.width, picture.height) == source.size:
        return picture.values >= SUBJECT_LEVEL
    photo = Photo(path.stem, source.path, decode(source.path, _WHOLE).pixels, *source.size)
    placed = place_masks([replace(photo, orientation=source.orientation)], [picture], [name])
    notes += [f"its mask {note}" for note in placed.notes]
    notes += [f"its mask {name} {reason}; it was left out" for reason in placed.misshapen.values()]
    (mask,) = placed.masks
    return None if mask is None else mask >= SUBJECT_LEVEL


def _pixels(path: Path) -> UInt8[np.ndarray, "h w c"]:
    picture = decode(path, _WHOLE)
    return picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
