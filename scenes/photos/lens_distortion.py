"""Lens distortion undone: pixels as a pinhole sees them, for the two models that nerfstudio and instant-ngp write.

With x, y a point's coordinates divided by its depth, r^2 = x^2 + y^2 and theta = atan(r), it lies in the distorted
picture at (cx + fx x', cy + fy y') where

    OPENCV          x' = x (1 + k1 r^2 + k2 r^4 + k3 r^6) + 2 p1 x y + p2 (r^2 + 2 x^2), y' with p1 and p2 exchanged
    OPENCV_FISHEYE  (x', y') = (x, y) theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8) / r

as in OpenCV (calib3d, fisheye). The result is the largest pinhole picture of the same size without an empty border.
Coefficients that fold the picture over inside that frame, or leave hardly a view, describe no lens and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from ..error import PhotoError
from .camera_frame import CameraFrame

DistortionModel = Literal["OPENCV", "OPENCV_FISHEYE"]
COEFFICIENTS: dict[DistortionModel, tuple[str, ...]] = {
    "OPENCV": ("k1", "k2", "p1", "p2", "k3"),
    "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4"),
}
"""Names of the coefficients of each model, in OpenCV's order."""

_CHECKED = 33
"""Points along each side of the grid on which a lens is checked."""
_EMPTY_BORDER = 1.0
"""Pixels that are left empty along the border at most."""
_MOST_ZOOM = 4.0
"""The pinhole's focal length is at most this much longer or shorter than the lens's."""


@dataclass(frozen=True, eq=False)
class Distortion:
    """How a lens departs from a pinhole."""

    model: DistortionModel
    values: Float64[np.ndarray, " n"]
    """In the order of `COEFFICIENTS`."""

    @property
    def is_none(self) -> bool:
        """Whether the lens is a pinhole. A fisheye never is, whatever its coefficients."""
        return self.model == "OPENCV" and not self.values.any()

    def __str__(self) -> str:
        named = zip(COEFFICIENTS[self.model], self.values.tolist(), strict=True)
        return ", ".join(f"{name} = {value:g}" for name, value in named)

    def distort(self, points: Float64[np.ndarray, "*B 2"]) -> Float64[np.ndarray, "*B 2"]:
        """Where points (x, y at depth 1) appear through the lens, at depth 1."""
        x, y = points[..., 0], points[..., 1]
        r = np.hypot(x, y)
        if self.model == "OPENCV_FISHEYE":
            theta = np.arctan(r)
            k1, k2, k3, k4 = self.values
            bent = theta * (1 + theta**2 * (k1 + theta**2 * (k2 + theta**2 * (k3 + theta**2 * k4))))
            return points * np.where(r > 1e-12, bent / np.maximum(r, 1e-12), 1.0)[..., None]
        k1, k2, p1, p2, k3 = self.values
        radial = 1 + r**2 * (k1 + r**2 * (k2 + r**2 * k3))
        return np.stack(
            [
                x * radial + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2),
                y * radial + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y,
            ],
            axis=-1,
        )


def undistorted_camera(camera: CameraFrame, distortion: Distortion) -> CameraFrame:
    """The pinhole that sees what the distorted camera sees, without an empty border.

    Raises PhotoError, which reads on from the photo's name, for coefficients that describe no lens.
    """
    size = (camera.width, camera.height)
    if distortion.model == "OPENCV":
        pinhole, _ = cv2.getOptimalNewCameraMatrix(_matrix(camera), distortion.values, size, 0)
        (fx, _, cx), (_, fy, cy), _ = pinhole.tolist()
        seen = replace(camera, fx=fx, fy=fy, cx=cx + 0.5, cy=cy + 0.5)
        if _beyond(camera, seen, distortion) > _EMPTY_BORDER:
            # OpenCV looks at a few points of the border; wide lenses leave empty corners.
            seen = _widest(camera, distortion)
    else:
        seen = _widest(camera, distortion)
    zooms = np.array([seen.fx / camera.fx, seen.fy / camera.fy])
    sane = np.isfinite(zooms).all() and (zooms > 1 / _MOST_ZOOM).all() and (zooms < _MOST_ZOOM).all()
    if not sane or not _keeps_order(camera, seen, distortion):
        raise PhotoError(
            f"has lens distortion {distortion}, which folds the picture over: no lens does; give the true coefficients"
        )
    return seen


