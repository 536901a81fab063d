"""The main job from end to end on an animal of the zoo: photos, fit, files, scores. Needs no network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..eval.run_score import score_run
from ..scenes.error import InputError
from ..scenes.photos.collection import load_collection
from ..scenes.run_folder import visible_names
from ..scenes.zoo.zoo import is_zoo, write_zoo
from .config import FitConfig
from .fit import fit

DEMO_SPECIES = "zebra"
_SIZE = 320


def demo(config: FitConfig, *, photo_count: int = 12) -> dict[str, Any]:
    """Writes photos to `config.photos`, fits them into `config.out`, and returns the scores against the known truth.

    `config.seed` makes the animal as well as the fit. With `resume` photos that are there are kept, with `overwrite`
    they are made anew. Raises InputError where `config.photos` holds anything but photos of the zoo.
    """
    present = visible_names(config.photos)
    if present and not is_zoo(config.photos):
        raise InputError(f"{config.photos} holds other files ({', '.join(present[:3])}); choose another --out")
    if present and not (config.resume or config.overwrite):
        raise InputError(f"{config.photos} holds a demo already; add --resume or --overwrite, or choose another --out")
    if not present or config.overwrite:
        write_zoo(
            DEMO_SPECIES,
            config.photos,
            photo_count=photo_count,
            seed=config.seed,
            size=_SIZE,
            overwrite=config.overwrite,
        )
    fit(replace(config, template="quadruped"))
    return score_run(config.out, load_collection(config.photos), config.photos)
