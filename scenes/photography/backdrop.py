"""The place behind and below the subject, seen through a lens that is sharp at one distance only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from . import far_kernel, ground_kernel
from .light import SceneLight
from .noise import blades, tiles
from .scenery import Scenery
from .shadow import ShadowMaps

_BLURS = (1.2, 3.5, 8.0, 16.0)
_FAR_BLUR = 2.5
"""Pixels of blur from which on the far field is drawn with half the resolution."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A photo of a place without anybody in it, but with somebody's shadow."""

    colour: Float32[np.ndarray, "H W 3"]
    """Linear light."""
    depth: Float32[np.ndarray, "H W"]


def draw_backdrop(
    scenery: Scenery,
    light: SceneLight,
    camera: Float[np.ndarray, "5 3"],
    maps: ShadowMaps,
    index: int,
    size: tuple[int, int],
    far_blur: float = 0.0,
) -> Backdrop:
    """The place as photo number `index` of `maps` sees it, sharp everywhere; `size` is (width, height).

    `far_blur`: by how many pixels the far field will be out of focus; where that is much, half its resolution serves.
    """
    width, height = size
    frame = _frame(light, camera)
    half = far_blur >= _FAR_BLUR
    small = frame.copy()
    small[4] *= 0.5 if half else 1.0
    rows, columns = (-(-height // 2), -(-width // 2)) if half else (height, width)
    colour, depth = np.empty((rows, columns, 3), np.float32), np.empty((rows, columns), np.float32)
    far_kernel.paint_far(scenery.far, scenery.far_colours, small, tiles(), colour, depth)
    if half:
        colour = np.ascontiguousarray(colour.repeat(2, 0).repeat(2, 1)[:height, :width])
        depth = np.ascontiguousarray(depth.repeat(2, 0).repeat(2, 1)[:height, :width])
    ground_kernel.paint_ground(*_given(scenery, frame, maps, index), colour, depth)
    return Backdrop(colour, depth)


def draw_grass(
    scenery: Scenery,
    light: SceneLight,
    camera: Float[np.ndarray, "5 3"],
    maps: ShadowMaps,
    index: int,
    depth: Float32[np.ndarray, "H W"],
) -> tuple[Float32[np.ndarray, "H W 3"], Float32[np.ndarray, "H W"]]:
    """The grass in front of a body of this `depth` (inf beside it): light, multiplied by opacity, and opacity."""
    colour, opacity = np.empty((*depth.shape, 3), np.float32), np.empty(depth.shape, np.float32)
    ground_kernel.grass_in_front(*_given(scenery, _frame(light, camera), maps, index), depth, colour, opacity)
    return colour, opacity


def focus(backdrop: Backdrop, distance: float, aperture: float) -> Float32[np.ndarray, "H W 3"]:
    """The backdrop through a lens that is sharp at `distance`.

    A point at depth t is spread over a disc of radius aperture |1/t - 1/distance|, in pixels; between copies that are
    blurred more and more each pixel takes the two nearest.
    """
    radius = np.abs(1 / np.maximum(backdrop.depth, 0.2) - 1 / distance) * np.float32(aperture)
    picture, before = backdrop.colour, 0.0
    reach = float(radius.max())
    for blur in _BLURS:
        if before >= reach:
            break
        share = ((radius - before) * (1 / (blur - before))).clip(0, 1)
        picture = cv2.blendLinear(_blurred(backdrop.colour, blur), picture, share, 1 - share)
        before = blur
    return picture


def _blurred(picture: np.ndarray, radius: float) -> np.ndarray:
    """A wide blur is done on a smaller copy."""
    if radius < 4:
        return cv2.GaussianBlur(picture, (0, 0), radius * 0.7)
    small = cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), radius * 0.7 / 4)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _frame(light: SceneLight, camera: np.ndarray) -> np.ndarray:
    return np.concatenate([camera, np.stack([light.direction, light.sun, light.sky])])


def _given(scenery: Scenery, frame: np.ndarray, maps: ShadowMaps, index: int) -> tuple[np.ndarray, ...]:
    matrices = np.stack([maps.sun[index], maps.below[index]])
    return scenery.ground, scenery.ground_colours, frame, tiles(), blades(), matrices, maps.ground[index]
