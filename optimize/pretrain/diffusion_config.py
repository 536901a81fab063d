"""Options of one piece of training of the diffusion prior. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...scenes.error import InputError
from ..path_fields import takes_strings

TrainedPart = Literal["autoencoder", "denoiser"]


@takes_strings
@dataclass(frozen=True, kw_only=True)
class PretrainDiffusionConfig:
    """One piece of training. Raises InputError where a value is out of its bounds."""

    part: TrainedPart
    """What is trained: the autoencoder first, then the denoiser with its text encoder."""
    out: Path = Path("runs/pretrain/diffusion")
    """Folder for the model (model/), its card and the logs; what is there is gone on from."""
    pool: Path = Path("runs/pretrain/diffusion_pool")
    """Folder of the zoo photos to learn from; those that are missing are made first."""
    photos: int = 12000
    """How many there are to be."""
    photo_side: int = 192
    """Of each, which is square, in pixels."""
    first_seed: int = 0
    """Of the zoo's photos."""
    size: int = 128
    """Side of the pictures that the model is for, in pixels; a multiple of 32."""
    rounds: int = 4
    """How often each photo is encoded for the denoiser, cut anew each time."""
    minutes: float = 60.0
    """How long to train, the making of photos and latents apart; 0 writes the card alone."""
    batch: int = 8
    """Pictures in a step; a denoiser takes more."""
    matrix_rate: float = 0.02
    """Muon's highest learning rate, for what lies between first and last layers."""
    learning_rate: float = 1e-3
    """AdamW's highest, for all else."""
    warm_up: int = 100
    """Steps until the learning rates are there."""
    averaging: float = 0.999
    """Share of the old in the moving average of the weights, which is what is kept."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Of the weights and of what is drawn."""

    def __post_init__(self) -> None:
        if self.size % 32 or self.size < 32:
            raise InputError(f"--size is {self.size}; it must be a multiple of 32")
        if self.photo_side < 64 or self.photo_side % 2 or self.first_seed < 0:
            raise InputError(
                f"--photo-side {self.photo_side}, --first-seed {self.first_seed}: an even side from 64 pixels on, and "
                "a seed that is not negative"
            )
        if self.batch < 2 or self.photos < self.batch or self.rounds < 1 or not self.minutes >= 0:
            raise InputError(
                f"--batch {self.batch}, --photos {self.photos}, --rounds {self.rounds}, --minutes {self.minutes}: two "
                "photos a step, as many in the pool, one round and no time are the least"
            )
