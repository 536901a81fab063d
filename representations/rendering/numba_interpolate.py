"""Compiled forward and backward passes of `interpolate.py`; the equations stand there.

Kernels index whole arrays: taking a view of an array costs more here than the arithmetic of a pixel.
"""

from __future__ import annotations

import numpy as np

from ..parallel import jit


@jit
def barycentrics_forward(vertices, faces, face, bary, start, stop):
    """Fills `bary` with the weights of the seen face's corners, zeros where nothing is seen."""
    height, width = face.shape[1], face.shape[2]
    for b in range(start, stop):
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                l0, l1, l2 = 0.0, 0.0, 0.0
                if f >= 0:
                    x0, y0, _ = _about(vertices, b, faces[f, 0], r, c, height, width)
                    x1, y1, _ = _about(vertices, b, faces[f, 1], r, c, height, width)
                    x2, y2, _ = _about(vertices, b, faces[f, 2], r, c, height, width)
                    l0, l1, l2 = _weights(x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1)
                bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2] = l0, l1, l2


@jit
def barycentrics_backward(vertices, faces, face, grad_bary, grad_vertices, start, stop):
    """Adds to `grad_vertices`, which holds zeros."""
    height, width = face.shape[1], face.shape[2]
    for b in range(start, stop):
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                if f < 0:
                    continue
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                x0, y0, w0 = _about(vertices, b, i, r, c, height, width)
                x1, y1, w1 = _about(vertices, b, j, r, c, height, width)
                x2, y2, w2 = _about(vertices, b, k, r, c, height, width)
                l0, l1, l2 = _weights(x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1)
                g0, g1, g2 = grad_bary[b, r, c, 0], grad_bary[b, r, c, 1], grad_bary[b, r, c, 2]
                mean = g0 * l0 + g1 * l1 + g2 * l2
                gx, gy, gw = _pull(
                    x0, y0, w0, x1, y1, w1, x2, y2, w2, g0 - mean, g1 - mean, g2 - mean, r, c, height, width
                )
                _add(grad_vertices, b, i, l0, gx, gy, gw)
                _add(grad_vertices, b, j, l1, gx, gy, gw)
                _add(grad_vertices, b, k, l2, gx, gy, gw)


@jit
def interpolate_forward(attributes, faces, face, bary, out, start, stop):
    """`attributes` (A, V, C) with A either 1, shared by all pictures, or B."""
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        out[b] = 0.0
        a = 0 if shared else b
        for r in range(face.shape[1]):
            for c in range(face.shape[2]):
                f = face[b, r, c]
                if f < 0:
                    continue
                i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                l0, l1, l2 = bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2]
                for n in range(channels):
                    out[b, r, c, n] = l0 * attributes[a, i, n] + l1 * attributes[a, j, n] + l2 * attributes[a, k, n]


@jit
def interpolate_backward(attributes, faces, face, bary, grad_out, grad_attributes, grad_bary, want, start, stop):
    """Adds to `grad_attributes`, this slice's pictures (n, V, C), or (1, V, C) if they share; sets `grad_bary`.

    `want`: 1 the attributes' gradient, 2 the barycentrics', 3 both.
    """
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        a = 0 if shared else b
        s = 0 if shared else b - start
        for r in range(face.shape[1]):
            for c in range(face.shape[2]):
                f = face[b, r, c]
                g0, g1, g2 = 0.0, 0.0, 0.0
                if f >= 0:
                    i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
                    l0, l1, l2 = bary[b, r, c, 0], bary[b, r, c, 1], bary[b, r, c, 2]
                    for n in range(channels):
                        g = grad_out[b, r, c, n]
                        g0 += g * attributes[a, i, n]
                        g1 += g * attributes[a, j, n]
                        g2 += g * attributes[a, k, n]
                        if want & 1:
                            grad_attributes[s, i, n] += l0 * g
                            grad_attributes[s, j, n] += l1 * g
                            grad_attributes[s, k, n] += l2 * g
                if want & 2:
                    grad_bary[b, r, c, 0], grad_bary[b, r, c, 1], grad_bary[b, r, c, 2] = g0, g1, g2


@jit
def surface_forward(vertices, faces, attributes, attribute_faces, face, out, start, stop):
    """Barycentrics and interpolation in one: `attributes` (A, V, C) with A either 1 or B."""
    height, width = face.shape[1], face.shape[2]
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        out[b] = 0.0
        a = 0 if shared else b
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                if f < 0:
                    continue
                x0, y0, _ = _about(vertices, b, faces[f, 0], r, c, height, width)
                x1, y1, _ = _about(vertices, b, faces[f, 1], r, c, height, width)
                x2, y2, _ = _about(vertices, b, faces[f, 2], r, c, height, width)
                l0, l1, l2 = _weights(x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1)
                i, j, k = attribute_faces[f, 0], attribute_faces[f, 1], attribute_faces[f, 2]
                for n in range(channels):
                    out[b, r, c, n] = l0 * attributes[a, i, n] + l1 * attributes[a, j, n] + l2 * attributes[a, k, n]


