"""Keypoints in a photo: where they are, and whether one can see them.

A keypoint lies inside its limb (a joint) or on the surface (nose, tip of the tail). It counts as visible where nothing
but its own limb is before it: the surface seen at its pixel is at most

    1.6 r + 0.02

nearer, r its distance to the nearest vertex, about the limb's radius; and where no occluder covers that pixel.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from ...representations.parallel import lean_jit

OUTSIDE, HIDDEN, VISIBLE = 0, 1, 2
_RADII, _MARGIN = 1.6, 0.02


def see_keypoints(
    points: Float32[np.ndarray, "K 3"],
    vertices: Float32[np.ndarray, "V 3"],
    camera: Float[np.ndarray, "5 3"],
    depth: Float32[np.ndarray, "H W"],
    visible: UInt8[np.ndarray, "H W"],
    amodal: UInt8[np.ndarray, "H W"],
) -> tuple[Float32[np.ndarray, "K 2"], Int64[np.ndarray, " K"]]:
    """Positions (column, row) and visibility (COCO's 0, 1, 2) of world `points` on a posed body.

    `camera` (5, 3): right, up, back, centre, (focal length, column and row of the axis); `depth` is that of the body
    without occluders, inf beside it.
    """
    local = (points - camera[3]) @ camera[:3].T
    away = -local[:, 2]
    position = camera[4, 1:] + camera[4, 0] * local[:, :2] * [1, -1] / np.maximum(away, 1e-3)[:, None]
    visibility = np.zeros(len(points), np.int64)
    height, width = depth.shape
    for k, (column, row) in enumerate(np.floor(position).astype(np.int64)):
        if not (0 <= column < width and 0 <= row < height and away[k] > 0):
            continue
        around = slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2)
        tolerance = _RADII * _distance(vertices, points[k].astype(np.float64)) + _MARGIN
        # Beside the outline (a tip, between two samples) nothing of the body is in the way.
        open_view = away[k] - float(np.sort(depth[around], axis=None)[depth[around].size // 2]) < tolerance
        covered = int(visible[row, column]) * 2 < int(amodal[around].max())
        visibility[k] = VISIBLE if open_view and not covered else HIDDEN
    return position.astype(np.float32), visibility


@lean_jit
def _distance(vertices, point):
    """To the nearest vertex."""
    least = np.inf
    for v in range(vertices.shape[0]):
        x, y, z = vertices[v, 0] - point[0], vertices[v, 1] - point[1], vertices[v, 2] - point[2]
        least = min(least, x * x + y * y + z * z)
    return np.sqrt(least)
