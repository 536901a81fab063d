"""Solid textures: gradient noise, sums of its octaves, and cells, at any points in space.

Gradient noise after Perlin ("Improving noise", SIGGRAPH 2002) with hashed gradients; cells after Worley ("A cellular
texture basis function", SIGGRAPH 1996). Coats are patterns in the rest pose's space, so they bend with the skin.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from ...representations.parallel import lean_jit, over


def noise(points: Float[np.ndarray, "N 3"], seed: int) -> Float[np.ndarray, " N"]:
    """Smooth noise in about [-1, 1] with features of unit size."""
    return octaves(points, seed, count=1)


def octaves(
    points: Float[np.ndarray, "N 3"], seed: int, *, count: int = 3, gain: float = 0.5
) -> Float[np.ndarray, " N"]:
    """Noise plus finer noise: octave k has twice the frequency and `gain` times the height of the one before."""
    places = np.ascontiguousarray(points, np.float32)
    out = np.empty(len(places), np.float32)
    over(len(places), lambda start, stop: _octaves(places[start:stop], seed, count, gain, out[start:stop]))
    return out


def cells(points: Float[np.ndarray, "N 3"], seed: int) -> Float[np.ndarray, "N 3"]:
    """Distances to the nearest and the second nearest of about one random point per unit cube, and a number in [0, 1)
    that belongs to the nearest."""
    places = np.ascontiguousarray(points, np.float32)
    out = np.empty((len(places), 3), np.float32)
    over(len(places), lambda start, stop: _cells(places[start:stop], seed, out[start:stop]))
    return out


@lean_jit
def _octaves(points, seed, count, gain, out):
    for n in range(len(points)):
        total, height, scale = 0.0, 1.0, 1.0
        for octave in range(count):
            x, y, z = points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale
            ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
            fx, fy, fz = x - ix, y - iy, z - iz
            u = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
            v = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
            w = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
            value = 0.0
            for corner in range(8):
                dx, dy, dz = corner & 1, (corner >> 1) & 1, (corner >> 2) & 1
                h = (int(ix) + dx) * 73856093 ^ (int(iy) + dy) * 19349663 ^ (int(iz) + dz) * 83492791
                h = (h ^ (seed + 101 * octave) * 2654435761) & 0xFFFFFFFF
                h = ((h ^ (h >> 15)) * 739982445) & 0xFFFFFFFF
                h = ((h ^ (h >> 12)) * 695872825) & 0xFFFFFFFF
                h = h ^ (h >> 15)
                # Gradients towards the twelve edges of a cube.
                k = h % 12
                gx, gy, gz = fx - dx, fy - dy, fz - dz
                a = gx if k < 8 else gy
                b = gy if k < 4 else gz
                slope = (a if h & 16 else -a) + (b if h & 32 else -b)
                weight = (u if dx else 1 - u) * (v if dy else 1 - v) * (w if dz else 1 - w)
                value += weight * slope
            total += height * value
            height *= gain
            scale *= 2.0
        out[n] = total


@lean_jit
def _cells(points, seed, out):
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        ix, iy, iz = math.floor(x), math.floor(y), math.floor(z)
        first, second, name = 1e9, 1e9, 0.0
        for dx in range(-1, 2):
            for dy in range(-1, 2):
                for dz in range(-1, 2):
                    h = (ix + dx) * 73856093 ^ (iy + dy) * 19349663 ^ (iz + dz) * 83492791
                    h = (h ^ seed * 2654435761) & 0xFFFFFFFF
                    h = ((h ^ (h >> 15)) * 739982445) & 0xFFFFFFFF
                    h = ((h ^ (h >> 12)) * 695872825) & 0xFFFFFFFF
                    h = h ^ (h >> 15)
                    px = ix + dx + (h & 1023) / 1024.0 - x
                    py = iy + dy + ((h >> 10) & 1023) / 1024.0 - y
                    pz = iz + dz + ((h >> 20) & 1023) / 1024.0 - z
                    distance = math.sqrt(px * px + py * py + pz * pz)
                    if distance < first:
                        second, first = first, distance
                        name = ((h * 40503) & 0xFFFF) / 65536.0
                    elif distance < second:
                        second = distance
        out[n, 0], out[n, 1], out[n, 2] = first, second, name
