"""Pictures to latents and back, through diffusers' AutoencoderKL or the tiny one of the TAESD family.

Encoding takes the mode of the posterior, not a sample of it: a sample adds noise to every gradient and says no more.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Autoencoder:
    """A frozen autoencoder; latents are on the scale that the denoiser was trained on, in the precision of pictures."""

    def __init__(self, module: nn.Module, *, checkpointed: bool = False) -> None:
        """`checkpointed`: gradients through the encoder take little memory and one more forward pass."""
        self.module: Any = module.requires_grad_(False).eval()
        """The network."""
        self.checkpointed = checkpointed
        if checkpointed:
            self.module.enable_gradient_checkpointing()
        config = self.module.config
        self._scale = float(config.scaling_factor or 1.0)
        self._shift = float(getattr(config, "shift_factor", None) or 0.0)
        if getattr(config, "force_upcast", False) and self.precision == torch.float16:
            # It overflows in half precision, by its own word.
            self.module.float()
        self.channels: int = config.latent_channels
        """Of latents."""
        self.stride: int = 2 ** (len(config.block_out_channels) - 1)
        """Pixels along a side of a latent."""

    @property
    def precision(self) -> torch.dtype:
        """Of its weights."""
        return next(self.module.parameters()).dtype

    def encode(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Latents of sRGB pictures in [0, 1], differentiable; values beyond are taken as they are.

        Raises ValueError where a side is no multiple of `stride`.
        """
        if any(side % self.stride for side in pictures.shape[2:]):
            raise ValueError(f"pictures of {tuple(pictures.shape[2:])}: both sides must be multiples of {self.stride}")
        coded = self.module.encode((2 * pictures - 1).to(self.precision))
        latents = coded.latent_dist.mode() if hasattr(coded, "latent_dist") else coded.latents
        return (latents.to(pictures.dtype) - self._shift) * self._scale

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """The pictures, differentiable, about 0 to 1."""
        shown = self.module.decode((latents / self._scale + self._shift).to(self.precision)).sample
        return (shown.to(latents.dtype) + 1) / 2
