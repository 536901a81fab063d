"""Antialiased silhouettes: pictures that change smoothly when a silhouette moves, hence gradients for geometry.

Between two neighbouring pixel centres that see different surfaces runs a silhouette edge: an edge whose faces all lie
on one side of it on the screen. Where it crosses the line between the centres, at t in [0, 1] from the inner one, tells
how far the nearer surface reaches: for t < 1/2 the outer colour covers 1/2 - t of the inner pixel, for t > 1/2 the
inner colour covers t - 1/2 of the outer one, and that much is blended in. Pairs side by side look at steep edges, pairs
above each other at flat ones, so that a straight edge is counted once. The gradient reaches the edge's two vertices
through t. (After Laine, Hellsten, Karras, Seol, Lehtinen, Aila, "Modular Primitives for High-Performance Differentiable
Rendering", 2020, section 3.6.)

Two things differ from the paper. It looks for the edge among those of the faces seen at the two pixels, which fails for
faces smaller than a pixel; here each silhouette edge looks for the pairs of pixels it separates, which the seen depths
decide, and of several the outermost wins. And where a pixel receives both sideways (sum of weights h) and upright (v),
weights are scaled by 1 - h v / (h + v), so that (1 - h)(1 - v) of it remains and no colour leaves its range.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from .fragments import Fragments
from .topology import Topology


def antialias(
    picture: Float[Tensor, "B H W C"],
    fragments: Fragments,
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    topology: Topology | None = None,
    near: float = 1e-3,
) -> Float[Tensor, "B H W C"]:
    """The picture with blended silhouettes, differentiable in `picture` and `vertices_clip`.

    `fragments` is what `rasterize` found for `vertices_clip` and `faces`; pixels that see nothing are background, whose
    colour the picture holds. Any channels will do: colour, alpha, features. `topology`: `Topology.of(faces)`, made here
    if None; pass it when drawing more than once.
    """
    if picture.ndim != 4 or picture.shape[:3] != fragments.face.shape:
        raise ValueError(f"picture has shape {tuple(picture.shape)} but fragments {tuple(fragments.face.shape)}")
    if picture.dtype != vertices_clip.dtype:
        raise ValueError(f"picture is {picture.dtype} but vertices_clip {vertices_clip.dtype}; convert one of them")
    topology = Topology.of(faces) if topology is None else topology
    if topology.faces.shape != faces.shape:
        raise ValueError(f"topology is of {len(topology.faces)} faces but there are {len(faces)}; make it anew")
    if picture.device.type == "cpu":
        return _Antialias.apply(picture, vertices_clip, fragments, topology, near)  # type: ignore[return-value]
    from .torch_antialias import antialias_torch

    return antialias_torch(picture, fragments, vertices_clip, topology, near)


class _Antialias(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, picture: Tensor, vertices_clip: Tensor, fragments: Fragments, topology: Topology, near: float
    ) -> Tensor:
        from ..parallel import over
        from . import numba_antialias as kernel

        batch, height, width, channels = picture.shape
        vertices = vertices_clip.detach().contiguous().numpy()
        mesh = [t.numpy() for t in (topology.faces, topology.edges, topology.edge_faces, topology.edge_sides)]
        seen = fragments.face.contiguous().numpy(), fragments.depth.to(picture.dtype).contiguous().numpy()
        source = picture.detach().reshape(batch, height * width * channels).contiguous()
        out = torch.empty_like(source)
        pictures, blended = source.numpy(), out.numpy()

        def task(start: int, stop: int) -> tuple[int, int, Any]:
            found = kernel.edge_crossings(vertices, *mesh, *seen, near, start, stop)
            kernel.blend_forward(pictures, channels, *found, blended, start, stop)
            return start, stop, found

        ctx.blends = over(batch, task, 4)
        ctx.save_for_backward(source, vertices_clip, topology.edges)
        return out.reshape(picture.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        from ..parallel import over
        from . import numba_antialias as kernel

        source, vertices_clip, edges = ctx.saved_tensors
        height, width, channels = grads[0].shape[1:]
        grad_out = grads[0].reshape(source.shape).contiguous()
        grad_picture = torch.empty_like(source)
        grad_vertices = torch.zeros_like(vertices_clip, memory_format=torch.contiguous_format)
        pictures, vertices, sides, given = (
            t.detach().contiguous().numpy() for t in (source, vertices_clip, edges, grad_out)
        )
        results, pieces = (grad_picture.numpy(), grad_vertices.numpy()), ctx.blends

        def task(first: int, last: int) -> None:
            for start, stop, found in pieces[first:last]:
                kernel.blend_backward(
                    pictures, channels, vertices, sides, given, *found, height, width, *results, start, stop
                )

        over(len(pieces), task)
        return grad_picture.reshape(grads[0].shape), grad_vertices, None, None, None
