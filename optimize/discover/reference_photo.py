"""Which photo a skeleton is read from: the one that shows the animal from the side, whole, with its limbs apart.

    score = side * limbs * whole,   each in [0, 1]

* side: |sin azimuth| where views are known; else the width of the silhouette in radii of the largest disc inside it,
  against the best photo of the collection: a body's thickness is much the same from everywhere, its width is not. In
  collections of the zoo and of rigged meshes this ranks photos nearly as |sin azimuth| does (Spearman 0.90 to 0.97),
  where the likeness of the silhouette's two halves in features, or lengths between labelled parts, do not.
* limbs: the parts to be seen (of six medial axis ends, without labels), against the best photo of the collection.
* whole: one minus four times the share of the outline that lies on the border of what is known.

Hi-LASSIE leaves the choice to its user (github.com/google/hi-lassie, issue 5). Here photos are tried from the best on,
and one that shows no believable skeleton makes way for the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ...representations.body.chart import PART_KINDS
from ...representations.geometry.medial import depth_inside, medial_graph
from .skeleton_evidence import SkeletonEvidence

_ENDS = 6
"""Head, tail, four feet."""
_BESIDE = ("eye", "horn", "proboscis", "front_girdle")
"""Parts that not every animal has."""


@dataclass(frozen=True)
class ReferenceScore:
    """How well one photo serves; factors in [0, 1]."""

    photo: int
    side: float
    limbs: float
    whole: float

    @property
    def score(self) -> float:
        """Product of the factors."""
        return self.side * self.limbs * self.whole


def rank_photos(evidence: SkeletonEvidence) -> list[ReferenceScore]:
    """All photos with a subject, the best first."""
    photos = [k for k in range(len(evidence)) if evidence.subject(k).any()]
    side = np.array([_side(evidence, k) for k in photos])
    limbs = np.array([_limbs(evidence, k) for k in photos])
    if evidence.azimuth_deg is None:
        side = side / max(float(side.max(initial=0.0)), 1e-9)
    limbs = limbs / max(float(limbs.max(initial=0.0)), 1e-9)
    scores = [
        ReferenceScore(k, float(s), float(n), _whole(evidence, k)) for k, s, n in zip(photos, side, limbs, strict=True)
    ]
    return sorted(scores, key=lambda one: (-one.score, one.photo))


def _side(evidence: SkeletonEvidence, photo: int) -> float:
    if evidence.azimuth_deg is not None:
        return abs(float(np.sin(np.radians(float(evidence.azimuth_deg[photo])))))
    subject = evidence.subject(photo)
    radius = float(depth_inside(subject).max())
    return float(np.ptp(np.flatnonzero(subject.any(0))) + 1) / radius


def _limbs(evidence: SkeletonEvidence, photo: int) -> float:
    if evidence.part is None:
        return float(min(len(medial_graph(evidence.subject(photo)).ends), _ENDS))
    labels = evidence.labels(photo)
    kinds = [kind for kind in PART_KINDS if kind not in _BESIDE]
    return float(sum(labels.region((kind,), left) is not None for kind in kinds for left in (True, False)))


def _whole(evidence: SkeletonEvidence, photo: int) -> float:
    """1 where the silhouette keeps clear of the crop's border and of what lies beyond the photo's frame."""
    subject = evidence.subject(photo)
    known: np.ndarray = np.ones_like(subject)
    if evidence.valid is not None:
        known = np.asarray(evidence.valid[photo].cpu()) > 0.5
    outline = subject & np.logical_not(ndimage.binary_erosion(subject))
    beyond = np.pad(np.logical_not(known), 1, constant_values=True)
    cut = np.logical_and(outline, ndimage.binary_dilation(beyond)[1:-1, 1:-1])
    return max(0.0, 1 - 4 * float(cut.sum()) / max(float(outline.sum()), 1.0))
