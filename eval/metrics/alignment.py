"""Bringing a predicted world onto the true one, by a single similarity for the whole collection.

A fit is free to choose its world; scores compare after x_true = scale * rotation @ x_predicted + translation.

* The rotation is read off the cameras: each photo votes for R_true R_predicted^T (columns of R: the camera's axes in
  its world), and the rotation wins that most votes lie near, so a few photos seen from the wrong side do not turn all
  the others.
* Scale and translation are read off the posed meshes, since a camera's distance says nothing where the focal length is
  unknown: first mean and spread of their surfaces, then closest points in both directions, rotation kept; each time
  the median over photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from ...scenes.photos.nerfstudio import CameraFrame

_OUTLIER_DEG = 60.0
"""Votes farther than this from a rotation count alike: they are not about it."""
_POINTS = 1000
"""On each surface."""
_KEPT = 0.8
"""Share of the closest pairs that scale and translation are read from."""
_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * rotation @ x + translation."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, " 3"]

    def apply(self, points: Float[np.ndarray, "*B 3"]) -> Float[np.ndarray, "*B 3"]:
        """The moved points."""
        return self.scale * points @ self.rotation.T + self.translation


Mesh = tuple[Float[np.ndarray, "_ 3"], Integer[np.ndarray, "_ 3"]]
"""Vertices and triangles."""


def world_rotation(predicted: Mapping[str, CameraFrame], true: Mapping[str, CameraFrame]) -> Float[np.ndarray, "3 3"]:
    """The rotation from the predicted to the true world that agrees with most cameras; photos are matched by key.

    Raises ValueError where no photo has both cameras.
    """
    shared = sorted(predicted.keys() & true.keys())
    if not shared:
        raise ValueError("no photo has both a predicted and a true camera, so their worlds cannot be compared")
    votes = Rotation.from_matrix(
        np.stack([true[k].camera_to_world[:3, :3] @ predicted[k].camera_to_world[:3, :3].T for k in shared])
    )
    apart_deg = np.degrees(np.stack([(votes * vote.inv()).magnitude() for vote in votes]))
    best = int(np.minimum(apart_deg, _OUTLIER_DEG).sum(axis=1).argmin())
    near = apart_deg[best] < _OUTLIER_DEG
    return Rotation.from_matrix(votes.as_matrix()[near]).mean().as_matrix()


def align_meshes(predicted: Sequence[Mesh], true: Sequence[Mesh], rotation: Float[np.ndarray, "3 3"]) -> Similarity:
    """Scale and translation that lay predicted meshes onto true ones, pose by pose, once both worlds are parallel."""
    if len(predicted) != len(true) or not predicted:
        raise ValueError(f"{len(predicted)} predicted meshes for {len(true)} true ones; give one each, at least one")
    pairs = []
    for source_mesh, target_mesh in zip(predicted, true, strict=True):
        source = surface_points(*source_mesh, _POINTS, seed=0) @ rotation.T
        pairs.append(_Pair(source, surface_points(*target_mesh, _POINTS, seed=1)))
    scale, translation = _agree([(pair.source, pair.target) for pair in pairs])
    for _ in range(_ROUNDS):
        before = scale
        scale, translation = _agree([pair.matched(scale, translation) for pair in pairs])
        if abs(scale - before) < 1e-6 * before:
            break
    return Similarity(scale, rotation, translation)


class _Pair:
    """Points on a predicted and on a true surface, and who is next to whom."""

    def __init__(self, source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "M 3"]) -> None:
        self.source, self.target = source, target
        self._source_tree, self._target_tree = KDTree(source), KDTree(target)

    def matched(
        self, scale: float, translation: Float[np.ndarray, " 3"]
    ) -> tuple[Float[np.ndarray, "K 3"], Float[np.ndarray, "K 3"]]:
        """Closest points in both directions: one alone would shrink the source into the target or swell it beyond.

        The pairs farthest apart are left out: limbs that one of the two lacks say nothing about scale.
        """
        _, forth = self._target_tree.query(scale * self.source + translation)
        _, back = self._source_tree.query((self.target - translation) / scale)
        a = np.concatenate([self.source, self.source[back]])
        b = np.concatenate([self.target[forth], self.target])
        apart = np.linalg.norm(scale * a + translation - b, axis=1)
        kept = np.argsort(apart, kind="stable")[: round(_KEPT * len(apart))]
        return a[kept], b[kept]


def _agree(
    matched: Sequence[tuple[Float[np.ndarray, "K 3"], Float[np.ndarray, "K 3"]]],
) -> tuple[float, Float[np.ndarray, " 3"]]:
    """Scale and translation by the median over photos, so that a few that are quite wrong do not move the others.

    The scale is the ratio of spreads: a least-squares fit would shrink it with every mismatch.
    """
    means = [(a.mean(axis=0), b.mean(axis=0)) for a, b in matched]
    spreads = [
        float(np.linalg.norm(b - mean_b) / np.linalg.norm(a - mean_a))
        for (a, b), (mean_a, mean_b) in zip(matched, means, strict=True)
    ]
    scale = float(np.median(spreads))
    return scale, np.median([mean_b - scale * mean_a for mean_a, mean_b in means], axis=0)


def surface_points(
    vertices: Float[np.ndarray, "V 3"], faces: Integer[np.ndarray, "F 3"], count: int, seed: int
) -> Float[np.ndarray, "{count} 3"]:
    """`count` points spread evenly by area over a mesh; the same seed gives the same points.

    Raises ValueError for a mesh without area.
    """
    corners = vertices.astype(np.float64)[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if not area.sum() > 0:
        raise ValueError(f"a mesh of {len(faces)} faces has no area; it cannot be compared")
    generator = np.random.default_rng(seed)
    chosen = generator.choice(len(faces), count, p=area / area.sum())
    weights = generator.dirichlet((1, 1, 1), count)
    return np.einsum("mk,mkd->md", weights, corners[chosen])
