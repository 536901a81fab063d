"""What every pixel of a photo shows: part, side, place on the reference body, depth and normal.

Labels belong to pixel centres and to the body as it stands, also behind what covers it; the visible mask tells what
can be seen. A pixel's part is that of the nearest corner of its face, and its reference is averaged over those corners
alone that belong to this part: parts that touch on an animal may lie far apart on the reference body.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float16, Float32, Int8, UInt8

from ...representations.body.chart import PART_KINDS, PARTS
from ...representations.parallel import lean_jit

NONE = 255
"""In `part` and `side`: not the subject."""
MIDDLE, LEFT, RIGHT = 0, 1, 2
MIDDLE_WIDTH = 0.04
"""Where the reference is nearer than this to the plane of symmetry, a part of the middle has no side."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Maps of one photo, row 0 on top. Those of a sitter without parts lack `part`, `side`, `reference`."""

    depth: Float32[np.ndarray, "H W"]
    """Along the viewing axis; inf beside the subject."""
    normal: Int8[np.ndarray, "H W 3"]
    """Unit normals in the world times 127; 0 beside the subject."""
    part: UInt8[np.ndarray, "H W"] | None
    """Index into `PART_KINDS`, or `NONE`."""
    side: UInt8[np.ndarray, "H W"] | None
    """Of the subject, not the picture: `MIDDLE`, `LEFT`, `RIGHT`, or `NONE`."""
    reference: Float16[np.ndarray, "H W 3"] | None
    """Coordinates on the reference body (`representations.chart`); 0 beside the subject."""


def draw_labels(
    face: np.ndarray,
    depth: np.ndarray,
    clip: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    part: np.ndarray | None,
    reference: np.ndarray | None,
    size: tuple[int, int],
) -> Labels:
    """Maps of the upper left `size` (width, height) of a canvas: its `face` and `depth`, both (S, S).

    `clip` (V, 4) are the canvas's vertices, `normals` (V, 3) the posed ones.
    """
    width, height = size
    normal = np.zeros((height, width, 3), np.int8)
    known = part is not None and reference is not None
    shape = (height, width) if known else (0, 0)
    kind, side = np.full(shape, NONE, np.uint8), np.full(shape, NONE, np.uint8)
    place = np.zeros((*shape, 3), np.float32)
    _label(
        face[:height, :width],
        face.shape[0],
        clip,
        faces,
        normals,
        part if part is not None and known else np.zeros(1, np.int64),
        reference if reference is not None and known else np.zeros((1, 3), np.float32),
        _KIND_OF,
        _SIDE_OF,
        known,
        normal,
        kind,
        side,
        place,
        np.empty(3),
    )
    near = np.ascontiguousarray(depth[:height, :width])
    if not known:
        return Labels(near, normal, None, None, None)
    return Labels(near, normal, kind, side, place.astype(np.float16))


_KIND_OF = np.array([PART_KINDS.index(name.removeprefix("left_").removeprefix("right_")) for name in PARTS], np.uint8)
_SIDE_OF = np.array([LEFT if n.startswith("left_") else RIGHT if n.startswith("right_") else MIDDLE for n in PARTS])


@lean_jit
def _label(
    face, canvas, clip, faces, normals, part, reference, kind_of, side_of, known, normal, kind, side, place, weight
):  # fmt: skip
    for r in range(face.shape[0]):
        for c in range(face.shape[1]):
            f = face[r, c]
            if f < 0:
                continue
            _weights(clip, faces, f, r, c, canvas, weight)
            nx, ny, nz = 0.0, 0.0, 0.0
            for n in range(3):
                v = faces[f, n]
                nx += weight[n] * normals[v, 0]
                ny += weight[n] * normals[v, 1]
                nz += weight[n] * normals[v, 2]
            scale = 127.0 / max(np.sqrt(nx * nx + ny * ny + nz * nz), 1e-12)
            normal[r, c, 0], normal[r, c, 1] = np.int8(np.rint(nx * scale)), np.int8(np.rint(ny * scale))
            normal[r, c, 2] = np.int8(np.rint(nz * scale))
            if not known:
                continue
            nearest = 0
            for n in range(1, 3):
                if weight[n] > weight[nearest]:
                    nearest = n
            chosen = part[faces[f, nearest]]
            total = 0.0
            for n in range(3):
                v = faces[f, n]
                if part[v] == chosen:
                    total += weight[n]
                    for k in range(3):
                        place[r, c, k] += weight[n] * reference[v, k]
            for k in range(3):
                place[r, c, k] /= total
            kind[r, c], side[r, c] = kind_of[chosen], side_of[chosen]
            if side_of[chosen] == 0 and abs(place[r, c, 0]) >= MIDDLE_WIDTH:
                side[r, c] = 1 if place[r, c, 0] > 0.0 else 2


@lean_jit
def _weights(clip, faces, f, r, c, canvas, weight):
    """Perspective-correct barycentric coordinates of a pixel's centre."""
    half = 0.5 * canvas
    a, b, d = faces[f, 0], faces[f, 1], faces[f, 2]
    wa, wb, wd = np.float64(clip[a, 3]), np.float64(clip[b, 3]), np.float64(clip[d, 3])
    xa, ya = (clip[a, 0] + wa) * half - (c + 0.5) * wa, (wa - clip[a, 1]) * half - (r + 0.5) * wa
    xb, yb = (clip[b, 0] + wb) * half - (c + 0.5) * wb, (wb - clip[b, 1]) * half - (r + 0.5) * wb
    xd, yd = (clip[d, 0] + wd) * half - (c + 0.5) * wd, (wd - clip[d, 1]) * half - (r + 0.5) * wd
    weight[0], weight[1], weight[2] = xb * yd - yb * xd, xd * ya - yd * xa, xa * yb - ya * xb
    total = weight[0] + weight[1] + weight[2]
    for n in range(3):
        # Rounding may leave a weight barely negative, which would push the average outside the face.
        weight[n] = max(weight[n] / total, 0.0) if total != 0.0 else 1.0 / 3.0
