"""Two surfaces compared point by point: from points spread over one to the exact closest points of the other.

Chamfer distance, F-score and normal consistency are means over these pairs. Points are even by area and always the same
for the same mesh; the other surface is met exactly, so that equal surfaces are at distance 0 however few points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from ...representations.geometry.signed_distance import closest_points
from .alignment import Mesh

_POINTS = 2000
"""On each surface."""


@dataclass(frozen=True, eq=False)
class SurfacePairs:
    """Points of the predicted surface with the closest of the true one (`forth`), and the other way round (`back`)."""

    forth: Float[np.ndarray, " N"]
    """Distances, in the true mesh's units."""
    back: Float[np.ndarray, " N"]
    forth_cosine: Float[np.ndarray, " N"]
    """Cosine of the angle between the faces' normals at either end, in [-1, 1]."""
    back_cosine: Float[np.ndarray, " N"]
    diagonal: float
    """Of the true mesh's box."""


def pair_surfaces(predicted: Mesh, true: Mesh) -> SurfacePairs:
    """The pairs of two meshes that lie in one frame. Raises ValueError for a mesh without area."""
    forth, forth_cosine = _pairs(predicted, true, seed=2)
    back, back_cosine = _pairs(true, predicted, seed=3)
    return SurfacePairs(forth, back, forth_cosine, back_cosine, diagonal(true))


def diagonal(mesh: Mesh) -> float:
    """Length of the diagonal of a mesh's axis-aligned box; vertices that no face uses do not count."""
    vertices, faces = mesh
    return float(np.linalg.norm(np.ptp(vertices[np.unique(faces)], axis=0)))


def _pairs(source: Mesh, target: Mesh, seed: int) -> tuple[np.ndarray, np.ndarray]:
    points, own = _points_with_faces(*source, seed=seed)
    vertices, faces = target
    face, _, distance = closest_points(points, vertices, faces)
    return distance, np.einsum("nd,nd->n", _normals(*source)[own], _normals(*target)[face])


def _points_with_faces(
    vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"], seed: int
) -> tuple[Float[np.ndarray, "N 3"], Integer[np.ndarray, " N"]]:
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if not area.sum() > 0:
        raise ValueError(f"a mesh of {len(faces)} faces has no area; it cannot be compared")
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(faces), _POINTS, p=area / area.sum())
    return np.einsum("nk,nkd->nd", generator.dirichlet((1, 1, 1), _POINTS), corners[chosen]), chosen


def _normals(vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"]) -> Float[np.ndarray, "F 3"]:
    """Of each face; 0 for one without area."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-30)
