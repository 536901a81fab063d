"""Compiled: the ground and the grass on it, ray by ray, with the body's shadow; `scenery.py` draws the numbers.

A ray C + t d, with d one deep along the viewing axis so that t is the depth, meets the plane y = ground at

    t = (C_y - ground) / -d_y.

Texture is looked up in the level whose texels are as large as the pixel's footprint there. Grass stands in rows
across the viewing direction (billboards); a ray through the layer passes the rows between where it enters at the tips
and where it reaches the ground, and takes from each the blade it hits there, front to back.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ...representations.parallel import jit, lean_jit

(
    GROUND,
    SCALE,
    SHIFT_U,
    SHIFT_V,
    BUMP,
    STONE,
    PATCH,
    HAZE,
    GRASS_HEIGHT,
    GRASS_SPACING,
    DAPPLE,
    FLOOR,
    FLOOR_TURN,
    PLANK,
    SEED,
) = range(15)
"""Places in `numbers`."""
EARTH_DARK, EARTH, EARTH_PATCH, PEBBLE, GRASS, GRASS_DRY, VEIL = range(7)
"""Rows of `palette`: reflectances, but the last is the light that distance adds."""
WAY, SUN, SKY = 5, 6, 7
"""Rows of `frame`, after the camera's five."""
NATURAL, PLANKS, TILES = 0.0, 1.0, 2.0
_FARTHEST = 60.0
_ROWS = 6
# Unsigned indices need no look for negative ones.
_NEXT = np.uint64(1)


@jit
def paint_ground(numbers, palette, frame, tile, blade, matrices, body_map, colour, depth):
    """Puts the ground into `colour` (h, w, 3) and `depth` (h, w) where it is nearer than what they hold, then grass.

    `frame` (8, 3): the camera's right, up, back and centre, (focal length, column and row of the axis), the way to the
    sun, the sun's light, the sky's. `matrices` (2, 3, 4) of
    the body's maps from the sun and from below, `body_map` (S, S, 4) as in `shadow.ShadowMaps`.
    """
    out, ray = np.empty(3), np.empty(3)
    _paint(numbers, palette, frame, tile, blade, matrices, body_map, colour, depth, ray, out)


@lean_jit
def _paint(numbers, palette, frame, tile, blade, matrices, body_map, colour, depth, ray, out):
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            _ray(frame, c, r, ray)
            t = (frame[3, 1] - numbers[GROUND]) / -ray[1] if ray[1] < -1e-5 else 2.0 * _FARTHEST
            hit = t < min(_FARTHEST, depth[r, c])
            if hit:
                depth[r, c] = t
            left = 1.0
            out[0], out[1], out[2] = 0.0, 0.0, 0.0
            if numbers[GRASS_HEIGHT] > 0.0:
                left = _march(
                    numbers, palette, frame, tile, blade, matrices, body_map, ray,
                    depth[r, c], out,
                )  # fmt: skip
            for k in range(3):
                colour[r, c, k] = out[k] + (0.0 if hit else left * colour[r, c, k])
            if hit and 0.0 < left < 0.3:
                # Deep between the blades no more than a dark tone is seen.
                for k in range(3):
                    colour[r, c, k] += left * palette[EARTH_DARK, k] * (0.3 * frame[SUN, k] + 0.5 * frame[SKY, k])
            elif hit and left > 0.0:
                _ground(numbers, palette, frame, tile, matrices, body_map, ray, t, _chance(r, c, 7), out)
                veil = 1.0 - math.exp(-t * numbers[HAZE])
                for k in range(3):
                    colour[r, c, k] += left * (out[k] + veil * (palette[VEIL, k] - out[k]))


@jit
def grass_in_front(numbers, palette, frame, tile, blade, matrices, body_map, depth, colour, opacity):
    """Blades between the camera and the body, whose `depth` (h, w) is inf where it is not.

    Fills `colour` (h, w, 3), already multiplied by `opacity` (h, w).
    """
    out, ray = np.empty(3), np.empty(3)
    _grass(numbers, palette, frame, tile, blade, matrices, body_map, depth, colour, opacity, ray, out)


@lean_jit
def _grass(numbers, palette, frame, tile, blade, matrices, body_map, depth, colour, opacity, ray, out):
    for r in range(depth.shape[0]):
        for c in range(depth.shape[1]):
            out[0], out[1], out[2] = 0.0, 0.0, 0.0
            opacity[r, c] = 0.0
            if depth[r, c] < math.inf:
                _ray(frame, c, r, ray)
                opacity[r, c] = 1.0 - _march(
                    numbers, palette, frame, tile, blade, matrices, body_map, ray,
                    depth[r, c], out,
                )  # fmt: skip
            for k in range(3):
                colour[r, c, k] = out[k]


