"""Compiled forward and backward passes of `texture.py`; the equations stand there.

Texels are (A, T, C) with A either 1, shared by all pictures, or B: the texture's levels one after another, each row by
row; `levels` (L, 3) tells where each begins, its height and its width. Pixels outside `mask` are skipped.
"""

from __future__ import annotations

import math

from ..parallel import jit


@jit
def forward(texels, levels, uv, level, mask, repeat, out, start, stop):
    """Fills `out` with texels looked up at `uv`, zeros where `mask` is 0."""
    channels, shared = texels.shape[2], texels.shape[0] == 1
    for b in range(start, stop):
        a = 0 if shared else b
        out[b] = 0.0
        for r in range(uv.shape[1]):
            for c in range(uv.shape[2]):
                if not mask[b, r, c]:
                    continue
                upper = min(int(level[b, r, c]), levels.shape[0] - 1)
                for k in range(upper, min(upper + 2, levels.shape[0])):
                    share = 1.0 - abs(level[b, r, c] - k)
                    if share <= 0.0:
                        continue
                    i, j, m, n, fx, fy = _around(uv[b, r, c, 0], uv[b, r, c, 1], levels, k, repeat)
                    for q in range(channels):
                        above = (1.0 - fx) * texels[a, i, q] + fx * texels[a, j, q]
                        below = (1.0 - fx) * texels[a, m, q] + fx * texels[a, n, q]
                        out[b, r, c, q] += share * ((1.0 - fy) * above + fy * below)


@jit
def backward_texels(levels, uv, level, mask, repeat, grad_out, grad_texels, first, last):
    """Adds to texels first..last of `grad_texels`, which hold zeros: to each in the order of pictures and pixels."""
    channels, shared = grad_texels.shape[2], grad_texels.shape[0] == 1
    for b in range(uv.shape[0]):
        a = 0 if shared else b
        for r in range(uv.shape[1]):
            for c in range(uv.shape[2]):
                if not mask[b, r, c]:
                    continue
                upper = min(int(level[b, r, c]), levels.shape[0] - 1)
                for k in range(upper, min(upper + 2, levels.shape[0])):
                    share = 1.0 - abs(level[b, r, c] - k)
                    if share <= 0.0:
                        continue
                    i, j, m, n, fx, fy = _around(uv[b, r, c, 0], uv[b, r, c, 1], levels, k, repeat)
                    for corner in range(4):
                        texel = i if corner == 0 else (j if corner == 1 else (m if corner == 2 else n))
                        if texel < first or texel >= last:
                            continue
                        weight = share * (fx if corner % 2 else 1.0 - fx) * (fy if corner > 1 else 1.0 - fy)
                        for q in range(channels):
                            grad_texels[a, texel, q] += weight * grad_out[b, r, c, q]


@jit
def backward_uv(texels, levels, uv, level, mask, repeat, grad_out, grad_uv, start, stop):
    """Fills `grad_uv` with the gradient of the look-up by its places."""
    channels, shared = texels.shape[2], texels.shape[0] == 1
    for b in range(start, stop):
        a = 0 if shared else b
        for r in range(uv.shape[1]):
            for c in range(uv.shape[2]):
                gu, gv = 0.0, 0.0
                if mask[b, r, c]:
                    upper = min(int(level[b, r, c]), levels.shape[0] - 1)
                    for k in range(upper, min(upper + 2, levels.shape[0])):
                        share = 1.0 - abs(level[b, r, c] - k)
                        if share <= 0.0:
                            continue
                        i, j, m, n, fx, fy = _around(uv[b, r, c, 0], uv[b, r, c, 1], levels, k, repeat)
                        gx, gy = 0.0, 0.0
                        for q in range(channels):
                            g = grad_out[b, r, c, q]
                            t00, t01, t10, t11 = texels[a, i, q], texels[a, j, q], texels[a, m, q], texels[a, n, q]
                            gx += g * ((1.0 - fy) * (t01 - t00) + fy * (t11 - t10))
                            gy += g * ((1.0 - fx) * (t10 - t00) + fx * (t11 - t01))
                        gu += share * gx * levels[k, 2]
                        gv += share * gy * levels[k, 1]
                grad_uv[b, r, c, 0], grad_uv[b, r, c, 1] = gu, gv


@jit
def _around(u, v, levels, k, repeat):
    """The four texels round a point (above left, above right, below left, below right), and its place between them."""
    begin, height, width = levels[k, 0], levels[k, 1], levels[k, 2]
    left, right, fx = _between(u, width, repeat)
    above, below, fy = _between(v, height, repeat)
    above, below = begin + above * width, begin + below * width
    return above + left, above + right, below + left, below + right, fx, fy


@jit
def _between(coordinate, size, repeat):
    """The two texels on either side of a coordinate, and the share of the second."""
    place = coordinate * size - 0.5
    if repeat:
        place -= size * math.floor(place / size)
        first = min(int(place), size - 1)
        return first, (first + 1) % size, place - first
    # Beyond the outermost centres both neighbours are the same texel, which has no gradient.
    if not place > 0.0:
        return 0, 0, 0.0
    if place >= size - 1.0:
        return size - 1, size - 1, 0.0
    first = int(place)
    return first, first + 1, place - first
