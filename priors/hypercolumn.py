"""Hypercolumns: the levels of a convolutional network on one grid, each where it looks and none louder than another.

After Hariharan et al. (CVPR 2015). Strided convolutions do not look at the middle of their cells: with kernel k, stride
s and p rows of padding before the picture, output i is centred on pixel i s - p + (k - 1) / 2, which lies
u = (k - s) / 2 - p beside its cell's middle. Over a pyramid of strides 2 that adds up to u (S - 1) pixels at stride S:
down and right with TensorFlow's padding (u = 1/2), up and left with the symmetric one (u = -1/2). Training makes up for
half of it: on photos, features of a picture and of its mirror picture agree best when ImageNet's MobileNetV2 is read
u (S - 1) / 2 beside its cells (cosine at stride 8: 0.75 there, 0.60 at the cells, 0.63 at u (S - 1)).
"""

from __future__ import annotations

from math import sqrt
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, grid_sample, normalize


def hypercolumns(
    levels: list[Float[Tensor, "B _ _ _"]], size: tuple[int, int], stride: int, step: float
) -> Float[Tensor, "B C h w"]:
    """Levels (in any number format) on a grid of `size` cells of `stride` pixels, together of unit length.

    step: what `padding_step` gives of the network.
    """
    columns = []
    for level in levels:
        level = normalize(level.float(), dim=1)
        reach = stride * size[0] / level.shape[2]
        level = _shifted(level, size, stride, reach, step)
        columns.append(normalize(level, dim=1))
    return torch.cat(columns, 1) / sqrt(len(columns))


def padding_step(module: nn.Module) -> float:
    """By how many of its input's pixels a typical strided convolution of the network looks off the middle of its cell.

    >>> padding_step(nn.Conv2d(3, 8, 3, stride=2, padding=1)), padding_step(nn.Conv2d(3, 8, 4, stride=4))
    (-0.5, 0.0)
    """
    from timm.layers.conv2d_same import Conv2dSame

    steps = []
    for layer in module.modules():
        if not isinstance(layer, nn.Conv2d) or layer.stride[0] == 1 or layer.kernel_size[0] == 1:
            # Convolutions of size 1 are shortcuts beside the ones that look.
            continue
        beyond = layer.kernel_size[0] - layer.stride[0]
        before = max(beyond, 0) // 2 if isinstance(layer, Conv2dSame) else int(layer.padding[0])
        steps.append(beyond / 2 - before)
    return median(steps) if steps else 0.0


def _shifted(level: Tensor, size: tuple[int, int], stride: int, reach: float, step: float) -> Tensor:
    """A level of stride `reach` read at the middles of cells of `stride` pixels, bilinearly."""
    finer = max(1, round(stride / reach))
    if finer > 1:
        level = avg_pool2d(level, finer)
    # In pixels: the middle of the level's cell (0, 0), and where that cell really looks.
    looks = step * (reach - 1) / 2
    axes = []
    for cells, count in zip(size, level.shape[2:], strict=True):
        pixels = (torch.arange(cells, device=level.device) + 0.5) * stride - looks
        axes.append(2 * pixels / (count * reach * finer) - 1)
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([columns, rows], -1).expand(len(level), -1, -1, -1).to(level.dtype)
    return grid_sample(level, grid, mode="bilinear", padding_mode="border", align_corners=False)
