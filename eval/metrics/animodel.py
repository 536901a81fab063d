"""Chamfer distance by Animodel's protocol, so that figures can stand beside those of Farm3D's table.

Jakab et al. 2024, Farm3D (github.com/tomasjakab/animodel). Y is up in both meshes, and nothing is known of cameras:
1. both meshes become solids of voxels, 100 along the shortest side of their box, everything inside the outer shell
   filled; the prediction is scaled to the truth's volume;
2. the prediction is made anew by marching cubes on its voxels, so that only its outer shell counts, and put back to its
   own extents and centre of area;
3. closest points (rotation and translation, 1000 points each, at most 100 rounds) lay it onto the truth, once as it is
   and once turned by 180 degrees about the vertical from where that ended; the nearer result is kept;
4. mean distance between 30,000 points on either, in both directions.

Closest points stop at a local optimum, so a prediction that faces sideways fails here. Two details differ: points are
drawn evenly by area without rejection, and a voxel is occupied where the surface comes within half its side of its
centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Bool, Float
from scipy.ndimage import binary_fill_holes
from scipy.spatial import KDTree
from skimage.measure import marching_cubes

from ...representations.geometry.signed_distance import mesh_distance
from .alignment import Mesh, surface_points

_VOXELS = 100
_ALIGNING_POINTS, _ROUNDS = 1000, 100
_MEASURING_POINTS = 30_000


@dataclass(frozen=True)
class AnimodelScore:
    """Mean distances; Animodel's own table gives `chamfer`, its meshes being in metres."""

    chamfer: float
    """In the truth's units."""
    chamfer_unit: float
    """With the truth scaled so that its longest side is 1."""
    predicted_to_true: float
    true_to_predicted: float


def animodel_chamfer(predicted: Mesh, true: Mesh) -> AnimodelScore:
    """The prediction's distance from the truth. Raises ValueError where a mesh has no volume or no area."""
    solid, pitch, low = _solid(predicted)
    true_solid, true_pitch, _ = _solid(true)
    volume, true_volume = solid.sum() * pitch**3, true_solid.sum() * true_pitch**3
    scale = (true_volume / volume) ** (1 / 3)
    # Voxels of the scaled mesh are the scaled voxels of the mesh, as their number goes by the mesh's own extents.
    shell = _remeshed(predicted, solid, pitch, low)
    shell = shell[0] * scale, shell[1]
    first, moved = _measured(shell, true)
    # The turn is made where the first attempt ended, about the origin of the truth's world.
    turned = moved[0] * np.array([-1.0, 1.0, -1.0]), moved[1]
    second, _ = _measured(turned, true)
    forth, back = min(first, second, key=sum)
    chamfer = (forth + back) / 2
    return AnimodelScore(chamfer, chamfer / float(np.ptp(true[0][np.unique(true[1])], axis=0).max()), forth, back)


def _solid(mesh: Mesh) -> tuple[Bool[np.ndarray, "D H W"], float, Float[np.ndarray, " 3"]]:
    """Filled voxels [z, y, x], their side, and the centre of the first."""
    vertices, faces = mesh
    used = vertices[np.unique(faces)]
    extent = np.ptp(used, axis=0)
    if not extent.min() > 0:
        raise ValueError(f"a mesh of {len(faces)} faces is flat (extents {extent.round(6).tolist()}); it has no volume")
    pitch = float(extent.min()) / _VOXELS
    low = used.min(axis=0) - 2 * pitch
    x, y, z = (math.ceil(length / pitch) + 5 for length in extent)
    distance, _ = mesh_distance(vertices, faces, low, pitch, (z, y, x), pitch)
    solid = binary_fill_holes(np.abs(distance) <= pitch / 2)
    assert solid is not None
    return solid, pitch, low


def _remeshed(mesh: Mesh, solid: Bool[np.ndarray, "D H W"], pitch: float, low: Float[np.ndarray, " 3"]) -> Mesh:
    points, faces, _, _ = marching_cubes(solid.astype(np.float32), 0.5)
    points = points[:, ::-1].astype(np.float64) * pitch + low
    used = mesh[0][np.unique(mesh[1])]
    points *= float((np.ptp(used, axis=0) / np.ptp(points, axis=0)).mean())
    shell = points, faces[:, ::-1].astype(np.int64)
    return points + (_centroid(mesh) - _centroid(shell)), shell[1]


def _centroid(mesh: Mesh) -> Float[np.ndarray, " 3"]:
    """Centre of the surface's area."""
    vertices, faces = mesh
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return (area[:, None] * corners.mean(axis=1)).sum(axis=0) / area.sum()


def _measured(mesh: Mesh, true: Mesh) -> tuple[tuple[float, float], Mesh]:
    """Mean distances, predicted to true and back, after closest points, and the moved mesh."""
    a, b = surface_points(*mesh, _ALIGNING_POINTS, seed=0), surface_points(*true, _ALIGNING_POINTS, seed=1)
    matrix, _, _ = trimesh.registration.icp(
        a, b, threshold=0, max_iterations=_ROUNDS, reflection=False, translation=True, scale=False
    )
    moved = mesh[0] @ matrix[:3, :3].T + matrix[:3, 3], mesh[1]
    a, b = surface_points(*moved, _MEASURING_POINTS, seed=2), surface_points(*true, _MEASURING_POINTS, seed=3)
    return (float(KDTree(b).query(a)[0].mean()), float(KDTree(a).query(b)[0].mean())), moved
