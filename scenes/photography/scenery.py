"""Where the subject stands: meadow, steppe, sand, snow, earth, rock, forest or a room, each drawn from a seed.

A place is a list of numbers and a palette for `ground_kernel`, and one of each for `far_kernel`: how coarse the ground
is, how high the grass, what lies behind. Colours are linear reflectances, rough means of photographs of such places,
jittered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float64

from . import far_kernel, ground_kernel
from .light import SceneLight, linear_array_from_srgb

_Option = TypeVar("_Option")
SceneryKind = Literal["meadow", "steppe", "sand", "snow", "earth", "rock", "forest", "room"]
PLACES: tuple[SceneryKind, ...] = ("meadow", "steppe", "sand", "snow", "earth", "rock", "forest", "room")
_SHARES = (0.26, 0.12, 0.11, 0.09, 0.09, 0.07, 0.14, 0.12)

# sRGB: ground dark, ground, patches, stones and bark.
_EARTHS: dict[str, tuple[str, str, str, str]] = {
    "meadow": ("26301a", "55603a", "7a6a4c", "8c877c"),
    "steppe": ("6e5a38", "a98f5f", "b79c6d", "9a8f7d"),
    "sand": ("a8865c", "dcc197", "c9a676", "a59884"),
    "snow": ("cfd9e6", "f6f8fa", "dde4ec", "8b8a8a"),
    "earth": ("4a3727", "8a6a4a", "6f6a42", "8f8578"),
    "rock": ("5c5852", "948e84", "6d6a52", "a39d92"),
    "forest": ("2c2318", "5f4a30", "4b5a2b", "5a4a3c"),
    "room": ("5a4230", "a47f58", "7c4a3a", "e9e5da"),
}
_GRASSES = (("4c6b22", "8f9447"), ("5d7f2b", "a5a058"), ("3f5f25", "6f8438"), ("6f8a35", "b0a562"))
_DRY_GRASSES = (("a58c4b", "c7ae72"), ("8c7a3e", "bda25f"), ("9a9350", "c8b67e"))
_TREES = (("1c2b14", "4f6b2c"), ("22321b", "64752f"), ("1d2a1e", "47624a"), ("3a2f18", "8a6a2a"))
_HANGINGS = ("7c4a3a", "31425c", "b8923d", "3d4f3a", "8d8d8f", "5a2f38")
_WALLS = ("d9d3c5", "c9d2d6", "b8a58c", "8fa08f", "a8787a", "e6e1d8", "6f7f92", "c7b14f")


@dataclass(frozen=True, eq=False)
class Scenery:
    """One place, ready for the kernels."""

    place: SceneryKind
    ground: Float64[np.ndarray, " 15"]
    ground_colours: Float64[np.ndarray, "7 3"]
    far: Float64[np.ndarray, " 9"]
    far_colours: Float64[np.ndarray, "9 3"]

    @property
    def bounce(self) -> Float64[np.ndarray, " 3"]:
        """What the ground sends back of the light that falls on it."""
        rows = [ground_kernel.EARTH, ground_kernel.EARTH_DARK]
        if self.ground[ground_kernel.GRASS_HEIGHT] > 0:
            rows.append(ground_kernel.GRASS)
        return self.ground_colours[rows].mean(axis=0)


def draw_place(rng: np.random.Generator) -> SceneryKind:
    """A place, each as often as animals are photographed there."""
    return PLACES[int(rng.choice(len(PLACES), p=_SHARES))]


def draw_scenery(rng: np.random.Generator, place: SceneryKind, light: SceneLight, ground: float) -> Scenery:
    """A place in this light; `ground` is the height of its ground plane."""
    seed, turn = float(rng.integers(1, 10_000)), rng.uniform(0, np.pi)
    haze = {"forest": rng.uniform(0.01, 0.03), "room": 0.0}.get(place, np.exp(rng.uniform(*np.log([0.003, 0.025]))))
    horizon, zenith, cloud = _sky(rng, light)
    dark, earth, patch, stone = (_linear(code) for code in _EARTHS[place])
    grass, dry = (_linear(code) for code in _pick(rng, _DRY_GRASSES if place == "steppe" else _GRASSES))
    tree_dark, tree = (_linear(code) for code in _pick(rng, _TREES))
    wall, hanging = _linear(_pick(rng, _WALLS)), _linear(_pick(rng, _HANGINGS))
    paints = np.stack([dark, earth, patch, stone, grass, dry, 0.5 * (tree + grass), tree_dark, tree, wall, hanging])
    paints *= np.exp(rng.normal(0, 0.16, (len(paints), 1)) + rng.normal(0, 0.06, paints.shape))
    if place == "snow":
        paints[:3] = np.stack([dark, earth, patch]) * np.exp(rng.normal(0, 0.02, (3, 3)))
    paints = paints.clip(0.01, 0.95)
    numbers = _ground(rng, place, ground)
    numbers[[ground_kernel.HAZE, ground_kernel.FLOOR_TURN, ground_kernel.SEED]] = haze, turn, seed
    if place == "room" and numbers[ground_kernel.FLOOR] != ground_kernel.PLANKS:
        carpet = _linear(_pick(rng, _WALLS))
        paints[:2] = np.stack([carpet * 0.5, carpet * 0.9])
    far = np.zeros(9)
    far[far_kernel.GROUND] = ground
    far[far_kernel.KIND] = {"forest": far_kernel.FOREST, "room": far_kernel.ROOM}.get(place, far_kernel.OPEN)
    far[far_kernel.HAZE] = haze
    far[far_kernel.CLOUD_COVER] = rng.uniform(0.05, 0.75) if light.sun.any() else 1.1
    far[far_kernel.TREE_HEIGHT] = rng.choice([0.0, 0.05, 0.10, 0.22]) * rng.uniform(0.6, 1.4)
    far[far_kernel.HILL_HEIGHT] = rng.choice([0.0, 0.04, 0.09, 0.16]) * rng.uniform(0.6, 1.4)
    far[[far_kernel.WALL, far_kernel.WALL_TURN, far_kernel.SEED]] = rng.uniform(0.9, 2.6), turn, seed
    # Under trees the air is as dark as they are.
    veil = 0.8 * horizon if place != "forest" else (paints[7] + paints[8]) * (light.sky + 0.3 * light.sun)
    ground_colours = np.concatenate([paints[:6], veil[None]])
    far_colours = np.stack([paints[6], paints[7], paints[8], paints[3], paints[9], paints[10], horizon, zenith, cloud])
    return Scenery(place, numbers, ground_colours, far, far_colours)


def _ground(rng: np.random.Generator, place: SceneryKind, height: float) -> Float64[np.ndarray, " 15"]:
    """How coarse, worn, stony and overgrown the ground is."""
    numbers = np.zeros(15)
    numbers[ground_kernel.GROUND] = height
    numbers[ground_kernel.SCALE] = np.exp(rng.uniform(np.log(0.45), np.log(1.8)))
    numbers[ground_kernel.SHIFT_U], numbers[ground_kernel.SHIFT_V] = rng.uniform(0, 1, 2)
    numbers[ground_kernel.BUMP] = {"room": 0.2, "snow": rng.uniform(0.3, 1.0)}.get(place, rng.uniform(0.5, 2.0))
    numbers[ground_kernel.PATCH] = rng.uniform(0.1, 0.9)
    numbers[ground_kernel.STONE] = {"earth": 0.7, "rock": 1.0, "sand": 0.35}.get(place, 0.0) * rng.uniform(0, 1)
    if place in ("meadow", "steppe"):
        numbers[ground_kernel.GRASS_HEIGHT] = np.exp(rng.uniform(np.log(0.03), np.log(0.13)))
        numbers[ground_kernel.GRASS_SPACING] = 0.45 * numbers[ground_kernel.GRASS_HEIGHT]
    if place == "room":
        kinds = (ground_kernel.NATURAL, ground_kernel.PLANKS, ground_kernel.PLANKS, ground_kernel.TILES)
        numbers[ground_kernel.FLOOR] = _pick(rng, kinds)
        larger = 2.2 if numbers[ground_kernel.FLOOR] == ground_kernel.TILES else 1.0
        numbers[ground_kernel.PLANK] = rng.uniform(0.1, 0.2) * larger
    if place in ("forest", "meadow") and rng.random() < (0.6 if place == "forest" else 0.15):
        numbers[ground_kernel.DAPPLE] = rng.uniform(0.5, 0.95)
    return numbers


def _sky(rng: np.random.Generator, light: SceneLight) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Light from the horizon, from straight above, from clouds."""
    grey = np.full(3, light.sky.mean())
    if not light.sun.any():
        white = light.sky * rng.uniform(0.9, 1.3)
        return white, white * rng.uniform(0.7, 1.0), white * rng.uniform(0.75, 1.05)
    warm = light.sun / light.sun.max()
    horizon = (0.45 + 0.9 * grey) * (0.6 + 0.4 * warm) * np.array([0.92, 0.98, 1.04]) * rng.uniform(0.8, 1.1)
    zenith = np.array([0.16, 0.34, 0.78]) * rng.uniform(0.5, 1.1)
    return horizon, zenith, (0.35 + 0.75 * light.sun) * rng.uniform(0.8, 1.05)


def _pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    return options[int(rng.integers(len(options)))]


def _linear(code: str) -> Float64[np.ndarray, " 3"]:
    """The light behind an sRGB colour in hexadecimal."""
    return linear_array_from_srgb(np.array([int(code[k : k + 2], 16) for k in (0, 2, 4)]) / 255)
