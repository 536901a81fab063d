"""Losses on silhouettes that still pull when the mesh is far off.

An exact edge only feels the pixels it touches. `blur_pyramid_loss` compares coverage and mask at ever coarser scales,
so that a limb next to its place is drawn into it; `outside_loss` draws every vertex seen outside the mask straight home
along the mask's distance map, from beyond the picture's frame too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import compiled, over
from .coverage import coverage

__all__ = ["blur_pyramid_loss", "coverage", "distance_maps", "outside_loss"]


def blur_pyramid_loss(
    coverage: Float[Tensor, "B H W"],
    target: Float[Tensor, "B H W"],
    valid: Float[Tensor, "B H W"] | None = None,
    levels: int = 5,
    growth: float = 1.0,
) -> Float[Tensor, " B"]:
    """Mean squared difference of coverage and target per picture, averaged over `levels` scales.

    Level 0 is the pictures as they are; each further level blurs the last with a binomial 3x3 kernel and halves it by
    2x2 means. Blurred first, a level changes smoothly with every shift, however large its pixels; means alone would be
    blind to what moves within one of them. `valid` in [0, 1] weights pixels (0 where the target is unknown, as is all
    beyond the picture); at each level a pixel weighs as much as it holds valid area. A picture without valid pixels
    has loss 0.

    `growth`: how much more each level counts than the one before it. The square of what is blurred falls with every
    level, so with 1 a small part far from its place feels little but its own edges; 2 to 4 draws it over any distance,
    and where all is near its place already the fine levels still decide, since coarse ones then hardly differ.
    """
    if coverage.shape != target.shape or (valid is not None and valid.shape != target.shape):
        shapes = [tuple(t.shape) for t in (coverage, target, valid) if t is not None]
        raise ValueError(f"coverage, target and valid have shapes {shapes}; they must be the same")
    if levels < 1 or not growth > 0:
        raise ValueError(f"levels is {levels} and growth {growth}; there must be 1 level or more, and growth above 0")
    # Where nothing is unknown, all pictures share one picture of weights.
    weight = torch.ones_like(target[:1]) if valid is None else valid.to(coverage.dtype)
    if compiled(coverage, target, weight) and not (target.requires_grad or weight.requires_grad):
        return _Pyramid.apply(coverage, target, weight, levels, growth)  # type: ignore[return-value]
    return _pyramid_torch(coverage, target, weight, levels, growth)


def _pyramid_torch(coverage: Tensor, target: Tensor, weight: Tensor, levels: int, growth: float = 1.0) -> Tensor:
    """In plain torch, on any device, differentiable in all three: the reference."""
    difference = (coverage - target) * weight
    loss = coverage.new_zeros(coverage.shape[0])
    for level in range(levels):
        if level:
            difference, weight = _halve(_binomial(difference)), _halve(_binomial(weight))
        # (mean difference over the valid area)^2, weighted with that area
        square = difference.square() / torch.where(weight > 0, weight, 1)
        total = weight.sum(dim=(1, 2))
        loss = loss + growth**level * square.sum(dim=(1, 2)) / torch.where(total > 0, total, 1)
    return loss / sum(growth**level for level in range(levels))


def distance_maps(mask: Bool[Tensor, "B H W"]) -> tuple[Float[Tensor, "B H W"], Float[Tensor, "B H W"]]:
    """Euclidean distances in pixels, float32: to the mask from outside it, and to its outside from within.

    Each is 0 on the other side, and 1 for a pixel whose neighbour is there. A picture without any pixel of the wanted
    kind has distance inf everywhere.
    """
    from scipy.ndimage import distance_transform_edt

    def distance(wanted: np.ndarray) -> np.ndarray:
        if not wanted.any():
            return np.full(wanted.shape, np.inf, np.float32)
        return np.asarray(distance_transform_edt(~wanted), np.float32)

    pictures = mask.detach().cpu().numpy().astype(bool)
    outside = np.stack([distance(picture) for picture in pictures]) if len(pictures) else np.zeros(mask.shape, "f4")
    inside = np.stack([distance(~picture) for picture in pictures]) if len(pictures) else np.zeros(mask.shape, "f4")
    return torch.from_numpy(outside).to(mask.device), torch.from_numpy(inside).to(mask.device)


def outside_loss(points_px: Float[Tensor, "B V 2"], distance: Float[Tensor, "B H W"]) -> Float[Tensor, " B"]:
    """Mean distance in pixels from each point (column, row) to the mask whose outside distance map is given.

    Bilinear between pixel centres, differentiable in `points_px`. A point beyond the outermost centres counts the
    distance at the nearest of them plus its own distance from there, so that it is drawn back from anywhere.
    """
    if points_px.shape[0] != distance.shape[0]:
        raise ValueError(f"{points_px.shape[0]} pictures of points but {distance.shape[0]} distance maps")
    if distance.numel() and compiled(points_px, distance) and not distance.requires_grad:
        return _Outside.apply(points_px, distance)  # type: ignore[return-value]
    return _outside_torch(points_px, distance)


def _outside_torch(points_px: Tensor, distance: Tensor) -> Tensor:
    """In plain torch, on any device, differentiable in both: the reference."""
    batch, height, width = distance.shape
    column, row = points_px[..., 0] - 0.5, points_px[..., 1] - 0.5
    x, y = column.clamp(0, width - 1), row.clamp(0, height - 1)
    left, top = x.detach().floor().clamp(0, max(width - 2, 0)), y.detach().floor().clamp(0, max(height - 2, 0))
    fx, fy = x - left, y - top
    base = (torch.arange(batch, device=distance.device)[:, None] * height + top.long()) * width + left.long()
    right, down = min(1, width - 1), width if height > 1 else 0
    flat = distance.reshape(-1)

    def at(offset: int) -> Tensor:
        return flat.index_select(0, (base + offset).reshape(-1)).reshape(base.shape)

    upper = at(0) * (1 - fx) + at(right) * fx
    lower = at(down) * (1 - fx) + at(down + right) * fx
    value = upper * (1 - fy) + lower * fy
    beyond = torch.stack([column - x, row - y], dim=-1)
    square = beyond.square().sum(dim=-1)
    away = square > 0
    # The root has no gradient at 0, where points inside the frame are: take it only where there is something to take.
    value = value + torch.where(away, torch.where(away, square, torch.ones_like(square)).sqrt(), square)
    return value.mean(dim=1)


def _halve(picture: Tensor) -> Tensor:
    height, width = picture.shape[1:]
    padded = torch.nn.functional.pad(picture, (0, width % 2, 0, height % 2))
    return torch.nn.functional.avg_pool2d(padded[:, None], 2)[:, 0]


def _binomial(picture: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(picture, (1, 1, 1, 1))
    rows = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    return 0.25 * rows[:, :, :-2] + 0.5 * rows[:, :, 1:-1] + 0.25 * rows[:, :, 2:]


class _Pyramid(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, coverage: Tensor, target: Tensor, weight: Tensor, levels: int, growth: float) -> Tensor:
        from . import numba_silhouette as kernel

        loss = torch.empty(len(coverage), dtype=coverage.dtype)
        gradient = torch.empty(coverage.shape if ctx.needs_input_grad[0] else (0, 0, 0), dtype=coverage.dtype)
        given = [t.detach().contiguous().numpy() for t in (coverage, target, weight)]
        results = loss.numpy(), gradient.numpy()
        # Every picture costs the same, and setting up costs as much as one of them.
        over(len(loss), lambda start, stop: kernel.pyramid(*given, levels, growth, *results, start, stop), 4)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        return ctx.saved_tensors[0] * grads[0][:, None, None], None, None, None, None


class _Outside(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, distance: Tensor) -> Tensor:
        from . import numba_silhouette as kernel

        loss = torch.empty(len(points), dtype=points.dtype)
        gradient = torch.empty(points.shape if ctx.needs_input_grad[0] else (0, 0, 2), dtype=points.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (points, distance, loss, gradient)]
        over(len(loss), lambda start, stop: kernel.outside(*arrays, start, stop))
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return ctx.saved_tensors[0] * grads[0][:, None, None], None
