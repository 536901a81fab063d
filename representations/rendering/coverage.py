"""How much of each pixel a mesh covers, exactly, with exact gradients: the silhouette for fitting.

Let N(x, y) be the number of front faces over a point of the picture. Its mean over a pixel is an area, and by Green's
theorem an area is a sum over its boundary. Only edges where the number changes are boundary: on a closed mesh, those
between a front face and a back face. So neither depth nor visibility is needed, and the cost is one sign per face plus
a walk along the outline. The coverage is

    A = min(mean of N over the pixel, 1),

which is exact for the union of faces but for pixels where one outline passes in front of another (their overlap counts
twice). Parts thinner than a pixel keep their share and their gradient. When a segment from a to b, at parameter s in
[0, 1], moves by d(s), the area changes by the integral of d(s) times its outward normal, so

    dL/da = sum over pixels of dL/dA * normal * integral of (1 - s) ds,    dL/db likewise with s,

and zero in full pixels. On meshes that are open or inconsistently wound, back faces are counted apart and the larger
number is taken. Faces are cut at w = `near`, and the cut is boundary, too.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from .backends.backend_choice import choose_backend
from .fragment import check_mesh
from .topology import Topology


def coverage(
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    size: tuple[int, int],
    topology: Topology | None = None,
    near: float = 1e-3,
) -> Float[Tensor, "B H W"]:
    """Share of each pixel that the mesh covers, in [0, 1], differentiable in `vertices_clip`.

    `size` is (height, width); clip space is that of `rasterize`. `topology`: `Topology.of(faces)`, made here if None;
    pass it when drawing more than once. Raises ValueError on wrong shapes and on numbers that are not finite.
    """
    check_mesh(vertices_clip, faces, size)
    topology = Topology.of(faces) if topology is None else topology
    if topology.faces.shape != faces.shape:
        raise ValueError(f"topology is of {len(topology.faces)} faces but there are {len(faces)}; make it anew")
    if vertices_clip.device.type == "cpu":
        return _Coverage.apply(vertices_clip, topology, size, near)  # type: ignore[return-value]
    from .torch_coverage import coverage_torch

    if choose_backend(vertices_clip.device) == "triton":
        from .triton_coverage import areas

        return coverage_torch(vertices_clip, topology, size, near, areas)
    return coverage_torch(vertices_clip, topology, size, near)


class _Coverage(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices_clip: Tensor, topology: Topology, size: tuple[int, int], near: float) -> Tensor:
        from ..parallel import over
        from . import numba_coverage as kernel

        batch = vertices_clip.shape[0]
        covered = torch.empty((batch, *size), dtype=vertices_clip.dtype)
        layer = torch.zeros((batch, *size), dtype=torch.uint8)
        vertices = vertices_clip.detach().contiguous().numpy()
        mesh = [t.numpy() for t in (topology.faces, topology.edges, topology.edge_faces, topology.edge_sides)]
        arrays = covered.numpy(), layer.numpy()

        def task(start: int, stop: int) -> tuple[int, int, Any]:
            return start, stop, kernel.forward(vertices, *mesh, near, topology.closed, *arrays, start, stop)

        ctx.boundary, ctx.near = over(batch, task), near
        bad = [result[-1] for _, _, result in ctx.boundary if result[-1] >= 0]
        if bad:
            picture, vertex = divmod(min(bad), vertices.shape[1])
            raise ValueError(
                f"vertices_clip[{picture}, {vertex}] is {vertices[picture, vertex].tolist()}; every number must be "
                "finite: look for a division by zero or a diverging step before rendering"
            )
        ctx.save_for_backward(vertices_clip, layer)
        return covered

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        from ..parallel import over
        from . import numba_coverage as kernel

        vertices_clip = ctx.saved_tensors[0]
        grad_vertices = torch.zeros_like(vertices_clip, memory_format=torch.contiguous_format)
        arrays = [t.detach().contiguous().numpy() for t in (*ctx.saved_tensors, grads[0])]
        pieces = ctx.boundary

        def task(first: int, last: int) -> None:
            for start, stop, (segments, jumps, layers, offsets, counts, _) in pieces[first:last]:
                boundary = segments, jumps, layers, offsets, counts
                kernel.backward(*arrays, ctx.near, *boundary, grad_vertices.numpy(), start, stop)

        over(len(pieces), task)
        return grad_vertices, None, None, None