def undistort(
    array: UInt8[np.ndarray, "h w *c"], camera: CameraFrame, distortion: Distortion, seen: CameraFrame
) -> UInt8[np.ndarray, "h w *c"]:
    """A picture of the distorted camera as the pinhole `seen` sees it, interpolated linearly."""
    if distortion.model == "OPENCV":
        return np.asarray(cv2.undistort(array, _matrix(camera), distortion.values, None, _matrix(seen)), np.uint8)
    rows, columns = np.mgrid[: camera.height, : camera.width].astype(np.float64) + 0.5
    places = (_source(np.stack([columns, rows], axis=-1), camera, seen, distortion) - 0.5).astype(np.float32)
    found = cv2.remap(array, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8)


def _widest(camera: CameraFrame, distortion: Distortion) -> CameraFrame:
    """The pinhole with the camera's principal point and the shortest focal length whose frame the picture fills."""
    shortest, longest = 1 / _MOST_ZOOM, _MOST_ZOOM
    for _ in range(40):
        middle = (shortest * longest) ** 0.5
        seen = replace(camera, fx=camera.fx * middle, fy=camera.fy * middle)
        fills = _beyond(camera, seen, distortion) <= 0
        shortest, longest = (shortest, middle) if fills else (middle, longest)
    return replace(camera, fx=camera.fx * longest, fy=camera.fy * longest)


def _beyond(camera: CameraFrame, seen: CameraFrame, distortion: Distortion) -> float:
    """By how many pixels the border of the pinhole picture lies beyond that of the distorted one, at most."""
    steps = np.linspace(0, 1, _CHECKED)
    low, high = np.zeros_like(steps), np.ones_like(steps)
    sides = np.concatenate([np.stack(pair, 1) for pair in ((steps, low), (steps, high), (low, steps), (high, steps))])
    size = np.array([camera.width, camera.height], np.float64)
    places = _source(sides * size, camera, seen, distortion)
    return float(np.maximum(-places, places - size).max())


def _keeps_order(camera: CameraFrame, seen: CameraFrame, distortion: Distortion) -> bool:
    """Whether neighbouring pixels of the pinhole picture stay neighbours, the same way round, in the distorted one."""
    columns, rows = np.meshgrid(np.linspace(0, camera.width, _CHECKED), np.linspace(0, camera.height, _CHECKED))
    places = _source(np.stack([columns, rows], axis=-1), camera, seen, distortion)
    along_x, along_y = np.diff(places, axis=1)[:-1], np.diff(places, axis=0)[:, :-1]
    turn = along_x[..., 0] * along_y[..., 1] - along_x[..., 1] * along_y[..., 0]
    # Where a model turns back, points beyond the fold land inside the picture again.
    return bool((turn > 0).all() and (along_x[..., 0] > 0).all() and (along_y[..., 1] > 0).all())


def _source(
    points: Float64[np.ndarray, "*B 2"], camera: CameraFrame, seen: CameraFrame, distortion: Distortion
) -> Float64[np.ndarray, "*B 2"]:
    """Where pixels (column, row) of the pinhole picture lie in the distorted one."""
    local = (points - np.array([seen.cx, seen.cy])) / np.array([seen.fx, seen.fy])
    return distortion.distort(local) * np.array([camera.fx, camera.fy]) + np.array([camera.cx, camera.cy])


def _matrix(camera: CameraFrame) -> Float64[np.ndarray, "3 3"]:
    """OpenCV counts pixel centres at whole numbers."""
    return np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
