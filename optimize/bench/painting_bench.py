"""The bench of what paints unseen sides: fits of one-sided photos, each painted anew by several rules and seeds.

A fit is made once for each collection and `zoetrope paint` does the rest, so that shapes, poses and cameras are the
same in every row of a collection. Collections of the zoo are made on the spot, of seeds that nothing is trained on,
with photos from behind alone. Rules that do not draw anything, `none`, are painted once. What is done stands in
`paintings.json` and is not done again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...eval.embedded_judge import JUDGE_NAME as EMBEDDED
from ...eval.picture_score import load_judges
from ...eval.run_score import score_run
from ...eval.texture_deviation import texture_deviation
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.json_file import read_json
from ...scenes.photos.collection import load_collection
from ...scenes.run_folder import RunFolder
from ...scenes.zoo.species import SPECIES, species_key
from ...scenes.zoo.split import FIRST_TEST_SEED
from ...scenes.zoo.zoo import is_zoo, write_zoo
from ..config import FitConfig, RuleName
from ..device import choose_device
from ..fit import fit
from ..paint import paint
from ..paint_config import PaintConfig
from ..path_fields import takes_strings
from ..texture.diffusion_source import diffusion_source
from .bench import read_table

PAINTING_BENCH_FORMAT_VERSION = 1
BEHIND = (110.0, 250.0)
"""Azimuths of the photos of collections that are made."""
_PHOTOS = 8
_COLUMNS = (
    ("novel_unseen_psnr_db", "PSNR of what no photo shows", ".2f"),
    ("novel_unseen_detail", "its detail", ".2f"),
    (f"novel_distance({EMBEDDED})", "distance", ".4f"),
    ("species_odds", "species", ".3f"),
    ("novel_psnr_db", "PSNR", ".2f"),
)
"""Keys of scores, heads of the table and how numbers are written."""


@takes_strings
@dataclass(frozen=True)
class PaintingBenchConfig:
    """What is painted. Raises InputError where there is nothing to paint."""

    out: Path = Path("runs/bench")
    """Folder for collections that are made, runs, `paintings.json` and `paintings.md`."""
    collections: tuple[Path, ...] = ()
    """Folders of photos with a truth and held-out views."""
    zoo: tuple[str, ...] = ("penguin", "tiger")
    """Species of the zoo, seen from behind."""
    rules: tuple[RuleName | Literal["none"], ...] = ("none", "dass", "sds")
    seeds: int = 3
    """How often each rule paints."""
    diffusion: str = "embedded"
    """The prior, as in `PaintConfig`."""
    effort: float = 1.0
    """Of the fits."""

    def __post_init__(self) -> None:
        if self.seeds < 1 or not self.rules or not (self.collections or self.zoo):
            raise InputError("there is nothing to paint; name --collections or --zoo species, --rules and --seeds")
        for species in self.zoo:
            if species not in SPECIES:
                raise InputError(f"--zoo names {species!r}; there are {', '.join(SPECIES)}")


def run_painting_bench(config: PaintingBenchConfig, log: Callable[[str], None] = print) -> Path:
    """Fits, paints and scores whatever is not in the table yet; returns the table's path, `out/paintings.md`.

    Raises InputError where a collection is missing or has no held-out views, where two have one name, and where the
    prior cannot serve a rule; then nothing has been fitted.
    """
    folders = [folder.resolve() for folder in config.collections]
    folders += [_behind(species, config.out / "collections") for species in config.zoo]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        raise InputError(f"two of {', '.join(names)} have one name; rename a folder")
    _refuse_rules(config)
    for folder in folders:
        if not (folder / "truth" / "novel").is_dir():
            raise InputError(f"{folder} has no held-out views (truth/novel) to score against")
    path = config.out / "paintings.json"
    rows = read_table(path, PAINTING_BENCH_FORMAT_VERSION)
    for folder in folders:
        run = config.out / "runs" / folder.name
        if not RunFolder(run).exact_subject.is_file():
            log(f"{folder.name}: the fit")
            resume = RunFolder(run).config.is_file()
            fit(FitConfig(photos=folder, out=run, diffusion="none", effort=config.effort, resume=resume))
        for rule in config.rules:
            for seed in range(1 if rule == "none" else config.seeds):
                name = f"{folder.name}_{rule}_{seed}"
                if name in rows:
                    continue
                log(name)
                rows[name] = {"collection": folder.name, "rule": rule, "seed": seed}
                rows[name] |= _painted(run, folder, config.out / "runs" / name, rule, seed, config)
                _write(path, rows, config)
    _write(path, rows, config)
    return path.with_suffix(".md")


def painting_table(rows: Iterable[dict[str, Any]], deviations: dict[str, dict[str, float]]) -> list[str]:
    """The table as lines of Markdown, a line for each collection and rule: means over seeds, and how far these stray;
    `deviations` of each rule by collection. A figure that was not taken is a dash."""
    lines = [
        "| collection | rule | seeds | unseen | " + " | ".join(head for _, head, _ in _COLUMNS) + " | deviation |",
        "|" + " --- |" * (len(_COLUMNS) + 5),
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["collection"], row["rule"]), []).append(row)
    for (collection, rule), group in groups.items():
        cells = [_cell([row[key] for row in group if row.get(key) is not None], form) for key, _, form in _COLUMNS]
        share = _cell([100 * row["novel_unseen_share"] for row in group[:1] if "novel_unseen_share" in row], ".1f")
        deviation = deviations.get(collection, {}).get(rule)
        last = "-" if deviation is None else f"{deviation:.3f}"
        lines.append(f"| {collection} | {rule} | {len(group)} | {share} % | {' | '.join(cells)} | {last} |")
    return lines


def _cell(values: Sequence[float], form: str) -> str:
    if not values:
        return "-"
    mean = f"{statistics.fmean(values):{form}}"
    return mean if len(values) < 2 else f"{mean} ± {statistics.stdev(values):{form}}"


def _behind(species: str, root: Path) -> Path:
    folder = root / f"{species}_behind"
    if not is_zoo(folder):
        seed = FIRST_TEST_SEED + 100 + list(SPECIES).index(species)
        write_zoo(species, folder, photo_count=_PHOTOS, seed=seed, azimuth_deg=BEHIND)
    return folder


def _painted(run: Path, folder: Path, out: Path, rule: str, seed: int, config: PaintingBenchConfig) -> dict[str, Any]:
    named = _species(folder)
    if not RunFolder(out).exact_subject.is_file():
        how: dict[str, Any] = {"diffusion": "none"}
        if rule != "none":
            how = {"diffusion": config.diffusion, "rule": rule, "category": named, "seed": seed}
        paint(PaintConfig(run_folder=run, out=out, videos=False, overwrite=True, **how))
    judges = load_judges(features="embedded", category=named)
    scores = score_run(out, load_collection(folder), folder, judges=judges)
    return {key: scores[key] for key in ("novel_unseen_share", *(key for key, _, _ in _COLUMNS)) if key in scores}


def _refuse_rules(config: PaintingBenchConfig) -> None:
    """Raises InputError where the prior is not there, or cannot serve one of the rules."""
    for rule in config.rules:
        if rule != "none":
            asked = FitConfig(photos=config.out, out=config.out, diffusion=config.diffusion, rule=rule)
            diffusion_source(asked, choose_device(asked.device))


def _species(folder: Path) -> str | None:
    """What the photos show, where the zoo made them of a species or of a file that is called like one."""
    if not is_zoo(folder):
        return None
    about = read_json(folder / "truth" / "transforms.json", dict)
    subject = species_key(str(about.get("subject")))
    return subject.replace("_", " ") if subject in SPECIES else None


def _write(path: Path, rows: dict[str, dict[str, Any]], config: PaintingBenchConfig) -> None:
    """The rows, and the table of them. How far textures stray is taken from the runs that are still there."""
    runs, deviations = config.out / "runs", dict[str, dict[str, float]]()
    for collection in {row["collection"] for row in rows.values()}:
        painted: dict[str, list[Path]] = {}
        for name, row in rows.items():
            if row["collection"] == collection and RunFolder(runs / name).exact_subject.is_file():
                painted.setdefault(row["rule"], []).append(runs / name)
        if RunFolder(runs / collection).exact_subject.is_file():
            deviations[collection] = texture_deviation(runs / collection, painted)
    with atomic_write(path) as temporary:
        content = {"format_version": PAINTING_BENCH_FORMAT_VERSION, "rows": rows, "deviations": deviations}
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with atomic_write(path.with_suffix(".md")) as temporary:
        temporary.write_text("\n".join(painting_table(rows.values(), deviations)) + "\n", encoding="utf-8")
