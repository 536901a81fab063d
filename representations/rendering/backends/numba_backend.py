"""Visibility on the CPU: a compiled scan over faces, pictures side by side on all threads.

Each face is projected, boxed in pixels and tested at the pixel centres of its box with three edge functions

    e_ab(p) = (a - p) x (b - p),

in float64. Written like this, e_ab(p) is exactly -e_ba(p) and exactly 0 when p is a or b, so neighbouring faces always
agree on which side of their common edge a pixel lies, and only exact zeros need the top-left rule. Inverse depth 1/w
is linear on the screen, hence the mean of the corners' 1/w weighted with the edge functions.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import torch
from torch import Tensor

from ...parallel import jit, over

_AT_ONCE = 256


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    if vertices_clip.device.type != "cpu":
        raise ValueError(f"backend numba works on CPU tensors, not on {vertices_clip.device}; use backend='torch'")
    batch, (height, width) = vertices_clip.shape[0], size
    face = torch.empty((batch, height, width), dtype=torch.int32)
    depth = torch.empty((batch, height, width), dtype=vertices_clip.dtype)
    vertices = vertices_clip.contiguous().numpy()
    # Flat arrays and unsigned indices spare kernels multiplications by unknown strides and looks for negative indices.
    triangles = faces.int().contiguous().numpy().view(np.uint32)
    face_out, depth_out = face.numpy().reshape(batch, -1), depth.numpy().reshape(batch, -1)
    # Few pictures are cut into bands of rows so that every thread has work; each band scans all faces.
    bands = min(height, max(1, -(-2 * torch.get_num_threads() // batch)) if torch.get_num_threads() > 1 else 1)

    def task(start: int, stop: int) -> int:
        return _draw(vertices, triangles, face_out, depth_out, height, width, near, cull, bands, start, stop)

    bad = [index for index in over(batch * bands, task) if index >= 0]
    if bad:
        picture, vertex = divmod(min(bad), vertices.shape[1])
        raise ValueError(
            f"vertices_clip[{picture}, {vertex}] is {vertices[picture, vertex].tolist()}; every number must be finite: "
            "look for a division by zero or a diverging step before rendering"
        )
    return face, depth


@jit
def _draw(vertices, faces, face_out, depth_out, height, width, near, cull, bands, start, stop):
    """Draws bands start..stop; returns the flat index of a vertex that is not finite, or -1."""
    count, room = vertices.shape[1], faces.shape[0] + 1
    x, y, z = np.empty(count, np.float64), np.empty(count, np.float64), np.empty(count, np.float64)
    cells = np.empty(count, np.uint64)
    nearest = np.empty(height * width, np.float64)  # 1/w of the nearest face so far
    listed, large, huge = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room, np.uint32)
    polygon = np.empty((4, 3), np.float64)
    for item in range(start, stop):
        picture, band = item // bands, item % bands
        top, bottom = height * band // bands, height * (band + 1) // bands
        behind, bad = _project(vertices[picture], near, height, width, x, y, z)
        if bad >= 0:
            return picture * count + bad
        first, last, owner = top * width, bottom * width, face_out[picture]
        owner[first:last] = -1
        nearest[first:last] = 0.0
        _first_centres(x, y, width, top, bottom, cells)
        found = _list(faces, x, y, z, cells, behind, cull, listed)
        # Most boxes have one pixel, most others two: their first and their last.
        larger = _corner_pixels(faces, x, y, z, listed[:found], 0, width, top, bottom, nearest, owner, large)
        larger = _corner_pixels(faces, x, y, z, large[:larger], 1, width, top, bottom, nearest, owner, huge)
        for n in range(larger):
            f = huge[n]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, y0, z0, x1, y1, z1, x2, y2, z2 = x[i], y[i], z[i], x[j], y[j], z[j], x[k], y[k], z[k]
            _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, top, bottom, width, nearest, owner)
        for f in range(faces.shape[0] if behind else 0):
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            if min(z[i], z[j], z[k]) > 0.0 or max(z[i], z[j], z[k]) == 0.0:
                continue
            corners = _cut(vertices[picture], x, y, z, i, j, k, near, height, width, polygon)
            for c in range(2, corners):
                x0, y0, z0 = polygon[0, 0], polygon[0, 1], polygon[0, 2]
                x1, y1, z1 = polygon[c - 1, 0], polygon[c - 1, 1], polygon[c - 1, 2]
                x2, y2, z2 = polygon[c, 0], polygon[c, 1], polygon[c, 2]
                if not cull or (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0) < 0.0:
                    _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, top, bottom, width, nearest, owner)
        _invert(nearest[first:last], depth_out[picture, first:last])
    return -1


@jit
def _project(vertices, near, height, width, x, y, z):
    """Fills `x`, `y` (in pixels) and `z` (1/w, 0 behind the near plane) with a picture's vertices.

    Returns how many vertices lie behind the near plane, and one that is not finite, or -1.
    """
    behind, finite, count = 0, 0, vertices.shape[0]
    # Three loops, since compilers make something of each alone.
    for v in range(count):
        x[v], y[v], z[v] = vertices[v, 0], vertices[v, 1], vertices[v, 3]
    for v in range(count):
        behind += z[v] < near
        finite += abs(x[v]) + abs(y[v]) + abs(z[v]) < math.inf
    for v in range(count):
        w = z[v]
        inverse = 1.0 / w
        x[v] = (x[v] * inverse + 1.0) * (0.5 * width)
        y[v] = (1.0 - y[v] * inverse) * (0.5 * height)
        z[v] = inverse if w >= near else 0.0
    if finite < count:
        for v in range(count):
            if not abs(vertices[v, 0]) + abs(vertices[v, 1]) + abs(vertices[v, 3]) < math.inf:
                return behind, v
    return behind, -1


@jit
def _first_centres(x, y, width, top, bottom, cells):
    """Fills `cells` with the first column and, in the upper half, the first row whose centres are not left of or above
    a vertex, cut to the picture's columns and to rows top..bottom."""
    for v in range(x.shape[0]):
        column = np.int32(np.ceil(min(max(x[v] - 0.5, 0.0), width * 1.0)))
        row = np.int32(np.ceil(min(max(y[v] - 0.5, top * 1.0), bottom * 1.0)))
        cells[v] = np.uint64(column) | np.uint64(row) << np.uint64(32)


