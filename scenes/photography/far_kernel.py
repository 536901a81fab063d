"""Compiled: what stands behind the ground, ray by ray: sky, clouds, hills and trees, a forest, or the walls of a room.

A ray C + t d, with d one deep along the viewing axis so that t is the depth, runs at a bearing and a rise, the angles
beside the camera's heading and above the horizon. What is far is a function of these alone: lines of hills and trees
are heights over the bearing, drawn from the farthest to the nearest. Trunks and walls have a depth.
"""

from __future__ import annotations

import math

import numpy as np

from ...representations.parallel import jit

GROUND, KIND, HAZE, CLOUD_COVER, TREE_HEIGHT, HILL_HEIGHT, WALL, WALL_TURN, SEED = range(9)
"""Places in `numbers`."""
HILL, TREE_DARK, TREE, BARK, WALL_PAINT, HANGING, HORIZON, ZENITH, CLOUD = range(9)
"""Rows of `palette`: reflectances, but the last three are light."""
OPEN, FOREST, ROOM = 0.0, 1.0, 2.0
FAR_AWAY = 1000.0
"""Depth of what has none."""


@jit
def paint(numbers, palette, sun_way, sun, sky, camera, tile, levels, colour, depth):
    """Fills `colour` (h, w, 3) with linear light and `depth` (h, w); where the ground comes first only `depth`.

    `camera` (5, 3): right, up, back, centre, (focal length, column and row of the axis).
    """
    out, ray = np.empty(3), np.empty(3)
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            x = (c + 0.5 - camera[4, 1]) / camera[4, 0]
            y = (camera[4, 2] - r - 0.5) / camera[4, 0]
            for k in range(3):
                ray[k] = x * camera[0, k] + y * camera[1, k] - camera[2, k]
                out[k] = 0.0
            depth[r, c] = _see(numbers, palette, sun_way, sun, sky, camera, tile, levels, ray, _chance(r, c, 7), out)
            for k in range(3):
                colour[r, c, k] = out[k]


@jit
def _see(numbers, palette, sun_way, sun, sky, camera, tile, levels, ray, chance, out):
    """Light that comes along a ray into `out`; returns the depth of what sends it."""
    height = camera[3, 1] - numbers[GROUND]
    t = height / -ray[1] if ray[1] < -1e-5 else FAR_AWAY
    forward = math.hypot(camera[2, 0], camera[2, 2])
    ahead = -(ray[0] * camera[2, 0] + ray[2] * camera[2, 2]) / forward
    aside = (ray[0] * camera[2, 2] - ray[2] * camera[2, 0]) / forward
    bearing, rise = math.atan2(aside, ahead), math.atan2(ray[1], math.hypot(ray[0], ray[2]))
    if numbers[KIND] == ROOM:
        return _wall(numbers, palette, sun_way, sun, sky, camera, tile, levels, ray, t, chance, out)
    if numbers[KIND] == FOREST:
        trunk = _trunk(numbers, palette, sun_way, sun, sky, camera, tile, levels, bearing, rise, height, t, out)
        if trunk < t:
            return trunk
    if t > 60.0:
        _far(numbers, palette, sun_way, sun, sky, camera, tile, levels, bearing, rise, ray, out)
    return FAR_AWAY


@jit
def _wall(numbers, palette, sun_way, sun, sky, camera, tile, levels, ray, limit, chance, out):
    """The nearer of two walls at a right angle, behind the subject as seen; returns its depth."""
    nearest, turn = limit, 0.0
    for corner in range(2):
        angle = numbers[WALL_TURN] + corner * 0.5 * math.pi
        nx, nz = math.cos(angle), math.sin(angle)
        # Each wall stands on the side that the camera faces.
        if nx * camera[2, 0] + nz * camera[2, 2] > 0.0:
            nx, nz, angle = -nx, -nz, angle + math.pi
        along = ray[0] * nx + ray[2] * nz
        if along > 1e-4:
            t = (numbers[WALL] * (1.0 + 0.35 * corner) - camera[3, 0] * nx - camera[3, 2] * nz) / along
            if 0.0 < t < nearest:
                nearest, turn = t, angle
    if nearest >= limit:
        return FAR_AWAY * 2.0
    t = nearest
    nx, nz = math.cos(turn), math.sin(turn)
    x, y, z = camera[3, 0] + t * ray[0], camera[3, 1] + t * ray[1] - numbers[GROUND], camera[3, 2] + t * ray[2]
    a = -nz * x + nx * z
    level = math.log2(max(t / camera[4, 0] * 256.0, 0.5)) + chance
    plaster = _tile(tile, levels, a * 0.9, y * 0.9, level, 1)
    cloud = _tile(tile, levels, a * 0.11 + turn, y * 0.11, level - 3.0, 0)
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
    lit = max(-(sun_way[0] * nx + sun_way[2] * nz), 0.0)
    fall = 0.75 + 0.4 * cloud
    corner_dark = 1.0 - 0.35 * math.exp(-y / 0.12)
    for k in range(3):
        out[k] = palette[row, k] * tone * fall * corner_dark * (0.8 * sun[k] * lit + 0.75 * sky[k])
    return t


