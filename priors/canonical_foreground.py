"""Where the subject is in a photo, by the canonical prior: a look at the whole, then a closer one at what it found."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .canonical import CanonicalPrior

_SIDE = 320
"""Of the squares that are handed to the prior, which looks at them at its own size."""
_MARGIN = 0.12
_LEAST = 0.002
"""Share of the photo that the subject must cover for a closer look."""


def canonical_foreground(prior: CanonicalPrior) -> Callable[[Tensor], Tensor]:
    """A function from pictures (B, H, W, 3) in [0, 1] to foreground probabilities (B, H, W), for `segment`."""

    def foreground(pictures: Tensor) -> Tensor:
        return torch.stack([_find(prior, picture) for picture in pictures])

    return foreground


def _find(prior: CanonicalPrior, picture: Float[Tensor, "H W 3"]) -> Float[Tensor, "H W"]:
    height, width = picture.shape[:2]
    side = float(max(height, width))
    whole = ((width - side) / 2, (height - side) / 2, side)
    seen = _look(prior, picture, whole)
    box = _box(seen)
    if box is None:
        return seen
    left, top, right, bottom = box
    side = (1 + 2 * _MARGIN) * max(right - left, bottom - top)
    if side > 0.9 * whole[2]:
        return seen
    return _look(prior, picture, ((left + right - side) / 2, (top + bottom - side) / 2, side))


def _look(prior: CanonicalPrior, picture: Tensor, square: tuple[float, float, float]) -> Float[Tensor, "H W"]:
    """The foreground in a square (left, top, side) of the picture; nothing beyond it."""
    height, width = picture.shape[:2]
    left, top, side = square
    planes = picture.permute(2, 0, 1)[None].float()
    ticks = (torch.arange(_SIDE) + 0.5) * (side / _SIDE)
    cut = _sampled(planes, 2 * (left + ticks) / width - 1, 2 * (top + ticks) / height - 1)
    maps = prior(cut.permute(0, 2, 3, 1)).foreground[:, None].to(planes)
    columns, rows = torch.arange(width) + 0.5 - left, torch.arange(height) + 0.5 - top
    return _sampled(maps, 2 * columns / side - 1, 2 * rows / side - 1)[0, 0]


def _sampled(
    planes: Float[Tensor, "1 C h w"], columns: Float[Tensor, " q"], rows: Float[Tensor, " p"]
) -> Float[Tensor, "1 C p q"]:
    """Planes at the crossings of columns and rows, which span [-1, 1] from border to border; 0 beyond."""
    grid = torch.stack(torch.broadcast_tensors(columns[None, :], rows[:, None]), dim=-1)[None]
    return functional.grid_sample(planes, grid.to(planes), align_corners=False)


def _box(seen: Float[Tensor, "H W"]) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of the largest piece of foreground; None where there is next to none."""
    inside = (seen > 0.5).cpu().numpy().astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count < 2:
        return None
    best = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height, area = (float(value) for value in stats[best])
    if area < _LEAST * seen.numel():
        return None
    return left, top, left + width, top + height
