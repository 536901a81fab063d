"""One frame of a `transforms.json`: its numbers checked, and its camera turned and sized as its photo is.

See `nerfstudio.py` for the format. What cannot be used is a PhotoError, which reads on from "its camera".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from ..error import PhotoError
from .camera_frame import CameraFrame
from .camera_orientation import mirrors, turned_pixels, turned_pose

_ROTATION_TOLERANCE = 1e-2
_SHAPE_TOLERANCE = 0.01
_LARGEST_SHIFT = 0.5
"""Principal points lie at most this share of the picture's side beyond its frame."""


@dataclass(frozen=True, eq=False)
class FrameReading:
    """One camera, and what was done to it."""

    camera: CameraFrame
    turned: bool = False
    """It was one of stored pixels, and is now one of upright pixels."""
    mirrored: bool = False
    """It is for the upright photo mirrored back: see `CameraScan.mirrored`."""
    scale: float = 1.0
    """That was divided out of its rotation."""


def read_frame(
    frame: Mapping[str, Any], shared: Mapping[str, Any], size: tuple[int, int] | None, orientation: int = 1
) -> FrameReading:
    """The pinhole of one entry of a `transforms.json`, whatever its distortion, for a photo of `size`.

    shared: the file's top level. size: (width, height) of the upright photo; None takes the file's. orientation: EXIF
    orientation by which the photo is turned, if the camera may be one of stored pixels; 1 = it is not.
    Raises PhotoError, which reads on from "its camera", where anything in it cannot be used.
    """
    number = _numbers(frame, shared)
    width, height = number("w"), number("h")
    if (width is None or height is None) and size is None:
        raise PhotoError("has no w and h; add the photo's size in pixels")
    stored = size if size is None or orientation < 5 else (size[1], size[0])
    if width is None or height is None:
        assert stored is not None
        width, height = map(float, stored)
    if min(width, height) < 1:
        raise PhotoError(f"has w = {width:g}, h = {height:g}; expected the photo's size in pixels")
    fx, fy = _focal_lengths(number, width, height)
    cx, cy = number("cx"), number("cy")
    cx, cy = width / 2 if cx is None else cx, height / 2 if cy is None else cy
    for key, place, side in (("cx", cx, width), ("cy", cy, height)):
        if not -_LARGEST_SHIFT * side <= place <= (1 + _LARGEST_SHIFT) * side:
            raise PhotoError(f"has {key} = {place:g}, far outside the picture of {width:g}x{height:g} pixels")
    pose, scale = _rigid(frame.get("transform_matrix"))
    name = str(frame["file_path"]).replace("\\", "/")
    camera = CameraFrame(name, pose, fx, fy, cx, cy, round(width), round(height))
    if size is None:
        return FrameReading(_right_handed(camera), scale=scale)
    # Where the sizes tell that the camera is one of upright pixels, it is; otherwise the formats' rule holds.
    assert stored is not None
    turn = orientation
    if orientation >= 5 and not _same_shape(stored, (width, height)) and _same_shape(size, (width, height)):
        turn = 1
    wanted = size if turn == 1 else stored
    if not _same_shape(wanted, (width, height)):
        raise PhotoError(
            f"is for a picture of {width:g}x{height:g} but the photo is {size[0]}x{size[1]}; "
            "give the camera of this very picture"
        )
    if wanted != (camera.width, camera.height):
        camera = camera.resized(*wanted)
    if turn == 1:
        return FrameReading(_right_handed(camera), scale=scale)
    camera, mirrored = turned_camera(camera, turn)
    return FrameReading(camera, True, mirrored, scale)


def turned_camera(camera: CameraFrame, orientation: int) -> tuple[CameraFrame, bool]:
    """A camera of stored pixels as one of the upright photo; and whether it is for that photo mirrored back.

    The latter where EXIF mirrors and the camera does not. Raises PhotoError where the camera alone mirrors.
    """
    turned = _turned(camera, orientation)
    mirrored = mirrors(orientation) and np.linalg.det(turned.camera_to_world[:3, :3]) < 0
    return _right_handed(_turned(turned, 2) if mirrored else turned), bool(mirrored)