@jit
def _trunk(numbers, palette, sun_way, sun, sky, camera, tile, levels, bearing, rise, height, limit, out):
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
            bark = _tile(tile, levels, rise * away * 0.35 + cell * 0.17, place * 1.1, 2.0 + layer, 3)
            side = (sun_way[0] * camera[0, 0] + sun_way[2] * camera[0, 2]) * off
            front = sun_way[0] * camera[2, 0] + sun_way[2] * camera[2, 2]
            lit = max(side + front * math.sqrt(1.0 - off * off), 0.0) * 0.4
            veil = 1.0 - math.exp(-away * (numbers[HAZE] + 0.015))
            for k in range(3):
                value = palette[BARK, k] * (0.35 + 0.9 * bark) * (0.45 * sky[k] + sun[k] * lit)
                out[k] = value + veil * (0.5 * palette[HORIZON, k] - value)
            return away
    return FAR_AWAY * 2.0


@jit
def _far(numbers, palette, sun_way, sun, sky, camera, tile, levels, bearing, rise, ray, out):
    """Sky with clouds; hills and trees before it; leaves all over in a forest."""
    seed = numbers[SEED] * 0.37
    if numbers[KIND] == FOREST:
        mass = _tile(tile, levels, bearing * 0.5 + seed, rise * 0.6, 0.0, 0)
        leaf = _tile(tile, levels, bearing * 1.7 + seed, rise * 1.7, 1.0, 0)
        gap = _smooth(0.60, 0.78, 0.5 * leaf + 0.5 * mass + 0.25 * rise)
        shade = (0.15 + 0.9 * leaf * leaf) * (0.5 + 0.9 * mass)
        for k in range(3):
            green = palette[TREE_DARK, k] + mass * (palette[TREE, k] - palette[TREE_DARK, k])
            out[k] = green * shade * (0.5 * sun[k] + sky[k]) * 1.3 + gap * 0.8 * palette[HORIZON, k]
        return
    blend = math.sqrt(max(rise, 0.0) / 1.4)
    norm = math.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
    towards = (ray[0] * sun_way[0] + ray[1] * sun_way[1] + ray[2] * sun_way[2]) / norm
    glow = max(towards, 0.0) ** 24
    cover = 0.0
    if rise > 0.0:
        flat = 0.22 / (math.sin(rise) + 0.13)
        u, v = ray[0] / norm * flat + seed, ray[2] / norm * flat + 0.3
        body = 0.75 * _tile(tile, levels, u, v, 1.0 + 0.4 * flat, 0)
        body += 0.25 * _tile(tile, levels, 4.0 * u, 4.0 * v, 2.0, 0)
        cover = _smooth(1.0 - numbers[CLOUD_COVER], 1.35 - numbers[CLOUD_COVER], body) * min(1.0, 12.0 * rise)
    for k in range(3):
        out[k] = palette[HORIZON, k] + blend * (palette[ZENITH, k] - palette[HORIZON, k]) + 0.5 * glow * sun[k]
        out[k] += cover * (palette[CLOUD, k] - out[k])
    # Far hills, near hills, trees: each line nearer, darker and less hazy.
    for layer in range(3):
        top = numbers[HILL_HEIGHT] * (1.0 - 0.35 * layer) if layer < 2 else numbers[TREE_HEIGHT]
        if top <= 0.0:
            continue
        speed = 0.35 + 0.5 * layer if layer < 2 else 1.3
        line = _tile(tile, levels, bearing * speed * 0.5 + seed, 0.2 + 0.31 * layer, 3.0 if layer < 2 else 1.0, 0)
        if layer == 2:
            line = line * 0.8 + 0.35 * _tile(tile, levels, bearing * 3.0 + seed, 0.9, 1.0, 0)
        edge = top * (0.25 + 1.1 * line)
        inside = 1.0 - _smooth(edge - 0.004, edge + 0.004, rise)
        if inside <= 0.0:
            continue
        leaf = _tile(tile, levels, bearing * 2.6 + seed, rise * 3.2, 1.0, 0)
        deep = 0.55 + 0.45 * min(max(rise / max(edge, 1e-3), 0.0), 1.0)
        veil = (0.75, 0.5, 0.18)[layer]
        for k in range(3):
            if layer < 2:
                value = palette[HILL, k] * (0.8 + 0.4 * leaf) * (0.7 * sun[k] * max(sun_way[1], 0.0) + sky[k])
            else:
                value = palette[TREE_DARK, k] + leaf * (palette[TREE, k] - palette[TREE_DARK, k])
                value *= (0.25 + 1.1 * leaf) * deep * (0.55 * sun[k] + sky[k])
            value += veil * (palette[HORIZON, k] * 0.85 - value)
            out[k] += inside * (value - out[k])


@jit
def _tile(texels, levels, u, v, level, channel):
    """A tile's value at (u, v), 1 the tile's side, bilinear in the level below `level`."""
    step = min(max(int(level), 0), levels.shape[0] - 1)
    first, side = levels[step, 0], levels[step, 1]
    x, y = u * side - 0.5, v * side - 0.5
    i, j = math.floor(y), math.floor(x)
    fy, fx = y - i, x - j
    # Sides are powers of two.
    i0, j0 = int(i) & (side - 1), int(j) & (side - 1)
    i1, j1 = (i0 + 1) & (side - 1), (j0 + 1) & (side - 1)
    a, b = texels[first + i0 * side + j0, channel], texels[first + i0 * side + j1, channel]
    c, d = texels[first + i1 * side + j0, channel], texels[first + i1 * side + j1, channel]
    upper, lower = a + fx * (b - a), c + fx * (d - c)
    return upper + fy * (lower - upper)


@jit
def _smooth(low, high, x):
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@jit
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