@jit
def surface_backward(
    vertices, faces, attributes, attribute_faces, face, grad_out, grad_attributes, grad_vertices, want, start, stop
):
    """Adds to `grad_attributes`, this slice's (n or 1, V, C), and `grad_vertices`, which hold zeros.

    `want`: 1 the attributes' gradient, 2 the vertices', 3 both.
    """
    height, width = face.shape[1], face.shape[2]
    channels, shared = attributes.shape[2], attributes.shape[0] == 1
    for b in range(start, stop):
        a = 0 if shared else b
        s = 0 if shared else b - start
        for r in range(height):
            for c in range(width):
                f = face[b, r, c]
                if f < 0:
                    continue
                v0, v1, v2 = faces[f, 0], faces[f, 1], faces[f, 2]
                x0, y0, w0 = _about(vertices, b, v0, r, c, height, width)
                x1, y1, w1 = _about(vertices, b, v1, r, c, height, width)
                x2, y2, w2 = _about(vertices, b, v2, r, c, height, width)
                l0, l1, l2 = _weights(x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1)
                i, j, k = attribute_faces[f, 0], attribute_faces[f, 1], attribute_faces[f, 2]
                g0, g1, g2 = 0.0, 0.0, 0.0
                for n in range(channels):
                    g = grad_out[b, r, c, n]
                    g0 += g * attributes[a, i, n]
                    g1 += g * attributes[a, j, n]
                    g2 += g * attributes[a, k, n]
                    if want & 1:
                        grad_attributes[s, i, n] += l0 * g
                        grad_attributes[s, j, n] += l1 * g
                        grad_attributes[s, k, n] += l2 * g
                if want & 2:
                    mean = g0 * l0 + g1 * l1 + g2 * l2
                    gx, gy, gw = _pull(
                        x0, y0, w0, x1, y1, w1, x2, y2, w2, g0 - mean, g1 - mean, g2 - mean, r, c, height, width
                    )
                    _add(grad_vertices, b, v0, l0, gx, gy, gw)
                    _add(grad_vertices, b, v1, l1, gx, gy, gw)
                    _add(grad_vertices, b, v2, l2, gx, gy, gw)


@jit
def _about(vertices, b, v, r, c, height, width):
    """A vertex in homogeneous pixels about the centre of pixel (r, c): (column w, row w, w)."""
    x, y, w = np.float64(vertices[b, v, 0]), np.float64(vertices[b, v, 1]), np.float64(vertices[b, v, 3])
    return (x + w) * (0.5 * width) - (c + 0.5) * w, (w - y) * (0.5 * height) - (r + 0.5) * w, w


@jit
def _weights(e0, e1, e2):
    total = e0 + e1 + e2
    if total == 0.0:
        return 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0
    scale = 1.0 / total
    return e0 * scale, e1 * scale, e2 * scale


@jit
def _pull(x0, y0, w0, x1, y1, w1, x2, y2, w2, g0, g1, g2, r, c, height, width):
    """M^-T g, the gradient of each corner but for its -lambda_k, in clip space (x, y, w); 0 for a face without inverse.

    The rows of the inverse are the cross products of the other two corners over the determinant.
    """
    e0, e1, e2 = x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1
    determinant = e0 * w0 + e1 * w1 + e2 * w2
    if determinant == 0.0 or e0 + e1 + e2 == 0.0:
        return 0.0, 0.0, 0.0
    scale = 1.0 / determinant
    ux = (g0 * (y1 * w2 - w1 * y2) + g1 * (y2 * w0 - w2 * y0) + g2 * (y0 * w1 - w0 * y1)) * scale
    uy = (g0 * (w1 * x2 - x1 * w2) + g1 * (w2 * x0 - x2 * w0) + g2 * (w0 * x1 - x0 * w1)) * scale
    uw = (g0 * e0 + g1 * e1 + g2 * e2) * scale - (c + 0.5) * ux - (r + 0.5) * uy
    gx, gy = 0.5 * width * ux, -0.5 * height * uy
    return gx, gy, gx - gy + uw


@jit
def _add(grad_vertices, b, v, weight, gx, gy, gw):
    grad_vertices[b, v, 0] -= weight * gx
    grad_vertices[b, v, 1] -= weight * gy
    grad_vertices[b, v, 3] -= weight * gw
