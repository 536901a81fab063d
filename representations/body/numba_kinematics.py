"""Compiled forward and backward passes of forward kinematics; the equation stands in `skeleton.py`.

With T_j = [A_j | b_j] and parent p:  A_j = A_p R_j,  b_j = A_p (c_j - R_j c_j) + b_p.  The backward pass walks from the
leaves to the root and hands every joint's gradient on to its parent.
"""

from __future__ import annotations

import numpy as np

from ..parallel import jit


@jit
def forward(rotations, joints, parents, out, start, stop):
    """Fills `out` (B, J, 3, 4); `joints` are (B, J, 3), or (1, J, 3) if all pictures share them."""
    r, s = np.empty((3, 3), np.float64), np.empty(3, np.float64)
    for b in range(start, stop):
        row = b if joints.shape[0] > 1 else 0
        for j in range(rotations.shape[1]):
            _matrix(rotations[b, j], r)
            for m in range(3):
                s[m] = joints[row, j, m]
                for k in range(3):
                    s[m] -= r[m, k] * joints[row, j, k]
            p = parents[j]
            for m in range(3):
                if p < 0:
                    out[b, j, m, 0], out[b, j, m, 1], out[b, j, m, 2], out[b, j, m, 3] = r[m, 0], r[m, 1], r[m, 2], s[m]
                else:
                    a0, a1, a2 = out[b, p, m, 0], out[b, p, m, 1], out[b, p, m, 2]
                    for k in range(3):
                        out[b, j, m, k] = a0 * r[0, k] + a1 * r[1, k] + a2 * r[2, k]
                    out[b, j, m, 3] = a0 * s[0] + a1 * s[1] + a2 * s[2] + out[b, p, m, 3]


@jit
def backward(rotations, joints, parents, transforms, grad, grad_rotations, grad_joints, group, start, stop):
    """Fills `grad_rotations` (B, J, 4) and adds to `grad_joints`, whose row b // group is picture b's.

    A slice must hold whole groups, so that no two threads meet in a row.
    """
    count = rotations.shape[1]
    g = np.empty((count, 3, 4), np.float64)  # of the joints' maps
    r, above, local = np.empty((3, 3), np.float64), np.empty((3, 3), np.float64), np.empty((3, 3), np.float64)
    c, s, shift = np.empty(3, np.float64), np.empty(3, np.float64), np.empty(3, np.float64)
    for b in range(start, stop):
        row, target = b if joints.shape[0] > 1 else 0, b // group
        for j in range(count):
            for m in range(3):
                for k in range(4):
                    g[j, m, k] = grad[b, j, m, k]
        for j in range(count - 1, -1, -1):
            p = parents[j]
            _matrix(rotations[b, j], r)
            for m in range(3):
                c[m] = joints[row, j, m]
                for k in range(3):
                    above[m, k] = transforms[b, p, m, k] if p >= 0 else (1.0 if m == k else 0.0)
            for m in range(3):
                s[m] = c[m] - r[m, 0] * c[0] - r[m, 1] * c[1] - r[m, 2] * c[2]
                # A_p^T times the gradients of A_j and of b_j
                shift[m] = above[0, m] * g[j, 0, 3] + above[1, m] * g[j, 1, 3] + above[2, m] * g[j, 2, 3]
                for k in range(3):
                    local[m, k] = above[0, m] * g[j, 0, k] + above[1, m] * g[j, 1, k] + above[2, m] * g[j, 2, k]
            for m in range(3):
                for k in range(3):
                    local[m, k] -= shift[m] * c[k]
                    if p >= 0:
                        g[p, m, k] += (
                            g[j, m, 0] * r[k, 0] + g[j, m, 1] * r[k, 1] + g[j, m, 2] * r[k, 2] + g[j, m, 3] * s[k]
                        )
                if p >= 0:
                    g[p, m, 3] += g[j, m, 3]
                back = r[0, m] * shift[0] + r[1, m] * shift[1] + r[2, m] * shift[2]
                grad_joints[target, j, m] += shift[m] - back
            _matrix_backward(rotations[b, j], local, grad_rotations[b, j])


@jit
def _matrix(quaternion, r):
    """Rotation matrix of a unit quaternion."""
    w, x, y, z = np.float64(quaternion[0]), np.float64(quaternion[1]), np.float64(quaternion[2]), quaternion[3]
    r[0, 0], r[0, 1], r[0, 2] = 1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)
    r[1, 0], r[1, 1], r[1, 2] = 2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)
    r[2, 0], r[2, 1], r[2, 2] = 2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)


@jit
def _matrix_backward(quaternion, g, out):
    """Gradient of a quaternion from that of its matrix."""
    w, x, y, z = np.float64(quaternion[0]), np.float64(quaternion[1]), np.float64(quaternion[2]), quaternion[3]
    xy, xz, yz = g[0, 1] + g[1, 0], g[0, 2] + g[2, 0], g[1, 2] + g[2, 1]
    ax, ay, az = g[2, 1] - g[1, 2], g[0, 2] - g[2, 0], g[1, 0] - g[0, 1]
    out[0] = 2.0 * (x * ax + y * ay + z * az)
    out[1] = 2.0 * (w * ax + y * xy + z * xz - 2.0 * x * (g[1, 1] + g[2, 2]))
    out[2] = 2.0 * (w * ay + x * xy + z * yz - 2.0 * y * (g[0, 0] + g[2, 2]))
    out[3] = 2.0 * (w * az + x * xz + y * yz - 2.0 * z * (g[0, 0] + g[1, 1]))
