"""Coats: layers of colour over the texels of a canvas, each with a soft mask.

Colours are sRGB-encoded triples; what is painted is albedo, light comes later. A coat is a function of a `Coat`, which
knows the canvas and draws everything random from one generator, so that a seed is a coat.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ...representations.body.chart import PARTS
from .body import Canvas
from .noise import cells, octaves

CoatColor = Sequence[float] | Float[np.ndarray, " 3"] | Float[np.ndarray, "N 3"]
Mask = Float[np.ndarray, " N"]


class Coat:
    """The texels' colours while they are painted."""

    def __init__(self, canvas: Canvas, random: np.random.Generator) -> None:
        self.canvas = canvas
        self.random = random
        self.colours: Float[np.ndarray, "N 3"] = np.full((len(canvas.texel), 3), 0.5, np.float32)

    def cover(self, colour: CoatColor, mask: Mask | float = 1.0) -> None:
        """Lays a colour over what is there, by `mask` in [0, 1]."""
        share = np.asarray(mask, np.float32)
        share = share[:, None] if share.ndim else share
        self.colours = self.colours + share * (np.asarray(colour, np.float32) - self.colours)

    def shade(self, factor: Mask) -> None:
        """Multiplies brightness."""
        self.colours = self.colours * factor[:, None]

    def pieces(self, *names: str) -> Mask:
        """1 on pieces of these names, sides apart or not: "ear" means both ears."""
        chosen = [k for k, name in enumerate(self.canvas.names) if name.split("_", 1)[-1] in names or name in names]
        return np.isin(self.canvas.piece, chosen).astype(np.float32)

    def parts(self, *endings: str) -> Mask:
        """1 on parts whose names end with these words: "lower" means the lower segments of all legs."""
        chosen = [k for k, name in enumerate(PARTS) if any(f"_{name}".endswith(f"_{ending}") for ending in endings)]
        return np.isin(self.canvas.part, chosen).astype(np.float32)

    def near(self, mark: str, reach: float = 1.0, softness: float = 0.15) -> Mask:
        """1 within `reach` radii of a mark, of both sides."""
        if mark not in self.canvas.marks:
            return np.zeros(len(self.colours), np.float32)
        found = np.zeros(len(self.colours), np.float32)
        radius = self.canvas.marks[mark][1]
        close, place = self._around(mark, reach * (1 + 2 * softness))
        gone = np.linalg.norm(place, axis=1) / radius
        found[close] = step(reach * (1 + softness) - gone, 2 * softness * reach)
        return found

    def _around(self, mark: str, reach: float) -> tuple[Int[np.ndarray, " M"], Float[np.ndarray, "M 3"]]:
        """Texels within a box of `reach` radii round a mark, and where they lie from it, both sides folded onto one."""
        (x, y, z), radius = self.canvas.marks[mark]
        position = self.canvas.position
        close = np.flatnonzero(np.abs(position[:, 2] - z) < reach * radius)
        place = position[close] - np.array([0.0, y, z], np.float32)
        place[:, 0] = np.abs(place[:, 0]) - x
        inside = (np.abs(place) < reach * radius).all(1)
        return close[inside], place[inside]

    def noise(self, size: float, octave_count: int = 3, stretch: Sequence[float] = (1.0, 1.0, 1.0)) -> Mask:
        """Noise in about [-1, 1] whose features are `size` long, stretched along the axes."""
        scaled = self.canvas.position / (size * np.asarray(stretch))
        return octaves(scaled + self._offset(), int(self.random.integers(1 << 30)), count=octave_count)

    def cells(self, size: float, warp: float = 0.15, octave_count: int = 2) -> Float[np.ndarray, "N 3"]:
        """`noise.cells` of about `size`, their borders made wavy by `warp`."""
        scaled = self.canvas.position / size
        seed = int(self.random.integers(1 << 30))
        bent = [octaves(2 * scaled + 7.7 * k, seed + k, count=octave_count) for k in range(3)]
        return cells(scaled + warp * np.stack(bent, 1) + self._offset(), seed)

    def below(self, height: float = 0.35, softness: float = 0.35) -> Mask:
        """1 on what faces the ground: undersides."""
        return step(-self.canvas.normal[:, 1] - height, softness)

    def lower(self, height: float, softness: float) -> Mask:
        """1 below a height over the ground."""
        return step(height - self.canvas.position[:, 1], softness)

    def jitter(
        self, colour: Sequence[float], hue: float = 0.015, saturation: float = 0.12, value: float = 0.1
    ) -> np.ndarray:
        """A colour like this one: hue shifted, saturation and value scaled by normal deviates."""
        h, s, v = colorsys.rgb_to_hsv(*colour)
        a, b, c = self.random.normal(0, 1, 3)
        h, s, v = (h + hue * a) % 1, min(s * np.exp(saturation * b), 1), min(v * np.exp(value * c), 1)
        return np.array(colorsys.hsv_to_rgb(h, s, v), np.float32)

    def pick(self, options: Sequence[tuple[float, Sequence[float]]]) -> np.ndarray:
        """One of several colours by weight, varied."""
        weights = np.array([weight for weight, _ in options])
        return self.jitter(options[int(self.random.choice(len(options), p=weights / weights.sum()))][1])

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def hair(self, strength: float = 0.1) -> None:
        """Fine streaks and larger blotches of brightness, as fur has them."""
        fine = self.noise(0.02, 2, (1.0, 1.0, 2.5))
        self.shade(1 + strength * fine + 0.7 * strength * self.noise(0.25, 2))

    def eyes(self, iris: CoatColor = (0.12, 0.07, 0.04), pupil: float = 0.55) -> None:
        """Eyeballs: iris, pupil, and a glint up front; darker lids round them."""
        if "left_eye" not in self.canvas.marks:
            return
        self.cover(np.array(iris) * 0.5, 0.6 * self.near("left_eye", 1.55, 0.25))
        ball = self.near("left_eye", 1.15, 0.1)
        self.cover(iris, ball)
        close, place = self._around("left_eye", 2.0)
        place = place / self.canvas.marks["left_eye"][1]
        # Looked at from where the eye looks: outward and forward.
        ahead = place @ (np.array([0.75, 0.1, 0.65]) / np.linalg.norm([0.75, 0.1, 0.65]))
        glint = np.linalg.norm(place - np.array([0.6, 0.55, 0.55]), axis=1)
        for colour, mask in (
            ((0.02, 0.02, 0.02), step(ahead - pupil, 0.15)),
            ((0.95, 0.95, 0.95), step(0.33 - glint, 0.15)),
        ):
            whole = np.zeros_like(ball)
            whole[close] = mask
            self.cover(colour, ball * whole)

    def _offset(self) -> np.ndarray:
        return self.random.uniform(-50, 50, 3)


def step(value: Mask, softness: float) -> Mask:
    """0 below zero and 1 above, going over smoothly within `softness`.

    >>> step(np.array([-1.0, 0.0, 1.0]), 0.5).tolist()
    [0.0, 0.5, 1.0]
    """
    t = np.clip(value / softness + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def stripes(phase: Mask, width: float | Mask, softness: float = 0.18) -> Mask:
    """1 on stripes: the share `width` of every unit of `phase`."""
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * phase)
    threshold = 0.5 + 0.5 * np.cos(np.pi * np.clip(width, 0, 1))
    return step(wave - threshold, softness)
