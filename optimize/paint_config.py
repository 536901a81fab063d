"""What the painting of a finished run is told. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..scenes.error import InputError
from .config import RuleName
from .path_fields import takes_strings


@takes_strings
@dataclass(frozen=True, kw_only=True)
class PaintConfig:
    """One painting. Raises InputError where a value is out of its bounds."""

    run_folder: Path
    """Folder of a finished run, which is left as it is."""
    out: Path
    """Folder for the new run: the same shape, poses and cameras in other textures."""
    diffusion: str = "embedded"
    """Prior that paints: embedded, a local folder, a model id that the hub's cache holds, or none, which continues what
    photos show."""
    rule: RuleName | None = None
    """How its judgement becomes a pull on pictures; dass by default."""
    category: str | None = None
    """What the subject is, in a word; by default the run's own."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    seed: int | None = None
    """Of the views and the noise that the prior is asked with; 0 by default."""
    videos: bool = True
    """Whether turntables are written as well; --no-videos leaves them out."""
    overwrite: bool = False
    """Replace an earlier run in the same folder."""

    def __post_init__(self) -> None:
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"--seed is {self.seed}; it must lie between 0 and 2^63 - 1")
        if self.diffusion == "auto":
            raise InputError("--diffusion auto leaves open what paints; name embedded, none, a folder or an id")
        if self.diffusion == "none" and self.seed is not None:
            raise InputError(f"--seed {self.seed} is of what a prior is asked with, and --diffusion none asks none")
        if self.out.resolve() == self.run_folder.resolve():
            raise InputError(f"--out {self.out} is the run itself, which is left as it is; choose another folder")
