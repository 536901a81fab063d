"""Colours from texture pictures: bilinear lookup, and blurred levels where a texture is seen from afar.

Texture coordinates are glTF's: u right, v down, (0, 0) the outer corner of the first texel, so that texel (i, j) has
its centre at ((j + 1/2) / width, (i + 1/2) / height). Between four centres colours are mixed bilinearly.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..parallel import compiled, over
from .fragments import Fragments

Wrap = Literal["clamp", "repeat"]
BANDS = 8
"""Most threads that collect a texture's gradient: each scans all pixels for those of its own texels."""


def sample_texture(
    texture: Float[Tensor, "Ht Wt C"] | Float[Tensor, "B Ht Wt C"],
    uv: Float[Tensor, "B H W 2"],
    mask: Bool[Tensor, "B H W"] | None = None,
    wrap: Wrap = "clamp",
    footprint: Float[Tensor, "B H W"] | None = None,
) -> Float[Tensor, "B H W C"]:
    """Colours at texture coordinates, differentiable in `texture` and `uv`.

    One texture may serve all pictures, or each have its own. `mask`: pixels to look up (zeros and no gradient
    elsewhere). `wrap`: beyond [0, 1] the border's colour goes on ("clamp"; no gradient in `uv` there), or the texture
    repeats. `footprint`: texels under a pixel (see `texel_footprint`); where it exceeds one, the texture is looked up
    in its halved copies, mixed between the two nearest levels (Williams, "Pyramidal Parametrics", 1983), which keeps
    fine patterns from flickering.
    """
    shared = texture.ndim == 3
    if uv.ndim != 4 or uv.shape[3] != 2:
        raise ValueError(f"uv has shape {tuple(uv.shape)}; expected (B, H, W, 2)")
    if texture.ndim not in (3, 4) or (not shared and texture.shape[0] != uv.shape[0]):
        raise ValueError(
            f"texture has shape {tuple(texture.shape)}; expected (Ht, Wt, C) or ({uv.shape[0]}, Ht, Wt, C)"
        )
    if 0 in texture.shape[-3:-1]:
        raise ValueError(f"texture has shape {tuple(texture.shape)}; it must have at least one texel")
    textures = texture[None] if shared else texture
    mask = torch.ones(uv.shape[:3], dtype=torch.bool, device=uv.device) if mask is None else mask
    pyramid = [textures]
    if footprint is None:
        level = uv.new_zeros(uv.shape[:3])
    else:
        while max(pyramid[-1].shape[1:3]) > 1:
            pyramid.append(_halved(pyramid[-1]))
        level = (0.5 * torch.log2(footprint.detach().to(uv.dtype).clamp(min=1))).clamp(max=len(pyramid) - 1)
    if compiled(textures, uv, level) and mask.device.type == "cpu":
        sizes = [tuple(step.shape[1:3]) for step in pyramid]
        texels = torch.cat([step.flatten(1, 2) for step in pyramid], dim=1)
        return _Sample.apply(texels, uv, sizes, level, mask, wrap == "repeat")  # type: ignore[return-value]
    out = uv.new_zeros((*uv.shape[:3], textures.shape[3]))
    for number, step in enumerate(pyramid):
        share = (1 - (level - number).abs()).clamp(min=0) * mask
        out = out + share[..., None] * bilinear_torch(step, uv, wrap)
    return out


def texel_footprint(
    uv: Float[Tensor, "T 2"],
    uv_faces: Int[Tensor, "F 3"],
    fragments: Fragments,
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    texture_size: tuple[int, int],
) -> Float[Tensor, "B H W"]:
    """How many texels lie under each pixel, 0 where nothing is seen: the ratio of the face's areas on the texture and
    on the screen at that depth. No gradient. `texture_size` is (height, width).

    On the screen a face's area changes by perspective as its depth cubed; with M of `interpolate.py`, the area element
    at depth w is |det M| / w^3 of that in barycentric coordinates.
    """
    with torch.no_grad():
        height, width = fragments.size
        corners = uv.double() * uv.new_tensor([texture_size[1], texture_size[0]]).double()
        a, b, c = (corners[uv_faces[:, corner]] for corner in range(3))
        texels = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).abs()
        positions = vertices_clip.double()[..., [0, 1, 3]]
        p, q, r = (positions.index_select(1, faces[:, corner]) for corner in range(3))
        pixels = (p * torch.linalg.cross(q, r)).sum(dim=-1).abs() * (0.25 * height * width)
        ratio = (texels / pixels.clamp(min=torch.finfo(torch.float64).tiny)).reshape(-1)
        seen = fragments.face >= 0
        offset = torch.arange(len(vertices_clip), device=faces.device)[:, None, None] * len(faces)
        if len(faces) == 0:
            return torch.zeros_like(fragments.depth)
        at_depth = ratio[(fragments.face.clamp(min=0) + offset).long()]
        return torch.where(seen, at_depth * torch.where(seen, fragments.depth, 0).double().pow(3), 0).to(uv.dtype)


