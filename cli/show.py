"""What shows a subject and hands it out: turntable, export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from ..scenes.error import InputError
from ..scenes.preview.pass_name import LIT, Pass

if TYPE_CHECKING:
    from ..scenes.run_folder import RunFolder


@dataclass(frozen=True)
class Turntable:
    """Videos of a run's subject turning, at rest or in motion."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    motion: str = "none"
    """How it moves while it turns: none, one of the subject's clips (walk, interpolate), another motion by name
    (gallop, graze, ...), FILE.glb#CLIP or FILE.bvh. A turn takes a whole number of repeats."""
    passes: tuple[Pass, ...] = ("color",)
    """What is drawn, side by side: the subject as it is, in clay, its normals, its parts, its places on the reference
    body, its triangles, its bones."""
    format: tuple[Literal["mp4", "gif", "webp", "png", "frames"], ...] = ("mp4",)
    """One or more; png is a strip of eight stills, frames a folder of all frames as PNGs."""
    size: int = 512
    """Width and height of a pass in pixels."""
    seconds: float | None = None
    """Time of the video, about; 6 by default."""
    frames: int | None = None
    """Exact number of frames, in place of --seconds."""
    fps: float = 24.0
    """Frames per second."""
    turns: int = 1
    """How often the camera goes round; 0 lets it stand, below 0 it goes the other way."""
    elevation: float = 12.0
    """Of the camera in degrees."""
    start: float = 40.0
    """Azimuth of the first frame in degrees: 0 looks at the front, 90 at the subject's left."""
    skinning: Literal["linear", "dual"] = "linear"
    """How the mesh follows its joints: as the GLB does in any viewer, or by dual quaternions, which keep twisted limbs
    round."""
    background: str = "studio"
    """studio, white, black, a colour like '#80c0ff', or transparent (not for mp4)."""
    light: str = "studio"
    """studio: soft, a little more from above left; flat: none that makes shadows; one strong light: key (above left),
    side (left), back, top, or AZIMUTH,ELEVATION in degrees: azimuth 0 at the camera, 90 on its right, 180 behind."""

    def run(self) -> None:
        self._check()
        from ..scenes.export.write_subject import write_turntables
        from ..scenes.motion.choose_motion import choose_motion, require_repeats
        from ..scenes.preview.animation import AnimationConfig
        from ..scenes.preview.studio_words import studio_in_words
        from ..scenes.run_folder import RunFolder
        from ..scenes.subject import load_subject

        config = AnimationConfig(
            size=self.size,
            seconds=self._seconds,
            frames=self.frames,
            frames_per_second=self.fps,
            turns=self.turns,
            elevation_deg=self.elevation,
            start_deg=self.start,
            skinning=self.skinning,
            studio=studio_in_words(self.background, self.light),
        )
        run = _finished(RunFolder(self.run_folder))
        paths = [run.turntable("" if form == "frames" else f".{form}", *self._words()) for form in self.format]
        subject = load_subject(run.exact_subject)
        if self.motion != "none" and self.seconds is not None:
            require_repeats(choose_motion(subject, self.motion), self.seconds)
        write_turntables(subject, paths, self.motion, config, self.passes)
        print("\n".join(map(str, paths)))

    @property
    def _seconds(self) -> float:
        return 6.0 if self.seconds is None else self.seconds

    def _check(self) -> None:
        if not (16 <= self.size <= 4096 and 0 < self._seconds <= 600 and 1 <= self.fps <= 240):
            raise InputError(
                f"--size {self.size} must be 16 to 4096, --seconds {self._seconds:g} above 0, up to 600, and --fps "
                f"{self.fps:g} 1 to 240"
            )
        if self.frames is not None and self.seconds is not None:
            raise InputError(
                f"--frames {self.frames} and --seconds {self.seconds:g} both say how long; give one of them"
            )
        if self.motion == "none" and self.skinning != "linear":
            raise InputError(f"--skinning {self.skinning} changes nothing at rest; add --motion, such as --motion walk")
        if self.light != "studio" and not set(self.passes) & set(LIT):
            raise InputError(
                f"--light {self.light} changes nothing in {', '.join(self.passes)}, where no light falls; add one of "
                f"--passes {' '.join(LIT)}"
            )
        if self.frames is not None and not 1 <= self.frames <= 10000:
            raise InputError(f"--frames {self.frames} must be 1 to 10000")
        if not (-89 <= self.elevation <= 89 and abs(self.start) <= 360 and abs(self.turns) <= 100):
            raise InputError(
                f"--elevation {self.elevation:g} must be -89 to 89, --start {self.start:g} -360 to 360, and --turns "
                f"{self.turns} -100 to 100"
            )
        if not self.passes or not self.format:
            raise InputError("--passes and --format need a word at least")

    def _words(self) -> list[str]:
        """What is special about the video, for its name."""
        motion = [] if self.motion == "none" else [re.sub(r"\W+", "_", Path(self.motion).name)]
        return [*motion, *(self.passes if self.passes != ("color",) else ())]


@dataclass(frozen=True)
class Export:
    """A run's subject in another format, written to RUN/export."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    format: Literal["glb", "obj", "ply", "usd", "vrm"] = "glb"
    """glb: rig, skin, texture, clips; usd: the same as .usdz (needs zoetrope3d[usd]); vrm: a humanoid as an avatar, its
    clips beside it as .vrma; obj: mesh and texture; ply: the mesh alone."""

    def run(self) -> None:
        from ..scenes.export.write_subject import export_subject
        from ..scenes.run_folder import RunFolder
        from ..scenes.subject import load_subject

        ending = "usdz" if self.format == "usd" else self.format
        run = _finished(RunFolder(self.run_folder))
        path = run.export / f"subject.{ending}"
        export_subject(load_subject(run.exact_subject), path)
        print(path)


def _finished(run: RunFolder) -> RunFolder:
    if not run.config.is_file():
        raise InputError(
            f"{run.root} is no run: it has no config.json; give the folder that `zoetrope fit --out` wrote"
        )
    return run
