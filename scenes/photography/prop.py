"""Things that stand about, behind the subject or before it: bushes, rocks, posts, fences, other animals.

Each is a bundle of capsules in an upright plane that faces the camera: pairs of ends with radii, whose union, roughened
by noise, is its outline; inside, the normal is that of the round capsule. Crude, but of the subject's own size, on the
same ground, in the same light and drawn by the same renderer, as clutter has to be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from ...representations.parallel import lean_jit
from .light import SceneLight
from .noise import CLOUDS, STREAKS, tiles
from .scenery import SceneryKind

Kind = Literal["bush", "rock", "post", "fence", "animal"]
_KINDS: dict[SceneryKind, tuple[Kind, ...]] = {
    "meadow": ("bush", "bush", "rock", "post", "fence", "animal"),
    "steppe": ("bush", "rock", "post", "animal"),
    "sand": ("rock", "bush", "post", "animal"),
    "snow": ("bush", "rock", "post", "fence", "animal"),
    "earth": ("rock", "bush", "fence", "animal"),
    "rock": ("rock", "rock", "bush"),
    "forest": ("bush", "bush", "rock", "post", "animal"),
    "room": ("post", "animal"),
}
# Dark and light reflectance, linear.
_GREENS = ((0.02, 0.04, 0.01), (0.14, 0.24, 0.05))
_DRY = ((0.07, 0.05, 0.025), (0.38, 0.29, 0.14))
_STONE = ((0.06, 0.055, 0.05), (0.34, 0.32, 0.29))
_WOOD = ((0.05, 0.035, 0.025), (0.28, 0.21, 0.15))
_HAIRS = (
    ((0.05, 0.035, 0.025), (0.16, 0.10, 0.06)),
    ((0.22, 0.12, 0.05), (0.45, 0.28, 0.14)),
    ((0.30, 0.29, 0.27), (0.62, 0.60, 0.55)),
    ((0.03, 0.028, 0.026), (0.10, 0.09, 0.08)),
)


@dataclass(frozen=True, eq=False)
class Prop:
    """One thing, its foot at the origin, upright in its plane."""

    kind: Kind
    capsules: Float[np.ndarray, "N 6"]
    """(x, y, radius) of one end, then of the other."""
    colours: Float[np.ndarray, "2 3"]
    """Of its dark and its light places, linear."""
    roughness: float
    """How far noise moves the outline, in radii."""
    grain: float
    """Tiles of noise per unit."""
    streaked: bool


def draw_prop(rng: np.random.Generator, place: SceneryKind, height: float) -> Prop:
    """Something that may stand there, about so high; posts and fences have their own measure."""
    kind = _KINDS[place][int(rng.integers(len(_KINDS[place])))]
    tint = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.08, 3))
    if kind == "bush":
        angle, out = rng.uniform(0, np.pi, 26), np.sqrt(rng.uniform(0, 1, 26))
        wide = height * rng.uniform(0.5, 1.0)
        x, y, r = wide * out * np.cos(angle), 0.72 * height * out * np.sin(angle), height * rng.uniform(0.07, 0.22, 26)
        colours = _DRY if place in ("steppe", "sand", "snow") or rng.random() < 0.2 else _GREENS
        return Prop(kind, np.stack([x, y, r, x, y, r], 1), np.array(colours) * tint, 0.8, 2.4 / height, False)
    if kind == "rock":
        x, r = height * rng.normal(0, 0.5, 5), height * rng.uniform(0.4, 0.8, 5)
        y = height * rng.uniform(-0.2, 0.25, 5)
        return Prop(kind, np.stack([x, y, r, x, y, r], 1), np.array(_STONE) * tint, 0.25, 0.5 / height, False)
    if kind == "post":
        r, lean = rng.uniform(0.02, 0.09), rng.normal(0, 0.25)
        ends = np.array([[-0.05 * lean, -0.05, 1.1 * r, 3 * lean, 3.0, 0.9 * r]])
        return Prop(kind, ends, np.array(_WOOD) * tint, 0.12, 0.9, True)
    if kind == "fence":
        top, r, gap = max(height, 0.15), rng.uniform(0.008, 0.022), rng.uniform(0.5, 0.9)
        posts = [[k * gap, -0.03, 1.6 * r, k * gap, 1.08 * top, 1.6 * r] for k in range(-4, 5)]
        count = int(rng.integers(2, 5))
        rails = [[-4 * gap, top * (k + 0.8) / count, r, 4 * gap, top * (k + 0.8) / count, r] for k in range(count)]
        return Prop(kind, np.array(posts + rails), np.array(_WOOD) * tint * 1.4, 0.15, 1.2, True)
    return _animal(rng, height, np.array(_HAIRS[int(rng.integers(len(_HAIRS)))]) * tint)


def _animal(rng: np.random.Generator, height: float, colours: np.ndarray) -> Prop:
    """Body, neck, head and four legs, from the side or end on."""
    long, turn = height * rng.uniform(0.4, 0.6), rng.choice([-1, 1]) * rng.uniform(0.35, 1.0)
    leg, thick = height * rng.uniform(0.4, 0.5), height * rng.uniform(0.14, 0.2)
    neck = (long + thick) * 1.15, height * rng.uniform(0.6, 1.0)
    bones = [
        [-long, leg + thick, thick, long, leg + thick, thick],
        [long, leg + thick, 0.75 * thick, *neck, 0.5 * thick],
        [*neck, 0.55 * thick, neck[0] + 1.6 * thick, neck[1] - 0.5 * thick, 0.3 * thick],
        [-long - thick, leg + 1.4 * thick, 0.2 * thick, -long - 2.2 * thick, leg, 0.1 * thick],
    ]
    for x in (-long, -0.8 * long, 0.75 * long, long):
        step = rng.normal(0, 0.3) * thick
        bones.append([x, leg + 0.5 * thick, 0.4 * thick, x + step, 0.02, 0.2 * thick])
    capsules = np.array(bones) * [turn, 1, 1, turn, 1, 1]
    return Prop("animal", capsules, colours, 0.05, 0.8 / height, False)


def place_prop(
    prop: Prop,
    foot: Float[np.ndarray, " 3"],
    camera: Float[np.ndarray, "5 3"],
    light: SceneLight,
    bounce: Float[np.ndarray, " 3"],
    behind: Float32[np.ndarray, "H W"],
    phase: float,
) -> tuple[Float32[np.ndarray, "H W 3"], Float32[np.ndarray, "H W"], float]:
    """The thing with its foot at a place in the world: light multiplied by opacity, opacity, and its depth.

    It hides nothing that is nearer than `behind` (a depth map). `phase` shifts its noise.
    """
    colour, opacity = np.zeros((*behind.shape, 3), np.float32), np.zeros(behind.shape, np.float32)
    depth = -float((foot - camera[3]) @ camera[2])
    if depth <= 0.1:
        return colour, opacity, depth
    aside = np.array([camera[2, 2], 0.0, -camera[2, 0]]) / math.hypot(camera[2, 0], camera[2, 2])
    scale = camera[4, 0] / depth
    ends = prop.capsules.reshape(-1, 2, 3)
    points = foot + ends[..., :1] * aside + ends[..., 1:2] * np.array([0.0, 1.0, 0.0]) - camera[3]
    local = points @ camera[:3].T
    # All at the foot's depth: a flat thing that faces the camera.
    x, y = camera[4, 1] + scale * local[..., 0], camera[4, 2] - scale * local[..., 1]
    pixels = np.concatenate([np.stack([x, y], -1), scale * ends[..., 2:]], -1).reshape(-1, 6)
    lights = np.stack([light.direction, light.sun, light.sky, bounce * (light.sun * light.direction[1] + light.sky)])
    axes = np.stack([camera[0], camera[1], camera[2]])
    channel = STREAKS if prop.streaked else CLOUDS
    _draw(
        pixels, prop.colours, prop.roughness, prop.grain / scale, phase, channel, axes, lights, behind, depth,
        tiles(), colour, opacity,
    )  # fmt: skip
    return colour, opacity, depth


@lean_jit
def _draw(
    capsules, colours, roughness, grain, phase, channel, axes, lights, behind, depth, tile, colour, opacity
):  # fmt: skip
    """Fills what lies in the capsules' box; noise is looked up at `grain` tiles per pixel."""
    height, width = opacity.shape
    left, right, top, bottom = width, 0, height, 0
    for n in range(capsules.shape[0]):
        for e in range(0, 6, 3):
            reach = capsules[n, e + 2] * (1.0 + roughness) + 2.0
            left, right = min(left, int(capsules[n, e] - reach)), max(right, int(capsules[n, e] + reach))
            top, bottom = min(top, int(capsules[n, e + 1] - reach)), max(bottom, int(capsules[n, e + 1] + reach))
    fine = max(math.log2(grain * 256.0), 0.0)
    for r in range(max(top, 0), min(bottom, height)):
        for c in range(max(left, 0), min(right, width)):
            if behind[r, c] <= depth:
                continue
            x, y = c + 0.5, r + 0.5
            rough = 1.6 * (_tile(tile, grain * y + phase, grain * x + phase, fine, channel) - 0.5)
            rough += 0.8 * (_tile(tile, 3.7 * grain * y, 3.7 * grain * x + phase, fine + 1.9, 1) - 0.5)
            least, nx, ny, lift = 1e9, 0.0, 0.0, 0.0
            for n in range(capsules.shape[0]):
                ax, ay, bx, by = capsules[n, 0], capsules[n, 1], capsules[n, 3], capsules[n, 4]
                length = (bx - ax) ** 2 + (by - ay) ** 2
                s = 0.0
                if length > 1e-9:
                    s = min(max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0.0), 1.0)
                dx, dy = x - ax - s * (bx - ax), y - ay - s * (by - ay)
                radius = capsules[n, 2] + s * (capsules[n, 5] - capsules[n, 2])
                away = math.sqrt(dx * dx + dy * dy)
                distance = away - radius * (1.0 + roughness * rough)
                if distance < least:
                    least, nx, ny = distance, dx / max(radius, 1e-6), dy / max(radius, 1e-6)
                    lift = 1.0 - min(away / max(radius, 1e-6), 1.0)
            share = min(max(0.5 - least, 0.0), 1.0)
            if share <= 0.0:
                continue
            flat = nx * nx + ny * ny
            nz = math.sqrt(max(1.0 - flat, 0.04)) + 0.5 * rough
            norm = 1.0 / math.sqrt(flat + nz * nz + 1e-9)
            wx = (nx * axes[0, 0] - ny * axes[1, 0] + nz * axes[2, 0]) * norm
            wy = (nx * axes[0, 1] - ny * axes[1, 1] + nz * axes[2, 1]) * norm
            wz = (nx * axes[0, 2] - ny * axes[1, 2] + nz * axes[2, 2]) * norm
            lit = max(wx * lights[0, 0] + wy * lights[0, 1] + wz * lights[0, 2] + 0.1, 0.0) / 1.1
            tone = min(max(0.5 + 0.55 * rough, 0.0), 1.0)
            deep = 0.45 + 0.55 * lift
            opacity[r, c] = share
            for k in range(3):
                albedo = colours[0, k] + tone * (colours[1, k] - colours[0, k])
                value = lit * lights[1, k] + (0.5 + 0.5 * wy) * deep * lights[2, k] + (0.5 - 0.5 * wy) * lights[3, k]
                colour[r, c, k] = share * albedo * value


@lean_jit
def _tile(texels, u, v, level, channel):
    """A periodic tile's value at (u, v), bilinear in the level below `level`."""
    step = min(max(int(level), 0), 8)
    side = 256 >> step
    first = (65536 - side * side) * 4 // 3
    x, y = u * side - 0.5, v * side - 0.5
    i, j = math.floor(y), math.floor(x)
    fy, fx = y - i, x - j
    # Sides are powers of two; unsigned indices need no look for negative ones.
    i0, j0 = i & (side - 1), j & (side - 1)
    i1, j1 = first + ((i0 + 1) & (side - 1)) * side, (j0 + 1) & (side - 1)
    i0 = first + i0 * side
    a, b = texels[np.uint64(i0 + j0), channel], texels[np.uint64(i0 + j1), channel]
    c, d = texels[np.uint64(i1 + j0), channel], texels[np.uint64(i1 + j1), channel]
    upper, lower = a + fx * (b - a), c + fx * (d - c)
    return upper + fy * (lower - upper)
