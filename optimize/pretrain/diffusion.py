"""Training of the diffusion prior on a pool of zoo photos, in pieces (`piece`): its autoencoder, then its denoiser.

What lies in the folder at any time is a whole model that StableDiffusionPipeline loads.
"""

from __future__ import annotations

from pathlib import Path

from ...scenes.error import InputError
from ...scenes.zoo.stream import StreamConfig
from ..device import choose_device
from .caption import Captions
from .diffusion_autoencoder import train_autoencoder
from .diffusion_card import write_diffusion_card
from .diffusion_config import PretrainDiffusionConfig
from .diffusion_denoiser import encode_pool, scale_of, train_denoiser
from .optimizers import TrainingRates
from .piece import PieceConfig, pictures_seen
from .pool import fill_pool, read_pool, spoken
from .small_diffusion import MODEL, SmallDiffusion, small_diffusion


def pretrain_diffusion(config: PretrainDiffusionConfig, stream: StreamConfig | None = None) -> Path:
    """Trains for one piece and returns the card, beside which the model lies, written every few minutes.

    `stream` says how the pool's photos are made. Raises InputError where there is nothing to go on from.
    """
    stream = stream or StreamConfig(size=config.photo_side, noisy_share=0.0)
    device = choose_device(config.device)
    model = config.out / MODEL
    if model.is_dir():
        small = SmallDiffusion.load(model)
    elif config.part == "denoiser" or config.minutes == 0:
        raise InputError(f"{model} is not there; train an autoencoder first, with --part autoencoder --minutes 60")
    else:
        small = small_diffusion(config.size, Captions.all().texts, config.seed)
    if config.minutes > 0:
        fill_pool(config.pool, stream, config.photos, spoken(stream.photo_count), first_seed=config.first_seed)
        pool = read_pool(config.pool, config.photos).to(device)
        piece = PieceConfig(
            minutes=config.minutes, batch=config.batch, warm_up=config.warm_up, averaging=config.averaging
        )
        rates = TrainingRates(config.matrix_rate, config.learning_rate)
        if config.part == "autoencoder":
            train_autoencoder(small, pool, config.size, piece, rates, config.out, config.seed)
        else:
            seen = pictures_seen(config.out / "denoiser")
            latents = encode_pool(small, pool, config.size, config.rounds, config.seed + seen)
            del pool
            if not seen:
                small.vae.register_to_config(scaling_factor=round(scale_of(latents), 5))
            train_denoiser(small, latents, piece, rates, config.out, config.seed)
    return write_diffusion_card(SmallDiffusion.load(model), config, device)
