"""A finished run painted anew: its shape, poses and cameras stay, and a prior paints what no photo shows.

A fit ends like this when it is given a prior. By itself it lets one fit be seen with several priors, rules and seeds,
in the time of the painting alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..scenes.error import InputError
from ..scenes.run_folder import RunFolder
from .device import choose_device
from .finish import finish
from .fit import first_scene
from .observe.estimated_masks import load_run_photos
from .paint_config import PaintConfig
from .prepare import prepare
from .run.checkpoint import load_checkpoint, save_checkpoint
from .run.open_run import check_out, open_run, read_config
from .texture.diffusion_source import diffusion_source


def paint(config: PaintConfig) -> dict[str, Any]:
    """Writes the run `config.out` with everything that a fit's has, but for logs of its stages; returns its scores.

    Raises InputError where the run is not finished, its photos are gone, the prior is not on this machine, or it cannot
    serve the rule.
    """
    told = read_config(config.run_folder)
    finished = RunFolder(config.run_folder)
    if not finished.exact_subject.is_file():
        raise InputError(f"{finished.root} is not finished; go on with it: zoetrope fit ... --resume")
    if not told.photos.is_dir():
        raise InputError(f"{finished.root} was fitted to {told.photos}, which is gone; put it back")
    asked = replace(
        told,
        out=config.out,
        diffusion=config.diffusion,
        # That of another model has other latents.
        tiny_autoencoder=told.tiny_autoencoder if config.diffusion == told.diffusion else None,
        rule=config.rule,
        category=config.category or told.category,
        device=config.device,
        overwrite=config.overwrite,
    )
    check_out(asked)
    # What the run was told before is none of this command's options.
    source = diffusion_source(replace(asked, category=config.category, clean_up=False), choose_device(config.device))
    seed = config.seed or 0
    ready = prepare(
        replace(told, clean_up=False),
        photos=load_run_photos(told, told.photos),
        painting=replace(asked, seed=seed),
        source=source,
    )
    checkpoint = load_checkpoint(finished.checkpoints, device=ready.device)
    if checkpoint is None:
        raise InputError(f"{finished.checkpoints} has lost last.safetensors, which holds the scene; fit it anew")
    scene = first_scene(ready.templates, ready.observations, told.representation)
    scene.restore(checkpoint.state["scene"])
    if ready.diffusion_line is not None:
        print(ready.diffusion_line, file=sys.stderr)
    about = {"painted": {"run": Path(os.path.relpath(config.run_folder, config.out)).as_posix(), "seed": seed}}
    with open_run(asked, ready.models, about) as run:
        if finished.masks.is_dir():
            shutil.copytree(finished.masks, run.masks)
        save_checkpoint(run.checkpoints, checkpoint.state, checkpoint.place)
        return finish(run, scene, ready.observations, ready.collection, unseen=ready.unseen, videos=config.videos)
