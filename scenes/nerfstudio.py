"""Cameras on disk: nerfstudio's `transforms.json`, read and written.

A frame holds a camera-to-world matrix in OpenGL axes (+X right, +Y up, looking along -Z) and pinhole intrinsics in
pixels; a pixel's position is

    x = cx + fx * p_x / -p_z,    y = cy - fy * p_y / -p_z        with p = world point in camera coordinates,

pixel centres at half integers, row 0 on top. Intrinsics may stand in each frame or once for all. Lens distortion is
not modelled and refused. What the nerfstudio format leaves open is decided here: no `w`, `h` means the photo's own
size, no `cx`, `cy` the picture's middle, no `fl_y` square pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float64

from .atomic import atomic_write
from .decode import PHOTO_SUFFIXES
from .error import InputError, PhotoError

_PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE")
_DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
_ROTATION_TOLERANCE = 1e-2
_SHAPE_TOLERANCE = 0.01
_INTRINSICS = ("fl_x", "fl_y", "cx", "cy", "w", "h")


@dataclass(frozen=True, eq=False)
class CameraFrame:
    """One pinhole camera: where it stands and how it projects."""

    file_path: str
    """The photo, relative to the file it is written in; forward slashes."""
    camera_to_world: Float64[np.ndarray, "4 4"]
    """Rotation (orthonormal) and position; OpenGL axes."""
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    @property
    def stem(self) -> str:
        """File name without folders and picture ending: what photos are matched by."""
        return photo_stem(self.file_path)

    def resized(self, width: int, height: int) -> CameraFrame:
        """The same view at another picture size."""
        x, y = width / self.width, height / self.height
        return CameraFrame(
            self.file_path, self.camera_to_world, self.fx * x, self.fy * y, self.cx * x, self.cy * y, width, height
        )

    def project(
        self, points: Float64[np.ndarray, "N 3"]
    ) -> tuple[Float64[np.ndarray, "N 2"], Float64[np.ndarray, " N"]]:
        """Pixel positions (column, row) and depths of world points; positions are only meaningful for depth > 0."""
        local = (points - self.camera_to_world[:3, 3]) @ self.camera_to_world[:3, :3]
        depth = -local[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = self.cx + self.fx * local[:, 0] / depth
            rows = self.cy - self.fy * local[:, 1] / depth
        return np.stack([columns, rows], axis=1), depth


def photo_stem(file_path: str) -> str:
    """Name of a photo without folders and picture ending; other dots stay.

    >>> photo_stem("images/zebra.07.JPG"), photo_stem("./train/r_0.5")
    ('zebra.07', 'r_0.5')
    """
    path = PurePosixPath(file_path.replace("\\", "/"))
    return path.stem if path.suffix.lower() in PHOTO_SUFFIXES else path.name


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
    """Usable cameras by stem, and for each unusable one its stem and the reason.

    Where `sizes` is given, frames of photos that are not in it are skipped unread.
    Raises InputError when the file as a whole cannot be used.
    """
    path = Path(path)
    content = _load(path)
    _require_pinhole(content, InputError, f"{path}: ")
    frames: dict[str, CameraFrame] = {}
    refused: dict[str, str] = {}
    for index, frame in enumerate(content["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise InputError(f"{path}: frame {index} has no file_path; name the photo it belongs to")
        stem = photo_stem(frame["file_path"])
        if sizes is not None and stem not in sizes:
            continue
        if stem in frames or stem in refused:
            frames.pop(stem, None)
            refused[stem] = f"has more than one camera in {path.name}; keep one"
            continue
        try:
            frames[stem] = _frame(frame, content, sizes[stem] if sizes is not None else None)
        except PhotoError as fault:
            refused[stem] = f"its camera in {path.name} {fault}"
    return frames, refused


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
    content: dict[str, Any] = {"camera_model": "PINHOLE"}
    for key, value in (extra or {}).items():
        if key in ("frames", "camera_model", *_INTRINSICS, *_DISTORTION):
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
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as fault:
        raise InputError(f"{path} cannot be read ({fault.strerror}); expected cameras in it") from fault
    except ValueError as fault:
        raise InputError(f"{path} is not valid JSON ({fault}); repair it or delete it") from fault
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list):
        raise InputError(f"{path} has no list 'frames'; expected nerfstudio's transforms.json")
    return content


def _require_pinhole(entry: Mapping[str, Any], error: type[ValueError], prefix: str) -> None:
    model = entry.get("camera_model", "PINHOLE")
    if model not in _PINHOLES:
        raise error(f"{prefix}has camera model {model}; only pinholes are read: undistort the photos first")
    for key in _DISTORTION:
        value = entry.get(key, 0.0)
        if not isinstance(value, (int, float)) or abs(value) > 1e-6:
            raise error(
                f"{prefix}has lens distortion {key} = {value}; only pinholes are read: undistort the photos first"
            )


def _frame(frame: Mapping[str, Any], shared: Mapping[str, Any], size: tuple[int, int] | None) -> CameraFrame:
    _require_pinhole(frame, PhotoError, "")

    def number(key: str) -> float | None:
        value = frame.get(key, shared.get(key))
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise PhotoError(f"has {key} = {value}; expected a finite number")
        return float(value)

    width, height = number("w"), number("h")
    if width is None or height is None:
        if size is None:
            raise PhotoError("has no w and h; add the photo's size in pixels")
        width, height = map(float, size)
    if min(width, height) < 1:
        raise PhotoError(f"has w = {width:g}, h = {height:g}; expected the photo's size in pixels")
    fx, fy = number("fl_x"), number("fl_y")
    fx = _focal_from_angle(number("camera_angle_x"), width) if fx is None else fx
    fy = _focal_from_angle(number("camera_angle_y"), height) if fy is None else fy
    if fx is None:
        raise PhotoError("has neither fl_x nor camera_angle_x; add the focal length in pixels")
    fy = fx if fy is None else fy
    longest = max(width, height)
    for key, focal in (("fl_x", fx), ("fl_y", fy)):
        if not longest / 100 <= focal <= longest * 1e5:
            raise PhotoError(f"has {key} = {focal:g} for {width:g}x{height:g} pixels, which is no possible lens")
    cx, cy = number("cx"), number("cy")
    camera = CameraFrame(
        str(frame["file_path"]).replace("\\", "/"),
        _rigid(frame.get("transform_matrix")),
        fx,
        fy,
        width / 2 if cx is None else cx,
        height / 2 if cy is None else cy,
        round(width),
        round(height),
    )
    if size is None or size == (camera.width, camera.height):
        return camera
    if abs(size[0] / size[1] / (width / height) - 1) > _SHAPE_TOLERANCE:
        raise PhotoError(
            f"is for a picture of {width:g}x{height:g} but the photo is {size[0]}x{size[1]}; "
            "give the camera of this very picture"
        )
    return camera.resized(*size)


def _focal_from_angle(angle: float | None, pixels: float) -> float | None:
    if angle is None:
        return None
    if not 0 < angle < math.pi:
        raise PhotoError(f"has a field of view of {angle:g} radians; expected more than 0 and less than pi")
    return pixels / 2 / math.tan(angle / 2)


def _rigid(matrix: Any) -> Float64[np.ndarray, "4 4"]:
    """A checked (3, 4) or (4, 4) camera-to-world matrix, its rotation made orthonormal to float64 precision."""
    try:
        pose = np.array(matrix, np.float64)
    except (TypeError, ValueError) as fault:
        raise PhotoError("has a transform_matrix that is not a matrix of numbers; expected 4x4") from fault
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4):
        raise PhotoError(f"has a transform_matrix of shape {pose.shape}; expected 4x4 or 3x4")
    if not np.isfinite(pose).all():
        raise PhotoError("has a transform_matrix with numbers that are not finite; give the true camera")
    if np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise PhotoError(f"has a transform_matrix whose last row is {pose[3].tolist()}; expected 0 0 0 1")
    rotation = pose[:3, :3]
    error = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE:
        raise PhotoError(
            f"has a transform_matrix whose 3x3 part is off a rotation by {error:.2g}, at most {_ROTATION_TOLERANCE}; "
            "its columns must be unit vectors at right angles"
        )
    if np.linalg.det(rotation) < 0:
        raise PhotoError("has a mirroring transform_matrix (determinant -1); expected OpenGL axes, right-handed")
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    return pose
