"""Compiled forward and backward passes of `interpolate.py`; the equations stand there."""

from __future__ import annotations

import numpy as np

from .parallel import jit


@jit
def _inverse(vertices, i, j, k, px, py, half_width, half_height, inverse):
    """Rows of the inverse of (v_i v_j v_k) in pixels about (px, py): corners x 3. Returns the determinant, or 0."""
    w0, w1, w2 = np.float64(vertices[i, 3]), np.float64(vertices[j, 3]), np.float64(vertices[k, 3])
    x0 = (vertices[i, 0] + w0) * half_width - px * w0
    x1 = (vertices[j, 0] + w1) * half_width - px * w1
    x2 = (vertices[k, 0] + w2) * half_width - px * w2
    y0 = (w0 - vertices[i, 1]) * half_height - py * w0
    y1 = (w1 - vertices[j, 1]) * half_height - py * w1
    y2 = (w2 - vertices[k, 1]) * half_height - py * w2
    e0, e1, e2 = x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1
    determinant = e0 * w0 + e1 * w1 + e2 * w2
    if determinant == 0.0:
        return 0.0
    scale = 1.0 / determinant
    inverse[0, 0], inverse[0, 1], inverse[0, 2] = (y1 * w2 - w1 * y2) * scale, (w1 * x2 - x1 * w2) * scale, e0 * scale
    inverse[1, 0], inverse[1, 1], inverse[1, 2] = (y2 * w0 - w2 * y0) * scale, (w2 * x0 - x2 * w0) * scale, e1 * scale
    inverse[2, 0], inverse[2, 1], inverse[2, 2] = (y0 * w1 - w0 * y1) * scale, (w0 * x1 - x0 * w1) * scale, e2 * scale
    return determinant


@jit
def barycentrics_forward(vertices, faces, face, bary, start, stop):
    height, width = face.shape[1], face.shape[2]
    half_width, half_height = 0.5 * width, 0.5 * height
    for b in range(start, stop):
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                if f < 0:
                    bary[b, r, c, 0] = 0.0
                    bary[b, r, c, 1] = 0.0
                    bary[b, r, c, 2] = 0.0
                    continue
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                px, py = c + 0.5, r + 0.5
                w0 = np.float64(vertices[b, i, 3])
                w1 = np.float64(vertices[b, j, 3])
                w2 = np.float64(vertices[b, k, 3])
                x0 = (vertices[b, i, 0] + w0) * half_width - px * w0
                x1 = (vertices[b, j, 0] + w1) * half_width - px * w1
                x2 = (vertices[b, k, 0] + w2) * half_width - px * w2
                y0 = (w0 - vertices[b, i, 1]) * half_height - py * w0
                y1 = (w1 - vertices[b, j, 1]) * half_height - py * w1
                y2 = (w2 - vertices[b, k, 1]) * half_height - py * w2
                e0, e1, e2 = x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1
                total = e0 + e1 + e2
                if total == 0.0:
                    bary[b, r, c, 0] = 1.0 / 3.0
                    bary[b, r, c, 1] = 1.0 / 3.0
                    bary[b, r, c, 2] = 1.0 / 3.0
                else:
                    bary[b, r, c, 0] = e0 / total
                    bary[b, r, c, 1] = e1 / total
                    bary[b, r, c, 2] = e2 / total


@jit
def barycentrics_backward(vertices, faces, face, bary, grad_bary, grad_vertices, start, stop):
    """Adds to `grad_vertices`, which holds zeros."""
    height, width = face.shape[1], face.shape[2]
    half_width, half_height = 0.5 * width, 0.5 * height
    inverse = np.empty((3, 3), np.float64)
    for b in range(start, stop):
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                if f < 0:
                    continue
                g0 = np.float64(grad_bary[b, r, c, 0])
                g1 = np.float64(grad_bary[b, r, c, 1])
                g2 = np.float64(grad_bary[b, r, c, 2])
                l0, l1, l2 = bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2]
                mean = g0 * l0 + g1 * l1 + g2 * l2
                g0 -= mean
                g1 -= mean
                g2 -= mean
                if g0 == 0.0 and g1 == 0.0 and g2 == 0.0:
                    continue
                px, py = c + 0.5, r + 0.5
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                if _inverse(vertices[b], i, j, k, px, py, half_width, half_height, inverse) == 0.0:
                    continue
                ux = g0 * inverse[0, 0] + g1 * inverse[1, 0] + g2 * inverse[2, 0]
                uy = g0 * inverse[0, 1] + g1 * inverse[1, 1] + g2 * inverse[2, 1]
                uw = g0 * inverse[0, 2] + g1 * inverse[1, 2] + g2 * inverse[2, 2] - px * ux - py * uy
                # From homogeneous pixels (column w, row w, w) back to clip space.
                gx = half_width * ux
                gy = -half_height * uy
                gw = half_width * ux + half_height * uy + uw
                grad_vertices[b, i, 0] -= l0 * gx
                grad_vertices[b, i, 1] -= l0 * gy
                grad_vertices[b, i, 3] -= l0 * gw
                grad_vertices[b, j, 0] -= l1 * gx
                grad_vertices[b, j, 1] -= l1 * gy
                grad_vertices[b, j, 3] -= l1 * gw
                grad_vertices[b, k, 0] -= l2 * gx
                grad_vertices[b, k, 1] -= l2 * gy
                grad_vertices[b, k, 3] -= l2 * gw


@jit
def interpolate_forward(attributes, faces, face, bary, out, start, stop):
    """`attributes` (A, V, C) with A either 1, shared by all pictures, or B."""
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        values = attributes[0] if shared else attributes[b]
        for r in range(face.shape[1]):
            for c in range(face.shape[2]):
                f = face[b, r, c]
                if f < 0:
                    for n in range(channels):
                        out[b, r, c, n] = 0.0
                    continue
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                l0, l1, l2 = bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2]
                for n in range(channels):
                    out[b, r, c, n] = l0 * values[i, n] + l1 * values[j, n] + l2 * values[k, n]


@jit
def interpolate_backward(attributes, faces, face, bary, grad_out, grad_values, grad_bary, want, start, stop):
    """Adds to `grad_values`: (B, V, C), or (V, C) for this slice alone where attributes are shared; sets `grad_bary`.

    `want`: 1 the attributes' gradient, 2 the barycentrics', 3 both.
    """
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        values = attributes[0] if shared else attributes[b]
        sums = grad_values[0] if shared else grad_values[b - start]
        for r in range(face.shape[1]):
            for c in range(face.shape[2]):
                f = face[b, r, c]
                if f < 0:
                    if want & 2:
                        grad_bary[b, r, c, 0] = 0.0
                        grad_bary[b, r, c, 1] = 0.0
                        grad_bary[b, r, c, 2] = 0.0
                    continue
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                if want & 1:
                    l0, l1, l2 = bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2]
                    for n in range(channels):
                        g = grad_out[b, r, c, n]
                        sums[i, n] += l0 * g
                        sums[j, n] += l1 * g
                        sums[k, n] += l2 * g
                if want & 2:
                    g0, g1, g2 = 0.0, 0.0, 0.0
                    for n in range(channels):
                        g = grad_out[b, r, c, n]
                        g0 += g * values[i, n]
                        g1 += g * values[j, n]
                        g2 += g * values[k, n]
                    grad_bary[b, r, c, 0] = g0
                    grad_bary[b, r, c, 1] = g1
                    grad_bary[b, r, c, 2] = g2
