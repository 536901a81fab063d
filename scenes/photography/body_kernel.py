"""Compiled: the light a posed body sends to the camera, sample by sample; `body.py` says what the arrays mean.

Fur is a layer of strands that run backwards and down over the body: streaks of noise in the surface's own directions,
fixed to the rest pose, tilt the normal and change the brightness. Seen at a grazing angle it scatters more light
towards the camera, and light from behind shines through it (sheen and rim).
"""

from __future__ import annotations

import math

import numba
import numpy as np

from ...representations.parallel import lean_jit

FUR, FUR_SCALE, SHEEN, GLOSS, SOFTNESS = range(5)


@lean_jit
def kernel_vertex_normals(vertices, faces, normals):
    """Fills `normals` (V, 3) with unit means of the faces' normals, weighted by area."""
    normals[:] = 0.0
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, z0 = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        ax, ay, az = vertices[j, 0] - x0, vertices[j, 1] - y0, vertices[j, 2] - z0
        bx, by, bz = vertices[k, 0] - x0, vertices[k, 1] - y0, vertices[k, 2] - z0
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for corner in range(3):
            v = faces[f, corner]
            normals[v, 0] += x
            normals[v, 1] += y
            normals[v, 2] += z
    for v in range(normals.shape[0]):
        length = math.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2)
        for n in range(3):
            normals[v, n] /= max(length, 1e-12)


@lean_jit
def texture_levels(clip, faces, uv, uv_faces, height, width, side, levels):
    """Fills `levels` (F,) with the halvings after which a face's texels are as large as its pixels."""
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0 = clip[i, 0] / clip[i, 3] * width / 2, clip[i, 1] / clip[i, 3] * height / 2
        x1, y1 = clip[j, 0] / clip[j, 3] * width / 2, clip[j, 1] / clip[j, 3] * height / 2
        x2, y2 = clip[k, 0] / clip[k, 3] * width / 2, clip[k, 1] / clip[k, 3] * height / 2
        pixels = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0))
        a, b, c = uv_faces[f, 0], uv_faces[f, 1], uv_faces[f, 2]
        texels = abs((uv[b, 0] - uv[a, 0]) * (uv[c, 1] - uv[a, 1]) - (uv[c, 0] - uv[a, 0]) * (uv[b, 1] - uv[a, 1])) * (
            side * side
        )
        levels[f] = 0.5 * math.log2(max(texels, 1e-9) / max(pixels, 1e-3))


