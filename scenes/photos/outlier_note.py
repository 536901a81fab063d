"""Photos that a fit explains much worse than most, in a run's `transforms.json`: "times_usual_loss" of their frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..error import InputError
from .nerfstudio import read_notes

_NAME = "times_usual_loss"


def outlier_notes(photo_count: int, outliers: Mapping[int, float]) -> list[dict[str, Any]]:
    """Notes for `nerfstudio.write_transforms`, one for each photo; `outliers`: photos and their times the usual
    loss."""
    return [{_NAME: round(outliers[k], 2)} if k in outliers else {} for k in range(photo_count)]


def read_outliers(path: Path) -> dict[str, float]:
    """By how many times the usual loss photos are outliers, by stem; {} where none is noted.

    Raises InputError where the file cannot be used or what it notes is no such number.
    """
    outliers = read_notes(path, _NAME)
    for stem, times in outliers.items():
        if isinstance(times, bool) or not isinstance(times, (int, float)) or not (math.isfinite(times) and times > 0):
            raise InputError(f"{path}: {stem} has {_NAME} = {times!r}, not a positive number; run the fit again")
    return outliers
