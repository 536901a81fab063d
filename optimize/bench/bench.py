"""The bench: collections fitted under presets, one after another, into one table of quality, seconds and memory.

Every fit runs in a process of its own, so that its peak memory is its own. What is done stands in `bench.json` and is
not done again; what was interrupted goes on where it was, its time then unknown. The zoo's test split is made on the
spot from its fixed seeds (`scenes.zoo.split`). Where a collection is fitted with several seeds, the table has means and
standard deviations (of the sample, over n - 1): a difference within these says nothing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...eval.measure import MEASURES
from ...eval.run_score import score_run
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.json_file import read_json
from ...scenes.zoo.split import BESIDE, TEST
from ...scenes.zoo.zoo import split_collection
from ..observe.estimated_masks import load_run_photos
from ..path_fields import takes_strings
from ..run.open_run import read_config

BENCH_FORMAT_VERSION = 1
_COLUMNS = (
    ("pck", "PCK"), ("pck_identity", "copying"), ("mask_iou", "mask IoU"), ("amodal_iou", "amodal IoU"),
    ("novel_view_iou", "novel views"), ("novel_psnr_db", "novel PSNR"), ("novel_ssim", "novel SSIM"),
    ("boundary_f", "boundary F"), ("chamfer", "Chamfer"), ("f_score", "F-score"), ("normal_consistency", "normals"),
    ("volume_iou", "volume IoU"), ("azimuth_median_deg", "azimuth"),
    ("azimuth_within_30", "within 30"), ("pose_deg", "pose"), ("flip_rate", "flipped"), ("seconds", "seconds"),
    ("memory_gib", "GiB"),
)  # fmt: skip
"""Keys of a row and heads of the table."""
_UNITS = {measure.name: measure.unit for measure in MEASURES} | {"pck_identity": "percent"}


@takes_strings
@dataclass(frozen=True)
class BenchConfig:
    """What is fitted."""

    out: Path = Path("runs/bench")
    """Folder for collections that are made, runs, `bench.json` and `bench.md`."""
    collections: tuple[Path, ...] = ()
    """Folders of photos; where they have a truth, it is scored against."""
    zoo: tuple[str, ...] = (*TEST, *BESIDE)
    """Species of the zoo's test split."""
    presets: tuple[str, ...] = ("quick",)
    """Presets of `zoetrope fit`."""
    fit_options: tuple[str, ...] = ()
    """Further options of `zoetrope fit`, such as --effort 0.5."""
    seeds: int = 1
    """How often each collection is fitted, with seeds 0, 1, ..."""


def run_bench(config: BenchConfig, log: Callable[[str], None] = print) -> Path:
    """Fits and scores whatever is not in the table yet; returns the table's path, `out/bench.md`.

    Raises InputError where there is nothing to fit, a collection is missing, two have one name, or a species is not of
    the test split. A fit that fails stands in the table with its last words, and the others go on.
    """
    jobs = _jobs(config)
    table = config.out / "bench.json"
    rows = read_table(table, BENCH_FORMAT_VERSION)
    for number, (name, folder, preset, seed) in enumerate(jobs, start=1):
        options = (*config.fit_options, *(("--seed", str(seed)) if seed else ()))
        key = " ".join((name, preset, *options))
        if "fault" not in rows.get(key, {"fault": ""}):
            continue
        log(f"{number} of {len(jobs)}: {key}")
        rows[key] = {"collection": name, "preset": preset, "options": list(config.fit_options), "seed": seed}
        rows[key] |= _fitted(folder, config.out / "runs" / key.replace(" ", "_").replace("/", "_"), preset, options)
        with atomic_write(table) as temporary:
            content = {"format_version": BENCH_FORMAT_VERSION, "rows": rows}
            temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        with atomic_write(table.with_suffix(".md")) as temporary:
            temporary.write_text("\n".join(bench_table(list(rows.values()))) + "\n", encoding="utf-8")
    return table.with_suffix(".md")


