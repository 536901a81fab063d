"""Compiled forward and backward passes of `coverage.py`; the equations stand there.

A boundary is a list of segments. A segment's ends are vertices, or points where an edge meets the near plane: four
indices (m, n, p, q), from m to p, where n or q is -1 for a plain vertex and else the edge's vertex behind the plane.
"""

from __future__ import annotations

import math

import numpy as np

from ..parallel import jit

FULL = 1.0 + 1e-9
"""A mean number of faces above this is cut off at one, and has no gradient."""


@jit
def forward(vertices, faces, edges, edge_faces, edge_sides, near, closed, coverage, layer, start, stop):
    """Fills `coverage` and, where a boundary runs, `layer`, which holds zeros: 1 if the second layer gave the value,
    and 2 more if it was over one.

    Returns the boundary for the backward pass: segments (n, 4), jumps (n,), layers (n,), the pictures' offsets into
    them, the number of layers per picture, and the flat index of a vertex that is not finite, or -1.
    """
    height, width = coverage.shape[1], coverage.shape[2]
    room = 2 * edges.shape[0] + faces.shape[0]
    found, found_jump, found_layer = np.empty((room, 4), np.int32), np.empty(room, np.int8), np.empty(room, np.int8)
    capacity = 1024
    segments, jumps = np.empty((capacity, 4), np.int32), np.empty(capacity, np.int8)
    layers = np.empty(capacity, np.int8)
    offsets, counts = np.zeros(stop - start + 1, np.int64), np.ones(stop - start, np.int8)
    front = np.empty(faces.shape[0], np.int8)
    sums = np.zeros((2, height, width + 2), np.float64)
    total = 0
    for b in range(start, stop):
        positions = vertices[b]
        behind = False
        for v in range(positions.shape[0]):
            x, y, w = np.float64(positions[v, 0]), np.float64(positions[v, 1]), np.float64(positions[v, 3])
            if not abs(x) + abs(y) + abs(w) < math.inf:
                return segments, jumps, layers, offsets, counts, b * positions.shape[0] + v
            behind = behind or w < near
        double = behind or not closed
        number = _boundary(
            positions, faces, edges, edge_faces, edge_sides, near, double, behind, front, found, found_jump, found_layer
        )
        if total + number > capacity:
            capacity = 2 * (total + number)
            grown, grown_jump = np.empty((capacity, 4), np.int32), np.empty(capacity, np.int8)
            grown_layer = np.empty(capacity, np.int8)
            for n in range(total):
                for end in range(4):
                    grown[n, end] = segments[n, end]
                grown_jump[n], grown_layer[n] = jumps[n], layers[n]
            segments, jumps, layers = grown, grown_jump, grown_layer
        first, last, left, right = height, 0, width, 0  # the box of pixels that any segment reaches
        for n in range(number):
            for end in range(4):
                segments[total + n, end] = found[n, end]
            jumps[total + n], layers[total + n] = found_jump[n], found_layer[n]
            xa, ya = _place(positions, found[n, 0], found[n, 1], near, width, height)
            xb, yb = _place(positions, found[n, 2], found[n, 3], near, width, height)
            if min(ya, yb) < height and max(ya, yb) > 0.0:
                first = min(first, int(max(min(ya, yb), 0.0)))
                last = max(last, math.ceil(min(max(ya, yb), height * 1.0)))
                left = min(left, int(max(min(xa, xb, width * 1.0), 0.0)))
                right = max(right, math.ceil(max(min(max(xa, xb), width * 1.0), 0.0)))
                _deposit(sums[found_layer[n]], xa, ya, xb, yb, found_jump[n] * 1.0)
        total += number
        offsets[b - start + 1] = total
        counts[b - start] = 2 if double else 1
        coverage[b] = 0.0
        for r in range(first, last):
            n0, n1 = 0.0, 0.0
            for c in range(left, right):
                n0 += sums[0, r, c]
                sums[0, r, c] = 0.0
                if double:
                    n1 += sums[1, r, c]
                    sums[1, r, c] = 0.0
                most = max(n0, n1, 0.0)
                coverage[b, r, c] = min(most, 1.0)
                layer[b, r, c] = (1 if n1 > n0 else 0) + (2 if most > FULL else 0)
            for c in range(right, min(right + 2, width + 2)):
                sums[0, r, c], sums[1, r, c] = 0.0, 0.0
    return segments[:total], jumps[:total], layers[:total], offsets, counts, -1


