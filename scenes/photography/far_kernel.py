"""Compiled: what stands behind the ground, ray by ray: sky, clouds, hills and trees, a forest, or the walls of a room.

A ray C + t d, with d one deep along the viewing axis so that t is the depth, runs at a bearing and a rise, the angles
beside the camera's heading and above the horizon. What is far is a function of these alone: lines of hills and trees
are heights over the bearing, drawn from the nearest to the farthest. Trunks and walls have a depth.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ...representations.parallel import jit, lean_jit

GROUND, KIND, HAZE, CLOUD_COVER, TREE_HEIGHT, HILL_HEIGHT, WALL, WALL_TURN, SEED = range(9)
"""Places in `numbers`."""
HILL, TREE_DARK, TREE, BARK, WALL_PAINT, HANGING, HORIZON, ZENITH, CLOUD = range(9)
"""Rows of `palette`: reflectances, but the last three are light."""
WAY, SUN, SKY = 5, 6, 7
"""Rows of `frame`, after the camera's five."""
OPEN, FOREST, ROOM = 0.0, 1.0, 2.0
FAR_AWAY = 1000.0
"""Depth of what has none."""


@jit
def paint_far(numbers, palette, frame, tile, colour, depth):
    """Fills `colour` (h, w, 3) with linear light and `depth` (h, w); where the ground comes first only `depth`.

    `frame` (8, 3): the camera's right, up, back and centre, (focal length, column and row of the axis), the way to the
    sun, the sun's light, the sky's.
    """
    out, ray = np.empty(3), np.empty(3)
    _paint(numbers, palette, frame, tile, colour, depth, ray, out)


@lean_jit
def _paint(numbers, palette, frame, tile, colour, depth, ray, out):
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            x = (c + 0.5 - frame[4, 1]) / frame[4, 0]
            y = (frame[4, 2] - r - 0.5) / frame[4, 0]
            for k in range(3):
                ray[k] = x * frame[0, k] + y * frame[1, k] - frame[2, k]
                out[k] = 0.0
            depth[r, c] = _see(numbers, palette, frame, tile, ray, _chance(r, c, 7), out)
            for k in range(3):
                colour[r, c, k] = out[k]


# Pasted into its caller, as are others here: handing arrays over costs as much as what is done with them.
@numba.njit(inline="always", error_model="numpy")
def _see(numbers, palette, frame, tile, ray, chance, out):
    """Light that comes along a ray into `out`; returns the depth of what sends it."""
    height = frame[3, 1] - numbers[GROUND]
    t = height / -ray[1] if ray[1] < -1e-5 else FAR_AWAY
    if numbers[KIND] == ROOM:
        return _wall(numbers, palette, frame, tile, ray, t, chance, out)
    if numbers[KIND] == OPEN and t < 60.0:
        return FAR_AWAY
    ahead = -(ray[0] * frame[2, 0] + ray[2] * frame[2, 2])
    bearing = math.atan2(ray[0] * frame[2, 2] - ray[2] * frame[2, 0], ahead)
    rise = math.atan2(ray[1], math.sqrt(ray[0] ** 2 + ray[2] ** 2))
    if numbers[KIND] == FOREST:
        trunk = _trunk(numbers, palette, frame, tile, bearing, rise, height, t, out)
        if trunk < t:
            return trunk
    if t > 60.0:
        _far(numbers, palette, frame, tile, bearing, rise, ray, out)
    return FAR_AWAY


