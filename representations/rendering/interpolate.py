"""Perspective-correct barycentric coordinates and attributes at every pixel, with analytic gradients.

Let M = (v_0 v_1 v_2) hold a face's corners in homogeneous pixels (column w, row w, w) and p = (column, row, 1) be a
pixel centre. The point seen there is the mix of corners with weights

    lambda = M^-1 p / sum(M^-1 p),

which sum to one in space, not only on the screen (Olano and Greer, "Triangle Scan Conversion using 2D Homogeneous
Coordinates", 1997). Nothing is divided by w, so corners behind the camera are no special case. Differentiating
M (M^-1 p) = p gives, for an incoming gradient g and its mean m = sum(lambda g),

    d/dv_k = -lambda_k M^-T (g - m).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from .fragments import Fragments


def barycentrics(
    fragments: Fragments, vertices_clip: Float[Tensor, "B V 4"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "B H W 3"]:
    """Weights of the seen face's corners at each pixel, in the order of `faces`; zeros where nothing is seen.

    Differentiable in `vertices_clip` (x, y and w; clip z has no influence). The weights sum to one; a face so thin that
    it has no inverse counts as its centroid, with no gradient.
    """
    if fragments.face.shape[0] != vertices_clip.shape[0]:
        raise ValueError(f"{fragments.face.shape[0]} pictures but vertices_clip for {vertices_clip.shape[0]}")
    if vertices_clip.device.type == "cpu":
        return _Barycentrics.apply(vertices_clip, fragments.face, faces)  # type: ignore[return-value]
    return barycentrics_torch(fragments, vertices_clip, faces)


def interpolate(
    attributes: Float[Tensor, "V C"] | Float[Tensor, "B V C"],
    faces: Int[Tensor, "F 3"],
    fragments: Fragments,
    bary: Float[Tensor, "B H W 3"],
) -> Float[Tensor, "B H W C"]:
    """Vertex attributes at each pixel, mixed with `bary`; zeros where nothing is seen.

    `faces` may index other vertices than the geometry's do, corner by corner (texture coordinates with seams).
    Attributes without a batch are shared by all pictures. Differentiable in `attributes` and `bary`.
    """
    _check_attributes(attributes, faces, bary.shape[0], bary.dtype)
    if attributes.device.type == "cpu":
        return _Interpolate.apply(attributes, bary, fragments.face, faces)  # type: ignore[return-value]
    return interpolate_torch(attributes, faces, fragments, bary)


def surface(
    attributes: Float[Tensor, "T C"] | Float[Tensor, "B T C"],
    attribute_faces: Int[Tensor, "F 3"],
    fragments: Fragments,
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
) -> Float[Tensor, "B H W C"]:
    """`interpolate` with `barycentrics` in one step, which is quicker and needs less memory when the weights themselves
    are of no interest. Differentiable in `attributes` and `vertices_clip`."""
    _check_attributes(attributes, attribute_faces, vertices_clip.shape[0], vertices_clip.dtype)
    if attribute_faces.shape != faces.shape:
        raise ValueError(f"attribute_faces have shape {tuple(attribute_faces.shape)}, faces {tuple(faces.shape)}")
    if attributes.device.type == "cpu":
        return _Surface.apply(attributes, vertices_clip, fragments.face, faces, attribute_faces)  # type: ignore
    bary = barycentrics_torch(fragments, vertices_clip, faces)
    return interpolate_torch(attributes, attribute_faces, fragments, bary)


def _check_attributes(attributes: Tensor, faces: Tensor, batch: int, dtype: torch.dtype) -> None:
    if attributes.ndim not in (2, 3) or (attributes.ndim == 3 and attributes.shape[0] != batch):
        raise ValueError(f"attributes have shape {tuple(attributes.shape)}; expected (V, C) or ({batch}, V, C)")
    if attributes.dtype != dtype:
        raise ValueError(f"attributes are {attributes.dtype} but the geometry is {dtype}; convert one of them")
    if faces.shape[0]:
        low, high = (int(bound) for bound in faces.aminmax())
        if low < 0 or high >= attributes.shape[-2]:
            raise ValueError(f"faces name rows {low} to {high} but attributes have {attributes.shape[-2]} rows")


class _Barycentrics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices_clip: Tensor, face: Tensor, faces: Tensor) -> Tensor:
        from ..parallel import over
        from . import numba_interpolate as kernel

        bary = torch.empty((*face.shape, 3), dtype=vertices_clip.dtype)
        if faces.shape[0] == 0:
            bary.zero_()
        triangles = faces.int().contiguous()
        arrays = [t.detach().contiguous().numpy() for t in (vertices_clip, triangles, face, bary)]
        over(face.shape[0], lambda start, stop: kernel.barycentrics_forward(*arrays, start, stop))
        ctx.save_for_backward(vertices_clip, triangles, face)
        return bary

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        from ..parallel import over
        from . import numba_interpolate as kernel

        grad_vertices = torch.zeros_like(ctx.saved_tensors[0], memory_format=torch.contiguous_format)
        arrays = [t.detach().contiguous().numpy() for t in (*ctx.saved_tensors, grads[0], grad_vertices)]
        over(grads[0].shape[0], lambda start, stop: kernel.barycentrics_backward(*arrays, start, stop))
        return grad_vertices, None, None


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, attributes: Tensor, bary: Tensor, face: Tensor, faces: Tensor) -> Tensor:
        from ..parallel import over
        from . import numba_interpolate as kernel

        triangles = faces.int().contiguous()
        values = attributes if attributes.ndim == 3 else attributes[None]
        out = torch.empty((*face.shape, values.shape[2]), dtype=attributes.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (values, triangles, face, bary, out)]
        over(face.shape[0], lambda start, stop: kernel.interpolate_forward(*arrays, start, stop))
        ctx.save_for_backward(attributes, bary, face, triangles)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        from ..parallel import over
        from . import numba_interpolate as kernel

        attributes, bary, face, faces = ctx.saved_tensors
        want = ctx.needs_input_grad[0] + 2 * ctx.needs_input_grad[1]
        shared = attributes.ndim == 2
        values = attributes[None] if shared else attributes
        rows = values.shape[1] if ctx.needs_input_grad[0] else 0
        grad_bary = torch.empty_like(bary, memory_format=torch.contiguous_format)
        arrays = [t.detach().contiguous().numpy() for t in (values, faces, face, bary, grads[0])]

        def task(start: int, stop: int) -> Tensor:
            sums = torch.zeros((1 if shared else stop - start, rows, values.shape[2]), dtype=values.dtype)
            kernel.interpolate_backward(*arrays, sums.numpy(), grad_bary.numpy(), want, start, stop)
            return sums

        parts = over(face.shape[0], task)
        grad_attributes = _gather(parts, attributes) if ctx.needs_input_grad[0] else None
        return grad_attributes, grad_bary if ctx.needs_input_grad[1] else None, None, None


class _Surface(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, attributes: Tensor, vertices_clip: Tensor, face: Tensor, faces: Tensor, attribute_faces: Tensor
    ) -> Tensor:
        from ..parallel import over
        from . import numba_interpolate as kernel

        triangles = faces.int().contiguous()
        corners = triangles if attribute_faces is faces else attribute_faces.int().contiguous()
        values = attributes if attributes.ndim == 3 else attributes[None]
        out = torch.empty((*face.shape, values.shape[2]), dtype=attributes.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (vertices_clip, triangles, values, corners, face, out)]
        over(face.shape[0], lambda start, stop: kernel.surface_forward(*arrays, start, stop))
        ctx.save_for_backward(attributes, vertices_clip, face, triangles, corners)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        from ..parallel import over
        from . import numba_interpolate as kernel

        attributes, vertices_clip, face, faces, corners = ctx.saved_tensors
        want = ctx.needs_input_grad[0] + 2 * ctx.needs_input_grad[1]
        shared = attributes.ndim == 2
        values = attributes[None] if shared else attributes
        rows = values.shape[1] if ctx.needs_input_grad[0] else 0
        grad_vertices = torch.zeros_like(vertices_clip, memory_format=torch.contiguous_format)
        arrays = [t.detach().contiguous().numpy() for t in (vertices_clip, faces, values, corners, face, grads[0])]

        def task(start: int, stop: int) -> Tensor:
            sums = torch.zeros((1 if shared else stop - start, rows, values.shape[2]), dtype=values.dtype)
            kernel.surface_backward(*arrays, sums.numpy(), grad_vertices.numpy(), want, start, stop)
            return sums

        parts = over(face.shape[0], task)
        grad_attributes = _gather(parts, attributes) if ctx.needs_input_grad[0] else None
        return grad_attributes, grad_vertices if ctx.needs_input_grad[1] else None, None, None, None


def _gather(parts: list[Tensor], attributes: Tensor) -> Tensor:
    """The gradient of attributes from those of the slices of pictures, summed in order if pictures share them."""
    if not parts:
        return torch.zeros_like(attributes)
    return torch.cat(parts).sum(dim=0) if attributes.ndim == 2 else torch.cat(parts)


def barycentrics_torch(
    fragments: Fragments, vertices_clip: Float[Tensor, "B V 4"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "B H W 3"]:
    """`barycentrics` in plain torch, on any device: the reference."""
    batch, height, width = fragments.face.shape
    bary = vertices_clip.new_zeros((batch * height * width, 3))
    pixel = (fragments.face.reshape(-1) >= 0).nonzero()[:, 0]
    picture = pixel // (height * width)
    face = fragments.face.reshape(-1)[pixel].long()
    column = (pixel % width + 0.5).to(vertices_clip.dtype)
    row = (pixel // width % height + 0.5).to(vertices_clip.dtype)
    flat = vertices_clip.reshape(-1, 4)
    corners = [flat.index_select(0, picture * vertices_clip.shape[1] + faces[face, corner]) for corner in range(3)]
    w = [corner[:, 3] for corner in corners]
    x = [(corner[:, 0] + corner[:, 3]) * (0.5 * width) - column * corner[:, 3] for corner in corners]
    y = [(corner[:, 3] - corner[:, 1]) * (0.5 * height) - row * corner[:, 3] for corner in corners]
    edge = torch.stack([x[1] * y[2] - y[1] * x[2], x[2] * y[0] - y[2] * x[0], x[0] * y[1] - y[0] * x[1]], dim=1)
    total = edge.sum(dim=1, keepdim=True)
    thin = (total == 0) | (sum(edge[:, i] * w[i] for i in range(3)) == 0)[:, None]  # type: ignore[index]
    third = torch.full_like(edge, 1 / 3)
    mixed = torch.where(thin, third, edge / torch.where(thin, torch.ones_like(total), total))
    return bary.index_copy(0, pixel, mixed).reshape(batch, height, width, 3)


def interpolate_torch(
    attributes: Float[Tensor, "V C"] | Float[Tensor, "B V C"],
    faces: Int[Tensor, "F 3"],
    fragments: Fragments,
    bary: Float[Tensor, "B H W 3"],
) -> Float[Tensor, "B H W C"]:
    """`interpolate` in plain torch, on any device: the reference."""
    batch, height, width = fragments.face.shape
    channels = attributes.shape[-1]
    pixel = (fragments.face.reshape(-1) >= 0).nonzero()[:, 0]
    face = fragments.face.reshape(-1)[pixel].long()
    offset = pixel // (height * width) * attributes.shape[-2] if attributes.ndim == 3 else torch.zeros_like(pixel)
    flat, weight = attributes.reshape(-1, channels), bary.reshape(-1, 3).index_select(0, pixel)
    mixed = sum(
        weight[:, corner, None] * flat.index_select(0, offset + faces[face, corner].long()) for corner in range(3)
    )
    out = attributes.new_zeros((batch * height * width, channels))
    return out.index_copy(0, pixel, mixed).reshape(batch, height, width, channels)  # type: ignore[arg-type]


def metric_depth(face: Tensor, vertices_clip: Tensor, faces: Tensor) -> Tensor:
    """Clip w at each pixel centre on the face seen there, inf where there is none."""
    positions = vertices_clip.double()
    fragments = Fragments(face, torch.empty_like(face, dtype=positions.dtype))
    bary = barycentrics_torch(fragments, positions, faces)
    depth = interpolate_torch(positions[..., 3:], faces, fragments, bary)[..., 0]
    return torch.where(face >= 0, depth, torch.inf).to(vertices_clip.dtype)
