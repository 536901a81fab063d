"""nerfstudio folders: photos with known cameras, masks perhaps (Tancik et al., SIGGRAPH 2023, arXiv 2302.04264).

`transforms.json` lists frames: `file_path` (images/frame_00001.png, also without ending), camera-to-world
`transform_matrix` in OpenGL axes, `mask_path` perhaps (white = keep); intrinsics for all frames or in each. A
collection's cameras are pinholes, so photos with lens distortion (model OPENCV: k1, k2, k3 radial, p1, p2 tangential)
are undistorted here, into the largest pinhole picture of the same size that has no empty border. The world stays as it
is given.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from ..collection import Rejected
from ..decode import decode
from ..error import InputError, PhotoError
from ..nerfstudio import CameraFrame, photo_stem, scan_transforms
from .dataset import Dataset, DatasetPhoto
from .source import find_photo, read_json

WHERE = "make one with ns-process-data, or get one at https://docs.nerf.studio/quickstart/existing_dataset.html"

_WHAT = "nerfstudio's transforms.json (a list 'frames')"
_UNDISTORTED = ("k1", "k2", "p1", "p2", "k3")
"""OpenCV's order."""
_DISTORTION = (*_UNDISTORTED, "k4", "k5", "k6")
_NEGLIGIBLE = 1e-6
_WHOLE = 1 << 16
"""Longest side that photos are decoded at: their own."""


def read_nerfstudio(source: Path, category: str | None) -> Dataset:
    """The photos of a nerfstudio folder (or of the file transforms.json in it), with cameras and masks.

    Raises InputError where there is no transforms.json or it is another format.
    """
    path = source if source.is_file() else source / "transforms.json"
    content = read_json(path, _WHAT, WHERE)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not all(isinstance(frame, dict) and "file_path" in frame for frame in frames):
        raise InputError(f"{path} has no list 'frames' with file_path; expected {_WHAT}; {WHERE}")
    model = content.get("camera_model", "OPENCV")
    if model not in ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE"):
        raise InputError(f"{path} has camera model {model}; only OPENCV and pinholes are read: undistort them first")
    name = category or path.resolve().parent.name
    return Dataset("nerfstudio folder", WHERE, name, (), _photos(content, path.parent))


def _photos(content: dict[str, Any], root: Path) -> Iterator[DatasetPhoto | Rejected]:
    shared = {key: value for key, value in content.items() if key not in ("frames", *_DISTORTION)}
    for frame, stem in zip(content["frames"], _stems(content["frames"]), strict=True):
        listed = str(frame["file_path"])
        try:
            path = find_photo([root, root / "images"], listed)
            if path is None:
                raise PhotoError("is missing from the folder")
            small = decode(path, 64)
            distortion = _distortion(frame, content)
            camera = _camera(frame, shared, stem, (small.width, small.height))
            mask, notes = _mask(frame, root, (small.width, small.height))
            photo = DatasetPhoto(path, stem, mask=mask, camera=camera, notes=notes)
            yield _undistorted(photo, camera, distortion) if distortion.any() else photo
        except PhotoError as fault:
            yield Rejected(listed, str(fault))


def _stems(frames: list[dict[str, Any]]) -> list[str]:
    """Names for the photos: theirs, or with their folders' where two would be the same."""
    paths = [str(frame["file_path"]).replace("\\", "/") for frame in frames]
    stems = [photo_stem(path) for path in paths]
    if len({stem.casefold() for stem in stems}) == len(stems):
        return stems
    folders = [[part for part in PurePosixPath(path).parts[:-1] if part not in (".", "..", "/")] for path in paths]
    return ["_".join([*above, stem]) for above, stem in zip(folders, stems, strict=True)]


def _distortion(frame: dict[str, Any], shared: dict[str, Any]) -> np.ndarray:
    """k1, k2, p1, p2, k3 of a frame; exactly 0 where they do not matter."""
    try:
        values = {key: float(frame.get(key, shared.get(key, 0.0))) for key in _DISTORTION}
    except (TypeError, ValueError) as fault:
        raise PhotoError(f"has lens distortion that is no number ({fault})") from fault
    for key, value in values.items():
        if key not in _UNDISTORTED and not abs(value) <= _NEGLIGIBLE:
            raise PhotoError(f"has lens distortion {key} = {value:g}; only {', '.join(_UNDISTORTED)} are undone")
    known = np.array([values[key] for key in _UNDISTORTED])
    return np.where(np.abs(known) <= _NEGLIGIBLE, 0.0, known)


def _camera(frame: dict[str, Any], shared: dict[str, Any], stem: str, size: tuple[int, int]) -> CameraFrame:
    """The frame's pinhole for a photo of `size`, checked as any other transforms.json."""
    plain = {key: value for key, value in frame.items() if key not in _DISTORTION} | {"file_path": f"{stem}.png"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transforms.json"
        path.write_text(json.dumps({**shared, "frames": [plain]}), encoding="utf-8")
        cameras, refused = scan_transforms(path, {stem: size})
    if stem in refused:
        raise PhotoError(refused[stem])
    return cameras[stem]


def _mask(
    frame: dict[str, Any], root: Path, size: tuple[int, int]
) -> tuple[Bool[np.ndarray, "h w"] | None, tuple[str, ...]]:
    if "mask_path" not in frame:
        return None, ()
    path = root / str(frame["mask_path"])
    try:
        if not path.is_file():
            raise PhotoError("is missing")
        picture = decode(path, _WHOLE)
        if (picture.width, picture.height) != size:
            raise PhotoError(f"is {picture.width}x{picture.height} but its photo is {size[0]}x{size[1]}")
    except PhotoError as fault:
        return None, (f"its mask {frame['mask_path']} {fault}; it was left out",)
    return picture.pixels.max(axis=2) >= 128, ()


def _undistorted(photo: DatasetPhoto, camera: CameraFrame, distortion: np.ndarray) -> DatasetPhoto:
    """The photo, its mask and its camera as a pinhole sees them."""
    picture = decode(photo.path, _WHOLE)
    pixels = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    size = (camera.width, camera.height)
    # OpenCV counts pixel centres at whole numbers.
    lens = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    pinhole, _ = cv2.getOptimalNewCameraMatrix(lens, distortion, size, 0)
    if not (np.isfinite(pinhole).all() and pinhole[0, 0] > 0 and pinhole[1, 1] > 0):
        raise PhotoError(f"cannot be undistorted with {dict(zip(_UNDISTORTED, distortion.tolist(), strict=True))}")

    def straight(array: UInt8[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "h w *c"]:
        return np.asarray(cv2.undistort(array, lens, distortion, None, pinhole), np.uint8)

    mask = None if photo.mask is None else straight(np.where(photo.mask, 255, 0).astype(np.uint8)) >= 128
    (fx, _, cx), (_, fy, cy), _ = pinhole.tolist()
    seen = replace(camera, fx=fx, fy=fy, cx=cx + 0.5, cy=cy + 0.5)
    note = "its lens distortion was undone, so its pixels are not the file's"
    return replace(photo, pixels=straight(pixels), mask=mask, camera=seen, notes=(*photo.notes, note))
