"""The command line, nothing else: each command is a frozen dataclass whose `run` calls the package and prints.

Exit codes: 0 done; 2 the input or the options are wrong, one line on stderr says how; 1 a fault of ours, with its
traceback. Everything heavy is imported inside `run`, so that help and refusals come at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from .optimize.checked import checked
from .optimize.config import FitConfig, check_supported
from .optimize.paint_config import PaintConfig
from .optimize.pretrain.command import Pretrain
from .scenes.datasets.kind import DatasetKind
from .scenes.error import InputError

if TYPE_CHECKING:
    from .optimize.run_folder import RunFolder


_LATER = {
    "animate": "an animated GLB and a film of a motion; subject.glb already carries clips",
    "transfer": "texture, pose or shape from one subject to another",
    "models": "listing and pulling of the large priors",
    "report": "a page about a run",
    "view": "a scene in the browser",
    "fleet": "many subjects over many GPUs",
}
"""Commands that are planned; naming one ends with exit code 2."""


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
            from .optimize.plan import plan

            print("\n".join(plan(config)))
            return
        from .optimize.fit import fit

        fit(config)


@dataclass(frozen=True, kw_only=True)
class Paint(PaintConfig):
    """A finished run in new textures: a diffusion prior paints what no photo shows."""

    run_folder: Positional[Path]
    """Folder of a finished run, which is left as it is."""

    def __post_init__(self) -> None:
        """As in `Fit`."""

    def run(self) -> None:
        from .eval.report import report
        from .optimize.paint import paint

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
        from .eval.report import report
        from .optimize.demo import demo

        print("\n".join(report(demo(config, photo_count=self.photo_count))))
        print(f"look at {config.out / 'turntable.mp4'} and open {config.out / 'subject.glb'} in a viewer")


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
        from .optimize.run_folder import RunFolder
        from .scenes.deliver import write_turntables
        from .scenes.subject import load_subject
        from .scenes.turntable import TurntableConfig

        name = "turntable" if self.motion == "none" else f"turntable_{self.motion}"
        paths = [self.run_folder / f"{name}.{ending}" for ending in self.format]
        subject = load_subject(_finished(RunFolder(self.run_folder)).exact_subject)
        write_turntables(subject, paths, self.motion, TurntableConfig(size=self.size, seconds=self.seconds))
        print("\n".join(map(str, paths)))


@dataclass(frozen=True)
class Export:
    """A run's subject in another format, written to RUN/export."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    format: Literal["glb", "obj", "ply", "usd", "vrm"] = "glb"
    """glb: rig, skin, texture, clips; obj: mesh and texture; ply: the mesh alone."""

    def run(self) -> None:
        if self.format in ("usd", "vrm"):
            raise InputError(f"not implemented yet: --format {self.format}; use glb, obj or ply")
        from .optimize.run_folder import RunFolder
        from .scenes.deliver import export_subject
        from .scenes.subject import load_subject

        path = self.run_folder / "export" / f"subject.{self.format}"
        export_subject(load_subject(_finished(RunFolder(self.run_folder)).exact_subject), path)
        print(path)


