"""Training of the small U-Net and its text encoder, on latents that are made once.

Every photo is encoded a few times, each time cut anew, since encoding takes longer than learning from a latent. The
network learns v (`priors.diffusion.noise_level`), every noise level weighing the same: a small model with little time
gets bodies right or wrong where noise is high, which the weights of eps prediction pass over. The levels of a batch are
spread evenly (Kingma et al., NeurIPS 2021). Captions are put in another way each time; a tenth of the pictures come
without one, so that the model can be guided.

Beside that it has to say from its features where in the noisy picture which place of the body is, by a head that is
thrown away. Features that know what they paint are learned many times faster (Yu et al., REPA, ICLR 2025, from another
network's features; here the renderer knows the truth).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ...priors.diffusion.noise_schedule import NoiseSchedule
from ...priors.prompts import view_weights
from ...representations.tensor_structure import TensorStructure
from .bfloat16 import multiplies_bfloat16
from .caption import Captions
from .diffusion_picture import draw_pictures
from .optimizers import TrainingRates, muon_and_adam
from .piece import PieceConfig, pictures_seen, run_piece
from .pool import Pool
from .small_diffusion import MODEL, SmallDiffusion

_UNTOLD = 0.1
_ENCODED_AT_ONCE = 64
_DECAY = 0.01
_LAYOUT, _LAYOUT_CHANNELS = 0.2, 5
_ENDS = ("head", "unet.conv_in", "unet.conv_out", "unet.time_embedding", "text_encoder.text_model.embeddings")


class Latents(TensorStructure):
    """M pictures as the autoencoder has them, before they are brought to the scale of the denoiser."""

    latent: Float[Tensor, "M C h w"]
    """In half precision."""
    species: Int[Tensor, " M"]
    views: Float[Tensor, "M V"]
    """How much each kind of view counts."""
    plain: Bool[Tensor, " M"]
    layout: Float[Tensor, "M 5 h w"]
    """As `Pictures` have it, in half precision."""


def encode_pool(small: SmallDiffusion, pool: Pool, size: int, rounds: int, seed: int) -> Latents:
    """Every photo of the pool, cut anew in each of the rounds; on the pool's device."""
    device = pool.photo.device
    network = small.vae.to(device).to(memory_format=torch.channels_last).eval()
    generator, parts = torch.Generator().manual_seed(seed), []
    brief = multiplies_bfloat16(device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=brief):
        for _ in range(rounds):
            for index in torch.randperm(len(pool), generator=generator).split(_ENCODED_AT_ONCE):
                drawn = draw_pictures(pool, index, size, generator)
                coded = network.encode((2 * drawn.picture - 1).contiguous(memory_format=torch.channels_last))
                views = view_weights(drawn.view[:, 0], drawn.view[:, 1])
                latent, layout = coded.latent_dist.mode().half(), drawn.layout.half()
                parts.append((latent, drawn.species, views, drawn.plain, layout))
    return Latents(*(torch.cat(column) for column in zip(*parts, strict=True)))


def scale_of(latents: Latents) -> float:
    """What the latents are multiplied by to have a standard deviation of 1."""
    return float(1 / latents.latent.float().std())


class DenoiserTraining(nn.Module):
    """What is trained together."""

    def __init__(self, small: SmallDiffusion) -> None:
        super().__init__()
        self.unet, self.text_encoder = small.unet, small.text_encoder
        width = self.unet.config.block_out_channels[1]
        self.head = nn.Sequential(nn.Conv2d(width, width, 1), nn.SiLU(), nn.Conv2d(width, _LAYOUT_CHANNELS, 1))

    def forward(
        self, noisy: Float[Tensor, "B C h w"], timestep: Float[Tensor, " B"], tokens: Int[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B 5 h w"]]:
        """The model output, and the layout by what it knows before its last block."""
        features: list[Tensor] = []
        hook = self.unet.up_blocks[-2].register_forward_hook(lambda _, __, found: features.append(found))
        context = self.text_encoder(tokens)[0]
        model_output = self.unet(noisy, timestep, encoder_hidden_states=context).sample
        hook.remove()
        return model_output, self.head(features[0])


def train_denoiser(
    small: SmallDiffusion, latents: Latents, config: PieceConfig, rates: TrainingRates, folder: Path, seed: int
) -> int:
    """One piece of training of `small`'s U-Net and text encoder, saved into `folder`; returns how many latents it has
    seen in all. The autoencoder's scaling factor has to be set."""
    from diffusers.models.attention_processor import AttnProcessor

    device = latents.latent.device
    captions = Captions.all()
    texts, empty = [*captions.texts, ""], len(captions.texts)
    tokens = small.tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids.to(device)
    schedule = NoiseSchedule.of(small.scheduler).to(device)
    network = DenoiserTraining(small).to(device).to(memory_format=torch.channels_last).train()
    if device.type == "cpu":
        # PyTorch's fused attention takes half of the whole step here; on such short rows plain products are faster.
        network.unet.set_attn_processor(AttnProcessor())
    generator = torch.Generator().manual_seed(seed + pictures_seen(folder / "denoiser"))
    brief, scale = multiplies_bfloat16(device), float(small.vae.config.scaling_factor)
    spread = latents.layout.float().var((0, 2, 3)).clamp_min(1e-6)

    def losses(_: float) -> Mapping[str, Tensor]:
        count = config.batch
        index = torch.randint(len(latents.latent), (count,), generator=generator).to(device)
        clean = scale * latents.latent[index].float()
        wording = torch.randint(captions.wordings, (count,), generator=generator).to(device)
        view = torch.multinomial(latents.views[index].cpu(), 1, generator=generator)[:, 0].to(device)
        told = captions.index(latents.species[index], view, latents.plain[index].long(), wording)
        told = torch.where((torch.rand(count, generator=generator) < _UNTOLD).to(device), empty, told)
        places = (torch.arange(count) + torch.rand(count, generator=generator)) / count
        level = schedule.at(places.to(device))
        noise = torch.randn(clean.shape, generator=generator).to(device)
        noisy = level.add_noise(clean, noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=brief):
            model_output, layout = network(noisy, level.timestep, tokens[told])
        astray = (layout.float() - latents.layout[index].float()).square().mean((0, 2, 3)) / spread
        return {
            "v": (model_output.float() - level.training_target(clean, noise, "v")).square().mean(),
            "layout": _LAYOUT * astray.mean(),
        }

    def save(averaged: nn.Module) -> None:
        assert isinstance(averaged, DenoiserTraining)
        replace(small, unet=averaged.unet, text_encoder=averaged.text_encoder).save(folder / MODEL)

    optimizers = muon_and_adam(network, _ENDS, rates.matrix, rates.other, _DECAY, beta=0.99)
    return run_piece("denoiser", network, optimizers, config, folder / "denoiser", losses, save)
