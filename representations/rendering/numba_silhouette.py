"""Compiled passes of `silhouette.py`; the losses are defined there. A loss is one number per picture, so its gradient
comes along.

A picture and all that is made of it stay in the cache: nothing is as large as the batch but the gradient.
"""

from __future__ import annotations

import math

import numpy as np

from ..parallel import jit


@jit
def pyramid(coverage, target, valid, levels, growth, loss, gradient, start, stop):
    """Fills `loss` (B,) and, unless it is empty, `gradient` (B, H, W), the loss's derivatives by `coverage`.

    `valid` (A, H, W) with A either 1, shared by all pictures, or B.
    """
    height, width = coverage.shape[1], coverage.shape[2]
    want = gradient.shape[0] > 0
    # Levels lie one behind the other, each in a frame of zeros that saves all looks for borders; a picture writes only
    # within.
    begin, rows, columns = np.zeros(levels + 1, np.int64), np.empty(levels, np.int64), np.empty(levels, np.int64)
    whole, h, w = 0.0, height, width
    for level in range(levels):
        rows[level], columns[level], begin[level + 1] = h, w, begin[level] + (h + 3) * (w + 3)
        whole += growth**level
        h, w = (h + 1) // 2, (w + 1) // 2
    difference, pull = np.zeros(begin[levels], np.float64), np.zeros(begin[levels], np.float64)
    weight, inverse = np.zeros(begin[levels], np.float64), np.empty(begin[levels], np.float64)
    blurred, spread = np.zeros((height + 3, width + 3), np.float64), np.zeros((height + 3, width + 3), np.float64)
    row, area = np.empty(width + 3, np.float64), np.empty(levels, np.float64)
    known, unlike = _level(weight, begin, rows, columns, 0), _level(difference, begin, rows, columns, 0)
    for b in range(start, stop):
        v = b if valid.shape[0] > 1 else 0
        if b == start or v > 0:
            for r in range(height):
                for c in range(width):
                    known[r + 1, c + 1] = valid[v, r, c]
            _reduce(weight, begin, rows, columns, row, blurred)
            for level in range(levels):
                area[level] = _positive(_level(weight, begin, rows, columns, level).sum())
            for cell in range(weight.shape[0]):
                inverse[cell] = 1.0 / _positive(weight[cell])
        for r in range(height):
            for c in range(width):
                unlike[r + 1, c + 1] = (np.float64(coverage[b, r, c]) - target[b, r, c]) * valid[v, r, c]
        _reduce(difference, begin, rows, columns, row, blurred)
        total = 0.0
        for level in range(levels):
            scale = growth**level / area[level] / whole
            total += scale * _compare(
                _level(difference, begin, rows, columns, level),
                _level(inverse, begin, rows, columns, level),
                _level(pull, begin, rows, columns, level),
                row,
                2.0 * scale,
            )
        loss[b] = total
        if want:
            for level in range(levels - 1, 0, -1):
                h, w = rows[level - 1], columns[level - 1]
                # The kernel is symmetric and zeros lie round the picture: the transpose of a blur is a blur.
                _spread(_level(pull, begin, rows, columns, level), spread, h, w)
                _blur(spread, row, blurred, h, w)
                finer = _level(pull, begin, rows, columns, level - 1)
                for r in range(1, h + 1):
                    for c in range(1, w + 1):
                        finer[r, c] += blurred[r, c]
            finest = _level(pull, begin, rows, columns, 0)
            for r in range(height):
                for c in range(width):
                    gradient[b, r, c] = finest[r + 1, c + 1] * valid[v, r, c]