@lean_jit
def _ray(frame, c, r, ray):
    x = (c + 0.5 - frame[4, 1]) / frame[4, 0]
    y = (frame[4, 2] - r - 0.5) / frame[4, 0]
    for k in range(3):
        ray[k] = x * frame[0, k] + y * frame[1, k] - frame[2, k]


# Pasted into its caller, as are others here: handing arrays over costs as much as what is done with them.
@numba.njit(inline="always", error_model="numpy")
def _ground(numbers, palette, frame, tile, matrices, body_map, ray, t, chance, out):
    x, y, z = frame[3, 0] + t * ray[0], numbers[GROUND], frame[3, 2] + t * ray[2]
    length = math.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
    # The pixel's footprint: its width, drawn out along the ground by the slant.
    print_across = t / frame[4, 0]
    footprint = print_across * math.sqrt(length / max(-ray[1], 0.02))
    u, v = x * numbers[SCALE] + numbers[SHIFT_U], z * numbers[SCALE] + numbers[SHIFT_V]
    level = math.log2(max(footprint * numbers[SCALE] * 256.0, 0.5)) + chance
    rough, slope = _relief(tile, u, v, level, frame[WAY, 0], frame[WAY, 2])
    fine = _tile(tile, 3.1 * u, 3.1 * v, level + 1.6, 1)
    patch = _tile(tile, 0.13 * u + 0.4, 0.13 * v + 0.7, level - 3.0, 0)
    tone = min(max(0.75 * rough + 0.45 * fine - 0.1, 0.0), 1.0)
    worn = _smooth(0.42, 0.62, patch) * numbers[PATCH]
    stone = 0.0
    if numbers[STONE] > 0.0:
        place = _tile(tile, 0.37 * u, 0.37 * v, level - 1.4, 0)
        stone = numbers[STONE] * _smooth(0.25, 0.6, _tile(tile, 0.8 * u, 0.8 * v, level - 0.3, 2))
        stone *= _smooth(0.5, 0.6, place)
    joint = 1.0
    if numbers[FLOOR] != NATURAL:
        tone, joint = _floor(numbers, tile, x, z, footprint, level, tone)
        worn = 0.0
    hidden, open_sky = _shade(matrices, body_map, x, y, z)
    dapple = _dapple(numbers, frame, tile, x, y, z)
    facing = max(frame[WAY, 1], 0.0) * max(1.0 - numbers[BUMP] * slope * 4.0, 0.0)
    for k in range(3):
        albedo = palette[EARTH_DARK, k] + tone * (palette[EARTH, k] - palette[EARTH_DARK, k])
        albedo += worn * (palette[EARTH_PATCH, k] * (0.6 + 0.8 * fine) - albedo)
        albedo += stone * (palette[PEBBLE, k] * (0.5 + 0.7 * rough) - albedo)
        out[k] = albedo * joint * (frame[SUN, k] * facing * (1.0 - hidden) * dapple + frame[SKY, k] * open_sky)


@numba.njit(inline="always", error_model="numpy")
def _floor(numbers, tile, x, z, footprint, level, tone):
    """Boards or tiles: brightness of the one at (x, z), and how dark its joint."""
    cosine, sine = math.cos(numbers[FLOOR_TURN]), math.sin(numbers[FLOOR_TURN])
    a, b = (cosine * x + sine * z) / numbers[PLANK], (cosine * z - sine * x) / numbers[PLANK]
    if numbers[FLOOR] == PLANKS:
        row = math.floor(a)
        b = b / 7.0 + _chance(int(row), 3, int(numbers[SEED]))
        grain = _tile(tile, b * 1.3 + row * 0.37, a * 0.5 + row * 0.21, level - 1.0, 3)
        tone = 0.55 * _chance(int(row), math.floor(b), int(numbers[SEED])) + 0.5 * grain
        narrow = 7.0
    else:
        tone = 0.35 * _chance(math.floor(a), math.floor(b), int(numbers[SEED])) + 0.5 * tone
        narrow = 1.0
    edge_a = min(a - math.floor(a), math.ceil(a) - a) * numbers[PLANK]
    edge_b = min(b - math.floor(b), math.ceil(b) - b) * numbers[PLANK] * narrow
    width = 0.006
    share = min(1.0, width / max(footprint, 1e-6))
    line = 1.0 - _smooth(0.0, max(width, 1.5 * footprint), min(edge_a, edge_b))
    return min(tone, 1.0), 1.0 - 0.6 * line * share


@numba.njit(inline="always", error_model="numpy")
def _layer_entry(numbers, frame, ray):
    """Depth at which a ray comes below the tips of the grass; far away where it never does."""
    over = frame[3, 1] - numbers[GROUND] - numbers[GRASS_HEIGHT]
    if over <= 0.0:
        return 0.05
    return over / -ray[1] if ray[1] < -1e-5 else 2.0 * _FARTHEST


