"""Compiled forward and backward passes of `skinning.py`; the equation stands there.

A joint moves few of the vertices: `by_joint` lists the weights that are not zero, and the passes walk that list joint
by joint, a joint's map and its gradient held in registers.
"""

from __future__ import annotations

import numpy as np

from ..parallel import jit


@jit
def by_joint(weights):
    """The weights (V, J) that are not zero, joint by joint: offsets (J + 1,), vertices (n,) and values (n,)."""
    vertex_count, joint_count = weights.shape
    offsets = np.zeros(joint_count + 1, np.int64)
    for v in range(vertex_count):
        for j in range(joint_count):
            offsets[j + 1] += 1 if weights[v, j] != 0.0 else 0
    for j in range(joint_count):
        offsets[j + 1] += offsets[j]
    place = offsets[:-1].copy()
    # Unsigned indices spare the passes a look for negative ones.
    chosen, values = np.empty(offsets[joint_count], np.uint32), np.empty(offsets[joint_count], weights.dtype)
    for v in range(vertex_count):
        for j in range(joint_count):
            if weights[v, j] != 0.0:
                chosen[place[j]], values[place[j]] = v, weights[v, j]
                place[j] += 1
    return offsets, chosen, values


@jit
def forward(vertices, offsets, chosen, values, transforms, out, start, stop):
    """Fills `out` (B, V, 3); `vertices` are (B, V, 3), or (1, V, 3) if all pictures share them."""
    for b in range(start, stop):
        row = b if vertices.shape[0] > 1 else 0
        for v in range(out.shape[1]):
            out[b, v, 0], out[b, v, 1], out[b, v, 2] = 0.0, 0.0, 0.0
        for j in range(transforms.shape[1]):
            t = transforms[b, j]
            t00, t01, t02, t03 = t[0, 0], t[0, 1], t[0, 2], t[0, 3]
            t10, t11, t12, t13 = t[1, 0], t[1, 1], t[1, 2], t[1, 3]
            t20, t21, t22, t23 = t[2, 0], t[2, 1], t[2, 2], t[2, 3]
            for n in range(offsets[j], offsets[j + 1]):
                v, w = chosen[n], values[n]
                x, y, z = vertices[row, v, 0], vertices[row, v, 1], vertices[row, v, 2]
                out[b, v, 0] += w * (t00 * x + t01 * y + t02 * z + t03)
                out[b, v, 1] += w * (t10 * x + t11 * y + t12 * z + t13)
                out[b, v, 2] += w * (t20 * x + t21 * y + t22 * z + t23)


@jit
def backward(
    vertices, offsets, chosen, values, transforms, grad, grad_vertices, group, want, grad_transforms, start, stop
):
    """Fills `grad_transforms` (B, J, 3, 4) and, if `want`, adds to `grad_vertices`, whose row
    b // group is picture b's.

    A slice must hold whole groups, so that no two threads meet in a row.
    """
    for b in range(start, stop):
        row, target = b if vertices.shape[0] > 1 else 0, b // group
        for j in range(transforms.shape[1]):
            t = transforms[b, j]
            t00, t01, t02 = t[0, 0], t[0, 1], t[0, 2]
            t10, t11, t12 = t[1, 0], t[1, 1], t[1, 2]
            t20, t21, t22 = t[2, 0], t[2, 1], t[2, 2]
            p00, p01, p02, p03 = 0.0, 0.0, 0.0, 0.0
            p10, p11, p12, p13 = 0.0, 0.0, 0.0, 0.0
            p20, p21, p22, p23 = 0.0, 0.0, 0.0, 0.0
            for n in range(offsets[j], offsets[j + 1]):
                v, w = chosen[n], values[n]
                x, y, z = vertices[row, v, 0], vertices[row, v, 1], vertices[row, v, 2]
                gx, gy, gz = w * grad[b, v, 0], w * grad[b, v, 1], w * grad[b, v, 2]
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
                if want:
                    grad_vertices[target, v, 0] += t00 * gx + t10 * gy + t20 * gz
                    grad_vertices[target, v, 1] += t01 * gx + t11 * gy + t21 * gz
                    grad_vertices[target, v, 2] += t02 * gx + t12 * gy + t22 * gz
            pull = grad_transforms[b, j]
            pull[0, 0], pull[0, 1], pull[0, 2], pull[0, 3] = p00, p01, p02, p03
            pull[1, 0], pull[1, 1], pull[1, 2], pull[1, 3] = p10, p11, p12, p13
            pull[2, 0], pull[2, 1], pull[2, 2], pull[2, 3] = p20, p21, p22, p23
