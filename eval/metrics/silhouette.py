"""How well two silhouettes cover each other.

    IoU = |A and B| / |A or B|        (Jaccard 1912; section 4 of Everingham et al. 2010, PASCAL VOC, for segmentation)

`mask_iou` compares two masks: a fitted silhouette with the photo's mask, which shows the visible part alone, or, as the
amodal IoU, with the silhouette of the true posed mesh through the true camera, so that what stands in front of the
subject does not count against a fit that goes on behind it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool


def mask_iou(a: Bool[np.ndarray, "*B H W"], b: Bool[np.ndarray, ...]) -> float | np.ndarray:
    """Intersection over union of two masks, in [0, 1]; a float, or one for each picture of a batch.

    Two empty masks score 0: where nothing was found, nothing was found right.

    >>> mask_iou(np.array([[True, True]]), np.array([[True, False]]))
    0.5
    """
    if a.shape != b.shape:
        raise ValueError(f"masks are {a.shape} and {b.shape}; they must have one size, so resize one of them")
    both = (a & b).sum(axis=(-2, -1))
    either = (a | b).sum(axis=(-2, -1))
    share = both / np.maximum(either, 1)
    return float(share) if share.ndim == 0 else share