@lean_jit
def shade_body(
    fine_face, fine_depth, face, depth, clip, faces, uv, uv_faces, texture, texture_sizes, levels, normals, rest,
    rest_normals, camera, light, coat, matrices, sun_depth, zenith_depth, tile, colour, coverage,
):  # fmt: skip
    """Fills `colour` (h, w, 3), multiplied by `coverage` (h, w): from one sample inside, from 2 x 2 at the outlines.

    `face`, `depth` are those of pixels, `fine_face`, `fine_depth` of twice as many samples on each axis; `camera` as in
    the ground's kernel; `levels` (F,) for pixels. `light` (4, 3): way to the sun, sun, sky, what the ground sends up.
    `matrices` (2, 3, 4) and depths (S, S): the sun's map and the zenith's.
    """
    for r in range(coverage.shape[0]):
        for c in range(coverage.shape[1]):
            count, nearest, farthest = 0, math.inf, 0.0
            for sub in range(4):
                i, j = 2 * r + sub // 2, 2 * c + sub % 2
                if fine_face[i, j] >= 0:
                    count += 1
                    nearest, farthest = min(nearest, fine_depth[i, j]), max(farthest, fine_depth[i, j])
            coverage[r, c] = 0.25 * count
            colour[r, c, 0], colour[r, c, 1], colour[r, c, 2] = 0.0, 0.0, 0.0
            if count == 0:
                continue
            inside = count == 4 and face[r, c] >= 0 and farthest - nearest < 0.03
            for sub in range(1 if inside else 4):
                i, j = 2 * r + sub // 2, 2 * c + sub % 2
                f = face[r, c] if inside else fine_face[i, j]
                if f < 0:
                    continue
                # Place of the sample in pixels.
                x = c + (0.5 if inside else 0.25 + 0.5 * (sub % 2))
                y = r + (0.5 if inside else 0.25 + 0.5 * (sub // 2))
                t = depth[r, c] if inside else fine_depth[i, j]
                _sample(
                    f, x, y, t, face.shape[0], face.shape[1], clip, faces, uv, uv_faces, texture, texture_sizes,
                    levels[f], normals, rest, rest_normals, camera, light, coat, matrices, sun_depth, zenith_depth,
                    tile, colour, r, c, 1.0 if inside else 0.25,
                )  # fmt: skip


# Pasted into its caller, as are others here: handing arrays over costs as much as what is done with them.
@numba.njit(inline="always", error_model="numpy")
def _sample(
    f, at_x, at_y, t, height, width, clip, faces, uv, uv_faces, texture, texture_sizes, level, normals, rest,
    rest_normals, camera, light, coat, matrices, sun_depth, zenith_depth, tile, colour, r, c, share,
):  # fmt: skip
    a, b, d = faces[f, 0], faces[f, 1], faces[f, 2]
    wa, wb, wd = _weights(clip, a, b, d, at_x, at_y, height, width)
    rx, ry = (at_x - camera[4, 1]) / camera[4, 0], (camera[4, 2] - at_y) / camera[4, 0]
    vx = rx * camera[0, 0] + ry * camera[1, 0] - camera[2, 0]
    vy = rx * camera[0, 1] + ry * camera[1, 1] - camera[2, 1]
    vz = rx * camera[0, 2] + ry * camera[1, 2] - camera[2, 2]
    x, y, z = camera[3, 0] + t * vx, camera[3, 1] + t * vy, camera[3, 2] + t * vz
    length = -1.0 / math.sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx * length, vy * length, vz * length
    nx, ny, nz = _mixed(normals, a, b, d, wa, wb, wd)
    nx, ny, nz = _unit(nx, ny, nz)
    if nx * vx + ny * vy + nz * vz < 0.0:
        # A surface without thickness is seen from both sides; of a closed one this is the last sliver at its outline.
        away = -2.0 * (nx * vx + ny * vy + nz * vz)
        nx, ny, nz = nx + away * vx, ny + away * vy, nz + away * vz
    px, py, pz = _mixed(rest, a, b, d, wa, wb, wd)
    qx, qy, qz = _mixed(rest_normals, a, b, d, wa, wb, wd)
    qx, qy, qz = _unit(qx, qy, qz)
    # Strands run backwards and down, within the surface.
    along = -0.45 * qy - 0.89 * qz
    sx, sy, sz = _unit(-along * qx, -0.45 - along * qy, -0.89 - along * qz)
    tx, ty, tz = qy * sz - qz * sy, qz * sx - qx * sz, qx * sy - qy * sx
    scale = coat[FUR_SCALE]
    lie = (px * sx + py * sy + pz * sz) * scale
    across = (px * tx + py * ty + pz * tz) * scale
    fine = math.log2(max(t / camera[4, 0] * scale * 256.0, 1.0))
    strand = _tile(tile, lie, across, fine, 3) - 0.5
    clump = _tile(tile, 0.23 * lie, 0.31 * across, fine - 1.8, 3) - 0.5
    fur = coat[FUR] * (1.3 * strand + 1.0 * clump)
    nx, ny, nz = _unit(nx + 0.5 * fur * camera[0, 0], ny - 0.3 * abs(fur), nz + 0.5 * fur * camera[0, 2])
    # Light.
    facing = nx * vx + ny * vy + nz * vz
    graze = (1.0 - max(facing, 0.0)) ** 3
    towards = nx * light[0, 0] + ny * light[0, 1] + nz * light[0, 2]
    lit = 0.0
    if light[1, 0] > 0.0:
        lit = _sunlit(matrices, sun_depth, x + 0.012 * nx, y + 0.012 * ny, z + 0.012 * nz, coat[SOFTNESS])
    opened = 0.3 + 0.7 * _opened(matrices, zenith_depth, x + 0.02 * nx, y + 0.02 * ny, z + 0.02 * nz)
    against = -(vx * light[0, 0] + vy * light[0, 1] + vz * light[0, 2])
    direct = max(towards + 0.12, 0.0) / 1.12 * lit
    direct += coat[SHEEN] * graze * lit * (0.25 + 1.6 * max(against, 0.0) ** 2) * min(max(towards + 0.5, 0.0), 1.0)
    hx, hy, hz = _unit(vx + light[0, 0], vy + light[0, 1], vz + light[0, 2])
    shine = coat[GLOSS] * max(nx * hx + ny * hy + nz * hz, 0.0) ** 22 * lit
    above = (0.5 + 0.5 * ny) * opened + 0.35 * coat[SHEEN] * graze * opened
    below = 0.5 - 0.5 * ny
    u, v = _mixed_uv(uv, uv_faces, f, wa, wb, wd)
    for n in range(3):
        albedo = _texel(texture, texture_sizes, u, v, level, n) * max(1.0 + 1.1 * fur, 0.1)
        value = albedo * (direct * light[1, n] + above * light[2, n] + below * light[3, n])
        colour[r, c, n] += share * (value + shine * light[1, n])


@numba.njit(inline="always", error_model="numpy")
def _sunlit(matrices, seen, x, y, z, softness):
    """Share of the sun that reaches a point: 3 x 3 comparisons with its map."""
    side = seen.shape[0]
    column = matrices[0, 0, 0] * x + matrices[0, 0, 1] * y + matrices[0, 0, 2] * z + matrices[0, 0, 3]
    row = matrices[0, 1, 0] * x + matrices[0, 1, 1] * y + matrices[0, 1, 2] * z + matrices[0, 1, 3]
    away = matrices[0, 2, 0] * x + matrices[0, 2, 1] * y + matrices[0, 2, 2] * z + matrices[0, 2, 3] - 0.008
    total, spread = 0.0, 0.6 + 0.5 * softness
    for i in range(3):
        for j in range(3):
            p, q = int(row + spread * (i - 1)), int(column + spread * (j - 1))
            if p < 0 or q < 0 or p >= side or q >= side or seen[p, q] >= away:
                total += 1.0
    return total / 9.0


@numba.njit(inline="always", error_model="numpy")
def _opened(matrices, seen, x, y, z):
    """Share of the sky over a point that the body itself leaves open, from the zenith's map."""
    side = seen.shape[0]
    column = matrices[1, 0, 0] * x + matrices[1, 0, 1] * y + matrices[1, 0, 2] * z + matrices[1, 0, 3]
    row = matrices[1, 1, 0] * x + matrices[1, 1, 1] * y + matrices[1, 1, 2] * z + matrices[1, 1, 3]
    away = matrices[1, 2, 0] * x + matrices[1, 2, 1] * y + matrices[1, 2, 2] * z + matrices[1, 2, 3] - 0.01
    total, step = 0.0, 0.03 * math.sqrt(matrices[1, 0, 0] ** 2 + matrices[1, 0, 1] ** 2 + matrices[1, 0, 2] ** 2)
    for i in range(4):
        for j in range(4):
            p, q = int(row + step * (i - 1.5)), int(column + step * (j - 1.5))
            if p < 0 or q < 0 or p >= side or q >= side or seen[p, q] >= away:
                total += 1.0
    return total / 16.0


@numba.njit(inline="always", error_model="numpy")
def _weights(clip, a, b, c, x, y, height, width):
    """Perspective-correct barycentric coordinates in a face of the place (x, y), in pixels."""
    xa, ya = _about(clip, a, x, y, height, width)
    xb, yb = _about(clip, b, x, y, height, width)
    xc, yc = _about(clip, c, x, y, height, width)
    ea, eb, ec = xb * yc - yb * xc, xc * ya - yc * xa, xa * yb - ya * xb
    total = ea + eb + ec
    if total == 0.0:
        return 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0
    return ea / total, eb / total, ec / total


@numba.njit(inline="always", error_model="numpy")
def _about(clip, v, x, y, height, width):
    w = np.float64(clip[v, 3])
    return (clip[v, 0] + w) * (0.5 * width) - x * w, (w - clip[v, 1]) * (0.5 * height) - y * w


@numba.njit(inline="always", error_model="numpy")
def _mixed(values, a, b, c, wa, wb, wc):
    return (
        wa * values[a, 0] + wb * values[b, 0] + wc * values[c, 0],
        wa * values[a, 1] + wb * values[b, 1] + wc * values[c, 1],
        wa * values[a, 2] + wb * values[b, 2] + wc * values[c, 2],
    )


@numba.njit(inline="always", error_model="numpy")
def _mixed_uv(uv, uv_faces, f, wa, wb, wc):
    a, b, c = uv_faces[f, 0], uv_faces[f, 1], uv_faces[f, 2]
    return wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0], wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]


@lean_jit
def _unit(x, y, z):
    scale = 1.0 / max(math.sqrt(x * x + y * y + z * z), 1e-12)
    return x * scale, y * scale, z * scale


@lean_jit
def _texel(texels, levels, u, v, level, channel):
    """The texture at (u, v), bilinear in the nearest of its halved copies, held at its borders."""
    step = min(max(int(level + 0.5), 0), levels.shape[0] - 1)
    first, height, width = levels[step, 0], levels[step, 1], levels[step, 2]
    x = min(max(u * width - 0.5, 0.0), width - 1.0)
    y = min(max(v * height - 0.5, 0.0), height - 1.0)
    i, j = int(y), int(x)
    fy, fx = y - i, x - j
    i1, j1 = min(i + 1, height - 1), min(j + 1, width - 1)
    upper = texels[first + i * width + j, channel] * (1.0 - fx) + texels[first + i * width + j1, channel] * fx
    lower = texels[first + i1 * width + j, channel] * (1.0 - fx) + texels[first + i1 * width + j1, channel] * fx
    return upper + fy * (lower - upper)


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
