"""Cameras on disk: nerfstudio's `transforms.json`, read and written.

A frame holds a camera-to-world matrix in OpenGL axes (+X right, +Y up, looking along -Z) and pinhole intrinsics in
pixels; a pixel's position is

    x = cx + fx * p_x / -p_z,    y = cy - fy * p_y / -p_z        with p = world point in camera coordinates,

pixel centres at half integers, row 0 on top. Intrinsics may stand in each frame or once for all. Lens distortion is
not modelled and refused. What the nerfstudio format leaves open is decided here: no `w`, `h` means the photo's own
size, no `cx`, `cy` the picture's middle, no `fl_y` square pixels.

Tools that estimate cameras (COLMAP, and so nerfstudio and instant-ngp) look at the pixels as they are stored and ignore
EXIF orientation. So do their cameras, which are turned here with the photos: see `camera_orientation.py`. Files written
here say `"pixels": "upright"`, since their cameras are for photos as people see them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import atomic_write
from ..error import InputError, PhotoError, some_of
from ..json_file import read_json
from .camera_frame import CameraFrame as CameraFrame
from .camera_frame import photo_stem as photo_stem
from .mask_name import name_key
from .nerfstudio_frame import FrameReading, read_frame

_PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "FULL_OPENCV")
"""Models that are pinholes where their distortion is zero."""
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
OTHER_LENSES = ("equirectangular", "latlong", "ftheta_p0", "ftheta_p1", "ftheta_p2", "ftheta_p3")
"""instant-ngp's flags for lenses that are neither pinholes nor fisheyes."""
_OTHER_AXES = ("from_na", "from_mitsuba")
"""instant-ngp's flags for matrices in other axes."""
_NOT_USED = (
    *("aabb_scale", "aabb", "scale", "offset", "applied_transform", "applied_scale", "orientation_override"),
    *("ply_file_path", "depth_file_path", "normal_file_path", "white_transparent", "black_transparent"),
    *("rolling_shutter", "integer_depth_scale"),
)
"""Documented fields that change nothing here: worlds stay as the matrices give them, and depth is not read."""
NOT_USED_NOTE = "not used; the world stays as the matrices give it"
_UPRIGHT = "pixels"
"""Key by which files written here say that cameras are for upright photos; its value is "upright"."""
_INTRINSICS = ("fl_x", "fl_y", "cx", "cy", "w", "h")


def read_transforms(path: Path | str, sizes: Mapping[str, tuple[int, int]] | None = None) -> list[CameraFrame]:
    """All cameras of a `transforms.json`, in the file's order.

    sizes: (width, height) of the photos by stem; intrinsics are scaled to them, and files without `w`, `h` need them.
    Raises InputError, one line naming the file, the frame and the fault, when anything in it cannot be used.
    """
    frames, refused = scan_transforms(path, sizes)
    if refused:
        name, reason = next(iter(refused.items()))
        raise InputError(f"{path}: {name}: {reason}")
    return list(frames.values())


def scan_transforms(
    path: Path | str, sizes: Mapping[str, tuple[int, int]] | None = None
) -> tuple[dict[str, CameraFrame], dict[str, str]]:
    """Usable cameras by stem, and for each unusable one its stem and the reason: `scan_cameras` without notes."""
    scan = scan_cameras(path, sizes)
    return scan.frames, scan.refused


@dataclass(frozen=True, eq=False)
class CameraScan:
    """What a `transforms.json` holds, as far as it can be used."""

    frames: dict[str, CameraFrame] = field(default_factory=dict)
    """Usable cameras by stem."""
    refused: dict[str, str] = field(default_factory=dict)
    """Why the others cannot be used, by stem."""
    mirrored: set[str] = field(default_factory=set)
    """Stems of photos that EXIF mirrors although their cameras see the world unmirrored; the cameras in `frames` are
    for the photos mirrored back (left and right exchanged)."""
    notes: list[str] = field(default_factory=list)
    """What was odd but did not stop anything; one line each."""