def _halved(textures: Tensor) -> Tensor:
    """Means of 2x2 texels; an odd last row or column is averaged over what there is."""
    pictures = textures.permute(0, 3, 1, 2)
    return torch.nn.functional.avg_pool2d(pictures, 2, ceil_mode=True, count_include_pad=False).permute(0, 2, 3, 1)


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, texels: Tensor, uv: Tensor, sizes: list[tuple[int, int]], level: Tensor, mask: Tensor, repeat: bool
    ) -> Tensor:
        from . import numba_texture as kernel

        areas = torch.tensor([height * width for height, width in sizes])
        levels = torch.cat([(areas.cumsum(0) - areas)[:, None], torch.tensor(sizes)], dim=1)
        out = torch.empty((*uv.shape[:3], texels.shape[2]), dtype=uv.dtype)
        given = [t.detach().contiguous().numpy() for t in (texels, levels, uv, level, mask)]
        over(len(uv), lambda start, stop: kernel.forward(*given, repeat, out.numpy(), start, stop))
        ctx.save_for_backward(texels, levels, uv, level, mask)
        ctx.repeat = repeat
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None, None]:
        from . import numba_texture as kernel

        given = [t.detach().contiguous().numpy() for t in ctx.saved_tensors]
        texels, uv = ctx.saved_tensors[0], ctx.saved_tensors[2]
        grad = grads[0].contiguous().numpy()
        grad_texels = grad_uv = None
        if ctx.needs_input_grad[0]:
            grad_texels = torch.zeros(texels.shape, dtype=texels.dtype)
            count, bands = texels.shape[1], max(1, min(texels.shape[1], BANDS, torch.get_num_threads()))
            arrays = (*given[1:], ctx.repeat, grad, grad_texels.numpy())

            def collect(first: int, last: int) -> None:
                kernel.backward_texels(*arrays, count * first // bands, count * last // bands)

            over(bands, collect)
        if ctx.needs_input_grad[1]:
            grad_uv = torch.empty(uv.shape, dtype=uv.dtype)
            results = ctx.repeat, grad, grad_uv.numpy()
            over(len(uv), lambda start, stop: kernel.backward_uv(*given, *results, start, stop))
        return grad_texels, grad_uv, None, None, None, None


def bilinear_torch(
    textures: Float[Tensor, "A Ht Wt C"], uv: Float[Tensor, "B H W 2"], wrap: Wrap
) -> Float[Tensor, "B H W C"]:
    """Bilinear lookup in one level in plain torch, on any device: the reference."""
    count, height, width, channels = textures.shape
    size = uv.new_tensor([width, height])
    place = uv * size - 0.5
    if wrap == "clamp":
        place = place.clamp(min=0).minimum(size - 1)
    base = place.detach().floor()
    fraction = place - base
    first = base.long()
    second = first + 1
    if wrap == "repeat":
        first, second = first % size.long(), second % size.long()
    else:
        second = second.minimum(size.long() - 1)
    picture = torch.arange(len(uv), device=uv.device)[:, None, None] if count > 1 else 0
    flat = textures.reshape(-1, channels)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (picture * height + row) * width + column
        return flat.index_select(0, index.reshape(-1)).reshape(*index.shape, channels)

    fx, fy = fraction[..., :1], fraction[..., 1:]
    upper = (1 - fx) * at(first[..., 1], first[..., 0]) + fx * at(first[..., 1], second[..., 0])
    lower = (1 - fx) * at(second[..., 1], first[..., 0]) + fx * at(second[..., 1], second[..., 0])
    return (1 - fy) * upper + fy * lower
