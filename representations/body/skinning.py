"""Linear blend skinning: every vertex follows the weighted mean of its joints' rigid maps."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_GROUP = 8
"""Pictures whose gradients of shared vertices are summed by one thread, then group by group in order: the result is the
same on any number of threads."""


def skin(
    vertices: Float[Tensor, "*N V 3"], weights: Float[Tensor, "V J"], transforms: Float[Tensor, "B J 3 4"]
) -> Float[Tensor, "B V 3"]:
    """Posed vertices. `vertices` are rest positions, (V, 3) shared or (B, V, 3); `transforms` rest-to-posed maps.

    v' = sum_j w_j (R_j v + t_j)  (Magnenat-Thalmann et al. 1988). Differentiable; on the CPU a compiled pass skips the
    weights that are zero, unless they are to have a gradient themselves.
    """
    from ..parallel import compiled

    if weights.requires_grad or not compiled(vertices, weights, transforms):
        return skin_torch(vertices, weights, transforms)
    batch, (count, joint_count) = transforms.shape[0], weights.shape
    if vertices.shape[-2:] != (count, 3) or transforms.shape[1:] != (joint_count, 3, 4):
        raise ValueError(
            f"vertices have shape {tuple(vertices.shape)} and transforms {tuple(transforms.shape)}; with weights of "
            f"{count} vertices on {joint_count} joints they must be (..., {count}, 3) and (B, {joint_count}, 3, 4)"
        )
    if vertices.ndim == 3 and vertices.shape[0] not in (1, batch):
        raise ValueError(f"vertices for {vertices.shape[0]} pictures but transforms for {batch}; they must be the same")
    return _Skin.apply(vertices, weights, transforms)  # type: ignore[return-value]


def skin_torch(
    vertices: Float[Tensor, "*N V 3"], weights: Float[Tensor, "V J"], transforms: Float[Tensor, "B J 3 4"]
) -> Float[Tensor, "B V 3"]:
    """`skin` in plain torch, on any device, differentiable in all three: the reference."""
    batch, joint_count = transforms.shape[:2]
    blended = (weights @ transforms.reshape(batch, joint_count, 12)).reshape(batch, -1, 3, 4)
    rest = vertices.expand(batch, *vertices.shape[-2:])
    return (blended[..., :3] * rest[..., None, :]).sum(-1) + blended[..., 3]


class _Skin(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vertices: Tensor, weights: Tensor, transforms: Tensor) -> Tensor:
        from ..parallel import over
        from . import numba_skinning as kernel

        out = torch.empty((transforms.shape[0], weights.shape[0], 3), dtype=vertices.dtype)
        ctx.weights = kernel.by_joint(weights.detach().contiguous().numpy())
        rest = vertices if vertices.ndim == 3 else vertices[None]
        arrays = rest.detach().contiguous().numpy(), *ctx.weights, transforms.detach().contiguous().numpy(), out.numpy()
        over(out.shape[0], lambda start, stop: kernel.forward(*arrays, start, stop))
        ctx.save_for_backward(vertices, transforms)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        from ..parallel import over
        from . import numba_skinning as kernel

        vertices, transforms = ctx.saved_tensors
        batch = transforms.shape[0]
        rest = vertices if vertices.ndim == 3 else vertices[None]
        group = 1 if rest.shape[0] == batch else _GROUP
        groups = -(-batch // group)
        want = ctx.needs_input_grad[0]
        sums = torch.zeros((groups if want else 0, *rest.shape[1:]), dtype=rest.dtype)
        pull = torch.empty_like(transforms, memory_format=torch.contiguous_format)
        given = rest.detach().contiguous().numpy(), *ctx.weights, transforms.detach().contiguous().numpy()
        arrays = *given, grads[0].contiguous().numpy(), sums.numpy(), group, want, pull.numpy()
        over(groups, lambda first, last: kernel.backward(*arrays, first * group, min(last * group, batch)))
        grad_vertices = None
        if want:
            grad_vertices = (sums if group == 1 else torch.from_numpy(sums.numpy().sum(axis=0))).reshape(vertices.shape)
        return grad_vertices, None, pull if ctx.needs_input_grad[2] else None
