"""Cameras of stored pixels, turned with their photos as EXIF orientation says.

Undoing an orientation moves a pixel position (column, row) to A (column, row) + b, where A exchanges or negates axes:
see `decode.upright`. In the camera's axes (+X right, +Y up, looking along -Z) that is

    camera_to_world' = camera_to_world S [A 0; 0 1]^T S,    S = diag(1, -1, -1),

which turns the camera about its own viewing axis. Orientations 2, 4, 5 and 7 mirror, and so does A.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def mirrors(orientation: int) -> bool:
    """Whether an EXIF orientation exchanges left and right besides turning.

    >>> [orientation for orientation in range(1, 9) if mirrors(orientation)]
    [2, 4, 5, 7]
    """
    return bool(np.linalg.det(_axes(orientation)) < 0)


def turned_pixels(
    points: Float64[np.ndarray, "*B 2"], width: float, height: float, orientation: int
) -> Float64[np.ndarray, "*B 2"]:
    """Where positions (column, row) of a stored picture of that size lie in the upright one.

    >>> turned_pixels(np.array([10.0, 20.0]), 100, 80, 6).tolist()
    [60.0, 10.0]
    """
    axes = _axes(orientation)
    # Negated axes count from the other end.
    size = np.abs(axes) @ np.array([width, height], np.float64)
    return points @ axes.T + np.where(axes.sum(axis=1) < 0, size, 0.0)


def turned_pose(camera_to_world: Float64[np.ndarray, "4 4"], orientation: int) -> Float64[np.ndarray, "4 4"]:
    """The camera-to-world matrix for the upright picture. It mirrors where the orientation does."""
    turn = np.eye(4)
    turn[:2, :2] = _axes(orientation)
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    return camera_to_world @ flip @ turn.T @ flip


def _axes(orientation: int) -> Float64[np.ndarray, "2 2"]:
    """A of the module's docstring."""
    axes = np.array([[0.0, 1.0], [1.0, 0.0]]) if orientation >= 5 else np.eye(2)
    signs = np.array([-1.0 if orientation in (2, 3, 6, 7) else 1.0, -1.0 if orientation in (3, 4, 7, 8) else 1.0])
    return signs[:, None] * axes