def scan_cameras(
    path: Path | str,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    orientations: Mapping[str, int] | None = None,
) -> CameraScan:
    """Usable cameras of a `transforms.json`, and what is to be said about the others.

    sizes: (width, height) of the upright photos by stem; frames of photos that are not in it are skipped unread. Names
        are compared without regard to capitals and Unicode normal forms where none is the same.
    orientations: EXIF orientation of those photos that EXIF turns; cameras of stored pixels are turned with them. None
        takes all cameras for cameras of upright pixels.
    Raises InputError when the file as a whole cannot be used.
    """
    path = Path(path)
    content = _load(path)
    _require_pinhole(content, InputError, f"{path}: ")
    stored = orientations is not None and not says_upright(content)
    scan = CameraScan()
    by_key = {} if sizes is None else {name_key(stem): stem for stem in sizes}
    turned, scaled = [], []
    for index, frame in enumerate(content["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise InputError(f"{path}: frame {index} has no file_path; name the photo it belongs to")
        stem = photo_stem(frame["file_path"])
        if sizes is not None and stem not in sizes:
            if name_key(stem) not in by_key:
                continue
            stem = by_key[name_key(stem)]
        if stem in scan.frames or stem in scan.refused:
            scan.frames.pop(stem, None)
            scan.refused[stem] = f"has more than one camera in {path.name}; keep one"
            continue
        orientation = orientations.get(stem, 1) if orientations is not None and stored else 1
        try:
            read = _frame(frame, content, sizes[stem] if sizes is not None else None, orientation)
        except PhotoError as error:
            scan.refused[stem] = f"its camera in {path.name} {error}"
            continue
        scan.frames[stem] = read.camera
        turned += [stem] * read.turned
        scaled += [stem] * (read.scale != 1)
        if read.mirrored:
            scan.mirrored.add(stem)
    unused = unused_fields(content)
    for names, what in (
        (turned, "cameras of the stored pixels; turned with the photos, which EXIF turns"),
        (sorted(scan.mirrored), "EXIF mirrors the photo, its camera does not; the photo is read unmirrored"),
        (scaled, "transform_matrix is a scaled rotation; the scale was divided out"),
        (unused, NOT_USED_NOTE),
    ):
        if names:
            scan.notes.append(f"{path.name}: {some_of(names, 3 if names is not unused else len(names))}: {what}")
    return scan


def says_upright(content: Mapping[str, Any]) -> bool:
    """Whether a `transforms.json` says that its cameras are for upright photos, not for stored pixels."""
    return content.get(_UPRIGHT) == "upright"


def unused_fields(content: Mapping[str, Any]) -> list[str]:
    """Documented fields of a `transforms.json` that change nothing here."""
    entries = (content, *(frame for frame in content["frames"] if isinstance(frame, dict)))
    return [name for name in _NOT_USED if any(name in entry for entry in entries)]


def mask_names(path: Path | str) -> dict[str, str]:
    """The `mask_path` of each frame that has one, by the photo's stem. Raises InputError as `read_notes`."""
    return {stem: name for stem, name in read_notes(path, "mask_path").items() if isinstance(name, str) and name}


def read_notes(path: Path | str, name: str) -> dict[str, Any]:
    """What a `transforms.json` notes under `name` beside its cameras, by photo stem; frames without it are left out.

    Raises InputError when the file as a whole cannot be used.
    """
    named = (frame for frame in _load(Path(path))["frames"] if isinstance(frame, dict) and name in frame)
    return {photo_stem(frame["file_path"]): frame[name] for frame in named if isinstance(frame.get("file_path"), str)}


def write_transforms(
    path: Path | str,
    frames: Iterable[CameraFrame],
    extra: Mapping[str, Any] | None = None,
    notes: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write cameras as `transforms.json`, whole or not at all.

    `extra` adds top-level entries (plain data), `notes` entries to each frame, one mapping for each.
    Raises ValueError for numbers that are not finite, for entries that would replace the format's own, and where there
    are not as many notes as frames.
    """
    content: dict[str, Any] = {"camera_model": "PINHOLE", _UPRIGHT: "upright"}
    for key, value in (extra or {}).items():
        if key in ("frames", "camera_model", _UPRIGHT, *_INTRINSICS, *_DISTORTION):
            raise ValueError(f"extra has '{key}', which belongs to the format itself; use another name")
        content[key] = value
    entries = [_entry(frame) for frame in frames]
    if notes is not None:
        if len(notes) != len(entries):
            raise ValueError(f"{len(notes)} notes for {len(entries)} frames; give one each")
        for entry, note in zip(entries, notes, strict=True):
            taken = sorted(note.keys() & {*entry, "camera_model", *_DISTORTION})
            if taken:
                raise ValueError(f"a note has '{taken[0]}', which belongs to the format itself; use another name")
            entry |= note
    content["frames"] = entries
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _entry(frame: CameraFrame) -> dict[str, Any]:
    return {
        "file_path": frame.file_path,
        "transform_matrix": np.asarray(frame.camera_to_world, np.float64).tolist(),
        "fl_x": float(frame.fx),
        "fl_y": float(frame.fy),
        "cx": float(frame.cx),
        "cy": float(frame.cy),
        "w": int(frame.width),
        "h": int(frame.height),
    }


def _load(path: Path) -> dict[str, Any]:
    content = read_json(path, object, expected="expected nerfstudio's transforms.json")
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list):
        raise InputError(f"{path} has no list 'frames'; expected nerfstudio's transforms.json")
    return content


def _require_pinhole(entry: Mapping[str, Any], error: type[ValueError], prefix: str) -> None:
    """Refuse other lenses, and matrices in other axes, as far as the entry itself says so."""
    instead = (
        "only pinholes are read: undistort the photos first (zoetrope dataset nerfstudio does), "
        "or have cameras estimated (--cameras estimate)"
    )
    model = entry.get("camera_model", "PINHOLE")
    if model not in _PINHOLES:
        raise error(f"{prefix}has camera model {model}; {instead}")
    for key in ("is_fisheye", *OTHER_LENSES):
        if is_set(entry, key):
            raise error(f"{prefix}has {key} = {entry[key]}; {instead}")
    for key in _DISTORTION:
        value = entry.get(key, 0.0)
        if not isinstance(value, (int, float)) or not abs(value) <= 1e-6:
            raise error(f"{prefix}has lens distortion {key} = {value}; {instead}")
    require_usual_axes(entry, error, prefix)


def require_usual_axes(entry: Mapping[str, Any], error: type[ValueError], prefix: str) -> None:
    """Refuse what instant-ngp marks as given in other axes than its own."""
    for key in _OTHER_AXES:
        if is_set(entry, key):
            raise error(f"{prefix}has {key} = {entry[key]}, other axes than OpenGL's; convert the matrices")


def is_set(entry: Mapping[str, Any], key: str) -> bool:
    """Whether a flag or number is there and not zero; the words of other languages count as well.

    >>> [is_set({"is_fisheye": value}, "is_fisheye") for value in (True, 1, "true", False, 0, "false", None)]
    [True, True, True, False, False, False, False]
    """
    value = entry.get(key)
    return str(value).strip().lower() not in ("", "0", "0.0", "false", "no", "none", "null") if value else False


def _frame(
    frame: Mapping[str, Any], shared: Mapping[str, Any], size: tuple[int, int] | None, orientation: int
) -> FrameReading:
    _require_pinhole(frame, PhotoError, "")
    return read_frame(frame, shared, size, orientation)
