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
    """Fills `loss` (B,) and, unless it is empty, `gradient` (B, H, W), the loss's derivatives by `coverage`."""
    height, width = coverage.shape[1], coverage.shape[2]
    want = gradient.shape[0] > 0
    # A frame of zeros round every level saves all looks for borders; a picture writes only within.
    shape = (levels, height + 3, width + 3)
    difference, weight, pull = np.zeros(shape, np.float64), np.zeros(shape, np.float64), np.zeros(shape, np.float64)
    whole = 0.0
    for level in range(levels):
        whole += growth**level
    blurred, spread = np.zeros(shape[1:], np.float64), np.zeros(shape[1:], np.float64)
    row = np.empty(width + 3, np.float64)
    for b in range(start, stop):
        for r in range(height):
            for c in range(width):
                known = np.float64(valid[b, r, c])
                weight[0, r + 1, c + 1] = known
                difference[0, r + 1, c + 1] = (np.float64(coverage[b, r, c]) - target[b, r, c]) * known
        total = 0.0
        h, w = height, width
        for level in range(levels):
            if level:
                _blur(difference[level - 1], row, blurred, h, w)
                _halve(blurred, difference[level], h, w)
                _blur(weight[level - 1], row, blurred, h, w)
                _halve(blurred, weight[level], h, w)
                h, w = (h + 1) // 2, (w + 1) // 2
            total += growth**level * _compare(
                difference[level], weight[level], pull[level], h, w, growth**level if want else 0.0
            )
        loss[b] = total / whole
        if want:
            for level in range(levels - 1, 0, -1):
                h, w = height, width
                for _ in range(level - 1):
                    h, w = (h + 1) // 2, (w + 1) // 2
                # The kernel is symmetric and zeros lie round the picture: the transpose of a blur is a blur.
                _spread(pull[level], spread, h, w)
                _blur(spread, row, blurred, h, w)
                for r in range(1, h + 1):
                    for c in range(1, w + 1):
                        pull[level - 1, r, c] += blurred[r, c]
            for r in range(height):
                for c in range(width):
                    gradient[b, r, c] = pull[0, r + 1, c + 1] * weight[0, r + 1, c + 1] / whole


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
def _compare(difference, share, pull, h, w, scale):
    """Mean of (difference / share)^2 over the valid area; sets `pull` to `scale` its derivatives by `difference`."""
    square, area = 0.0, 0.0
    for r in range(1, h + 1):
        for c in range(1, w + 1):
            pull[r, c] = difference[r, c] / _positive(share[r, c])
        for c in range(1, w + 1):
            square += difference[r, c] * pull[r, c]
            area += share[r, c]
    area = _positive(area)
    if scale > 0.0:
        scale *= 2.0 / area
        for r in range(1, h + 1):
            for c in range(1, w + 1):
                pull[r, c] *= scale
    return square / area


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
        for c in range(w):
            out[r + 1, c + 1] = 0.25 * pull[r // 2 + 1, c // 2 + 1]
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
