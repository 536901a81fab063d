"""The best similarity from one mesh to another: what shape scores are taken after.

Iterated closest points (Besl and McKay 1992, A Method for Registration of 3-D Shapes) with scale (Umeyama 1991,
Least-Squares Estimation of Transformation Parameters Between Two Point Patterns). In each round points of either
surface are paired with the closest of the other; pairs from one side alone would shrink or swell the source. Closest
points finds a local optimum only, so it starts from every rotation it is given, which are those known from the cameras,
and besides from the 24 rotations that turn axes onto axes; the start that ends closest wins.

Such an alignment forgives a body that faces the wrong way, as shape scores are meant to; `camera_error` does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from .alignment import Mesh, Similarity, surface_points

_STAGES = ((200, 10, 4), (600, 40, 1), (2000, 30, 1))
"""Points on each surface, rounds, and how many of the starts go on afterwards: good ones show early."""
_STILL = 1e-5
"""Change of scale and rotation in one round below which it is over."""


def best_similarity(predicted: Mesh, true: Mesh, rotations: Sequence[Float[np.ndarray, "3 3"]] = ()) -> Similarity:
    """The similarity that lays `predicted` closest onto `true`, the mean distance in both directions being least.

    rotations: further starts, from the predicted world to the true one.
    Raises ValueError for a mesh without area.
    """
    count = _STAGES[-1][0]
    source, target = surface_points(*predicted, count, seed=0), surface_points(*true, count, seed=1)
    centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    scale = float(np.linalg.norm(target - target_centre) / np.linalg.norm(source - centre))
    starts = [
        Similarity(scale, rotation, target_centre - scale * rotation @ centre)
        for rotation in [*rotations, *_right_angles()]
    ]
    for points, rounds, kept in _STAGES:
        clouds = _ClosestPoints(source[:points], target[:points])
        ended = sorted((clouds.descend(start, rounds) for start in starts), key=lambda result: result[0])
        starts = [similarity for _, similarity in ended[:kept]]
    return starts[0]


def umeyama(source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"]) -> Similarity:
    """The similarity with least squared distances between paired points."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    left, stretch, right = np.linalg.svd(b.T @ a)
    proper = np.array([1.0, 1.0, np.linalg.det(left) * np.linalg.det(right)]).round()
    rotation = (left * proper) @ right
    scale = float((stretch * proper).sum() / (a**2).sum())
    return Similarity(scale, rotation, target_mean - scale * rotation @ source_mean)


class _ClosestPoints:
    """Two point clouds and the search for a similarity between them."""

    def __init__(self, source: Float[np.ndarray, "N 3"], target: Float[np.ndarray, "N 3"]) -> None:
        self.source, self.target = source, target
        self._source_tree, self._target_tree = KDTree(source), KDTree(target)

    def descend(self, start: Similarity, rounds: int) -> tuple[float, Similarity]:
        """Mean distance, and the similarity, after at most `rounds` rounds from `start`."""
        now = start
        for _ in range(rounds):
            _, forth, _, back = self._nearest(now)
            found = umeyama(
                np.concatenate([self.source, self.source[back]]), np.concatenate([self.target[forth], self.target])
            )
            if not found.scale > 1e-6 * start.scale:
                break
            change = max(abs(found.scale / now.scale - 1), float(np.abs(found.rotation - now.rotation).max()))
            now = found
            if change < _STILL:
                break
        forth_distance, _, back_distance, _ = self._nearest(now)
        return float(forth_distance.mean() + back_distance.mean()) / 2, now

    def _nearest(self, now: Similarity) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distances and indices, source to target and target to source, in the target's units."""
        forth_distance, forth = map(np.asarray, self._target_tree.query(now.apply(self.source)))
        # Nearest neighbours stay nearest under a similarity, so the source's own tree serves in its own frame.
        there = (self.target - now.translation) @ now.rotation / now.scale
        back_distance, back = map(np.asarray, self._source_tree.query(there))
        return forth_distance, forth, now.scale * back_distance, back


def _right_angles() -> list[Float[np.ndarray, "3 3"]]:
    """The 24 rotations of a cube."""
    found = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
        if np.linalg.det(matrix) > 0:
            found.append(matrix)
    return found
