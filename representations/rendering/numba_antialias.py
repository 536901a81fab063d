"""Compiled forward and backward passes of `antialias.py`; the equations stand there.

A record is one blend: (receiving pixel, giving pixel, edge, flags) with pixels as flat indices in their picture; flag 1
says that the receiver is the inner pixel, flag 2 that they lie above each other.
"""

from __future__ import annotations

import math

import numpy as np

from ..parallel import jit


@jit
def edge_crossings(vertices, faces, edges, edge_faces, edge_sides, face, depth, near, start, stop):
    """Finds where silhouette edges pass between neighbouring pixel centres in pictures start..stop.

    Returns records (n, 4), their weights (n,) in [0, 1/2], and the pictures' offsets into them. Per pair of pixels at
    most one edge is kept: the outermost, and of equal ones the first.
    """
    height, width = face.shape[1], face.shape[2]
    pixels = height * width
    front = np.zeros(faces.shape[0] + 1, np.int8)  # 1 or -1, and 0 for the face -1, which is none
    outline = np.empty(edges.shape[0] + 1, np.int32)
    # Slots are pairs of pixels: 2 * pixel for the pair with the pixel to its right, one more for that below.
    slot_edge, slot_place = np.full(2 * pixels, -1, np.int32), np.empty(2 * pixels, np.float64)
    slot_before = np.empty(2 * pixels, np.bool_)
    used = np.empty(2 * pixels, np.int32)
    capacity, total = 1024, 0
    records, weights = np.empty((capacity, 4), np.int32), np.empty(capacity, np.float64)
    offsets = np.zeros(stop - start + 1, np.int64)
    for b in range(start, stop):
        positions, seen, far = vertices[b], face[b].reshape(-1), depth[b].reshape(-1)
        _fronts(positions, faces, front)
        count = 0
        for n in range(_outline(front, edge_faces, edge_sides, outline)):
            e = outline[n]
            side = front[edge_faces[e, 0]] * edge_sides[e, 0]
            xa, ya, wa = _pixel(positions, edges[e, 0], width, height)
            xb, yb, wb = _pixel(positions, edges[e, 1], width, height)
            if wa < near and wb < near:
                continue
            if wa < near:
                t = (near - wa) / (wb - wa)
                xa, ya, wa = xa + t * (xb - xa), ya + t * (yb - ya), near
            elif wb < near:
                t = (near - wb) / (wa - wb)
                xb, yb, wb = xb + t * (xa - xb), yb + t * (ya - yb), near
            xa, ya, xb, yb = xa / wa, ya / wa, xb / wb, yb / wb
            upright = abs(yb - ya) >= abs(xb - xa)
            # `along` counts the lines of pixel centres that the edge crosses, `across` is where it crosses them.
            along_a, along_b = (ya, yb) if upright else (xa, xb)
            across_a, across_b = (xa, xb) if upright else (ya, yb)
            lines, places = (height, width) if upright else (width, height)
            stride = 1 if upright else width
            high = min(max(along_a, along_b), lines * 1.0)
            # Does the inside lie on the side of lower columns or rows? (Rows grow downward, fronts turn the other way.)
            before = (side > 0) == (ya > yb) if upright else (side > 0) == (xb > xa)
            line = int(min(max(math.ceil(min(along_a, along_b) - 0.5), 0.0), lines * 1.0))
            while line + 0.5 < high:
                s = (line + 0.5 - along_a) / (along_b - along_a)
                place = across_a + s * (across_b - across_a) - 0.5
                if place >= 0.0 and place < places - 1.0:
                    cell = int(place)
                    pixel = line * width + cell if upright else cell * width + line
                    inner, outer = (pixel, pixel + stride) if before else (pixel + stride, pixel)
                    t = place - cell if before else 1.0 - (place - cell)
                    w = 1.0 / ((1.0 - s) / wa + s / wb)
                    if _separates(positions, faces, edge_faces, e, seen, far, inner, outer, w, width, height):
                        slot = 2 * pixel + (0 if upright else 1)
                        if slot_edge[slot] < 0:
                            used[count] = slot
                            count += 1
                            slot_place[slot] = -1.0
                        if t > slot_place[slot]:
                            slot_edge[slot], slot_place[slot], slot_before[slot] = e, t, before
                line += 1
        if total + count > capacity:
            capacity = 2 * (total + count)
            grown, grown_weights = np.empty((capacity, 4), np.int32), np.empty(capacity, np.float64)
            for n in range(total):
                for item in range(4):
                    grown[n, item] = records[n, item]
                grown_weights[n] = weights[n]
            records, weights = grown, grown_weights
        for n in range(count):
            slot = used[n]
            pixel, flags = slot // 2, 2 * (slot % 2)
            other = pixel + (1 if flags == 0 else width)
            inner, outer = (pixel, other) if slot_before[slot] else (other, pixel)
            t = slot_place[slot]
            receiver, giver, flags = (inner, outer, flags + 1) if t < 0.5 else (outer, inner, flags)
            records[total, 0], records[total, 1], records[total, 2] = receiver, giver, slot_edge[slot]
            records[total, 3], weights[total] = flags, abs(t - 0.5)
            slot_edge[slot] = -1
            total += 1
        offsets[b - start + 1] = total
    return records[:total], weights[:total], offsets