@jit
def backward(
    vertices, layer, grad_coverage, near, segments, jumps, layers, offsets, counts, grad_vertices, start, stop
):
    """Adds to `grad_vertices`, which holds zeros; the boundary is that which `forward` found for the same slice."""
    height, width = layer.shape[1], layer.shape[2]
    pull = np.empty(4, np.float64)
    for b in range(start, stop):
        positions = vertices[b]
        for n in range(offsets[b - start], offsets[b - start + 1]):
            m, p, q, s = segments[n, 0], segments[n, 1], segments[n, 2], segments[n, 3]
            xa, ya = _place(positions, m, p, near, width, height)
            xb, yb = _place(positions, q, s, near, width, height)
            which = layers[n] if counts[b - start] == 2 else -1
            if _gather(layer[b], which, grad_coverage[b], xa, ya, xb, yb, jumps[n] * 1.0, pull):
                _spread(positions, m, p, near, width, height, pull[0], pull[1], grad_vertices[b])
                _spread(positions, q, s, near, width, height, pull[2], pull[3], grad_vertices[b])


@jit
def _boundary(
    positions, faces, edges, edge_faces, edge_sides, near, double, behind, front, found, found_jump, found_layer
):
    """Boundary of the front faces (layer 0) and, if `double`, of the back faces (layer 1). Returns its length.

    A jump counts the faces that begin on the picture's right of a segment that runs downward.
    """
    for f in range(faces.shape[0]):
        i, j, k = faces[f, 0], faces[f, 1], faces[f, 2]
        x0, y0, w0 = np.float64(positions[i, 0]), np.float64(positions[i, 1]), np.float64(positions[i, 3])
        x1, y1, w1 = np.float64(positions[j, 0]), np.float64(positions[j, 1]), np.float64(positions[j, 3])
        x2, y2, w2 = np.float64(positions[k, 0]), np.float64(positions[k, 1]), np.float64(positions[k, 3])
        front[f] = x0 * (y1 * w2 - w1 * y2) - y0 * (x1 * w2 - w1 * x2) + w0 * (x1 * y2 - y1 * x2) > 0.0
    count = 0
    simple = edge_faces.shape[1] == 2
    for e in range(edges.shape[0]):
        f, g = edge_faces[e, 0], edge_faces[e, 1]
        if simple and g >= 0 and front[f] == front[g] and edge_sides[e, 0] != edge_sides[e, 1]:
            continue
        jump, back = 0, 0
        for n in range(edge_faces.shape[1]):
            f = edge_faces[e, n]
            if f >= 0:
                if front[f]:
                    jump += edge_sides[e, n]
                else:
                    back -= edge_sides[e, n]
        if jump == 0 and not (double and back != 0):
            continue
        m, p, q, s = edges[e, 0], -1, edges[e, 1], -1
        if behind:
            behind_m, behind_q = positions[m, 3] < near, positions[q, 3] < near
            if behind_m and behind_q:
                continue
            if behind_m:
                m, p = q, m
            elif behind_q:
                q, s = m, q
        for layer in range(2 if double else 1):
            value = back if layer == 1 else jump
            if value != 0:
                found[count, 0], found[count, 1], found[count, 2], found[count, 3] = m, p, q, s
                found_jump[count], found_layer[count] = value, layer
                count += 1
    if behind:
        for f in range(faces.shape[0]):
            leave_from, leave_to, enter_from, enter_to = -1, -1, -1, -1
            for corner in range(3):
                a, b = faces[f, corner], faces[f, (corner + 1) % 3]
                if positions[a, 3] >= near and positions[b, 3] < near:
                    leave_from, leave_to = a, b
                elif positions[a, 3] < near and positions[b, 3] >= near:
                    enter_from, enter_to = b, a
            if leave_from >= 0:
                found[count, 0], found[count, 1] = leave_from, leave_to
                found[count, 2], found[count, 3] = enter_from, enter_to
                found_jump[count], found_layer[count] = (1, 0) if front[f] else (-1, 1)
                count += 1
    return count


@jit
def _place(positions, m, n, near, width, height):
    """A segment's end in pixels (column, row)."""
    x, y, w = np.float64(positions[m, 0]), np.float64(positions[m, 1]), np.float64(positions[m, 3])
    if n >= 0:
        t = (w - near) / (w - positions[n, 3])
        x, y, w = x + t * (positions[n, 0] - x), y + t * (positions[n, 1] - y), near
    return (x / w + 1.0) * (0.5 * width), (1.0 - y / w) * (0.5 * height)


