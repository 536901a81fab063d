"""Options of one piece of training. Imports nothing heavy, so that the command line can show them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ...scenes.error import InputError
from ..path_fields import takes_strings


@takes_strings
@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One piece of training. Raises InputError where a value is out of its bounds."""

    out: Path = Path("runs/pretrain/canonical")
    """Folder for the weights, their card and the log; what is there is gone on from."""
    pool: Path = Path("runs/pretrain/pool")
    """Folder of the zoo photos to learn from; those that are missing are made first."""
    photos: int = 24000
    """How many there are to be."""
    photo_side: int = 256
    """Of each, which is square, in pixels."""
    first_seed: int = 0
    """Of the zoo's photos; photos of other seeds, in another pool, are ones that no earlier piece has seen."""
    meshes: Path | None = None
    """Folder of rigged .glb or .gltf files that look along +Z, to learn outlines and views from besides."""
    mesh_photos: int = 400
    """Photos of each of them."""
    mesh_share: float = 0.15
    """Pictures of meshes among all."""
    minutes: float = 60.0
    """How long to train, the making of photos apart; 0 writes the card alone."""
    sizes: tuple[int, ...] = (96, 128, 160)
    """Sides of the pictures, one after another; multiples of 32."""
    shares: tuple[float, ...] = (0.3, 0.5, 0.2)
    """Of the time, one for each size."""
    batch: int = 64
    """Pictures in a step."""
    learning_rate: float = 1e-3
    """AdamW's highest, for vectors and for what is next to pictures and labels."""
    matrix_rate: float = 0.02
    """Muon's highest, for all other weights; both follow the same curve."""
    weight_decay: float = 0.05
    """Of AdamW's weights; Muon's lose as much in a step."""
    warm_up: int = 150
    """Steps until the learning rates are there."""
    averaging: float = 0.999
    """Share of the old in the moving average of the weights, which is what is kept."""
    backbone: str = ""
    """timm:NAME of a frozen network whose features come in besides the pictures; by default none."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int = 0
    """Of the weights and of what is drawn."""

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.shares) or not math.isclose(sum(self.shares), 1, abs_tol=1e-6):
            raise InputError(f"--sizes {self.sizes} and --shares {self.shares}: one share for each size, together 1")
        if any(size % 32 or size < 64 for size in self.sizes):
            raise InputError(f"--sizes {self.sizes}: each must be a multiple of 32, 64 or more")
        if self.mesh_photos < 1 or not 0 < self.mesh_share < 1:
            raise InputError(
                f"--mesh-photos {self.mesh_photos}, --mesh-share {self.mesh_share}: at least one photo, and a share "
                "between 0 and 1"
            )
        if self.photo_side < 64 or self.photo_side % 2 or self.first_seed < 0:
            raise InputError(
                f"--photo-side {self.photo_side}, --first-seed {self.first_seed}: an even side from 64 pixels on, and "
                "a seed that is not negative"
            )
        if self.batch < 2 or self.photos < self.batch or not self.minutes >= 0:
            raise InputError(
                f"--batch {self.batch}, --photos {self.photos}, --minutes {self.minutes}: "
                "two photos a step, as many in the pool, and no time are the least"
            )
