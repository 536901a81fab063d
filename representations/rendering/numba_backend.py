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

from ..parallel import jit, over


def visibility(
    vertices_clip: Tensor, faces: Tensor, size: tuple[int, int], near: float, cull: bool
) -> tuple[Tensor, Tensor]:
    """Nearest face (B, H, W) int32 and its depth; see `fragment.rasterize` for the rules."""
    if vertices_clip.device.type != "cpu":
        raise ValueError(f"backend numba works on CPU tensors, not on {vertices_clip.device}; use backend='torch'")
    batch, (height, width) = vertices_clip.shape[0], size
    face = torch.empty((batch, height, width), dtype=torch.int32)
    depth = torch.empty((batch, height, width), dtype=vertices_clip.dtype)
    vertices, triangles = vertices_clip.contiguous().numpy(), faces.int().contiguous().numpy()
    face_out, depth_out = face.numpy(), depth.numpy()
    # Few pictures are cut into bands of rows so that every thread has work; each band scans all faces.
    bands = min(height, max(1, -(-2 * torch.get_num_threads() // batch)) if torch.get_num_threads() > 1 else 1)

    def task(start: int, stop: int) -> int:
        return _draw(vertices, triangles, face_out, depth_out, near, cull, bands, start, stop)

    bad = [index for index in over(batch * bands, task) if index >= 0]
    if bad:
        picture, vertex = divmod(min(bad), vertices.shape[1])
        raise ValueError(
            f"vertices_clip[{picture}, {vertex}] is {vertices[picture, vertex].tolist()}; every number must be finite: "
            "look for a division by zero or a diverging step before rendering"
        )
    return face, depth


@jit
def _draw(vertices, faces, face_out, depth_out, near, cull, bands, start, stop):
    """Draws bands start..stop; returns the flat index of a vertex that is not finite, or -1."""
    count, room = vertices.shape[1], faces.shape[0] + 1
    height, width = face_out.shape[1], face_out.shape[2]
    screen = np.empty((count, 3), np.float64)  # column, row, 1/w; the last is 0 behind the near plane
    nearest = np.empty((height // bands + 1) * width, np.float64)  # 1/w of the nearest face so far
    owner = np.empty((height // bands + 1) * width, np.int32)
    # Faces with one, two and more pixel centres in their boxes; for the first two also row and column of the first
    # pixel, and whether the second lies below it.
    lone, twin, rest = np.empty((room, 3), np.int32), np.empty((room, 4), np.int32), np.empty(room, np.int32)
    polygon = np.empty((4, 3), np.float64)
    projected, behind = -1, 0
    for item in range(start, stop):
        picture, band = item // bands, item % bands
        top, bottom = height * band // bands, height * (band + 1) // bands
        if projected != picture:
            projected = picture
            behind, bad = _project(vertices[picture], near, height, width, screen)
            if bad >= 0:
                return picture * count + bad
        for cell in range((bottom - top) * width):
            nearest[cell] = 0.0
            owner[cell] = -1
        # Sort faces by how many pixel centres lie in their box, without a branch: there is no telling for small faces,
        # and a wrong guess of the processor's costs as much as drawing one.
        lones, twins, others = 0, 0, 0
        for f in range(faces.shape[0]):
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, y0, x1, y1, x2, y2 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1], screen[k, 0], screen[k, 1]
            left, right = np.ceil(max(min(x0, x1, x2) - 0.5, 0.0)), np.floor(min(max(x0, x1, x2) - 0.5, width - 1.0))
            upper, lower = np.ceil(max(min(y0, y1, y2) - 0.5, top * 1.0)), np.floor(min(max(y0, y1, y2), bottom) - 0.5)
            some = (left <= right) & (upper <= lower)
            if cull:
                # Rows grow downward: what turns counter-clockwise as seen has negative area here.
                some = some & ((x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0) < 0.0)
            whole = True
            if behind:
                whole = (screen[i, 2] > 0.0) & (screen[j, 2] > 0.0) & (screen[k, 2] > 0.0)
            across, down = right - left, lower - upper
            r, c = int(min(upper, bottom * 1.0)), int(min(left, width * 1.0))
            lone[lones, 0], lone[lones, 1], lone[lones, 2] = f, r, c
            twin[twins, 0], twin[twins, 1], twin[twins, 2], twin[twins, 3] = f, r, c, across == 0.0
            rest[others] = f
            lones += whole & some & (across + down == 0.0)
            twins += whole & some & (across + down == 1.0)
            others += (whole & some & (across + down > 1.0)) | ~whole
        for n in range(lones):
            f, r, c = lone[n, 0], lone[n, 1], lone[n, 2]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, y0, z0 = screen[i, 0], screen[i, 1], screen[i, 2]
            x1, y1, z1 = screen[j, 0], screen[j, 1], screen[j, 2]
            x2, y2, z2 = screen[k, 0], screen[k, 1], screen[k, 2]
            _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, r, c, top, width, nearest, owner)
        for n in range(twins):
            f, r, c, below = twin[n, 0], twin[n, 1], twin[n, 2], twin[n, 3]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            x0, y0, z0 = screen[i, 0], screen[i, 1], screen[i, 2]
            x1, y1, z1 = screen[j, 0], screen[j, 1], screen[j, 2]
            x2, y2, z2 = screen[k, 0], screen[k, 1], screen[k, 2]
            _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, r, c, top, width, nearest, owner)
            _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, r + below, c + 1 - below, top, width, nearest, owner)
        for n in range(others):
            f = rest[n]
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            z0, z1, z2 = screen[i, 2], screen[j, 2], screen[k, 2]
            if not behind or (z0 > 0.0 and z1 > 0.0 and z2 > 0.0):
                x0, y0, x1, y1 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1]
                x2, y2 = screen[k, 0], screen[k, 1]
                _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, cull, top, bottom, width, nearest, owner)
            elif z0 > 0.0 or z1 > 0.0 or z2 > 0.0:
                corners = _cut(vertices[picture], screen, i, j, k, near, height, width, polygon)
                for c in range(2, corners):
                    x0, y0, z0 = polygon[0, 0], polygon[0, 1], polygon[0, 2]
                    x1, y1, z1 = polygon[c - 1, 0], polygon[c - 1, 1], polygon[c - 1, 2]
                    x2, y2, z2 = polygon[c, 0], polygon[c, 1], polygon[c, 2]
                    _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, cull, top, bottom, width, nearest, owner)
        for r in range(bottom - top):
            for c in range(width):
                inverse = nearest[r * width + c]
                face_out[picture, top + r, c] = owner[r * width + c]
                depth_out[picture, top + r, c] = 1.0 / inverse if inverse > 0.0 else math.inf
    return -1


