"""One pinhole camera with a pose, as `transforms.json` gives it, and the name of its photo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Float64

from .decode import PHOTO_SUFFIXES


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
