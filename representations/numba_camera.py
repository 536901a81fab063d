"""Compiled forward and backward passes of `camera.py`: points through matrices, clip space to pixels."""

from __future__ import annotations

from .parallel import jit


@jit
def transform_forward(points, matrices, out, start, stop):
    """Fills `out` (B, V, 4) with `matrices` (B, 4, 4) times `points` (B, V, 3)."""
    for b in range(start, stop):
        m = matrices[b]
        m00, m01, m02, m03 = m[0, 0], m[0, 1], m[0, 2], m[0, 3]
        m10, m11, m12, m13 = m[1, 0], m[1, 1], m[1, 2], m[1, 3]
        m20, m21, m22, m23 = m[2, 0], m[2, 1], m[2, 2], m[2, 3]
        m30, m31, m32, m33 = m[3, 0], m[3, 1], m[3, 2], m[3, 3]
        for v in range(points.shape[1]):
            x, y, z = points[b, v, 0], points[b, v, 1], points[b, v, 2]
            out[b, v, 0] = m00 * x + m01 * y + m02 * z + m03
            out[b, v, 1] = m10 * x + m11 * y + m12 * z + m13
            out[b, v, 2] = m20 * x + m21 * y + m22 * z + m23
            out[b, v, 3] = m30 * x + m31 * y + m32 * z + m33


@jit
def transform_backward(points, matrices, grad, grad_points, grad_matrices, start, stop):
    """Fills `grad_matrices` and, unless it is empty, `grad_points` (B, V, 3)."""
    want = grad_points.shape[0] > 0
    for b in range(start, stop):
        m = matrices[b]
        m00, m01, m02 = m[0, 0], m[0, 1], m[0, 2]
        m10, m11, m12 = m[1, 0], m[1, 1], m[1, 2]
        m20, m21, m22 = m[2, 0], m[2, 1], m[2, 2]
        m30, m31, m32 = m[3, 0], m[3, 1], m[3, 2]
        p00, p01, p02, p03 = 0.0, 0.0, 0.0, 0.0
        p10, p11, p12, p13 = 0.0, 0.0, 0.0, 0.0
        p20, p21, p22, p23 = 0.0, 0.0, 0.0, 0.0
        p30, p31, p32, p33 = 0.0, 0.0, 0.0, 0.0
        for v in range(points.shape[1]):
            x, y, z = points[b, v, 0], points[b, v, 1], points[b, v, 2]
            gx, gy, gz, gw = grad[b, v, 0], grad[b, v, 1], grad[b, v, 2], grad[b, v, 3]
            p00 += gx * x
            p01 += gx * y
            p02 += gx * z
            p03 += gx
            p10 += gy * x
            p11 += gy * y
            p12 += gy * z
            p13 += gy
            p20 += gz * x
            p21 += gz * y
            p22 += gz * z
            p23 += gz
            p30 += gw * x
            p31 += gw * y
            p32 += gw * z
            p33 += gw
            if want:
                grad_points[b, v, 0] = m00 * gx + m10 * gy + m20 * gz + m30 * gw
                grad_points[b, v, 1] = m01 * gx + m11 * gy + m21 * gz + m31 * gw
                grad_points[b, v, 2] = m02 * gx + m12 * gy + m22 * gz + m32 * gw
        pull = grad_matrices[b]
        pull[0, 0], pull[0, 1], pull[0, 2], pull[0, 3] = p00, p01, p02, p03
        pull[1, 0], pull[1, 1], pull[1, 2], pull[1, 3] = p10, p11, p12, p13
        pull[2, 0], pull[2, 1], pull[2, 2], pull[2, 3] = p20, p21, p22, p23
        pull[3, 0], pull[3, 1], pull[3, 2], pull[3, 3] = p30, p31, p32, p33


@jit
def pixels_forward(points, half_width, half_height, out, start, stop):
    """Fills `out` (B, V, 2) with the pixel positions of clip space points (B, V, 4)."""
    for b in range(start, stop):
        for v in range(points.shape[1]):
            w = points[b, v, 3]
            out[b, v, 0] = (points[b, v, 0] / w + 1.0) * half_width
            out[b, v, 1] = (1.0 - points[b, v, 1] / w) * half_height


@jit
def pixels_backward(points, half_width, half_height, grad, grad_points, start, stop):
    """Fills `grad_points` (B, V, 4)."""
    for b in range(start, stop):
        for v in range(points.shape[1]):
            inverse = 1.0 / points[b, v, 3]
            gx, gy = grad[b, v, 0] * (half_width * inverse), -grad[b, v, 1] * (half_height * inverse)
            grad_points[b, v, 0], grad_points[b, v, 1], grad_points[b, v, 2] = gx, gy, 0.0
            grad_points[b, v, 3] = -(gx * points[b, v, 0] + gy * points[b, v, 1]) * inverse
