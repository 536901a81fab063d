"""The light of photos beside their cameras in a run's `transforms.json`: "log_light" of each frame.

Three lists, for red, green and blue, of nine numbers each; see `representations.rendering.photo_light`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...representations.rendering.photo_light import TERMS, PhotoLight
from ..error import InputError
from .nerfstudio import read_notes

_NAME = "log_light"


def light_notes(light: PhotoLight) -> list[dict[str, Any]]:
    """Notes for `nerfstudio.write_transforms`, one for each photo."""
    return [{_NAME: photo} for photo in light.coefficients.double().cpu().numpy().round(5).tolist()]


def read_lights(path: Path) -> dict[str, PhotoLight]:
    """The light of each photo (one a `PhotoLight`), by stem; {} where none is noted.

    Raises InputError where the file cannot be used or what it notes is no light.
    """
    lights = {}
    for stem, noted in read_notes(path, _NAME).items():
        try:
            numbers = np.asarray(noted, np.float32)
        except (TypeError, ValueError):
            numbers = np.zeros(0)
        if numbers.shape != (3, TERMS) or not np.isfinite(numbers).all():
            raise InputError(f"{path}: {stem} has a {_NAME} that is not 3 x {TERMS} finite numbers; run the fit again")
        lights[stem] = PhotoLight(torch.from_numpy(numbers)[None])
    return lights
