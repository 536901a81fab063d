"""A frozen latent diffusion model as everything else sees it: pictures, latents, model outputs, prompts.

It is loaded once (`load.load_diffusion_prior`) and shared by as many fits as there are. What a network predicts is
explained by its schedule (`noise_level`), so rules that are written for noise work for v and flow as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .autoencoder import Autoencoder
from .conditions import Conditions
from .denoiser import Denoiser
from .noise_level import NoiseLevel
from .noise_schedule import NoiseSchedule


@dataclass(frozen=True, eq=False)
class DiffusionPrior:
    """Pictures are sRGB in [0, 1], (B, 3, H, W); latents (B, C, h, w) are on the denoiser's scale, in float32."""

    name: str
    """Hub id or folder, for messages and logs."""
    picture_size: int
    """Side in pixels of the pictures that it was trained on."""
    schedule: NoiseSchedule
    autoencoder: Autoencoder
    denoiser: Denoiser
    embed: Callable[[Sequence[str]], Conditions]
    """Embeddings of prompts; those of the empty one are what it was trained to go without a prompt by."""

    @property
    def device(self) -> torch.device:
        """Where it is, and model outputs."""
        return self.schedule.alpha.device

    def encode(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Latents, differentiable. Raises ValueError for pictures whose sides the autoencoder cannot divide."""
        return self.autoencoder.encode(pictures)

    def decode(self, latents: Float[Tensor, "B C h w"]) -> Float[Tensor, "B 3 H W"]:
        """Pictures, differentiable, not clamped."""
        return self.autoencoder.decode(latents)

    def model_output(
        self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel, conditions: Conditions
    ) -> Float[Tensor, "B C h w"]:
        """The network's own output, without gradient; one prompt for each latent, or one for all.

        Raises FloatingPointError where it is not finite.
        """
        with torch.no_grad():
            model_output = self.denoiser(noisy, level.timestep, conditions.spread(len(noisy)))
        if not bool(torch.isfinite(model_output).all()):
            bad = int((~torch.isfinite(model_output)).sum())
            steps = [round(step) for step in level.timestep.tolist()]
            raise FloatingPointError(
                f"{self.name}: {bad} of {model_output.numel()} model outputs are not finite at steps {steps}"
            )
        return model_output
