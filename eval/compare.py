"""Two runs of the same photos side by side: the mean difference photo by photo, and how sure it is.

Photos differ far more than runs do, so scores are compared within each photo: with d_i = second - first in photo i,

    difference = mean_i d_i,
    95 % interval = the 2.5th and 97.5th percentile of that mean over resamples of the photos with replacement

(`bootstrap`). An interval that holds 0 says that these photos do not decide. A photo counts where both runs have the
score. For keypoint transfer a photo's score is the share of its own keypoints that arrive in the others, so photos are
not quite independent there and the interval is a little narrow.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..scenes.atomic import atomic_write
from ..scenes.error import InputError
from .measure import MEASURES, Measure
from .metrics.bootstrap import bootstrap_interval

COMPARISON_FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class Difference:
    """One measure in two runs."""

    measure: Measure
    first: float
    """The run's own figure, as in its scores."""
    second: float
    by_photo: dict[str, float]
    """Second minus first of each photo that has both."""
    mean: float
    """Of `by_photo`; need not be `second - first`, which may be pooled otherwise or over other photos."""
    interval: tuple[float, float]
    """95 %, of the mean."""
    photos_better: int
    """Photos in which the second run is better."""

    @property
    def verdict(self) -> Literal["better", "worse", "undecided"]:
        """What the interval says of the second run."""
        low, high = self.interval
        if low <= 0 <= high:
            return "undecided"
        return "better" if (low > 0) == (self.measure.better == "higher") else "worse"


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """The differences in every measure that both runs have photo by photo, from what `score_run` gave for either.

    Raises InputError where the runs share no photo.
    """
    rows, other_rows = first["by_photo"], second["by_photo"]
    shared = sorted(rows.keys() & other_rows.keys())
    if not shared:
        raise InputError("the two runs share no photo; compare runs that were fitted to the same photos")
    found = []
    for measure in MEASURES:
        key = measure.by_photo
        by_photo = {
            stem: other_rows[stem][key] - rows[stem][key]
            for stem in shared
            if key in rows[stem] and key in other_rows[stem]
        }
        if not by_photo:
            continue
        values = np.array(list(by_photo.values()))
        gain = values if measure.better == "higher" else -values
        found.append(
            Difference(
                measure=measure,
                first=float(first[measure.name]),
                second=float(second[measure.name]),
                by_photo=by_photo,
                mean=float(values.mean()),
                interval=bootstrap_interval(values),
                photos_better=int((gain > 0).sum()),
            )
        )
    return found


def write_comparison(path: Path, differences: list[Difference], second: Path) -> None:
    """Writes the differences as JSON; `second` is the run that the folder's own one is compared with."""
    content = {
        "format_version": COMPARISON_FORMAT_VERSION,
        "second_run": os.path.relpath(second, path.parent),
        "measures": {one.measure.name: _plain(one) for one in differences},
    }
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _plain(one: Difference) -> dict[str, Any]:
    return {
        "first": one.first,
        "second": one.second,
        "mean_difference": one.mean,
        "interval_95": list(one.interval),
        "verdict": one.verdict,
        "photos_better": one.photos_better,
        "by_photo": one.by_photo,
    }
