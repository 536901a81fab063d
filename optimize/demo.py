"""The main job from end to end on a subject that the package makes up: photos, fit, files, scores. Needs no network."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

from ..eval.run_score import score_run
from ..scenes.collection import load_collection
from ..scenes.demo_subject import is_demo_subject, write_demo_subject
from ..scenes.error import InputError
from .config import FitConfig
from .fit import fit
from .run_folder import visible_names


def demo(config: FitConfig, *, photo_count: int = 12) -> dict[str, Any]:
    """Writes photos to `config.photos`, fits them into `config.out`, and returns the scores against the known truth.

    `config.seed` makes the subject as well as the fit. With `resume` photos that are there are kept, with `overwrite`
    they are made anew. Raises InputError where `config.photos` holds anything but a demo's photos.
    """
    present = visible_names(config.photos)
    if present and not is_demo_subject(config.photos):
        raise InputError(f"{config.photos} holds other files ({', '.join(present[:3])}); choose another --out")
    if present and not (config.resume or config.overwrite):
        raise InputError(f"{config.photos} holds a demo already; add --resume or --overwrite, or choose another --out")
    if present and config.overwrite:
        shutil.rmtree(config.photos)
    if not visible_names(config.photos):
        write_demo_subject(config.photos, seed=config.seed, photo_count=photo_count)
    fit(replace(config, template="quadruped"))
    return score_run(config.out, load_collection(config.photos), truth=config.photos)