@dataclass(frozen=True)
class Eval:
    """How well a run agrees with its photos, and with the truth where that is known."""

    run_folder: Positional[Path]
    """Folder of a finished run."""
    truth: Path | None = None
    """Collection to score against: its photos, masks/, keypoints.json and truth/; by default the photos' own folder."""
    against: Path | None = None
    """A second run of the same photos: both side by side, with differences photo by photo."""
    animodel: bool = False
    """Chamfer by Animodel's protocol as well; takes several seconds a photo."""
    clip: str | None = None
    """CLIP similarity as well, by ARTIC3D's protocol: hub id (openai/clip-vit-base-patch32) or folder of a CLIP."""
    category: str | None = None
    """What CLIP or the embedded network is to see, in a word; by default the run's own category."""
    lpips: bool = False
    """LPIPS (AlexNet) between each photo and its fit as well."""
    fid: bool = False
    """FID between all photos and all fits as well; of few photos it only compares with figures of as many."""
    features: str | None = None
    """Both on features of another network, under its name: embedded, which also says whether it recognises the
    category, or a .safetensors of MobileNetV2 in timm's layout (mobilenetv2_100)."""
    allow_download: bool = False
    """Fetch a network that is not on this machine; otherwise nothing is downloaded."""

    def run(self) -> None:
        from .eval.photo_score import Thorough
        from .eval.picture_score import load_judges
        from .optimize.run_folder import read_config
        from .optimize.score_runs import score_runs

        runs = [self.run_folder] if self.against is None else [self.run_folder, self.against]
        configs = [read_config(run) for run in runs]
        judges = load_judges(
            clip=self.clip,
            category=self.category or configs[0].category,
            lpips=self.lpips,
            fid=self.fid,
            features=self.features,
            allow_download=self.allow_download,
        )
        score_runs(configs, self.truth, Thorough(animodel=self.animodel), judges)


@dataclass(frozen=True)
class Dataset:
    """A dataset of the field becomes a folder of photos with masks, keypoints and cameras, where it has them."""

    kind: Positional[DatasetKind]
    """Whose format it is; coco is also AP-10K and Animal-Pose."""
    source: Positional[Path]
    """The dataset as its authors publish it: its folder, or the file of its annotations."""
    out: Path
    """New folder to be written."""
    category: str | None = None
    """What is taken of it, in the dataset's own word (zebra, golden_retriever)."""
    subjects: tuple[int, ...] = ()
    """coco: ids of annotations to take in place of the largest subject of each photo."""

    def run(self) -> None:
        from .scenes.datasets.dataset import write_collection
        from .scenes.datasets.kind import read_dataset

        dataset = read_dataset(self.kind, self.source, self.category, self.subjects)
        written = write_collection(dataset, self.out, show_progress=True)
        for line in (*written.left_out[:20], *written.notes[:20]):
            print(line, file=sys.stderr)
        print(
            f"{self.out}: {written.photo_count} photos, {written.mask_count} with a mask, {written.keypoint_count} "
            f"with keypoints; {len(written.left_out)} left out, {len(written.notes)} notes (README.md has all)"
        )


@dataclass(frozen=True, kw_only=True)
class Zoo:
    """A made-up animal or character becomes a folder of photos about which everything is known."""

    subject: Positional[str]
    """A species (zebra, penguin, chibi, ...; a wrong name lists them), or a rigged .glb or .gltf file."""
    out: Path
    """Folder to be written."""
    photos: int = 20
    """How many; one individual, each photo in a pose of its own."""
    seed: int = 0
    """Makes another individual in other photos."""
    size: int = 384
    """Longer side in pixels."""
    noisy: bool = False
    """Things stand before about half of the subjects, or the frame cuts them off."""
    azimuth: tuple[float, float] = (0.0, 360.0)
    """Photos are taken from between these, in degrees: 0 is the front, 90 the left."""
    overwrite: bool = False
    """Replace an earlier collection of the zoo in the same folder."""

    def run(self) -> None:
        from .scenes.zoo.zoo import write_zoo

        write_zoo(
            self.subject, self.out, photo_count=self.photos, seed=self.seed, size=self.size, noisy=self.noisy,
            azimuth_deg=self.azimuth, overwrite=self.overwrite,
        )  # fmt: skip
        print(self.out)


