"""Left and right: in how many photos does the predicted body's left side stand where the true right side is.

Every vertex has a side in the rest pose, left where x > 0 (+X is the subject's left); vertices within 5 % of the body's
width from the middle have none. In each photo both meshes are drawn through their own cameras; at each pixel where both
show a vertex with a side (of the three corners of the face seen there, at least two alike), the sides agree or not:

    agreement = share of those pixels where they agree;    the photo is flipped if agreement < 1/2.

Nothing is aligned: it is the photo that says what lies where. A body that faces the wrong way, one seen from the wrong
side and one whose legs are taken for each other all lose here, while silhouettes may fit perfectly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int8, Int32, Integer

from .alignment import Mesh

_MIDDLE = 0.05
"""Of the width of the rest mesh."""


def side_agreement(
    predicted_face: Int32[np.ndarray, "H W"],
    predicted_side: Int8[np.ndarray, " F"],
    true_face: Int32[np.ndarray, "H W"],
    true_side: Int8[np.ndarray, " G"],
) -> float | None:
    """Share of the pixels with a side in both pictures whose sides agree; None where there is no such pixel.

    `*_face`: the face seen at each pixel, -1 for none (`visibility.ProjectedMesh.face`); `*_side`: what `face_sides`
    gives.
    """
    both = (predicted_face >= 0) & (true_face >= 0)
    found, wanted = predicted_side[predicted_face[both]], true_side[true_face[both]]
    sided = (found != 0) & (wanted != 0)
    return float((found[sided] == wanted[sided]).mean()) if sided.any() else None


def flip_rate(agreements: Sequence[float]) -> float:
    """Share of photos whose left and right are taken for each other: fewer than half of the pixels agree.

    >>> flip_rate([0.9, 0.8, 0.1, 0.5])
    0.25
    """
    return float(np.mean([agreement < 0.5 for agreement in agreements]))


def face_sides(rest: Mesh) -> Int8[np.ndarray, " F"]:
    """For each face of a mesh at rest, left +1, right -1, or 0 where its corners do not say."""
    vertices, faces = rest
    x = vertices[:, 0] - _middle(vertices[:, 0], faces)
    width = np.ptp(x[np.unique(faces)])
    side = np.where(np.abs(x) > _MIDDLE * width, np.sign(x), 0).astype(np.int8)
    votes = side[faces].sum(axis=1)
    return np.where(np.abs(votes) >= 2, np.sign(votes), 0).astype(np.int8)


def _middle(x: np.ndarray, faces: Integer[np.ndarray, "F 3"]) -> float:
    """Of the box: a body may stand beside the origin."""
    used = x[np.unique(faces)]
    return float(used.min() + used.max()) / 2