@jit
def _project(positions, near, height, width, screen):
    """Fills `screen`; returns how many vertices lie behind the near plane, and one that is not finite, or -1."""
    behind, finite = 0, 0
    for v in range(positions.shape[0]):
        x, y, w = np.float64(positions[v, 0]), np.float64(positions[v, 1]), np.float64(positions[v, 3])
        inverse = 1.0 / w
        screen[v, 0] = (x * inverse + 1.0) * (0.5 * width)
        screen[v, 1] = (1.0 - y * inverse) * (0.5 * height)
        screen[v, 2] = inverse if w >= near else 0.0
        behind += w < near
        finite += abs(x) + abs(y) + abs(w) < math.inf
    if finite < positions.shape[0]:
        for v in range(positions.shape[0]):
            if not abs(positions[v, 0]) + abs(positions[v, 1]) + abs(positions[v, 3]) < math.inf:
                return behind, v
    return behind, -1


@jit
def _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, index, cull, top, bottom, width, nearest, owner):
    """Draws one projected triangle (column, row, 1/w per corner) into rows top..bottom."""
    low_y, high_y = min(y0, y1, y2) - 0.5, min(max(y0, y1, y2), bottom) - 0.5
    low_x, high_x = min(x0, x1, x2) - 0.5, min(max(x0, x1, x2) - 0.5, width - 1.0)
    if not (low_y <= high_y and low_x <= high_x):
        return
    if cull and (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0) >= 0.0:
        return
    # Integers only now, since numbers off the picture may be too large for one.
    upper, left = math.ceil(max(low_y, top * 1.0)), math.ceil(max(low_x, 0.0))
    for r in range(upper, math.floor(high_y) + 1):
        for c in range(left, math.floor(high_x) + 1):
            _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, index, r, c, top, width, nearest, owner)


# Pasted into its callers: a call per pixel would cost as much as the test.
@numba.njit(inline="always", error_model="numpy")
def _test(x0, y0, z0, x1, y1, z1, x2, y2, z2, index, r, c, top, width, nearest, owner):
    """Draws one pixel of a projected triangle, if the triangle owns it and is the nearest there."""
    px, py, cell = c + 0.5, r + 0.5, (r - top) * width + c
    a0, b0, a1, b1, a2, b2 = x0 - px, y0 - py, x1 - px, y1 - py, x2 - px, y2 - py
    e0 = a1 * b2 - b1 * a2
    e1 = a2 * b0 - b2 * a0
    e2 = a0 * b1 - b0 * a1
    least, most = min(e0, e1, e2), max(e0, e1, e2)
    hit = (least >= 0.0) | (most <= 0.0)
    if (least == 0.0) | (most == 0.0):
        turn = 1.0 if least == 0.0 else -1.0
        hit = hit and (e0 != 0.0 or _owns(turn * (x2 - x1), turn * (y2 - y1)))
        hit = hit and (e1 != 0.0 or _owns(turn * (x0 - x2), turn * (y0 - y2)))
        hit = hit and (e2 != 0.0 or _owns(turn * (x1 - x0), turn * (y1 - y0)))
    # Stored either way: a select, not a branch.
    inverse = (e0 * z0 + e1 * z1 + e2 * z2) / (e0 + e1 + e2)
    old, first = nearest[cell], owner[cell]
    hit = hit & ((inverse > old) | ((inverse == old) & (index < first)))
    nearest[cell] = inverse if hit else old
    owner[cell] = index if hit else first


@jit
def _owns(dx, dy):
    """Top-left rule for an edge that runs with the interior on its right hand as seen (rows grow downward)."""
    return dy < 0.0 or (dy == 0.0 and dx > 0.0)


@jit
def _cut(vertices, screen, i, j, k, near, height, width, polygon):
    """Writes the part of a triangle in front of the near plane as a projected polygon; returns its corner count."""
    corners = 0
    for side in range(3):
        a = i if side == 0 else (j if side == 1 else k)
        b = j if side == 0 else (k if side == 1 else i)
        front_a, front_b = screen[a, 2] > 0.0, screen[b, 2] > 0.0
        if front_a:
            polygon[corners, 0], polygon[corners, 1], polygon[corners, 2] = screen[a, 0], screen[a, 1], screen[a, 2]
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
