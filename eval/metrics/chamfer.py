"""Chamfer distance and F-score of a posed mesh against the true one, after the best similarity alignment.

    chamfer = (mean_p d(p, true) + mean_q d(q, predicted)) / 2 / diagonal
    F = 2 P R / (P + R),    P, R = share of p, q nearer than 2 % of the diagonal

p runs over the predicted surface, q over the true one, d is the exact distance to the other surface, and the diagonal
is that of the true mesh's box, in whatever frame it came. Distances are not squared. The alignment is
`registration.best_similarity`: closest points with scale in both directions, from the cameras' rotations and the 24
right-angle ones. F-score after Knapitsch et al. 2017, Tanks and Temples; the threshold as a share of the size as in
Tatarchenko et al. 2019, What Do Single-view 3D Reconstruction Networks Learn?
"""

from __future__ import annotations

from .surface_pairs import SurfacePairs

F_SHARE = 0.02
"""Of the diagonal."""


def chamfer_distance(pairs: SurfacePairs) -> float:
    """Mean distance in both directions in parts of the true box's diagonal: 0 for the same surface."""
    return float(pairs.forth.mean() + pairs.back.mean()) / 2 / pairs.diagonal


def f_score(pairs: SurfacePairs, share: float = F_SHARE) -> float:
    """Harmonic mean of the shares of either surface within `share` of the diagonal from the other, in [0, 1]."""
    bound = share * pairs.diagonal
    precision, recall = float((pairs.forth < bound).mean()), float((pairs.back < bound).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
