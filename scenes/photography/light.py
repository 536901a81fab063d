"""The light a photo is taken in: one sun and a sky, or the sky alone, or a window indoors.

Light is linear, its unit the sun's at noon: a surface of albedo a and normal n sends to the camera

    a (sun max(n . s, 0) visible + sky (1 + n_y)/2 open + ground bounce (1 - n_y)/2).

The sun reddens as it sinks (more air scatters more blue) and weakens; the sky fills shadows with blue on clear days and
with white on overcast ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class LightConfig:
    """How often which light."""

    overcast_share: float = 0.22
    """Photos without sun."""
    back_light_share: float = 0.15
    """Of those with sun: photos taken against it."""
    elevation_deg: tuple[float, float] = (8.0, 80.0)


@dataclass(frozen=True, eq=False)
class SceneLight:
    """The light of one photo, linear RGB."""

    direction: Float64[np.ndarray, " 3"]
    """Unit vector towards the sun, in the world; also on overcast days, where it has no strength."""
    sun: Float64[np.ndarray, " 3"]
    sky: Float64[np.ndarray, " 3"]
    """From the whole upper half, on a horizontal surface."""
    softness: float
    """Width of the shadows' edges, 1 for the open sun, more for haze or windows."""

    @property
    def level(self) -> float:
        """Brightness of a white horizontal surface in the open."""
        return float((self.sun * max(self.direction[1], 0.0) + self.sky).mean())


def linear_array_from_srgb(encoded: Float64[np.ndarray, "*S"]) -> Float64[np.ndarray, "*S"]:
    """Light behind sRGB-encoded values in [0, 1] (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def draw_light(rng: np.random.Generator, config: LightConfig, camera_azimuth_deg: float, indoors: bool) -> SceneLight:
    """The light of a photo that is taken from this azimuth."""
    overcast = rng.random() < config.overcast_share and not indoors
    against = rng.random() < config.back_light_share
    low, high = config.elevation_deg
    elevation = rng.uniform(low, min(40.0, high)) if against else low + (high - low) * rng.beta(1.3, 1.3)
    turn = 180 + rng.uniform(-40, 40) if against else rng.uniform(-135, 135)
    azimuth, elevation = math.radians(camera_azimuth_deg + turn), math.radians(elevation)
    direction = np.array(
        [math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation)]
    )
    if indoors:
        warm = np.array([1.0, rng.uniform(0.78, 0.97), rng.uniform(0.55, 0.95)])
        share = rng.uniform(0.35, 0.75)
        return SceneLight(direction, share * warm, (1.05 - share) * _lerp(warm, np.ones(3), 0.5), rng.uniform(2.0, 4.0))
    if overcast:
        return SceneLight(direction, np.zeros(3), rng.uniform(0.5, 0.9) * np.array([0.95, 0.99, 1.05]), 4.0)
    air = min(1 / max(math.sin(elevation), 0.08), 8.0)
    sun = np.exp(-np.array([0.02, 0.055, 0.13]) * (air - 1) * rng.uniform(0.7, 1.3)) * np.array([1.0, 0.96, 0.88])
    blue = _lerp(np.array([0.85, 0.93, 1.05]), np.array([0.5, 0.7, 1.05]), rng.uniform(0.2, 1.0))
    haze = rng.uniform(0.16, 0.42)
    strength = 1.25 - haze
    return SceneLight(
        direction, strength * sun, haze * (0.55 + 0.45 * math.sin(elevation)) * blue * 1.3, 0.7 + 3 * haze
    )


def _lerp(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    return a + t * (b - a)