def bench_table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table as lines of Markdown, one for the fits of a collection that differ in nothing but the seed: means, and
    with two of them or more their standard deviations. A figure that was not taken is a dash."""
    lines = [
        "| collection | preset | " + " | ".join(head for _, head in _COLUMNS) + " |",
        "|" + " --- |" * (len(_COLUMNS) + 2),
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["collection"], " ".join((row["preset"], *row["options"]))), []).append(row)
    for (collection, preset), group in groups.items():
        cells = [_cell(key, [row[key] for row in group if key in row]) for key, _ in _COLUMNS]
        done = sum("fault" not in row for row in group)
        how = preset if len(group) == 1 else f"{preset}, {done} seed{'s' * (done != 1)}"
        lines.append(f"| {collection} | {how} | " + " | ".join(cells) + " |")
    lines += ["", *(f"{_name(row)}: {row['fault']}" for row in rows if "fault" in row)]
    return lines


def _name(row: dict[str, Any]) -> str:
    return f"{row['collection']}, seed {row['seed']}" if row.get("seed") else row["collection"]


def _cell(key: str, values: Sequence[float]) -> str:
    if not values:
        return "-"
    unit = _UNITS.get(key)
    factor, form = (100, ".1f") if unit == "percent" else (1, ".4f" if unit == "ratio" else ".1f")
    text = f"{factor * statistics.fmean(values):{form}}"
    if len(values) > 1:
        text += f" ± {factor * statistics.stdev(values):{form}}"
    return text + {"percent": " %", "degrees": "°"}.get(unit or "", "")


def _jobs(config: BenchConfig) -> list[tuple[str, Path, str, int]]:
    """Collection, its folder, preset and seed of each fit; all collections have one seed before any has the next."""
    if config.seeds < 1:
        raise InputError(f"--seeds is {config.seeds}; each collection is fitted once at least")
    folders: list[tuple[str, Path]] = [(folder.resolve().name, folder) for folder in config.collections]
    for species in config.zoo:
        if species not in (*TEST, *BESIDE):
            raise InputError(f"--zoo names {species!r}; the test split has {', '.join((*TEST, *BESIDE))}")
        folder = split_collection(species, config.out / "collections")
        folders.append((folder.name, folder))
    names = [name for name, _ in folders]
    if not names or not config.presets:
        raise InputError("there is nothing to fit; name --collections, --zoo species and --presets")
    for name, folder in folders:
        if names.count(name) > 1:
            raise InputError(f"two collections are called {name}; rename one of their folders")
        if not folder.is_dir():
            raise InputError(f"--collections names {folder}, which is no folder")
    seeds = range(config.seeds)
    return [(name, folder, preset, seed) for seed in seeds for preset in config.presets for name, folder in folders]


def _fitted(folder: Path, run: Path, preset: str, options: Sequence[str]) -> dict[str, Any]:
    """Scores, seconds and memory of one fit, or its fault."""
    resumed = (run / "config.json").is_file()
    command = [sys.executable, "-c", "import sys; from zoetrope.cli import main; sys.exit(main())", "fit", str(folder)]
    command += ["--out", str(run), "--preset", preset, *options, *(["--resume"] if resumed else [])]
    run.parent.mkdir(parents=True, exist_ok=True)
    log = run.with_suffix(".log")
    with log.open("ab") as file:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return {"fault": f"exit code {process.returncode}: {words[-1] if words else 'no word'}"}
    has_truth = (folder / "truth").is_dir() or (folder / "keypoints.json").is_file()
    scores = score_run(run, load_run_photos(read_config(run), folder), folder if has_truth else None)
    row = {key: scores[key] for key, _ in _COLUMNS if isinstance(scores.get(key), float)}
    # Linux counts in KiB, macOS in bytes.
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return row | {"memory_gib": memory / 2**30} | ({} if resumed else {"seconds": seconds})


def read_table(path: Path, format_version: int) -> dict[str, dict[str, Any]]:
    """The rows of a table that a bench has written, by key; none where there is no such file. Raises InputError where
    it is of another version."""
    if not path.is_file():
        return {}
    content = read_json(path, dict, expected="expected a table of this bench; choose another --out")
    if content.get("format_version") != format_version:
        found = content.get("format_version")
        raise InputError(
            f"{path} has format version {found!r}, this zoetrope writes {format_version}; choose another --out"
        )
    rows = content.get("rows")
    if not isinstance(rows, dict):
        raise InputError(f"{path} has no rows; choose another --out")
    return rows
