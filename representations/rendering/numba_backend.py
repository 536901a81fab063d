"""Visibility on the CPU: a compiled scan over faces, pictures side by side on all threads.

Each face is projected, boxed in pixels and tested at the pixel centres of its box with three edge functions

    e_ab(p) = (a - p) x (b - p),

in float64. Written like this, e_ab(p) is exactly -e_ba(p) and exactly 0 when p is a or b, so neighbouring faces always
agree on which side of their common edge a pixel lies, and only exact zeros need the top-left rule. Inverse depth 1/w
is linear on the screen, hence the mean of the corners' 1/w weighted with the edge functions.
"""

from __future__ import annotations

import math

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
    count = vertices.shape[1]
    height, width = face_out.shape[1], face_out.shape[2]
    screen = np.empty((count, 3), np.float64)  # column, row, 1/w; the last is 0 behind the near plane
    nearest = np.empty((height // bands + 1, width), np.float64)  # 1/w of the nearest face so far
    owner = np.empty((height // bands + 1, width), np.int32)
    polygon = np.empty((4, 3), np.float64)
    projected = -1
    for item in range(start, stop):
        picture, band = item // bands, item % bands
        top, bottom = height * band // bands, height * (band + 1) // bands
        if projected != picture:
            projected = picture
            for v in range(count):
                x = np.float64(vertices[picture, v, 0])
                y = np.float64(vertices[picture, v, 1])
                w = np.float64(vertices[picture, v, 3])
                if not (abs(x) + abs(y) + abs(w) < math.inf):
                    return picture * count + v
                if w >= near:
                    screen[v, 0] = (x / w + 1.0) * (0.5 * width)
                    screen[v, 1] = (1.0 - y / w) * (0.5 * height)
                    screen[v, 2] = 1.0 / w
                else:
                    screen[v, 2] = 0.0
        nearest[:] = 0.0
        owner[:] = -1
        for f in range(faces.shape[0]):
            i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
            z0, z1, z2 = screen[i, 2], screen[j, 2], screen[k, 2]
            if z0 > 0.0 and z1 > 0.0 and z2 > 0.0:
                x0, y0, x1, y1 = screen[i, 0], screen[i, 1], screen[j, 0], screen[j, 1]
                _fill(x0, y0, z0, x1, y1, z1, screen[k, 0], screen[k, 1], z2, f, cull, top, bottom, nearest, owner)
            elif z0 > 0.0 or z1 > 0.0 or z2 > 0.0:
                corners = _cut(vertices[picture], screen, i, j, k, near, height, width, polygon)
                for n in range(2, corners):
                    x0, y0, z0 = polygon[0, 0], polygon[0, 1], polygon[0, 2]
                    x1, y1, z1 = polygon[n - 1, 0], polygon[n - 1, 1], polygon[n - 1, 2]
                    x2, y2, z2 = polygon[n, 0], polygon[n, 1], polygon[n, 2]
                    _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, f, cull, top, bottom, nearest, owner)
        for r in range(bottom - top):
            for c in range(width):
                inverse = nearest[r, c]
                face_out[picture, top + r, c] = owner[r, c]
                depth_out[picture, top + r, c] = 1.0 / inverse if inverse > 0.0 else math.inf
    return -1


@jit
def _fill(x0, y0, z0, x1, y1, z1, x2, y2, z2, index, cull, top, bottom, nearest, owner):
    """Draws one projected triangle (column, row, 1/w per corner) into rows top..bottom."""
    low_y, high_y = min(y0, y1, y2) - 0.5, min(max(y0, y1, y2) - 0.5, bottom - 1.0)
    low_x, high_x = min(x0, x1, x2) - 0.5, min(max(x0, x1, x2) - 0.5, nearest.shape[1] - 1.0)
    if not (low_y <= high_y and low_x <= high_x):
        return
    # Rounded up; only now, since numbers off the picture may be too large for an integer.
    upper, left = int(max(low_y, top * 1.0)), int(max(low_x, 0.0))
    upper += 1 if upper < low_y else 0
    left += 1 if left < low_x else 0
    lower, right = int(high_y), int(high_x)
    # Rows grow downward: what turns counter-clockwise as seen has negative area here.
    if cull and (x1 - x0) * (y2 - y0) - (y1 - y0) * (x2 - x0) >= 0.0:
        return
    for r in range(upper, lower + 1):
        py = r + 0.5
        b0, b1, b2 = y0 - py, y1 - py, y2 - py
        for c in range(left, right + 1):
            px = c + 0.5
            a0, a1, a2 = x0 - px, x1 - px, x2 - px
            e0 = a1 * b2 - b1 * a2
            e1 = a2 * b0 - b2 * a0
            e2 = a0 * b1 - b0 * a1
            least, most = min(e0, e1, e2), max(e0, e1, e2)
            hit = (least >= 0.0) | (most <= 0.0)
            if (least == 0.0) | (most == 0.0):
                turn = 1.0 if least == 0.0 else -1.0
                if e0 == 0.0 and not _owns(turn * (x2 - x1), turn * (y2 - y1)):
                    continue
                if e1 == 0.0 and not _owns(turn * (x0 - x2), turn * (y0 - y2)):
                    continue
                if e2 == 0.0 and not _owns(turn * (x1 - x0), turn * (y1 - y0)):
                    continue
            old, old_owner = nearest[r - top, c], owner[r - top, c]
            inverse = (e0 * z0 + e1 * z1 + e2 * z2) / (e0 + e1 + e2)
            hit = hit & (inverse > old)
            nearest[r - top, c] = inverse if hit else old
            owner[r - top, c] = index if hit else old_owner


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
            polygon[corners, 0] = ((xm + t * (xn - xm)) / near + 1.0) * (0.5 * width)
            polygon[corners, 1] = (1.0 - (ym + t * (yn - ym)) / near) * (0.5 * height)
            polygon[corners, 2] = 1.0 / near
            corners += 1
    return corners