@numba.njit(inline="always", error_model="numpy")
def _wall(numbers, palette, frame, tile, ray, limit, chance, out):
    """The nearer of two walls at a right angle, behind the subject as seen; returns its depth."""
    nearest, turn = limit, 0.0
    for corner in range(2):
        angle = numbers[WALL_TURN] + corner * 0.5 * math.pi
        nx, nz = math.cos(angle), math.sin(angle)
        # Each wall stands on the side that the camera faces.
        if nx * frame[2, 0] + nz * frame[2, 2] > 0.0:
            nx, nz, angle = -nx, -nz, angle + math.pi
        along = ray[0] * nx + ray[2] * nz
        if along > 1e-4:
            t = (numbers[WALL] * (1.0 + 0.35 * corner) - frame[3, 0] * nx - frame[3, 2] * nz) / along
            if 0.0 < t < nearest:
                nearest, turn = t, angle
    if nearest >= limit:
        return FAR_AWAY * 2.0
    t = nearest
    nx, nz = math.cos(turn), math.sin(turn)
    x, y, z = frame[3, 0] + t * ray[0], frame[3, 1] + t * ray[1] - numbers[GROUND], frame[3, 2] + t * ray[2]
    a = -nz * x + nx * z
    level = math.log2(max(t / frame[4, 0] * 256.0, 0.5)) + chance
    plaster = _tile(tile, a * 0.9, y * 0.9, level, 1)
    cloud = _tile(tile, a * 0.11 + turn, y * 0.11, level - 3.0, 0)
    row = WALL_PAINT
    cell = math.floor(a / 0.9)
    chosen = _chance(int(cell), int(turn * 8.0), int(numbers[SEED]))
    inside_a, low, tall = a / 0.9 - cell, 0.25 + 0.6 * chosen, 0.4 + 0.8 * _chance(int(cell), 5, int(numbers[SEED]))
    tone = 0.9 + 0.12 * plaster
    if y < 0.09:
        row = BARK
    elif chosen < 0.45 and 0.15 < inside_a < 0.8 and low < y < low + tall:
        # A picture, a cupboard, a window: something with edges.
        row = (TREE, HANGING, HORIZON)[int(chosen * 6.6)]
        border = min(min(inside_a - 0.15, 0.8 - inside_a) * 0.9, min(y - low, low + tall - y))
        tone = 0.35 if border < 0.025 else 0.55 + 0.6 * cloud
    lit = max(-(frame[WAY, 0] * nx + frame[WAY, 2] * nz), 0.0)
    fall = 0.75 + 0.4 * cloud
    corner_dark = 1.0 - 0.35 * math.exp(-y / 0.12)
    for k in range(3):
        out[k] = palette[row, k] * tone * fall * corner_dark * (0.8 * frame[SUN, k] * lit + 0.75 * frame[SKY, k])
    return t


@numba.njit(inline="always", error_model="numpy")
def _trunk(numbers, palette, frame, tile, bearing, rise, height, limit, out):
    """Tree trunks in three depths; returns the depth of the one seen."""
    seed = int(numbers[SEED])
    for layer in range(3):
        away = 3.5 * 1.9**layer * (0.8 + 0.5 * _chance(layer, 11, seed))
        if away > limit or rise < -math.atan(height / away):
            continue
        wide = 0.9 / away
        place = bearing / wide + 10.0 * _chance(layer, 12, seed)
        cell = math.floor(place)
        drawn = _chance(int(cell), layer, seed)
        if drawn > 0.42:
            continue
        half = 0.05 + 0.13 * _chance(int(cell), layer + 20, seed)
        half *= 1.0 + 0.25 * math.exp(-(rise + height / away) * 9.0)
        off = (place - cell - 0.3 - 0.4 * _chance(int(cell), layer + 40, seed)) / half
        if abs(off) < 1.0:
            bark = _tile(tile, rise * away * 0.35 + cell * 0.17, place * 1.1, 2.0 + layer, 3)
            side = (frame[WAY, 0] * frame[0, 0] + frame[WAY, 2] * frame[0, 2]) * off
            front = frame[WAY, 0] * frame[2, 0] + frame[WAY, 2] * frame[2, 2]
            lit = max(side + front * math.sqrt(1.0 - off * off), 0.0) * 0.4
            veil = 1.0 - math.exp(-away * (numbers[HAZE] + 0.015))
            for k in range(3):
                value = palette[BARK, k] * (0.15 + 1.3 * bark) * (0.45 * frame[SKY, k] + frame[SUN, k] * lit)
                out[k] = value + veil * (0.7 * palette[TREE, k] * (0.3 * frame[SUN, k] + frame[SKY, k]) - value)
            return away
    return FAR_AWAY * 2.0


