"""What makes subjects: fit, paint, demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from ..optimize.checked import checked
from ..optimize.config import FitConfig, check_supported
from ..optimize.paint_config import PaintConfig
from ..scenes.error import InputError


@dataclass(frozen=True, kw_only=True)
class Fit(FitConfig):
    """A folder of photos becomes a rigged, textured 3D subject."""

    photos: Positional[Path]
    """Folder of photos of one kind of animal or one character; optional in it: masks/, transforms.json."""
    plan: bool = False
    """Say what the fit would do, and stop."""

    def __post_init__(self) -> None:
        """Bounds are checked when `run` makes a FitConfig of this: tyro would wrap the message in a box of its own."""

    def run(self) -> None:
        config = checked(FitConfig, self)
        check_supported(config)
        if self.plan:
            from ..optimize.plan import plan

            print("\n".join(plan(config)))
            return
        from ..optimize.fit import fit

        fit(config)


@dataclass(frozen=True, kw_only=True)
class Paint(PaintConfig):
    """A finished run in new textures: a diffusion prior paints what no photo shows."""

    run_folder: Positional[Path]
    """Folder of a finished run, which is left as it is."""

    def __post_init__(self) -> None:
        """As in `Fit`."""

    def run(self) -> None:
        from ..eval.report import report
        from ..optimize.paint import paint

        print("\n".join(report(paint(checked(PaintConfig, self)))))


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The main job from end to end, offline, on a subject that zoetrope makes up: photos, fit, files, scores."""

    out: Path = Path("runs/demo")
    """Folder for the made-up photos (photos/) and their run (run/)."""
    photo_count: int = 12
    """How many photos are made."""
    effort: float = 1.0
    """Multiplies every stage's iterations."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""
    seed: int = 0
    """Makes another subject and another fit."""
    resume: bool = False
    """Go on with a demo that was interrupted."""
    overwrite: bool = False
    """Replace an earlier demo in the same folder."""

    def run(self) -> None:
        config = FitConfig(
            photos=self.out / "photos",
            out=self.out / "run",
            effort=self.effort,
            device=self.device,
            seed=self.seed,
            resume=self.resume,
            overwrite=self.overwrite,
        )
        if self.photo_count < 3:
            raise InputError(f"--photo-count is {self.photo_count}; a fit needs 3 photos or more")
        from ..eval.report import report
        from ..optimize.demo import demo

        print("\n".join(report(demo(config, photo_count=self.photo_count))))
        print(f"look at {config.out / 'turntable.mp4'} and open {config.out / 'subject.glb'} in a viewer")
