"""One call of a frozen denoiser: noisy latents, a training step and conditions in, the network's own output out.

The architectures differ in how they are called and in nothing else. Weights may be in half precision; latents and
model outputs are in float32. The U-Net of SD 1.5, 2.1 and SDXL has its model output in the latents' form, so has the
transformer of SD3; FLUX takes them packed, two by two pixels a token.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .conditions import Conditions


@runtime_checkable
class Denoiser(Protocol):
    """What the model output is about (noise, v, flow) is said by the model's schedule."""

    module: Any
    """The network."""

    def __call__(
        self, noisy: Float[Tensor, "B C h w"], timestep: Float[Tensor, " B"], conditions: Conditions
    ) -> Float[Tensor, "B C h w"]: ...


class UNetDenoiser:
    """diffusers' UNet2DConditionModel; with pooled conditions it is SDXL's, which is told of sizes as well."""

    def __init__(self, module: nn.Module, stride: int) -> None:
        """`stride`: pixels along a side of a latent."""
        self.module: Any = module
        self._stride = stride

    def __call__(
        self, noisy: Float[Tensor, "B C h w"], timestep: Float[Tensor, " B"], conditions: Conditions
    ) -> Float[Tensor, "B C h w"]:
        dtype, more = _dtype(self.module), None
        if conditions.pooled is not None:
            height, width = (side * self._stride for side in noisy.shape[2:])
            # Original size, cut-off corner, target size: a picture that was neither scaled nor cut.
            sizes = noisy.new_tensor([height, width, 0, 0, height, width], dtype=dtype).expand(len(noisy), -1)
            more = {"text_embeds": conditions.pooled.to(dtype), "time_ids": sizes}
        context = conditions.context.to(dtype)
        model_output = self.module(
            noisy.to(dtype), timestep, encoder_hidden_states=context, added_cond_kwargs=more
        ).sample
        return model_output.to(noisy.dtype)


class SD3Denoiser:
    """diffusers' SD3Transformer2DModel."""

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module

    def __call__(
        self, noisy: Float[Tensor, "B C h w"], timestep: Float[Tensor, " B"], conditions: Conditions
    ) -> Float[Tensor, "B C h w"]:
        assert conditions.pooled is not None
        dtype = _dtype(self.module)
        model_output = self.module(
            hidden_states=noisy.to(dtype),
            timestep=timestep,
            encoder_hidden_states=conditions.context.to(dtype),
            pooled_projections=conditions.pooled.to(dtype),
        ).sample
        return model_output.to(noisy.dtype)


class FluxDenoiser:
    """diffusers' FluxTransformer2DModel; one that was distilled from guided model outputs is told its guidance."""

    def __init__(self, module: nn.Module, guidance: float = 3.5) -> None:
        self.module: Any = module
        self._guidance = guidance

    def __call__(
        self, noisy: Float[Tensor, "B C h w"], timestep: Float[Tensor, " B"], conditions: Conditions
    ) -> Float[Tensor, "B C h w"]:
        assert conditions.pooled is not None
        dtype, (height, width) = _dtype(self.module), noisy.shape[2:]
        places = torch.zeros(height // 2, width // 2, 3, device=noisy.device, dtype=dtype)
        places[..., 1] = torch.arange(height // 2, device=noisy.device, dtype=dtype)[:, None]
        places[..., 2] = torch.arange(width // 2, device=noisy.device, dtype=dtype)[None]
        guidance = None
        if self.module.config.guidance_embeds:
            guidance = torch.full((len(noisy),), self._guidance, device=noisy.device)
        model_output = self.module(
            hidden_states=packed(noisy).to(dtype),
            timestep=timestep / 1000,
            guidance=guidance,
            pooled_projections=conditions.pooled.to(dtype),
            encoder_hidden_states=conditions.context.to(dtype),
            txt_ids=places.new_zeros(conditions.context.shape[1], 3),
            img_ids=places.reshape(-1, 3),
        ).sample
        return unpacked(model_output, height, width).to(noisy.dtype)


def packed(latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B T F"]:
    """FLUX's tokens: four neighbouring pixels each, T = h/2 * w/2, F = 4 C."""
    batch, channels, height, width = latents.shape
    blocks = latents.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return blocks.reshape(batch, height // 2 * (width // 2), 4 * channels)


def unpacked(tokens: Float[Tensor, "B T F"], height: int, width: int) -> Float[Tensor, "B C {height} {width}"]:
    """The inverse of `packed`."""
    blocks = tokens.reshape(len(tokens), height // 2, width // 2, -1, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return blocks.reshape(len(tokens), -1, height, width)


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype
