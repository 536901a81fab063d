"""Volume that two aligned closed meshes share, over the volume that either fills.

Both are sampled on one grid; a point is inside a mesh where the surface winds round it (not 0 times), so that legs
which pass through each other count once. Intersection over union of solids is the standard of volumetric reconstruction
since Choy et al. 2016, 3D-R2N2; the alignment is that of `chamfer`.
"""

from __future__ import annotations

import math

import numpy as np
import trimesh
from jaxtyping import Bool, Float

from ...representations.geometry.signed_distance import mesh_distance
from .alignment import Mesh

_CELLS = 128
"""Along the longest side of the box round both meshes."""


def volume_iou(predicted: Mesh, true: Mesh) -> float | None:
    """Intersection over union of the two solids, in [0, 1]; None where one of the meshes is not closed."""
    if not (is_closed(predicted) and is_closed(true)):
        return None
    both = np.concatenate([predicted[0], true[0]])
    low, extent = both.min(axis=0), np.ptp(both, axis=0)
    spacing = float(extent.max()) / _CELLS
    x, y, z = (math.ceil(length / spacing) + 2 for length in extent)
    a, b = (_inside(mesh, low - spacing / 2, spacing, (z, y, x)) for mesh in (predicted, true))
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def is_closed(mesh: Mesh) -> bool:
    """Whether every edge joins two faces; vertices at one place count as one."""
    return bool(trimesh.Trimesh(*mesh, process=True, validate=False).is_watertight)


def _inside(
    mesh: Mesh, low: Float[np.ndarray, " 3"], spacing: float, shape: tuple[int, int, int]
) -> Bool[np.ndarray, "D H W"]:
    return mesh_distance(*mesh, low, spacing, shape, spacing)[0] < 0
