"""What an animation is told. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...scenes.error import InputError
from ..path_fields import takes_strings

DEFAULT_SECONDS = 4.0
"""Time of a video."""


@takes_strings
@dataclass(frozen=True, kw_only=True)
class AnimateConfig:
    """One animation. Raises InputError where a value is out of its bounds."""

    run_folder: Path
    """Folder of a finished run, which is left as it is but for its export folder."""
    motion: str = "walk"
    """A motion by name (walk, interpolate, ...), FILE.glb#Clip or FILE.bvh."""
    hold_feet: bool = False
    """Hold feet that stand, of a motion from a file."""
    limit: bool = False
    """Keep joints within the skeleton's limits, of a motion from a file."""
    skinning: Literal["linear", "dual"] = "linear"
    """How the video's mesh follows its joints: as the GLB does in any viewer, or by dual quaternions, which keep
    twisted limbs round."""
    refine: Literal["none", "dass", "tdass"] = "none"
    """What a diffusion prior does to the frames: nothing, DASS on each by itself, or T-DASS on all together."""
    bake: bool = False
    """Carry what the prior changes back into the texture, so that the GLB has it as well."""
    diffusion: str | None = None
    """Prior that refines: embedded, a local folder, or a model id that the hub's cache holds; embedded by default."""
    category: str | None = None
    """What the subject is, in a word; by default the run's own, or what the canonical network takes it for."""
    size: int = 512
    """Width and height of the video in pixels."""
    seconds: float | None = None
    """Time of the video, about: a motion that repeats is shown a whole number of times, any other one once. 4 by
    default."""
    fps: float = 24.0
    """Frames per second."""
    azimuth: float = 60.0
    """Of the camera in degrees: 0 looks at the front, 90 at the left."""
    elevation: float = 10.0
    """Of the camera in degrees."""
    turns: int = 0
    """How often the camera goes round."""
    device: str | None = None
    """auto, cpu, cuda or cuda:N; of the prior. auto by default."""
    seed: int | None = None
    """Of the noise that the prior is asked with; 0 by default."""

    def __post_init__(self) -> None:
        seconds = DEFAULT_SECONDS if self.seconds is None else self.seconds
        if not (16 <= self.size <= 4096 and 0 < seconds <= 600 and 1 <= self.fps <= 240):
            raise InputError(
                f"--size is {self.size} (16 to 4096), --seconds {seconds:g} (above 0, to 600) and --fps "
                f"{self.fps:g} (1 to 240)"
            )
        if not (-89 <= self.elevation <= 89 and abs(self.turns) <= 100):
            raise InputError(f"--elevation is {self.elevation:g} (-89 to 89) and --turns {self.turns} (100 at most)")
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise InputError(f"--seed is {self.seed}; it must lie between 0 and 2^63 - 1")
        if self.bake and self.refine == "none":
            raise InputError("--bake carries back what a prior changes; add --refine tdass")
        if self.refine != "none" and self.diffusion in ("none", "auto"):
            raise InputError(f"--refine {self.refine} needs a prior; name embedded, a folder or an id")
        for name in ("diffusion", "category", "device", "seed"):
            if self.refine == "none" and getattr(self, name) is not None:
                raise InputError(f"--{name} is about a prior that refines, and nothing is refined; add --refine tdass")
