"""The commands of `zoetrope pretrain`. Imports nothing heavy, as the command line shows them at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..checked import checked
from .config import PretrainConfig
from .diffusion_config import PretrainDiffusionConfig


@dataclass(frozen=True, kw_only=True)
class PretrainCanonical(PretrainConfig):
    """The canonical prior, from photos to the reference body, trained on photos of the zoo; goes on from --out."""

    validate: tuple[Path, ...] = ()
    """Folders of photos to score besides the zoo's test split."""

    def __post_init__(self) -> None:
        """Bounds are checked when `run` makes a PretrainConfig of this, as in `Fit`."""

    def run(self) -> None:
        config = checked(PretrainConfig, self)
        from .canonical import pretrain_canonical

        print(pretrain_canonical(config, self.validate))


@dataclass(frozen=True, kw_only=True)
class PretrainDiffusion(PretrainDiffusionConfig):
    """The diffusion prior, which paints what the zoo has by words, trained on its photos; goes on from --out."""

    def __post_init__(self) -> None:
        """Bounds are checked when `run` makes a PretrainDiffusionConfig of this, as in `Fit`."""

    def run(self) -> None:
        config = checked(PretrainDiffusionConfig, self)
        from .diffusion import pretrain_diffusion

        print(pretrain_diffusion(config))


@dataclass(frozen=True)
class Pretrain:
    """The priors that the package carries, trained anew on photos of its zoo."""

    prior: Annotated[
        Annotated[PretrainCanonical, tyro.conf.subcommand("canonical")]
        | Annotated[PretrainDiffusion, tyro.conf.subcommand("diffusion")],
        tyro.conf.arg(name=""),
    ]

    def run(self) -> None:
        self.prior.run()