@jit
def outside(points, distance, loss, gradient, start, stop):
    """Fills `loss` (B,) and, unless it is empty, `gradient` (B, V, 2), the loss's derivatives by `points`."""
    count, height, width = points.shape[1], distance.shape[1], distance.shape[2]
    want = gradient.shape[0] > 0
    right, down, share = min(1, width - 1), min(1, height - 1), 1.0 / max(count, 1)
    for b in range(start, stop):
        total = 0.0
        for v in range(count):
            column, row = points[b, v, 0] - 0.5, points[b, v, 1] - 0.5
            x, y, away, gx, gy = column, row, 0.0, 0.0, 0.0
            within_x, within_y = 0.0 <= column <= width - 1.0, 0.0 <= row <= height - 1.0
            if not (within_x and within_y):
                if not abs(column) + abs(row) < math.inf:
                    total += abs(column) + abs(row)
                    if want:
                        gradient[b, v, 0], gradient[b, v, 1] = math.nan, math.nan
                    continue
                x, y = min(max(column, 0.0), width - 1.0), min(max(row, 0.0), height - 1.0)
                away = math.sqrt((column - x) * (column - x) + (row - y) * (row - y))
                gx, gy = (column - x) / away, (row - y) / away
            left, top = min(int(x), max(width - 2, 0)), min(int(y), max(height - 2, 0))
            fx, fy = x - left, y - top
            p00, p01 = distance[b, top, left], distance[b, top, left + right]
            p10, p11 = distance[b, top + down, left], distance[b, top + down, left + right]
            upper, lower = p00 * (1.0 - fx) + p01 * fx, p10 * (1.0 - fx) + p11 * fx
            total += upper * (1.0 - fy) + lower * fy + away
            if want:
                if within_x:
                    gx = (p01 - p00) * (1.0 - fy) + (p11 - p10) * fy
                if within_y:
                    gy = lower - upper
                gradient[b, v, 0], gradient[b, v, 1] = gx * share, gy * share
        loss[b] = total / count


@jit
def _positive(number):
    return number if number > 0.0 else 1.0


@jit
def _level(stack, begin, rows, columns, level):
    """One level, with its frame, of levels that lie one behind the other."""
    return stack[begin[level] : begin[level + 1]].reshape((rows[level] + 3, columns[level] + 3))


@jit
def _reduce(stack, begin, rows, columns, row, blurred):
    """Fills the further levels, each the last one blurred and halved."""
    for level in range(1, rows.shape[0]):
        h, w = rows[level - 1], columns[level - 1]
        _blur(_level(stack, begin, rows, columns, level - 1), row, blurred, h, w)
        _halve(blurred, _level(stack, begin, rows, columns, level), h, w)


@jit
def _compare(difference, inverse, pull, sums, scale):
    """Sum of difference^2 inverse; sets `pull` to `scale` difference inverse."""
    # Column by column: one sum over all would wait for each of its additions.
    w = difference.shape[1]
    for c in range(w):
        sums[c] = 0.0
    for r in range(difference.shape[0]):
        for c in range(w):
            part = difference[r, c] * inverse[r, c]
            sums[c] += difference[r, c] * part
            pull[r, c] = scale * part
    total = 0.0
    for c in range(w):
        total += sums[c]
    return total


@jit
def _halve(source, out, h, w):
    """Means of 2x2 pixels of `source` (h, w), filled up with zeros; both within a frame of zeros."""
    for r in range((h + 1) // 2):
        for c in range((w + 1) // 2):
            y, x = 2 * r + 1, 2 * c + 1
            upper, lower = source[y, x] + source[y, x + 1], source[y + 1, x] + source[y + 1, x + 1]
            out[r + 1, c + 1] = 0.25 * (upper + lower)


@jit
def _spread(pull, out, h, w):
    """The transpose of `_halve`, into `out` (h, w)."""
    for r in range(h):
        for c in range((w + 1) // 2):
            share = 0.25 * pull[r // 2 + 1, c + 1]
            out[r + 1, 2 * c + 1] = share
            out[r + 1, 2 * c + 2] = share
    _frame(out, h, w)


@jit
def _blur(source, row, out, h, w):
    """Blur with (1, 2, 1)/4 both ways, within a frame of zeros."""
    for r in range(1, h + 1):
        for c in range(w + 2):
            row[c] = 0.25 * source[r - 1, c] + 0.5 * source[r, c] + 0.25 * source[r + 1, c]
        for c in range(1, w + 1):
            out[r, c] = 0.25 * row[c - 1] + 0.5 * row[c] + 0.25 * row[c + 1]
    _frame(out, h, w)


@jit
def _frame(out, h, w):
    """Zeros beyond the last row and column, where a larger level may have stood before."""
    for c in range(w + 2):
        out[h + 1, c] = 0.0
    for r in range(h + 2):
        out[r, w + 1] = 0.0