@numba.njit(inline="always", error_model="numpy")
def _march(
    numbers, palette, frame, tile, blade, matrices, body_map, ray, last, out
):  # fmt: skip
    """Adds the grass nearer than depth `last` to `out`; returns the share of light that passes."""
    first = _layer_entry(numbers, frame, ray)
    forward = math.hypot(frame[2, 0], frame[2, 2])
    fx, fz = -frame[2, 0] / forward, -frame[2, 2] / forward
    ahead = ray[0] * fx + ray[2] * fz
    if first >= last or first > 40.0 or ahead <= 1e-4:
        return 1.0
    last = min(last, _FARTHEST)
    tall, seed = numbers[GRASS_HEIGHT], int(numbers[SEED])
    # Distant rows are taken a few at a time, in powers of two so that they stay where they are.
    span = (last - first) * ahead / numbers[GRASS_SPACING]
    stride = numbers[GRASS_SPACING] * 2.0 ** math.ceil(math.log2(max(span / _ROWS, 1.0)))
    # What changes slowly is looked up once for all rows.
    x, z = frame[3, 0] + first * ray[0], frame[3, 2] + first * ray[2]
    patch = _tile(tile, 0.35 * x + numbers[SHIFT_U], 0.35 * z + numbers[SHIFT_V], 2.0, 0)
    clump = _tile(tile, 1.9 * x + numbers[SHIFT_V], 1.9 * z + numbers[SHIFT_U], 3.0, 0)
    # Straight rows would show as lines.
    origin = frame[3, 0] * fx + frame[3, 2] * fz + 5.0 * stride * (clump + 0.3 * patch)
    row = math.floor((origin + first * ahead) / stride) + 1.0
    top = tall * (0.45 + 0.35 * patch + 0.45 * clump)
    fine = math.log2(max(first / frame[4, 0] * 64.0 / tall, 0.5)) + 0.4
    deepest = min(last, first + 1.5 * tall)
    x, z = frame[3, 0] + deepest * ray[0], frame[3, 2] + deepest * ray[2]
    hidden, open_sky = _shade(matrices, body_map, x, numbers[GROUND], z)
    lit = (1.0 - 0.8 * hidden) * _dapple(numbers, frame, tile, x, numbers[GROUND], z)
    lit *= 0.55 + 0.5 * max(frame[WAY, 0] * ray[0] + frame[WAY, 2] * ray[2], 0.0)
    veil = 1.0 - math.exp(-first * numbers[HAZE])
    left = 1.0
    for _ in range(_ROWS + 1):
        number = int(row)
        chance = _chance(number, 1, seed)
        t = ((row + 0.8 * chance - 0.4) * stride - origin) / ahead
        row += 1.0
        if t < first:
            continue
        if t > last:
            break
        high = (frame[3, 1] + t * ray[1] - numbers[GROUND]) / top
        if high >= 1.0:
            continue
        aside = (frame[3, 2] + t * ray[2]) * fx - (frame[3, 0] + t * ray[0]) * fz
        seen, light = _blade(blade, aside / (6.0 * tall) + 17.0 * chance, 1.0 - high, fine)
        if seen < 0.004:
            continue
        light *= 0.44 + 0.81 * min(max(high, 0.0), 1.0)
        dry = _smooth(0.25, 0.75, 0.7 * patch + 0.6 * (light - 0.5)) * numbers[PATCH]
        for k in range(3):
            albedo = palette[GRASS, k] + dry * (palette[GRASS_DRY, k] - palette[GRASS, k])
            value = albedo * light * (frame[SUN, k] * lit + frame[SKY, k] * open_sky)
            out[k] += left * seen * (value + veil * (palette[VEIL, k] - value))
        left *= 1.0 - seen
        if left < 0.02:
            return 0.0
    return left


