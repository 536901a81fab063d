"""Boundary F: do two silhouettes have the same outline, where IoU forgives a leg.

Protocol of DAVIS (Perazzi et al. 2016, A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation,
section 4; github.com/davisvideochallenge/davis): outline pixels are those whose right, lower or lower right neighbour
is on the other side of the outline, the frame's edge being none; one matches if the other outline has a pixel within

    tolerance = ceil(0.008 * diagonal of the picture) pixels,    F = 2 P R / (P + R),

P the share of predicted outline pixels that match, R that of the true ones. Matching is by distance, as DAVIS does by
dilation with a disc, not one to one.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool
from scipy.ndimage import distance_transform_edt

TOLERANCE = 0.008
"""Of the picture's diagonal."""


def boundary_f(
    predicted: Bool[np.ndarray, "H W"], true: Bool[np.ndarray, "_ _"], tolerance: float = TOLERANCE
) -> float:
    """F of the outlines of two masks of one size, in [0, 1]; 0 where just one of them has an outline, 1 where none has.

    Raises ValueError where their sizes differ.
    """
    if predicted.shape != true.shape:
        raise ValueError(f"masks are {predicted.shape} and {true.shape}; they must have one size, so resize one")
    outlines = [_outline(mask) for mask in (predicted, true)]
    if not all(outline.any() for outline in outlines):
        return float(not any(outline.any() for outline in outlines))
    reach = math.ceil(tolerance * math.hypot(*true.shape))
    near = [np.asarray(distance_transform_edt(~outline)) <= reach for outline in outlines]
    precision, recall = float(near[1][outlines[0]].mean()), float(near[0][outlines[1]].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def _outline(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])
