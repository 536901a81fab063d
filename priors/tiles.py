"""Features of high resolution from overlapping tiles, blended where they overlap.

A network sees each tile at the resolution it was trained on, so its grid over the whole picture is finer than one look
would give; Hi-LASSIE (Yao et al., CVPR 2023) cuts its crop into four for this. Tiles here overlap and are blended with
tent weights, so that no seam is left where the context of two tiles differs:

    f(x) = sum_t w_t(x) f_t(x) / |sum_t w_t(x) f_t(x)|,   w_t falling from the middle of tile t to its border
"""

from __future__ import annotations

from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from .semantic import SemanticNetwork


def tiled_features(
    network: SemanticNetwork, pictures: Float[Tensor, "B H W 3"], *, tile: int = 512, overlap: float = 0.5
) -> Float[Tensor, "B C h w"]:
    """Features (unit length) of pictures in [0, 1] of any size, on the grid that `network.features` would have.

    tile: side of a tile in pixels, brought to whole cells; a picture no larger than it is seen in one piece.
    overlap: share of a tile that the next one covers again, in [0, 1).
    """
    if not 0 <= overlap < 1:
        raise ValueError(f"tiles overlap by {overlap}; give a share from 0 to below 1")
    stride, (height, width) = network.stride, pictures.shape[1:3]
    cells = max(1, tile // stride)
    grid = ceil(height / stride), ceil(width / stride)
    step = max(1, round(cells * (1 - overlap)))
    total: Tensor | None = None
    for row in _starts(grid[0], cells, step):
        for column in _starts(grid[1], cells, step):
            top, left = row * stride, column * stride
            piece = pictures[:, top : top + cells * stride, left : left + cells * stride]
            features = network.features(piece)
            if total is None:
                total = features.new_zeros(*features.shape[:2], *grid)
            across = [_tent(count).to(features.device) for count in features.shape[2:]]
            rows, columns = slice(row, row + features.shape[2]), slice(column, column + features.shape[3])
            total[:, :, rows, columns] += features * across[0][:, None] * across[1]
    assert total is not None
    return normalize(total, dim=1)


def _starts(cells: int, tile: int, step: int) -> list[int]:
    """First cells of tiles that cover a side evenly.

    >>> _starts(10, 4, 3), _starts(3, 4, 2)
    ([0, 3, 6], [0])
    """
    if cells <= tile:
        return [0]
    count = ceil((cells - tile) / step) + 1
    return [round(index * (cells - tile) / (count - 1)) for index in range(count)]


def _tent(count: int) -> Tensor:
    position = torch.arange(count) + 0.5
    return torch.minimum(position, count - position)
