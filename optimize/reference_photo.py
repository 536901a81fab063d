"""Which photo a skeleton is read from: the one that shows the animal from the side, whole, with its limbs apart.

    score = side * limbs * whole,   each in [0, 1]

* side: |sin azimuth| where views are known; else, from part labels, how far the middles of the head's and of the rear's
  regions lie apart across the picture; else, from features, how different the two halves of the silhouette are (from
  the front or the rear, left and right look alike; from the side one is the head and one the rump). The last two
  against the best photo of the collection.
* limbs: the parts to be seen (of six medial axis ends, without labels), against the best photo of the collection.
* whole: one minus four times the share of the outline that lies on the border of what is known.

Hi-LASSIE leaves the choice to its user (github.com/google/hi-lassie, issue 5). Here photos are tried from the best on,
and one that shows no believable skeleton makes way for the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..representations.medial import medial_graph
from .skeleton_evidence import Evidence

_ENDS = 6
"""Head, tail, four feet."""
_REAR = ("trunk_rear", "tail_1")
_FRONT = ("head", "muzzle")


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


def rank_photos(evidence: Evidence) -> list[ReferenceScore]:
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


def _side(evidence: Evidence, photo: int) -> float:
    if evidence.azimuth_deg is not None:
        return abs(float(np.sin(np.radians(float(evidence.azimuth_deg[photo])))))
    subject = evidence.subject(photo)
    if evidence.part is not None:
        labels = evidence.labels(photo)
        front, rear = labels.region(_FRONT), labels.region(_REAR)
        if front is None or rear is None:
            return 0.0
        apart = abs(np.argwhere(front)[:, 1].mean() - np.argwhere(rear)[:, 1].mean())
        return float(apart) / float(np.sqrt(subject.sum()))
    features = evidence.dense_features(photo)
    columns = np.arange(subject.shape[1])
    middle = np.average(columns, weights=subject.sum(0))
    halves = [subject & (columns < middle)[None], subject & (columns >= middle)[None]]
    if not all(half.any() for half in halves):
        return 0.0
    one, two = (features[:, half].mean(1) for half in halves)
    return 1 - float(one @ two / max(float(np.linalg.norm(one) * np.linalg.norm(two)), 1e-9))


def _limbs(evidence: Evidence, photo: int) -> float:
    if evidence.part is None:
        return float(min(len(medial_graph(evidence.subject(photo)).ends), _ENDS))
    labels = evidence.labels(photo)
    return float(sum(labels.region((kind,), left) is not None for kind in _kinds() for left in (True, False)))


def _kinds() -> tuple[str, ...]:
    from ..scenes.photography.label import PART_KINDS

    return tuple(kind for kind in PART_KINDS if kind not in ("eye", "horn", "proboscis", "front_girdle"))


def _whole(evidence: Evidence, photo: int) -> float:
    """1 where the silhouette keeps clear of the crop's border and of what lies beyond the photo's frame."""
    subject = evidence.subject(photo)
    known = np.ones_like(subject) if evidence.valid is None else evidence.valid[photo].cpu().numpy() > 0.5
    outline = subject & ~ndimage.binary_erosion(subject)
    cut = outline & ndimage.binary_dilation(np.pad(~known, 1, constant_values=True))[1:-1, 1:-1]
    return max(0.0, 1 - 4 * float(cut.sum()) / max(float(outline.sum()), 1.0))
