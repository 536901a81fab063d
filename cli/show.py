"""What shows a subject and hands it out: turntable, export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from ..scenes.error import InputError

if TYPE_CHECKING:
    from ..optimize.run_folder import RunFolder


@dataclass(frozen=True)
class Turntable:
    """A film of a run's subject turning once."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    motion: str = "none"
    """How it moves while it turns: none, or one of the subject's clips, such as walk or interpolate."""
    format: tuple[Literal["mp4", "gif", "webp", "png"], ...] = ("mp4",)
    """One or more; png is a strip of stills."""
    size: int = 512
    """Width and height in pixels."""
    seconds: float = 6.0
    """Time of one turn."""

    def run(self) -> None:
        if "#" in self.motion or Path(self.motion).suffix:
            raise InputError(f"not implemented yet: --motion {self.motion}; name one of the subject's own clips")
        if not (16 <= self.size <= 4096 and 0 < self.seconds <= 600):
            raise InputError(f"--size {self.size} must be 16 to 4096 and --seconds {self.seconds} above 0, up to 600")
        from ..optimize.run_folder import RunFolder
        from ..scenes.deliver import write_turntables
        from ..scenes.footage import FootageConfig
        from ..scenes.subject import load_subject

        name = "turntable" if self.motion == "none" else f"turntable_{self.motion}"
        paths = [self.run_folder / f"{name}.{ending}" for ending in self.format]
        subject = load_subject(_finished(RunFolder(self.run_folder)).exact_subject)
        write_turntables(subject, paths, self.motion, FootageConfig(size=self.size, seconds=self.seconds))
        print("\n".join(map(str, paths)))


@dataclass(frozen=True)
class Export:
    """A run's subject in another format, written to RUN/export."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    format: Literal["glb", "obj", "ply", "usd", "vrm"] = "glb"
    """glb: rig, skin, texture, clips; usd: the same as .usdz (needs zoetrope[usd]); vrm: a humanoid as an avatar, its
    clips beside it as .vrma; obj: mesh and texture; ply: the mesh alone."""

    def run(self) -> None:
        from ..optimize.run_folder import RunFolder
        from ..scenes.deliver import export_subject
        from ..scenes.subject import load_subject

        ending = "usdz" if self.format == "usd" else self.format
        path = self.run_folder / "export" / f"subject.{ending}"
        export_subject(load_subject(_finished(RunFolder(self.run_folder)).exact_subject), path)
        print(path)


def _finished(run: RunFolder) -> RunFolder:
    if not run.config.is_file():
        raise InputError(
            f"{run.root} is no run: it has no config.json; give the folder that `zoetrope fit --out` wrote"
        )
    return run
