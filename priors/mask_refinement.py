"""From a coarse foreground to a mask that follows the photo's edges, in one piece and without holes.

GrabCut (Rother et al., SIGGRAPH 2004, OpenCV's): Gaussian mixtures of the colours of either side and a minimum cut over
the pixels, in turns. What the foreground map is surest of is held fast on both sides, so that a cut cannot swap the
subject for its surroundings.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

_SIDE = 384
"""Longest side of the picture that is cut; a minimum cut takes longer than in proportion to its pixels."""
_UNDECIDED, _SURE_BACKGROUND, _SURE_SHARE = 0.5, 0.05, 0.3
"""Foreground starts above the first and is never below the second; the surest share of it is held fast."""
_ROUNDS = 4
_LEAST = 20
"""Pixels that a side needs for its mixture of five colours."""


def refine(picture: Float[Tensor, "H W 3"], foreground: Float[Tensor, "h w"]) -> Bool[Tensor, "H W"]:
    """The foreground with the photo's edges, before any cleaning; at the resolution of the photo.

    picture: in [0, 1], sRGB-encoded. foreground: how sure each place is of being subject, in [0, 1], at any resolution.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    colours = cv2.resize(as_bytes(picture), size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(foreground.detach().cpu().float().numpy(), size, interpolation=cv2.INTER_LINEAR)
    labels = np.full(sure.shape, cv2.GC_PR_BGD, np.uint8)
    inside = sure > _UNDECIDED
    labels[inside] = cv2.GC_PR_FGD
    labels[sure < _SURE_BACKGROUND] = cv2.GC_BGD
    if inside.sum() < _LEAST or (~inside).sum() < _LEAST:
        cut = inside
    else:
        labels[inside & (sure >= np.quantile(sure[inside], 1 - _SURE_SHARE))] = cv2.GC_FGD
        # OpenCV starts its colour clusters from its own random numbers.
        cv2.setRNGSeed(0)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(cv2.cvtColor(colours, cv2.COLOR_RGB2BGR), labels, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
        cut = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    whole = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(whole > 0.5).to(picture.device)


def cleaned(mask: Bool[Tensor, "H W"], foreground: Float[Tensor, "h w"]) -> Bool[Tensor, "H W"]:
    """The one connected piece (of eight neighbours) that holds most of the foreground, its holes filled.

    Holes larger than a hundredth of the piece stay: there one sees between legs.
    """
    pixels = mask.cpu().numpy().astype(np.uint8)
    height, width = pixels.shape
    sure = cv2.resize(foreground.detach().cpu().float().numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
    count, pieces = cv2.connectedComponents(pixels, connectivity=8)
    if count < 2:
        return torch.zeros_like(mask)
    held = np.bincount(pieces.ravel(), weights=sure.ravel(), minlength=count)
    piece = pieces == 1 + held[1:].argmax()
    _, gaps, statistics, _ = cv2.connectedComponentsWithStats((~piece).astype(np.uint8), connectivity=4)
    beside = np.unique(np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]]))
    small = statistics[:, cv2.CC_STAT_AREA] <= 0.01 * piece.sum()
    small[beside] = False
    small[0] = False
    return torch.from_numpy(piece | small[gaps]).to(mask.device)


def as_bytes(picture: Float[Tensor, "*B"]) -> UInt8[np.ndarray, "*B"]:
    """Values in [0, 1] as bytes; what lies beyond is cut off."""
    return (picture.detach().clamp(0, 1) * 255).round().byte().cpu().numpy()
