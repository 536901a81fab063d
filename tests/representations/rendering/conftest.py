"""Meshes as cameras see them, for all tests of rendering."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from zoetrope.representations.geometry.mesh import icosphere

Bumpy = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture
def check_gradient() -> Callable[..., None]:
    """Compares the gradient of a function, its results summed with random weights, with finite differences.

    A `linear` function's gradient is the same everywhere, so that a step in a random direction tells as much.
    """

    def check(function: Callable[..., Tensor], *inputs: Tensor, linear: bool = False) -> None:
        with torch.no_grad():
            shape = function(*inputs).shape
        weights = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        assert gradcheck(lambda *given: (function(*given) * weights).sum(), inputs, fast_mode=linear)

    return check


def look_at(vertices: Tensor, distance: float = 2.5, zoom: float = 1.5) -> Tensor:
    """Clip coordinates for a camera on the +Z axis that looks at the origin; the picture spans +-distance / zoom."""
    depth = distance - vertices[..., 2]
    return torch.stack([vertices[..., 0] * zoom, vertices[..., 1] * zoom, torch.zeros_like(depth), depth], dim=-1)


@pytest.fixture
def bumpy() -> Bumpy:
    """Makes clip vertices (B, V, 4) and faces of B different closed, star-shaped bodies.

    All vertices are jittered, so that nothing lies exactly on a pixel's border, where derivatives have two sides.
    """

    def make(
        level: int,
        batch: int,
        distance: float = 2.5,
        zoom: float = 1.5,
        dtype: torch.dtype = torch.float64,
        rough: float = 0.1,
    ) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        vertices, faces = icosphere(level)
        radius = 1 + rough * torch.randn(batch, len(vertices), 1, generator=generator, dtype=dtype)
        jitter = 0.1 * rough * torch.randn(batch, len(vertices), 3, generator=generator, dtype=dtype)
        return look_at(vertices.to(dtype) * radius + jitter, distance, zoom), faces

    return make


@pytest.fixture
def quad() -> Callable[..., tuple[Tensor, Tensor]]:
    """Makes an upright rectangle of two triangles, given by its corners in pixels, at one depth."""

    def make(
        left: float, top: float, right: float, bottom: float, size: tuple[int, int], depth: float = 2.0
    ) -> tuple[Tensor, Tensor]:
        corners = torch.tensor([[left, top], [left, bottom], [right, bottom], [right, top]], dtype=torch.float64)
        x = (2 * corners[:, 0] / size[1] - 1) * depth
        y = (1 - 2 * corners[:, 1] / size[0]) * depth
        w = torch.full_like(x, depth)
        return torch.stack([x, y, torch.zeros_like(x), w], dim=-1)[None], torch.tensor([[0, 1, 2], [0, 2, 3]])

    return make