@numba.njit(inline="always", error_model="numpy")
def _far(numbers, palette, frame, tile, bearing, rise, ray, out):
    """Sky with clouds; hills and trees before it; leaves all over in a forest."""
    seed = numbers[SEED] * 0.37
    if numbers[KIND] == FOREST:
        mass = _tile(tile, bearing * 0.5 + seed, rise * 0.6, 0.0, 0)
        leaf = _tile(tile, bearing * 1.7 + seed, rise * 1.7, 1.0, 0)
        gap = _smooth(0.60, 0.78, 0.5 * leaf + 0.5 * mass + 0.25 * rise)
        shade = (0.15 + 0.9 * leaf * leaf) * (0.5 + 0.9 * mass)
        for k in range(3):
            green = palette[TREE_DARK, k] + mass * (palette[TREE, k] - palette[TREE_DARK, k])
            out[k] = green * shade * (0.5 * frame[SUN, k] + frame[SKY, k]) * 1.3 + gap * 0.8 * palette[HORIZON, k]
        return
    # Trees, near hills, far hills, sky: each takes what the nearer ones leave.
    left = 1.0
    for layer in range(3):
        top = numbers[TREE_HEIGHT] if layer == 0 else numbers[HILL_HEIGHT] * (0.3 + 0.35 * layer)
        if top <= 0.0 or rise > 1.75 * top + 0.004:
            continue
        if layer == 0:
            line = 0.8 * _tile(tile, bearing * 0.65 + seed, 0.82, 1.0, 0)
            line += 0.35 * _tile(tile, bearing * 3.0 + seed, 0.9, 1.0, 0)
        else:
            line = _tile(tile, bearing * (0.68 - 0.25 * layer) + seed, 0.82 - 0.31 * layer, 3.0, 0)
        edge = top * (0.25 + 1.1 * line)
        inside = left * (1.0 - _smooth(edge - 0.004, edge + 0.004, rise))
        if inside <= 0.0:
            continue
        leaf = _tile(tile, bearing * 2.6 + seed, rise * 3.2, 1.0, 0)
        deep = 0.55 + 0.45 * min(max(rise / max(edge, 1e-3), 0.0), 1.0)
        veil = 0.18 if layer == 0 else 0.25 + 0.25 * layer
        for k in range(3):
            if layer == 0:
                value = palette[TREE_DARK, k] + leaf * (palette[TREE, k] - palette[TREE_DARK, k])
                value *= (0.25 + 1.1 * leaf) * deep * (0.55 * frame[SUN, k] + frame[SKY, k])
            else:
                value = (
                    palette[HILL, k]
                    * (0.8 + 0.4 * leaf)
                    * (0.7 * frame[SUN, k] * max(frame[WAY, 1], 0.0) + frame[SKY, k])
                )
            out[k] += inside * (value + veil * (palette[HORIZON, k] * 0.85 - value))
        left -= inside
        if left < 0.004:
            return
    blend = math.sqrt(max(rise, 0.0) / 1.4)
    norm = 1.0 / math.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
    towards = (ray[0] * frame[WAY, 0] + ray[1] * frame[WAY, 1] + ray[2] * frame[WAY, 2]) * norm
    glow = max(towards, 0.0) ** 24
    cover = 0.0
    if rise > 0.0:
        flat = 0.22 / (ray[1] * norm + 0.13)
        u, v = ray[0] * norm * flat + seed, ray[2] * norm * flat + 0.3
        body = 0.75 * _tile(tile, u, v, 1.0 + 0.4 * flat, 0)
        body += 0.25 * _tile(tile, 4.0 * u, 4.0 * v, 2.0, 0)
        cover = _smooth(1.0 - numbers[CLOUD_COVER], 1.35 - numbers[CLOUD_COVER], body) * min(1.0, 12.0 * rise)
    for k in range(3):
        value = palette[HORIZON, k] + blend * (palette[ZENITH, k] - palette[HORIZON, k]) + 0.5 * glow * frame[SUN, k]
        out[k] += left * (value + cover * (palette[CLOUD, k] - value))


@lean_jit
def _tile(texels, u, v, level, channel):
    """A tile's value at (u, v), 1 the tile's side, bilinear in the level below `level`."""
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


@lean_jit
def _smooth(low, high, x):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@lean_jit
def _chance(a, b, c):
    """A number in [0, 1) from three integers, always the same."""
    h = (
        np.uint32(a) * np.uint32(0x9E3779B1)
        ^ np.uint32(b) * np.uint32(0x85EBCA77)
        ^ np.uint32(c) * np.uint32(0xC2B2AE3D)
    )
    h = np.uint32(h ^ (h >> np.uint32(15))) * np.uint32(0x2C1B3C6D)
    h = np.uint32(h ^ (h >> np.uint32(12))) * np.uint32(0x297A2D39)
    return np.uint32(h ^ (h >> np.uint32(15))) * (1.0 / 4294967296.0)
