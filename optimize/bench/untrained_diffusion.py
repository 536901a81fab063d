"""Stable Diffusion 1.5 (Rombach et al., CVPR 2022) as an architecture: its networks and schedule with random weights.

It says nothing about pictures and everything about what they cost, and it needs no download.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...priors.diffusion.autoencoder import Autoencoder
from ...priors.diffusion.conditions import Conditions
from ...priors.diffusion.denoiser import UNetDenoiser
from ...priors.diffusion.load import DiffusionConfig
from ...priors.diffusion.noise_schedule import NoiseSchedule
from ...priors.diffusion.prior import DiffusionPrior

UNTRAINED_NAME = "random"
_TOKENS, _WIDTH = 77, 768


def untrained_diffusion_prior(device: torch.device | str, config: DiffusionConfig) -> DiffusionPrior:
    """The prior; it has no text encoder, and every prompt's embedding is random. Takes 4 GB in float32."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    dtype = getattr(torch, config.precision)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        autoencoder, unet = sd15_networks()
        context = torch.randn(1, _TOKENS, _WIDTH)
    for network in (autoencoder, unet):
        # diffusers' own `to` warns of casts that do these networks no harm.
        nn.Module.to(network.requires_grad_(False).eval(), device, dtype)
    coder = Autoencoder(autoencoder, checkpointed=config.checkpointed)
    denoiser = UNetDenoiser(unet, coder.stride)
    schedule = NoiseSchedule.of(DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"))

    def embed(prompts: Sequence[str]) -> Conditions:
        # Different prompts, different embeddings: guidance has something to weigh.
        return Conditions(torch.cat([context.roll(len(prompt), dims=1) for prompt in prompts])).to(device)

    side = unet.config.sample_size * coder.stride
    return DiffusionPrior(UNTRAINED_NAME, side, schedule.to(device), coder, denoiser, embed)


def sd15_networks() -> tuple[Any, Any]:
    """The autoencoder (84 million parameters) and the U-Net (860 million), as PyTorch initialises them."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    # diffusers' annotations of the autoencoder say tuples of one.
    shape: dict[str, Any] = {
        "block_out_channels": (128, 256, 512, 512),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    autoencoder = AutoencoderKL(**shape, layers_per_block=2, latent_channels=4, sample_size=512, scaling_factor=0.18215)
    unet = UNet2DConditionModel(
        sample_size=64, block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=_WIDTH, attention_head_dim=8
    )
    return autoencoder, unet