@jit
def _fronts(positions, faces, front):
    """Sets `front` of each face to 1 if it turns its front to us, else -1."""
    for f in range(faces.shape[0]):
        i, j, k = np.uint32(faces[f, 0]), np.uint32(faces[f, 1]), np.uint32(faces[f, 2])
        x0, y0, w0 = np.float64(positions[i, 0]), np.float64(positions[i, 1]), np.float64(positions[i, 3])
        x1, y1, w1 = np.float64(positions[j, 0]), np.float64(positions[j, 1]), np.float64(positions[j, 3])
        x2, y2, w2 = np.float64(positions[k, 0]), np.float64(positions[k, 1]), np.float64(positions[k, 3])
        volume = x0 * (y1 * w2 - w1 * y2) - y0 * (x1 * w2 - w1 * x2) + w0 * (x1 * y2 - y1 * x2)
        front[f] = 2 * (volume > 0.0) - 1


@jit
def _outline(front, edge_faces, edge_sides, outline):
    """Lists the edges whose faces all lie on one side of them on the screen; returns how many."""
    count = 0
    for e in range(edge_faces.shape[0]):
        side = front[edge_faces[e, 0]] * edge_sides[e, 0]
        one_sided = True
        for n in range(1, edge_faces.shape[1]):
            one_sided = one_sided & (front[edge_faces[e, n]] * edge_sides[e, n] * side >= 0)
        outline[count] = e
        count += one_sided
    return count