@jit
def _spread(positions, m, n, near, width, height, gx, gy, grad):
    """Adds the gradient (gx, gy) of a segment's end in pixels to its vertex, or to the two ends of the edge cut."""
    x, y, w = np.float64(positions[m, 0]), np.float64(positions[m, 1]), np.float64(positions[m, 3])
    if n < 0:
        gx, gy = gx * (0.5 * width) / w, -gy * (0.5 * height) / w
        grad[m, 0] += gx
        grad[m, 1] += gy
        grad[m, 3] -= (gx * x + gy * y) / w
        return
    u, v, z = np.float64(positions[n, 0]), np.float64(positions[n, 1]), np.float64(positions[n, 3])
    t = (w - near) / (w - z)
    gx, gy = gx * (0.5 * width) / near, -gy * (0.5 * height) / near
    slide = (gx * (u - x) + gy * (v - y)) / ((w - z) * (w - z))
    grad[m, 0] += (1.0 - t) * gx
    grad[m, 1] += (1.0 - t) * gy
    grad[m, 3] += slide * (near - z)
    grad[n, 0] += t * gx
    grad[n, 1] += t * gy
    grad[n, 3] += slide * (w - near)


@jit
def _deposit(sums, xa, ya, xb, yb, jump):
    """Adds a segment to `sums` (H, W + 2), whose running sum along a row is the mean number of faces in each pixel."""
    height, width = sums.shape[0], sums.shape[1] - 2
    if ya == yb:
        return
    if yb < ya:
        xa, ya, xb, yb, jump = xb, yb, xa, ya, -jump
    slope = (xb - xa) / (yb - ya)
    y, bottom = max(ya, 0.0), min(yb, height * 1.0)
    x = xa + (y - ya) * slope
    r = int(y)
    while y < bottom:
        y_next = min(r + 1.0, bottom)
        x_next = xb if y_next == yb else xa + (y_next - ya) * slope
        low, high, weight = min(x, x_next), max(x, x_next), (y_next - y) * jump
        if high <= 0.0:
            sums[r, 0] += weight
        elif low < width:
            c = int(max(low, 0.0))
            if low >= 0.0 and high <= c + 1.0:
                inside = 0.5 * (low + high) - c
                sums[r, c] += weight * (1.0 - inside)
                sums[r, c + 1] += weight * inside
            else:
                weight /= high - low
                if low < 0.0:
                    sums[r, 0] -= weight * low
                    low = 0.0
                high = min(high, width * 1.0)
                while low < high:
                    nearer = min(c + 1.0, high)
                    inside = 0.5 * (low + nearer) - c
                    sums[r, c] += weight * (nearer - low) * (1.0 - inside)
                    sums[r, c + 1] += weight * (nearer - low) * inside
                    low = nearer
                    c += 1
        x, y = x_next, y_next
        r += 1


@jit
def _gather(layer, which, grad, xa, ya, xb, yb, jump, pull):
    """Sets `pull` to the gradient at the segment's ends (xa, ya, xb, yb); returns False where it has none."""
    height, width = layer.shape
    dx, dy = xb - xa, yb - ya
    begin, end = 0.0, 1.0
    for axis in range(2):
        position, step, size = (xa, dx, width * 1.0) if axis == 0 else (ya, dy, height * 1.0)
        if step == 0.0:
            if position < 0.0 or position >= size:
                return False
        else:
            s0, s1 = -position / step, (size - position) / step
            begin, end = max(begin, min(s0, s1)), min(end, max(s0, s1))
    if begin >= end:
        return False
    x, y = xa + begin * dx, ya + begin * dy
    c = min(max(math.floor(x) if dx >= 0.0 else math.ceil(x) - 1, 0), width - 1)
    r = min(max(math.floor(y) if dy >= 0.0 else math.ceil(y) - 1, 0), height - 1)
    at_a, at_b = 0.0, 0.0
    s = begin
    while True:
        next_x = ((c + 1 if dx > 0.0 else c) - xa) / dx if dx != 0.0 else math.inf
        next_y = ((r + 1 if dy > 0.0 else r) - ya) / dy if dy != 0.0 else math.inf
        s_next = min(next_x, next_y, end)
        if layer[r, c] < 2 and (which < 0 or layer[r, c] == which) and s_next > s:
            second = 0.5 * (s_next * s_next - s * s)
            at_a += grad[r, c] * (s_next - s - second)
            at_b += grad[r, c] * second
        if s_next >= end:
            break
        s = max(s, s_next)
        if next_x <= next_y:
            c += 1 if dx > 0.0 else -1
        else:
            r += 1 if dy > 0.0 else -1
        if c < 0 or c >= width or r < 0 or r >= height:
            break
    pull[0], pull[1] = -jump * dy * at_a, jump * dx * at_a
    pull[2], pull[3] = -jump * dy * at_b, jump * dx * at_b
    return at_a != 0.0 or at_b != 0.0