@dataclass(frozen=True)
class Bench:
    """Collections fitted one after another into one table; what is in the table already is not done again."""

    out: Path = Path("runs/bench")
    """Folder for the runs and the table, bench.json and bench.md."""
    collections: tuple[Path, ...] = ()
    """Folders of photos to fit besides the zoo's test split; a truth in them is scored against."""
    zoo: tuple[str, ...] | None = None
    """Species of the zoo's test split; without this option all of them, and with no names after it none."""
    presets: tuple[Literal["quick", "full", "artic3d"], ...] = ("quick",)
    """Presets of zoetrope fit."""
    effort: float = 1.0
    """Multiplies every stage's iterations."""

    def run(self) -> None:
        from .optimize.bench import BenchConfig, run_bench

        chosen = {} if self.zoo is None else {"zoo": self.zoo}
        options = () if self.effort == 1 else ("--effort", f"{self.effort:g}")
        config = BenchConfig(self.out, self.collections, presets=self.presets, fit_options=options, **chosen)
        print(run_bench(config, say=lambda line: print(line, file=sys.stderr)).read_text(encoding="utf-8"), end="")


@dataclass(frozen=True)
class Speed:
    """Speed, as ratios measured in one run."""

    device: str = "cpu"
    """auto, cpu, cuda, cuda:N or mps."""
    diffusion: str | None = None
    """Time and memory of a step of diffusion rules instead, on this model: hub id or folder of one on this machine, or
    random (SD 1.5's architecture, random weights)."""
    precision: Literal["float32", "float16", "bfloat16"] | None = None
    """Of that model's weights; by default float16 on CUDA, float32 elsewhere."""

    def run(self) -> None:
        from .optimize.device import choose_device

        device = choose_device(self.device)
        if self.diffusion is not None:
            from .optimize.diffusion_speed import DiffusionSpeedConfig, measure_diffusion_speed, report_lines

            config = DiffusionSpeedConfig(model=self.diffusion, device=str(device), precision=self.precision)
            for line in report_lines(config, measure_diffusion_speed(config)):
                print(line, flush=True)
            return
        from .optimize.speed import measure_speed

        print("\n".join(map(str, measure_speed(device))))


@dataclass(frozen=True)
class Doctor:
    """What this machine has, and what a fit makes of it."""

    def run(self) -> None:
        from .optimize.doctor import examine

        rows = examine()
        width = max(len(name) for _, name, _ in rows)
        for topic, name, finding in rows:
            print(f"{topic:<10} {name:<{width}}  {finding}")


_Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Fit, tyro.conf.subcommand("fit")]
    | Annotated[Paint, tyro.conf.subcommand("paint")]
    | Annotated[Turntable, tyro.conf.subcommand("turntable")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Dataset, tyro.conf.subcommand("dataset")]
    | Annotated[Zoo, tyro.conf.subcommand("zoo")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Speed, tyro.conf.subcommand("speed")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name; None takes the process's own) and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # OpenMP threads spin while they wait for each other. A fit is thousands of short parallel loops: with anything else
    # running on the machine they would spin away the time of the thread that is to finish (measured: ten times slower).
    # Training has the machine to itself for hours, and is half as fast again if they spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE" if arguments[:1] == ["pretrain"] else "PASSIVE")
    try:
        if arguments == ["--version"]:
            from . import __version__

            print(__version__)
            return 0
        if arguments and arguments[0] in _LATER:
            raise InputError(f"not implemented yet: {arguments[0]} ({_LATER[arguments[0]]}); see zoetrope --help")
        command = tyro.cli(
            _Command,  # type: ignore[arg-type]
            prog="zoetrope",
            description=(
                "A handful of photos of an animal or a character becomes a textured, rigged, animated 3D subject.\n\n"
                f"Planned, not there yet: {', '.join(_LATER)}."
            ),
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
        )
        command.run()
    except InputError as fault:
        print(f"zoetrope: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoetrope: interrupted; a fit goes on with the same command and --resume", file=sys.stderr)
        return 130
    return 0


def _finished(run: RunFolder) -> RunFolder:
    if not run.config.is_file():
        raise InputError(
            f"{run.root} is no run: it has no config.json; give the folder that `zoetrope fit --out` wrote"
        )
    return run
