"""Training of the small autoencoder: pictures that come back as they were, and latents that are no larger than needed.

Loss: mean absolute difference of pictures, the same of their differences between neighbours on four scales (edges and
patterns are what a mean blurs), and a little of the divergence from a normal distribution, which holds latents in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from .bfloat16 import multiplies_bfloat16
from .diffusion_picture import draw_pictures
from .optimizers import TrainingRates, muon_and_adam
from .piece import PieceConfig, pictures_seen, run_piece
from .pool import Pool
from .small_diffusion import MODEL, SmallDiffusion

_EDGES = 2.0
_DIVERGENCE = 1e-4
_SCALES = 4
_DECAY = 0.01
_ENDS = ("encoder.conv_in", "encoder.conv_out", "quant_conv", "post_quant_conv", "decoder.conv_in", "decoder.conv_out")


def train_autoencoder(
    small: SmallDiffusion, pool: Pool, size: int, config: PieceConfig, rates: TrainingRates, folder: Path, seed: int
) -> int:
    """One piece of `small.vae`'s training, saved into `folder`; returns how many pictures it has seen in all."""
    device = pool.photo.device
    network = small.vae.to(device).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(seed + pictures_seen(folder / "autoencoder"))
    brief = multiplies_bfloat16(device)

    def losses(_: float) -> Mapping[str, Tensor]:
        index = torch.randint(len(pool), (config.batch,), generator=generator)
        picture = 2 * draw_pictures(pool, index, size, generator).picture - 1
        picture = picture.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=brief):
            posterior = network.encode(picture).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator).to(device)
            found = network.decode(posterior.mean + posterior.std * noise).sample
        found = found.float()
        return {
            "difference": (found - picture).abs().mean(),
            "edges": _EDGES * edge_difference(found, picture),
            "divergence": _DIVERGENCE * divergence(posterior.mean.float(), posterior.logvar.float()),
        }

    def save(averaged: nn.Module) -> None:
        replace(small, vae=averaged).save(folder / MODEL)

    optimizers = muon_and_adam(network, _ENDS, rates.matrix, rates.other, _DECAY)
    return run_piece("autoencoder", network, optimizers, config, folder / "autoencoder", losses, save)


def edge_difference(found: Float[Tensor, "B C S S"], true: Float[Tensor, "B C S S"]) -> Float[Tensor, ""]:
    """Mean absolute difference of the differences between neighbours, over several halvings of the size."""
    total = found.new_zeros(())
    for scale in range(_SCALES):
        if scale:
            found, true = avg_pool2d(found, 2), avg_pool2d(true, 2)
        for axis in (2, 3):
            total = total + (found.diff(dim=axis) - true.diff(dim=axis)).abs().mean() / (2 * _SCALES)
    return total


def divergence(mean: Float[Tensor, "B C h w"], log_variance: Float[Tensor, "B C h w"]) -> Float[Tensor, ""]:
    """Kullback and Leibler's, from a normal distribution, by the entry.

    >>> import torch
    >>> divergence(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)).item()
    0.0
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