@jit
def _list(faces, x, y, z, cells, behind, cull, listed):
    """Lists the faces in front of the near plane with a pixel centre in their box; returns how many.

    Three corners with the same first column or the same first row have none between them.
    """
    found = 0
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        differ = (cells[i] ^ cells[j]) | (cells[i] ^ cells[k])
        listed[found] = f
        found += ((differ >> np.uint64(32)) != 0) & (np.uint32(differ) != 0)
    if behind or cull:
        candidates, found = found, 0
        for n in range(candidates):
            f = listed[n]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            listed[found] = f
            # Rows grow downward: what turns counter-clockwise as seen has negative area here.
            area = (x[j] - x[i]) * (y[k] - y[i]) - (y[j] - y[i]) * (x[k] - x[i])
            found += ((not cull) | (area < 0.0)) & (z[i] > 0.0) & (z[j] > 0.0) & (z[k] > 0.0)
    return found


@jit
def _corner_pixels(faces, x, y, z, listed, last, width, top, bottom, nearest, owner, larger):
    """Draws each listed face at the first (`last` 0) or the last pixel (1) of its box; returns how many have more
    pixels, which `larger` gets.

    Nothing here branches on how a face lies: there is no foretelling small ones, and a wrong guess of the processor's
    costs as much as a test. Corners are brought together so that several faces are tested at once.
    """
    corners = np.empty(9 * _AT_ONCE, np.float64)
    inverses, pixels = np.empty(_AT_ONCE, np.float64), np.empty(_AT_ONCE, np.int32)
    extents, on_edge = np.empty(_AT_ONCE, np.int32), np.empty(_AT_ONCE, np.int32)
    more = 0
    for begin in range(0, listed.shape[0], _AT_ONCE):
        count = min(listed.shape[0] - begin, _AT_ONCE)
        for n in range(count):
            f = listed[begin + n]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            corners[n], corners[_AT_ONCE + n], corners[2 * _AT_ONCE + n] = x[i], y[i], z[i]
            corners[3 * _AT_ONCE + n], corners[4 * _AT_ONCE + n], corners[5 * _AT_ONCE + n] = x[j], y[j], z[j]
            corners[6 * _AT_ONCE + n], corners[7 * _AT_ONCE + n], corners[8 * _AT_ONCE + n] = x[k], y[k], z[k]
        for n in range(count):
            x0, y0, z0 = corners[n], corners[_AT_ONCE + n], corners[2 * _AT_ONCE + n]
            x1, y1, z1 = corners[3 * _AT_ONCE + n], corners[4 * _AT_ONCE + n], corners[5 * _AT_ONCE + n]
            x2, y2, z2 = corners[6 * _AT_ONCE + n], corners[7 * _AT_ONCE + n], corners[8 * _AT_ONCE + n]
            left, right, upper, lower = _box(x0, y0, x1, y1, x2, y2, width, top, bottom)
            across, down = right - left - 1.0, lower - upper - 1.0
            c, r = left + last * across, upper + last * down
            e0, e1, e2 = _edges(x0, y0, x1, y1, x2, y2, c, r)
            least, most = min(e0, e1, e2), max(e0, e1, e2)
            inverse = (e0 * z0 + e1 * z1 + e2 * z2) / (e0 + e1 + e2)
            inverses[n] = inverse if (least >= 0.0) | (most <= 0.0) else 0.0
            on_edge[n] = (least == 0.0) | (most == 0.0)
            pixels[n] = np.int32(r * width + c)
            extents[n] = np.int32(across + down)
        for n in range(count):
            f, cell, inverse = listed[begin + n], np.uint32(pixels[n]), inverses[n]
            if on_edge[n]:
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                r, c = cell // width, cell % width
                inverse *= _test(x[i], y[i], z[i], x[j], y[j], z[j], x[k], y[k], z[k], c, r)[0]
            old, before, index = nearest[cell], owner[cell], np.int32(f)
            wins = (inverse > old) | ((inverse == old) & (index < before))
            nearest[cell] = inverse if wins else old
            owner[cell] = before + wins * (index - before)
            larger[more] = f
            more += extents[n] > last
    return more


