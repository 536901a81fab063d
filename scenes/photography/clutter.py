"""Where things stand in a photo: some behind the subject, and in noisy photos some before it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32

from .backdrop import Backdrop
from .light import SceneLight
from .prop import Prop, draw_prop, place_prop
from .scenery import Scenery

_TRIES = 6
_COVERED = (0.08, 0.5)


def fill_backdrop(
    backdrop: Backdrop,
    rng: np.random.Generator,
    scenery: Scenery,
    light: SceneLight,
    camera: Float[np.ndarray, "5 3"],
    distance: float,
    ground: float,
) -> None:
    """Puts up to three things behind the subject, which is `distance` away, into the backdrop, the farthest first."""
    height, width = backdrop.depth.shape
    count = int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))
    for far in sorted(rng.uniform(1.15, 3.2, count), reverse=True):
        foot = _on_ground(camera, rng.uniform(0, width), height / 2, far * distance, ground)
        prop = draw_prop(rng, scenery.place, float(np.exp(rng.uniform(np.log(0.15), np.log(0.8)))))
        colour, opacity, depth = place_prop(prop, foot, camera, light, scenery.bounce, backdrop.depth, rng.uniform())
        _darken(backdrop.colour, prop, foot, camera)
        backdrop.colour[:] = backdrop.colour * (1 - opacity[..., None]) + colour
        backdrop.depth[opacity > 0.5] = depth


def stand_before(
    coverage: Float32[np.ndarray, "H W"],
    behind: Float32[np.ndarray, "H W"],
    rng: np.random.Generator,
    scenery: Scenery,
    light: SceneLight,
    camera: Float[np.ndarray, "5 3"],
    nearest: float,
    ground: float,
    aperture: float,
) -> tuple[Float32[np.ndarray, "H W 3"], Float32[np.ndarray, "H W"]]:
    """Something between the camera and a subject that covers `coverage` and begins `nearest` away, before the backdrop,
    whose depth is `behind`.

    Light multiplied by opacity, and opacity, out of focus as it would be with this `aperture` (see `backdrop.focus`).
    It hides 8 to 50 % of the subject; where six tries find nothing that does, both are empty.
    """
    height, width = coverage.shape
    rows, columns = np.nonzero(coverage > 0.5)
    nothing = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    if len(rows) == 0:
        return nothing
    for _ in range(_TRIES):
        pick = int(rng.integers(len(rows)))
        depth = nearest * rng.uniform(0.6, 0.95)
        foot = _on_ground(camera, float(columns[pick]), float(rows[pick]), depth, ground)
        # As high as from the ground there up to the chosen pixel.
        top = _at_depth(camera, float(columns[pick]), float(rows[pick]), depth)[1]
        prop = draw_prop(rng, scenery.place, max(float(top - ground), 0.08))
        colour, opacity, _ = place_prop(prop, foot, camera, light, scenery.bounce, behind, rng.uniform())
        radius = abs(1 / depth - 1 / nearest) * aperture
        if radius > 0.5:
            blur = (0, 0), 0.7 * radius
            colour, opacity = cv2.GaussianBlur(colour, *blur), cv2.GaussianBlur(opacity, *blur)
        if _COVERED[0] < float((coverage * opacity).sum() / coverage.sum()) < _COVERED[1]:
            return colour, opacity
    return nothing


def _darken(colour: np.ndarray, prop: Prop, foot: np.ndarray, camera: np.ndarray) -> None:
    """The contact shadow of a thing on the ground under it: an ellipse, as flat as the camera is low."""
    local = camera[:3] @ (foot - camera[3])
    scale = camera[4, 0] / -local[2]
    middle = camera[4, 1] + scale * local[0], camera[4, 2] - scale * local[1]
    low = prop.capsules.reshape(-1, 3)[prop.capsules.reshape(-1, 3)[:, 1] < 0.3 * prop.capsules[:, [1, 4]].max()]
    half = scale * (np.abs(low[:, 0]) + low[:, 2]).max(initial=0.02)
    flat = half * max((camera[3, 1] - foot[1]) / np.linalg.norm(foot - camera[3]), 0.05)
    top, left = max(int(middle[1] - 2.5 * flat), 0), max(int(middle[0] - 2.5 * half), 0)
    window = colour[top : max(int(middle[1] + 2.5 * flat), 0), left : max(int(middle[0] + 2.5 * half), 0)]
    rows, columns = np.ogrid[: window.shape[0], : window.shape[1]]
    distance = ((columns + left + 0.5 - middle[0]) / half) ** 2 + ((rows + top + 0.5 - middle[1]) / flat) ** 2
    window *= (1 - 0.6 * np.exp(-0.9 * distance)).astype(np.float32)[..., None]


def _at_depth(camera: np.ndarray, column: float, row: float, depth: float) -> np.ndarray:
    """The world point at a pixel and depth."""
    x, y = (column - camera[4, 1]) / camera[4, 0], (camera[4, 2] - row) / camera[4, 0]
    return camera[3] + depth * (x * camera[0] + y * camera[1] - camera[2])


def _on_ground(camera: np.ndarray, column: float, row: float, depth: float, ground: float) -> np.ndarray:
    """The point of the ground straight below (or above) the one at a pixel and depth."""
    point = _at_depth(camera, column, row, depth)
    point[1] = ground
    return point