def _turned(camera: CameraFrame, orientation: int) -> CameraFrame:
    """The camera for the pixels that `upright` makes of its own."""
    centre = turned_pixels(np.array([camera.cx, camera.cy]), camera.width, camera.height, orientation)
    pose = turned_pose(camera.camera_to_world, orientation)
    cx, cy = centre.tolist()
    if orientation < 5:
        return replace(camera, camera_to_world=pose, cx=cx, cy=cy)
    return replace(
        camera, camera_to_world=pose, fx=camera.fy, fy=camera.fx, cx=cx, cy=cy, width=camera.height, height=camera.width
    )


def _right_handed(camera: CameraFrame) -> CameraFrame:
    if np.linalg.det(camera.camera_to_world[:3, :3]) < 0:
        raise PhotoError("has a mirroring transform_matrix (determinant -1); expected OpenGL axes, right-handed")
    return camera


def _same_shape(size: tuple[float, float], other: tuple[float, float]) -> bool:
    rounded = (round(other[0]), round(other[1]))
    return size == rounded or abs(size[0] / size[1] / (other[0] / other[1]) - 1) <= _SHAPE_TOLERANCE


def _numbers(frame: Mapping[str, Any], shared: Mapping[str, Any]) -> Callable[[str], float | None]:
    """A function that gives a checked number of the frame, or else of the file, or None."""

    def number(key: str) -> float | None:
        value = frame.get(key, shared.get(key))
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise PhotoError(f"has {key} = {value}; expected a finite number")
        return float(value)

    return number


def _focal_lengths(number: Callable[[str], float | None], width: float, height: float) -> tuple[float, float]:
    """Focal lengths in pixels: fl_x, or camera_angle_x in radians, or instant-ngp's x_fov in degrees."""

    def focal(axis: str, pixels: float) -> float | None:
        length, angle, degrees = number(f"fl_{axis}"), number(f"camera_angle_{axis}"), number(f"{axis}_fov")
        if angle is None and degrees is not None:
            angle = math.radians(degrees)
        return _focal_from_angle(angle, pixels) if length is None else length

    fx, fy = focal("x", width), focal("y", height)
    if fx is None:
        raise PhotoError("has neither fl_x nor camera_angle_x; add the focal length in pixels")
    fy = fx if fy is None else fy
    longest = max(width, height)
    for key, length in (("fl_x", fx), ("fl_y", fy)):
        if not longest / 100 <= length <= longest * 1e5:
            raise PhotoError(f"has {key} = {length:g} for {width:g}x{height:g} pixels, which is no possible lens")
    return fx, fy


def _focal_from_angle(angle: float | None, pixels: float) -> float | None:
    if angle is None:
        return None
    if not 0 < angle < math.pi:
        raise PhotoError(f"has a field of view of {angle:g} radians; expected more than 0 and less than pi")
    return pixels / 2 / math.tan(angle / 2)


def _rigid(matrix: Any) -> tuple[Float64[np.ndarray, "4 4"], float]:
    """A checked (3, 4) or (4, 4) camera-to-world matrix whose 3x3 part has columns of length 1 at right angles, to
    float64 precision, and the scale that was divided out of it. It may mirror."""
    try:
        pose = np.array(matrix, np.float64)
    except (TypeError, ValueError) as error:
        raise PhotoError("has a transform_matrix that is not a matrix of numbers; expected 4x4") from error
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4):
        raise PhotoError(f"has a transform_matrix of shape {pose.shape}; expected 4x4 or 3x4")
    if not np.isfinite(pose).all():
        raise PhotoError("has a transform_matrix with numbers that are not finite; give the true camera")
    if np.abs(pose[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise PhotoError(f"has a transform_matrix whose last row is {pose[3].tolist()}; expected 0 0 0 1")
    rotation, scale = pose[:3, :3], 1.0
    error = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE:
        # Tools that rescale a world often scale its cameras' axes with it.
        length = abs(np.linalg.det(rotation)) ** (1 / 3)
        if length > 1e-9 and np.isfinite(length):
            rotation, scale = rotation / length, float(length)
        if np.abs(rotation.T @ rotation - np.eye(3)).max() > _ROTATION_TOLERANCE:
            raise PhotoError(
                f"has a transform_matrix whose 3x3 part is off a rotation by {error:.2g}, at most "
                f"{_ROTATION_TOLERANCE}; its columns must be unit vectors at right angles"
            )
    left, _, right = np.linalg.svd(rotation)
    pose[:3, :3] = left @ right
    return pose, scale
