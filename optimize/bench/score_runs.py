"""One run scored, or two of the same photos side by side, as `zoetrope eval` shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...eval.compare import compare, write_comparison
from ...eval.photo_score import Thorough
from ...eval.picture_score import Judges
from ...eval.report import comparison, report, short_names
from ...eval.run_score import score_run
from ...scenes.error import InputError
from ...scenes.run_folder import RunFolder
from ..config import FitConfig
from ..observe.estimated_masks import load_run_photos


def score_runs(
    runs: Sequence[FitConfig],
    truth: Path | None,
    thorough: Thorough,
    judges: Judges,
    log: Callable[[str], None] = print,
) -> None:
    """Scores each run against its photos' folder, or against `truth`, and compares two with each other.

    Writes scores.json and keypoints.png into each run's folder, and comparison.json into the first one's. Raises
    InputError where a run's photos are gone and no `truth` is given.
    """
    for config in runs:
        if truth is None and not config.photos.is_dir():
            raise InputError(f"{config.out} was fitted to {config.photos}, which is gone; name it with --truth")
    every = []
    for config in runs:
        root = config.photos if truth is None else truth
        photos = load_run_photos(config, root)
        every.append(score_run(config.out, photos, root, thorough, judges))
        run = RunFolder(config.out)
        written = [path for path in (run.scores, run.keypoints) if path.is_file()]
        log("\n".join([*report(every[-1]), "", *map(str, written), ""]))
    if len(runs) == 2:
        differences = compare(*every)
        path = RunFolder(runs[0].out).comparison
        write_comparison(path, differences, runs[1].out)
        log("\n".join([*comparison(differences, short_names(runs[0].out, runs[1].out)), "", str(path)]))
