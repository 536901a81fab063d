"""What features say about limbs: which two are of a kind, and which end of the body is the head.

Every limb of the reference photo seeds a cluster with its mean feature, and every place of every photo joins the seed
it is most like: cosine similarity after the collection's mean feature is taken away. A cluster is looked at in all
photos, so that no single view decides (Hi-LASSIE takes one cluster that is present in all of them, by its centroid).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

from ...representations.geometry.medial import depth_inside
from .skeleton_evidence import SkeletonEvidence

_STRIDE = 4
"""Every so many pixels of a crop are looked at."""


class LimbFeatures:
    """Seeds of K limbs and where their clusters lie in all photos; all zeros where no features are given."""

    def __init__(self, evidence: SkeletonEvidence, photo: int, limbs: list[Bool[np.ndarray, "S S"]]) -> None:
        self.count = len(limbs)
        self._similarity = np.zeros((self.count, self.count))
        self._height = np.full((self.count, len(evidence)), np.nan)
        self._depth = np.full((self.count, len(evidence)), np.nan)
        if evidence.features is None:
            return
        dense = [evidence.dense_features(k)[:, ::_STRIDE, ::_STRIDE] for k in range(len(evidence))]
        inside = [evidence.subject(k)[::_STRIDE, ::_STRIDE] for k in range(len(evidence))]
        mean = np.concatenate([f[:, m] for f, m in zip(dense, inside, strict=True)], axis=1).mean(1)
        own = evidence.dense_features(photo)
        seeds = np.stack([_unit(own[:, limb].mean(1) - mean) for limb in limbs])
        self._similarity = seeds @ seeds.T
        for k, (field, subject) in enumerate(zip(dense, inside, strict=True)):
            if not subject.any():
                continue
            places = _unit(field[:, subject].T - mean)
            label = (places @ seeds.T).argmax(1)
            self._measure(k, label, subject)

    def alike(self, one: int, two: int) -> float:
        """Cosine similarity of two limbs, in [-1, 1]."""
        return float(self._similarity[one, two])

    def head_over(self, one: int, two: int) -> float:
        """How much more limb `one` looks like a head's end than `two`, in [-1, 1]: in most photos its like lies higher
        (by 0.2 of the subject's height for certainty) and is thicker (by 0.05 of its longest side).
        """
        both = np.isfinite(self._height[one]) & np.isfinite(self._height[two])
        if not both.any():
            return 0.0
        height = float(np.median(self._height[one, both] - self._height[two, both]))
        depth = float(np.median(self._depth[one, both] - self._depth[two, both]))
        return min(max(height / 0.2 + depth / 0.05, -1.0), 1.0)

    def _measure(self, photo: int, label: Int64[np.ndarray, " M"], subject: Bool[np.ndarray, "h w"]) -> None:
        """Mean height (0 at the feet, 1 at the top) and depth (in longest sides) of each cluster in a photo."""
        rows, columns = np.nonzero(subject)
        span = rows.max() - rows.min() + 1
        side = max(int(span), int(columns.max() - columns.min()) + 1)
        depth = depth_inside(subject)[subject] / side
        height = (rows.max() - rows + 0.5) / span
        for k in range(self.count):
            mine = label == k
            if mine.sum() >= 3:
                self._height[k, photo], self._depth[k, photo] = height[mine].mean(), depth[mine].mean()


def _unit(vectors: Float[np.ndarray, "*N C"]) -> Float[np.ndarray, "*N C"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