@jit
def blend_forward(picture, channels, records, weights, offsets, out, start, stop):
    """Fills `out` with the blended picture; both (B, H * W * C)."""
    sums = np.empty((picture.shape[1] // channels, 2), np.float64)
    for b in range(start, stop):
        first, last = offsets[b - start], offsets[b - start + 1]
        # A view costs more than a pixel: made once per picture. What was just copied is still in the cache.
        colours, blended = picture[b], out[b]
        for cell in range(colours.shape[0]):
            blended[cell] = colours[cell]
        for n in range(first, last):
            sums[records[n, 0], 0], sums[records[n, 0], 1] = 0.0, 0.0
        for n in range(first, last):
            sums[records[n, 0], records[n, 3] // 2] += weights[n]
        for n in range(first, last):
            i, j = records[n, 0], records[n, 1]
            weight = weights[n] * _damping(sums[i, 0], sums[i, 1])
            for c in range(channels):
                blended[i * channels + c] += weight * (colours[j * channels + c] - colours[i * channels + c])


@jit
def blend_backward(
    picture, channels, vertices, edges, grad_out, records, weights, offsets, height, width, grad_picture, grad_vertices,
    start, stop,
):  # fmt: skip
    """Fills `grad_picture` (B, H * W * C) and adds to `grad_vertices`, which holds zeros."""
    # Per receiving pixel: sums of weights sideways and upright, and the change they make to the loss undamped.
    sums = np.empty((height * width, 3), np.float64)
    for b in range(start, stop):
        first, last = offsets[b - start], offsets[b - start + 1]
        colours, grads, moved = picture[b], grad_out[b], grad_picture[b]
        positions, pulls = vertices[b], grad_vertices[b]
        for cell in range(grads.shape[0]):
            moved[cell] = grads[cell]
        for n in range(first, last):
            sums[records[n, 0], 0], sums[records[n, 0], 1], sums[records[n, 0], 2] = 0.0, 0.0, 0.0
        for n in range(first, last):
            i, j = records[n, 0], records[n, 1]
            sums[i, records[n, 3] // 2] += weights[n]
            sums[i, 2] += weights[n] * _change(colours, grads, i, j, channels)
        for n in range(first, last):
            i, j, e, flags = records[n, 0], records[n, 1], records[n, 2], records[n, 3]
            damping = _damping(sums[i, 0], sums[i, 1])
            for c in range(channels):
                part = weights[n] * damping * grads[i * channels + c]
                moved[i * channels + c] -= part
                moved[j * channels + c] += part
            both, other = sums[i, 0] + sums[i, 1], sums[i, 1 - flags // 2]
            pull = damping * _change(colours, grads, i, j, channels)
            if both > 0.0:
                pull -= sums[i, 2] * (other / both) ** 2
            # An edge that moves outward gives the receiver less if it is the inner pixel, else more.
            inner, outer, outward = (i, j, -pull) if flags & 1 else (j, i, pull)
            _push(
                positions, edges[e, 0], edges[e, 1], flags < 2, inner, outward if inner < outer else -outward,
                width, height, pulls,
            )  # fmt: skip


@jit
def _damping(sideways, upright):
    """What scales a pixel's weights so that both axes together leave (1 - sideways)(1 - upright) of it."""
    both = sideways + upright
    return 1.0 - sideways * upright / both if both > 0.0 else 1.0


@jit
def _change(colours, grads, i, j, channels):
    change = 0.0
    for c in range(channels):
        change += grads[i * channels + c] * (colours[j * channels + c] - colours[i * channels + c])
    return change


@jit
def _pixel(positions, v, width, height):
    """A vertex in homogeneous pixels: column w, row w, w."""
    x, y, w = np.float64(positions[v, 0]), np.float64(positions[v, 1]), np.float64(positions[v, 3])
    return (x + w) * (0.5 * width), (w - y) * (0.5 * height), w


@jit
def _separates(positions, faces, edge_faces, e, seen, far, inner, outer, w, width, height):
    """Whether edge `e` at distance `w` parts what is seen at `inner`, its own surface, from something behind it."""
    face_in, face_out = seen[inner], seen[outer]
    if face_in < 0 or face_in == face_out or not far[outer] > w * (1.0 + 1e-6):
        return False
    own = False
    for n in range(edge_faces.shape[1]):
        if edge_faces[e, n] >= 0:
            if edge_faces[e, n] == face_out:
                return False
            own = own or edge_faces[e, n] == face_in
    if own or far[inner] <= w * (1.0 + 1e-6):
        return True
    # Farther than the edge: the same surface only if it recedes like the edge's nearest face does.
    px, py = inner % width + 0.5, inner // width + 0.5
    nearest = -math.inf
    for n in range(edge_faces.shape[1]):
        f = edge_faces[e, n]
        if f < 0:
            continue
        x0, y0, w0 = _pixel(positions, faces[f, 0], width, height)
        x1, y1, w1 = _pixel(positions, faces[f, 1], width, height)
        x2, y2, w2 = _pixel(positions, faces[f, 2], width, height)
        x0, y0, x1, y1, x2, y2 = x0 - px * w0, y0 - py * w0, x1 - px * w1, y1 - py * w1, x2 - px * w2, y2 - py * w2
        e0, e1, e2 = x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1
        determinant = e0 * w0 + e1 * w1 + e2 * w2
        if determinant != 0.0:
            nearest = max(nearest, (e0 + e1 + e2) / determinant)
    return nearest > -math.inf and nearest * far[inner] <= 1.0 + 1e-3


@jit
def _push(positions, a, b, upright, pixel, pull, width, height, grad):
    """Adds to `grad` what moving the crossing of the line a-b with the pixel's row (or column) by one is worth."""
    px, py = pixel % width + 0.5, pixel // width + 0.5
    xa, ya, wa = _pixel(positions, a, width, height)
    xb, yb, wb = _pixel(positions, b, width, height)
    xa, ya, xb, yb = xa - px * wa, ya - py * wa, xb - px * wb, yb - py * wb
    if upright:
        slope = ya * wb - wa * yb
        place = (ya * xb - xa * yb) / slope
        gxa, gya, gwa = -yb, xb - wb * place, yb * place
        gxb, gyb, gwb = ya, wa * place - xa, -ya * place
    else:
        slope = wa * xb - xa * wb
        place = (ya * xb - xa * yb) / slope
        gxa, gya, gwa = wb * place - yb, xb, -xb * place
        gxb, gyb, gwb = ya - wa * place, -xa, xa * place
    scale = pull / slope
    half_width, half_height = 0.5 * width, 0.5 * height
    gwa, gwb = gwa - px * gxa - py * gya, gwb - px * gxb - py * gyb
    grad[a, 0] += scale * half_width * gxa
    grad[a, 1] -= scale * half_height * gya
    grad[a, 3] += scale * (half_width * gxa + half_height * gya + gwa)
    grad[b, 0] += scale * half_width * gxb
    grad[b, 1] -= scale * half_height * gyb
    grad[b, 3] += scale * (half_width * gxb + half_height * gyb + gwb)
