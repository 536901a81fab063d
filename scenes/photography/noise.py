"""Pictures of chance that repeat without a seam: what ground, clouds, bark and fur take their irregularity from.

All are made once, from a fixed seed, with levels of half the size each (Williams, "Pyramidal Parametrics", 1983), so
that what lies far away is smooth instead of flickering. Photos differ by where, how large and in which colours they
look things up.

    clouds   sum of band-limited noise, amplitude falling as 1/frequency (fractal, Mandelbrot and Van Ness 1968)
    grain    the finest band alone
    stones   distance to the nearest of scattered points, on a torus (Worley, "A Cellular Texture Basis", 1996)
    streaks  noise drawn out along the first axis: fur, bark, wood
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32

_TILE = 256
"""Texels along a side of the square tiles."""
BLADE_HEIGHT, BLADE_WIDTH = 64, 512
"""Texels of the strip of grass: from root to tip, and along it."""
CLOUDS, GRAIN, STONES, STREAKS = range(4)


@lru_cache(maxsize=1)
def tiles() -> Float32[np.ndarray, "N 4"]:
    """CLOUDS, GRAIN, STONES and STREAKS, each from 0 to 1 with mean one half, periodic on both axes.

    Texels and those of the halved copies, one after the other.
    """
    rng = np.random.default_rng(20)
    radius = _frequency()
    across, along = np.fft.fftfreq(_TILE)[:, None] * _TILE, np.fft.fftfreq(_TILE)[None] * _TILE
    drawn_out = np.exp(-((across / 96) ** 2) - (along / 14) ** 2) * (1 - np.exp(-((across / 20) ** 2)))
    channels = [
        _band(rng, radius**-1.1 * np.exp(-((radius / 90) ** 2))),
        _band(rng, np.exp(-(((radius - 60) / 30) ** 2))),
        _stones(rng, 150),
        _band(rng, drawn_out),
    ]
    return _pyramid(np.stack(channels, axis=-1).astype(np.float32))


@lru_cache(maxsize=1)
def blades() -> Float32[np.ndarray, "N 2"]:
    """A strip of grass seen from the side, row 0 at the tips: opacity, and brightness from blade to blade.

    Texels and those of the halved copies, one after the other.
    """
    rng = np.random.default_rng(21)
    fine = 4
    height, width = BLADE_HEIGHT * fine, BLADE_WIDTH * fine
    opacity, shade = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
    for _ in range(150):
        root, lean, tall = rng.uniform(0, width), rng.normal(0, 0.35), rng.beta(2.5, 1.6)
        thick, bend, light = rng.uniform(4, 9), rng.normal(0, 0.25), rng.uniform(0.55, 1.0)
        s = np.linspace(0, 1, 12)
        x = root + tall * height * (lean * s + bend * s**2)
        y = height - tall * height * s
        half = thick * (1 - s) ** 0.7 + 0.8
        outline = np.concatenate([np.stack([x - half, y], 1), np.stack([x + half, y], 1)[::-1]])
        for turn in (-width, 0, width):
            polygon = [np.round(outline + np.array([turn, 0])).astype(np.int32)]
            cv2.fillPoly(opacity, polygon, 255)
            cv2.fillPoly(shade, polygon, light)
    # Shade of what is not covered must not darken the blades' edges in the coarser levels.
    shade = np.where(opacity > 0, shade, 0.75)
    strip = np.stack([opacity / np.float32(255), shade], axis=-1)
    return _pyramid(cv2.resize(strip, (BLADE_WIDTH, BLADE_HEIGHT), interpolation=cv2.INTER_AREA))


def _frequency() -> np.ndarray:
    """Cycles per tile of each Fourier coefficient, at least one."""
    axis = np.fft.fftfreq(_TILE) * _TILE
    return np.maximum(np.hypot(axis[:, None], axis[None]), 1.0)


def _band(rng: np.random.Generator, spectrum: np.ndarray) -> np.ndarray:
    coefficients = np.fft.fft2(rng.normal(size=(_TILE, _TILE))) * spectrum
    coefficients[0, 0] = 0
    return _spread(np.fft.ifft2(coefficients).real)


def _stones(rng: np.random.Generator, count: int) -> np.ndarray:
    """1 at the middle of a stone, 0 at the joints: second nearest less nearest distance."""
    points = rng.uniform(0, _TILE, (count, 2))
    place = np.stack(np.meshgrid(np.arange(_TILE), np.arange(_TILE), indexing="ij"), axis=-1) + 0.5
    gap = np.abs(place[:, :, None] - points)
    nearest = np.sort(np.hypot(*np.moveaxis(np.minimum(gap, _TILE - gap), -1, 0)), axis=-1)
    return np.clip((nearest[..., 1] - nearest[..., 0]) / 10, 0, 1)


def _spread(values: np.ndarray) -> np.ndarray:
    """Mean one half, two standard deviations reaching 0 and 1."""
    return np.clip(0.5 + 0.25 * (values - values.mean()) / values.std(), 0, 1)


def _pyramid(picture: np.ndarray) -> np.ndarray:
    """The texels of a picture and its halved copies, one after the other; the sides are powers of two.

    With h and w the sides of a copy, those of the larger ones before it take (H W - h w) 4/3 rows.
    """
    steps = [picture]
    while min(steps[-1].shape[:2]) > 1:
        height, width = steps[-1].shape[:2]
        steps.append(cv2.resize(steps[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return np.concatenate([step.reshape(-1, picture.shape[2]) for step in steps]).astype(np.float32)
