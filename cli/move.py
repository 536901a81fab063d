"""What moves subjects and mixes them: animate, transfer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from ..optimize.animate.animate_config import AnimateConfig
from ..optimize.checked import checked


@dataclass(frozen=True, kw_only=True)
class Animate(AnimateConfig):
    """A finished run in motion: a video, and a GLB that carries the motion; a diffusion prior refines both if asked."""

    run_folder: Positional[Path]
    """Folder of a finished run, which is left as it is but for its export folder."""

    def __post_init__(self) -> None:
        """Bounds are checked when `run` makes an AnimateConfig of this, as in `Fit`."""

    def run(self) -> None:
        config = checked(AnimateConfig, self)
        from ..optimize.animate.animate import animate

        print("\n".join(map(str, animate(config))))


@dataclass(frozen=True)
class Texture:
    """The coat of one run's subject on another's."""

    source: Positional[Path]
    """Folder of the finished run that gives."""
    target: Positional[Path]
    """Folder of the finished run that is given to."""

    def run(self) -> None:
        from ..optimize.animate.transfer import TransferConfig, transfer

        print("\n".join(map(str, transfer(TransferConfig(what="texture", source=self.source, target=self.target)))))


@dataclass(frozen=True)
class Pose:
    """The pose of one photo on another run's subject."""

    source: Positional[Path]
    """Folder of the finished run that gives."""
    target: Positional[Path]
    """Folder of the finished run that is given to."""
    photo: str | None = None
    """The photo by its name without ending; by default the first."""

    def run(self) -> None:
        from ..optimize.animate.transfer import TransferConfig, transfer

        config = TransferConfig(what="pose", source=self.source, target=self.target, photo=self.photo)
        print("\n".join(map(str, transfer(config))))


@dataclass(frozen=True)
class Shape:
    """A run's subject on the way to another's shape, in its own coat."""

    source: Positional[Path]
    """Folder of the finished run that gives."""
    target: Positional[Path]
    """Folder of the finished run that is given to."""
    share: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    """How far to go, 0 to 1; a GLB for each."""

    def run(self) -> None:
        from ..optimize.animate.transfer import TransferConfig, transfer

        config = TransferConfig(what="shape", source=self.source, target=self.target, share=self.share)
        print("\n".join(map(str, transfer(config))))


@dataclass(frozen=True)
class Transfer:
    """What the subject of one run gives that of another; a GLB and a picture in the other's export folder."""

    what: Annotated[
        Annotated[Texture, tyro.conf.subcommand("texture")]
        | Annotated[Pose, tyro.conf.subcommand("pose")]
        | Annotated[Shape, tyro.conf.subcommand("shape")],
        tyro.conf.arg(name=""),
    ]

    def run(self) -> None:
        self.what.run()