@jit
def _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, index, top, bottom, width, nearest, owner):
    """Draws one projected triangle (column, row, 1/w per corner) into rows top..bottom."""
    left, right, upper, lower = _box(x0, y0, x1, y1, x2, y2, width, top, bottom)
    for r in range(int(upper), int(lower)):
        for c in range(int(left), int(right)):
            hit, inverse = _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, c, r)
            cell = np.uint64(r * width + c)
            old = nearest[cell]
            if hit and (inverse > old or (inverse == old and index < owner[cell])):
                nearest[cell] = inverse
                owner[cell] = index


@jit
def _invert(nearest, depth):
    for cell in range(nearest.shape[0]):
        inverse = nearest[cell]
        depth[cell] = 1.0 / inverse if inverse > 0.0 else math.inf


# Pasted into its callers, as are _edges and _test: a call per pixel would cost as much as the test.
@numba.njit(inline="always", error_model="numpy")
def _box(x0, y0, x1, y1, x2, y2, width, top, bottom):
    """Columns left..right and rows upper..lower, without the last, whose centres lie in the box of three corners.

    A centre on the right or the lower border of the box cannot belong to the face, by the top-left rule.
    """
    left, right = np.ceil(max(min(x0, x1, x2) - 0.5, 0.0)), np.ceil(min(max(x0, x1, x2) - 0.5, width * 1.0))
    upper, lower = np.ceil(max(min(y0, y1, y2) - 0.5, top * 1.0)), np.ceil(min(max(y0, y1, y2) - 0.5, bottom * 1.0))
    return left, right, upper, lower


@numba.njit(inline="always", error_model="numpy")
def _edges(x0, y0, x1, y1, x2, y2, c, r):
    """The three edge functions at the centre of pixel (r, c)."""
    px, py = c + 0.5, r + 0.5
    a0, b0, a1, b1, a2, b2 = x0 - px, y0 - py, x1 - px, y1 - py, x2 - px, y2 - py
    return a1 * b2 - b1 * a2, a2 * b0 - b2 * a0, a0 * b1 - b0 * a1


@numba.njit(inline="always", error_model="numpy")
def _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, c, r):
    """Whether a projected triangle owns pixel (r, c), and its 1/w there."""
    e0, e1, e2 = _edges(x0, y0, x1, y1, x2, y2, c, r)
    least, most = min(e0, e1, e2), max(e0, e1, e2)
    inverse = (e0 * z0 + e1 * z1 + e2 * z2) / (e0 + e1 + e2)
    hit = (least >= 0.0) | (most <= 0.0)
    if (least == 0.0) | (most == 0.0):
        turn = 1.0 if least == 0.0 else -1.0
        hit = hit and (e0 != 0.0 or _owns(turn * (x2 - x1), turn * (y2 - y1)))
        hit = hit and (e1 != 0.0 or _owns(turn * (x0 - x2), turn * (y0 - y2)))
        hit = hit and (e2 != 0.0 or _owns(turn * (x1 - x0), turn * (y1 - y0)))
    return hit, inverse


@jit
def _owns(dx, dy):
    """Top-left rule for an edge that runs with the interior on its right hand as seen (rows grow downward)."""
    return dy < 0.0 or (dy == 0.0 and dx > 0.0)


@jit
def _cut(vertices, x, y, z, i, j, k, near, height, width, polygon):
    """Writes the part of a triangle in front of the near plane as a projected polygon; returns its corner count."""
    corners = 0
    for side in range(3):
        a = i if side == 0 else (j if side == 1 else k)
        b = j if side == 0 else (k if side == 1 else i)
        front_a, front_b = z[a] > 0.0, z[b] > 0.0
        if front_a:
            polygon[corners, 0], polygon[corners, 1], polygon[corners, 2] = x[a], y[a], z[a]
            corners += 1
        if front_a != front_b:
            # Always from the vertex in front to the one behind: both faces at the edge get the same point.
            m, n = (a, b) if front_a else (b, a)
            xm, ym, wm = np.float64(vertices[m, 0]), np.float64(vertices[m, 1]), np.float64(vertices[m, 3])
            xn, yn, wn = np.float64(vertices[n, 0]), np.float64(vertices[n, 1]), np.float64(vertices[n, 3])
            t = (wm - near) / (wm - wn)
            inverse = 1.0 / near
            polygon[corners, 0] = ((xm + t * (xn - xm)) * inverse + 1.0) * (0.5 * width)
            polygon[corners, 1] = (1.0 - (ym + t * (yn - ym)) * inverse) * (0.5 * height)
            polygon[corners, 2] = inverse
            corners += 1
    return corners
