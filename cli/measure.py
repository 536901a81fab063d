"""What measures: eval, bench, speed, doctor."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from ..optimize.config import RuleName
from ..scenes.error import InputError


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
        self._refuse_idle_options()
        from ..eval.photo_score import Thorough
        from ..eval.picture_score import load_judges
        from ..optimize.bench.score_runs import score_runs
        from ..optimize.run.open_run import read_config

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

    def _refuse_idle_options(self) -> None:
        if self.category is not None and self.clip is None and self.features != "embedded":
            raise InputError(
                f"--category {self.category} is what a network is to see, and none is asked: add --clip or --features "
                "embedded"
            )
        if self.category is not None and self.clip is None:
            from ..scenes.zoo.species import SPECIES, species_key

            if species_key(self.category) not in SPECIES:
                known = ", ".join(SPECIES)
                raise InputError(f"--category {self.category} says nothing to the embedded network; it knows {known}")
        if self.allow_download and self.clip is None and not (self.lpips or self.fid):
            raise InputError("--allow-download has nothing to fetch: add --clip, --lpips or --fid")
        if self.against is not None and self.against.resolve() == self.run_folder.resolve():
            raise InputError(f"--against {self.against} is the run itself; name another run of the same photos")


@dataclass(frozen=True)
class Bench:
    """Collections fitted one after another into one table; what is in the table already is not done again."""

    out: Path = Path("runs/bench")
    """Folder for the runs and the table, bench.json and bench.md."""
    collections: tuple[Path, ...] = ()
    """Folders of photos to fit besides the zoo's test split; a truth in them is scored against."""
    zoo: tuple[str, ...] | None = None
    """Species of the zoo's test split; without this option all of them, and with no names after it none. With --rules
    any species, photographed from behind alone; without this option penguin and tiger."""
    presets: tuple[Literal["quick", "full", "artic3d"], ...] | None = None
    """Presets of zoetrope fit; quick by default."""
    effort: float = 1.0
    """Multiplies every stage's iterations."""
    rules: tuple[RuleName | Literal["none"], ...] = ()
    """Compare rules of the diffusion prior instead: one fit of each collection by preset quick, painted anew by each of
    these where no photo shows it."""
    seeds: int | None = None
    """How often each collection is fitted, with seeds 0, 1, ...: the table then has means and standard deviations; 1 by
    default. With --rules: how often each of these paints, 3 by default."""
    diffusion: str | None = None
    """With --rules: the prior that paints, embedded, a local folder, or a model id that the hub's cache holds;
    embedded by default."""

    def run(self) -> None:
        def log(line: str) -> None:
            print(line, file=sys.stderr)

        self._refuse_idle_options()
        chosen = {} if self.zoo is None else {"zoo": self.zoo}
        if self.rules:
            from ..optimize.bench.painting_bench import PaintingBenchConfig, run_painting_bench

            given = {"seeds": self.seeds, "diffusion": self.diffusion}
            how = {"rules": self.rules, "effort": self.effort}
            how |= {name: value for name, value in given.items() if value is not None}
            table = run_painting_bench(PaintingBenchConfig(self.out, self.collections, **chosen, **how), log)
            print(table.read_text(encoding="utf-8"), end="")
            return
        from ..optimize.bench.bench import BenchConfig, run_bench

        options = () if self.effort == 1 else ("--effort", f"{self.effort:g}")
        fits = {"presets": self.presets, "seeds": self.seeds, **chosen}
        fits = {name: value for name, value in fits.items() if value is not None}
        config = BenchConfig(self.out, self.collections, fit_options=options, **fits)
        print(run_bench(config, log).read_text(encoding="utf-8"), end="")

    def _refuse_idle_options(self) -> None:
        if self.rules and self.presets is not None:
            raise InputError("--presets has no say with --rules, which paint fits of preset quick; leave it out")
        if self.diffusion is not None and not set(self.rules) - {"none"}:
            raise InputError(
                f"--diffusion {self.diffusion} is the prior of --rules, and no rule asks one; add --rules dass"
            )


@dataclass(frozen=True)
class Speed:
    """Speed, as ratios measured in one run."""

    device: str = "cpu"
    """auto, cpu, cuda, cuda:N or mps."""
    rasterizers: bool = False
    """Time and agreement of every rasterizer that can run on the device instead."""
    diffusion: str | None = None
    """Time and memory of a step of diffusion rules instead, on this model: hub id or folder of one on this machine, or
    random (SD 1.5's architecture, random weights)."""
    precision: Literal["float32", "float16", "bfloat16"] | None = None
    """Of that model's weights; by default float16 on CUDA, float32 elsewhere."""

    def run(self) -> None:
        from ..optimize.device import choose_device

        if self.precision is not None and self.diffusion is None:
            raise InputError(
                f"--precision {self.precision} is of a diffusion model; add --diffusion random, or leave it out"
            )
        device = choose_device(self.device)
        if self.diffusion is not None:
            from ..optimize.bench.diffusion_speed import DiffusionSpeedConfig, measure_diffusion_speed, report_lines

            config = DiffusionSpeedConfig(model=self.diffusion, device=str(device), precision=self.precision)
            for line in report_lines(config, measure_diffusion_speed(config)):
                print(line, flush=True)
            return
        if self.rasterizers:
            from ..optimize.bench.rasterizer_speed import measure_rasterizers

            print("\n".join(map(str, measure_rasterizers(device))))
            return
        from ..optimize.bench.speed import measure_speed

        print("\n".join(map(str, measure_speed(device))))


@dataclass(frozen=True)
class Doctor:
    """What this machine has, and what a fit makes of it."""

    def run(self) -> None:
        from ..optimize.bench.doctor import examine

        rows = examine()
        width = max(len(name) for _, name, _ in rows)
        for topic, name, finding in rows:
            print(f"{topic:<10} {name:<{width}}  {finding}")