@numba.njit(inline="always", error_model="numpy")
def _shade(matrices, body_map, x, y, z):
    """At a place of the ground: the share of the sun that the body hides, and of the sky's light that is left."""
    side = body_map.shape[0]
    column = matrices[0, 0, 0] * x + matrices[0, 0, 1] * y + matrices[0, 0, 2] * z + matrices[0, 0, 3] - 0.5
    row = matrices[0, 1, 0] * x + matrices[0, 1, 1] * y + matrices[0, 1, 2] * z + matrices[0, 1, 3] - 0.5
    away = matrices[0, 2, 0] * x + matrices[0, 2, 1] * y + matrices[0, 2, 2] * z + matrices[0, 2, 3]
    hidden, open_sky = 0.0, 1.0
    if 0.0 <= column < side - 1.0 and 0.0 <= row < side - 1.0:
        fy, fx = row - int(row), column - int(column)
        i, j = np.uint64(row), np.uint64(column)
        a, b, c, d = (1.0 - fy) * (1.0 - fx), (1.0 - fy) * fx, fy * (1.0 - fx), fy * fx
        soft = a * body_map[i, j, 1] + b * body_map[i, j + _NEXT, 1] + c * body_map[i + _NEXT, j, 1]
        soft += d * body_map[i + _NEXT, j + _NEXT, 1]
        # The sharp shadow lies within the soft one.
        if soft > 0.0:
            sharp = a * body_map[i, j, 0] + b * body_map[i, j + _NEXT, 0] + c * body_map[i + _NEXT, j, 0]
            sharp += d * body_map[i + _NEXT, j + _NEXT, 0]
            caster = a * body_map[i, j, 2] + b * body_map[i, j + _NEXT, 2] + c * body_map[i + _NEXT, j, 2]
            caster += d * body_map[i + _NEXT, j + _NEXT, 2]
            hidden = sharp + _smooth(0.0, 0.7, away - caster) * (soft - sharp)
    column = matrices[1, 0, 0] * x + matrices[1, 0, 2] * z + matrices[1, 0, 3] - 0.5
    row = matrices[1, 1, 0] * x + matrices[1, 1, 2] * z + matrices[1, 1, 3] - 0.5
    if 0.0 <= column < side - 1.0 and 0.0 <= row < side - 1.0:
        fy, fx = row - int(row), column - int(column)
        i, j = np.uint64(row), np.uint64(column)
        upper = body_map[i, j, 3] + fx * (body_map[i, j + _NEXT, 3] - body_map[i, j, 3])
        lower = body_map[i + _NEXT, j, 3] + fx * (body_map[i + _NEXT, j + _NEXT, 3] - body_map[i + _NEXT, j, 3])
        open_sky = upper + fy * (lower - upper)
    return hidden, open_sky


@numba.njit(inline="always", error_model="numpy")
def _dapple(numbers, frame, tile, x, y, z):
    """Share of the sun that comes through leaves overhead."""
    if numbers[DAPPLE] <= 0.0:
        return 1.0
    reach = (y - 4.0) / max(frame[WAY, 1], 0.2)
    u, v = (x - reach * frame[WAY, 0]) * 0.16, (z - reach * frame[WAY, 2]) * 0.16
    return 1.0 - numbers[DAPPLE] * (1.0 - _smooth(0.45, 0.62, _tile(tile, u, v, 2.0, 0)))


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
def _relief(texels, u, v, level, along_u, along_v):
    """The first channel's value at (u, v), and how much it rises over a hundredth of the tile in a direction."""
    step = min(max(int(level), 0), 8)
    side = 256 >> step
    first = (65536 - side * side) * 4 // 3
    x, y = u * side - 0.5, v * side - 0.5
    i, j = math.floor(y), math.floor(x)
    fy, fx = y - i, x - j
    i0, j0 = i & (side - 1), j & (side - 1)
    i1, j1 = first + ((i0 + 1) & (side - 1)) * side, (j0 + 1) & (side - 1)
    i0 = first + i0 * side
    a, b = texels[np.uint64(i0 + j0), 0], texels[np.uint64(i0 + j1), 0]
    c, d = texels[np.uint64(i1 + j0), 0], texels[np.uint64(i1 + j1), 0]
    upper, lower = a + fx * (b - a), c + fx * (d - c)
    across = (b - a) + fy * ((d - c) - (b - a))
    return upper + fy * (lower - upper), 0.01 * side * (along_u * across + along_v * (lower - upper))


@lean_jit
def _blade(texels, u, v, level):
    """Opacity and brightness of the strip of grass at u along it (periodic) and v from the tips down."""
    step = min(max(int(level), 0), 6)
    height, width = 64 >> step, 512 >> step
    first = (32768 - height * width) * 4 // 3
    x, y = u * width - 0.5, min(max(v * height - 0.5, 0.0), height - 1.0)
    i, j = int(y), math.floor(x)
    fy, fx = y - i, x - j
    j0, j1 = j & (width - 1), (j + 1) & (width - 1)
    upper, lower = first + i * width, first + min(i + 1, height - 1) * width
    a, b, c, d = np.uint64(upper + j0), np.uint64(upper + j1), np.uint64(lower + j0), np.uint64(lower + j1)
    wa, wb, wc, wd = (1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy
    opacity = wa * texels[a, 0] + wb * texels[b, 0] + wc * texels[c, 0] + wd * texels[d, 0]
    return opacity, wa * texels[a, 1] + wb * texels[b, 1] + wc * texels[c, 1] + wd * texels[d, 1]


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
