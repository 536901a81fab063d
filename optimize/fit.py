"""The main job: a folder of photos becomes a fitted scene and the files of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..representations.body.template import Template
from ..representations.camera import OrbitCamera
from ..representations.surfaces.part_surface import PartSurfaces
from ..representations.surfaces.surface import Surface
from ..scenes.hypotheses.free_cameras import FreeCameras, FreeLens
from ..scenes.hypotheses.hypotheses import Hypotheses
from ..scenes.photos.collection import Collection
from ..scenes.run_folder import RunFolder
from ..scenes.scene import Scene
from .config import FitConfig, Representation
from .descent import Descent
from .draws import generator_of
from .finish import finish
from .observe.estimated_masks import write_masks
from .observe.observations import Observations
from .observe.semantic_prior import doubt
from .plan import check_options, schedule
from .prepare import prepare
from .run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from .run.metrics_log import MetricsLog
from .run.open_run import changed_versions, check_out, open_run
from .run.progress import FitProgress, Work
from .schedule.stage import Stage
from .start.known_start import first_known_cameras

SURFACES: dict[Representation, Callable[[Template, int], Surface]] = {"parts": PartSurfaces}
"""Surfaces of a template and so many photos, by the representation that options name."""
CHECKPOINT_INTERVAL = 25
"""Steps between checkpoints; a stage's last step has one as well."""


@dataclass(frozen=True)
class RunResult:
    """What a fit leaves behind."""

    folder: Path
    scene: Scene
    scores: dict[str, Any]
    """What scores.json says: mask overlap, thickness, whether the mesh is closed."""


def fit(config: FitConfig) -> RunResult:
    """Fits one subject to the photos of `config` and writes its run folder.

    Raises InputError where photos or options cannot be used; nothing has been written then but `config.json`.
    Raises FloatingPointError, naming the step and the term, if a loss is no longer finite.
    """
    check_options(config)
    check_out(config)
    ready = prepare(config, show_progress=True)
    observations, collection = ready.observations, ready.collection
    published = config.preset == "artic3d"
    origin = f"semantic prior: {ready.semantic.line}"
    if published:
        origin = f"{origin}; of it features alone"
    if why := "" if published else doubt(observations):
        origin = f"{origin}; it {why}, so a fit without it is tried as well"
    builds = tuple(one.build for one in ready.templates)
    stages = schedule(config, builds, contested=bool(why), known_cameras=collection.known_cameras)
    scene = first_scene(ready.templates, observations, config.representation)
    lines = [origin, ready.reason, ready.diffusion_line, None if ready.clean is None else ready.clean.line]
    with open_run(config, ready.models) as run:
        write_masks(collection, ready.estimated, run.masks)
        if ready.clean is not None:
            ready.clean.write(run)
        descent = Descent(
            scene,
            observations,
            stages,
            without=config.without,
            batch=config.batch,
            novel=None if ready.unseen is None else ready.unseen.novel_views(),
            generator=generator_of(config.seed),
        )
        checkpoint = load_checkpoint(run.checkpoints, device=ready.device) if config.resume else None
        if checkpoint is not None:
            descent.restore(checkpoint.state)
        with (
            FitProgress([_work(stage, min(len(observations), config.batch)) for stage in stages]) as progress,
            MetricsLog(run.root, resume_at=descent.progress.step) as log,
        ):
            resumed_at = descent.progress.step if checkpoint else None
            for line in lines:
                if line is not None:
                    progress.write(line)
            _announce(progress, collection, scene.hypotheses, run, resumed_at)
            _descend(descent, run, progress, log)
        outliers = descent.outliers()
        for photo, times in outliers.items():
            name = observations.photos[photo].path.name
            words = f"is explained badly, with {times:.1f} times the usual loss, and has had little say in the shape"
            print(f"note: {name} {words}; does it show something else, or is its mask wrong?", file=sys.stderr)
        scores = finish(run, descent.scene, observations, collection, outliers=outliers, unseen=ready.unseen)
        return RunResult(run.root, descent.scene, scores)


def first_scene(
    templates: Sequence[Template], observations: Observations, representation: Representation = "parts"
) -> Scene:
    """The body to start from, unposed, before known cameras, or before any where the first stage is to propose them.

    It is the first of the templates; the scene may try the others.

    Raises InputError where known cameras and masks do not belong together.
    """
    start, count = templates[0], len(observations)
    if all(photo.camera is not None for photo in observations.photos):
        hypotheses = first_known_cameras(observations, len(start.skeleton))
    else:
        zeros = torch.zeros(count)
        # The first stage proposes cameras of its own; these only give the hypotheses its shape.
        camera = OrbitCamera(zeros, zeros, zeros, zeros + 1, torch.zeros(count, 2))
        unknown = torch.tensor([float(not known) for known in observations.focal_known])
        lens = FreeLens(unknown, torch.zeros(()))
        hypotheses = FreeCameras(torch.arange(count), camera, len(start.skeleton), lens=lens)
    return Scene(SURFACES[representation](start, count), hypotheses, templates).to(observations.device)


def _descend(descent: Descent, run: RunFolder, progress: FitProgress, log: MetricsLog) -> None:
    shown, verdict = None, descent.tournament.verdict
    for place in descent.steps():
        stage = descent.stages[place.stage]
        if shown != place.stage:
            progress.start(stage.name, place.iteration - 1)
            shown = place.stage
        if descent.tournament.verdict != verdict:
            verdict = descent.tournament.verdict
            progress.write(verdict)
        log.log(place.step, stage.name, place.iteration, place.losses)
        progress.advance({name: place.losses[name] for name in ("loss", "iou")})
        if place.step % CHECKPOINT_INTERVAL == 0 or place.iteration == stage.iterations:
            save_checkpoint(run.checkpoints, descent.state(), StageStep(stage.name, place.iteration, place.step))


def _work(stage: Stage, photo_count: int) -> Work:
    return Work(stage.name, stage.iterations, cost=photo_count * stage.hypotheses_per_photo * stage.size**2)


def _announce(
    progress: FitProgress, collection: Collection, hypotheses: Hypotheses, run: RunFolder, resumed_at: int | None
) -> None:
    for rejected in collection.rejected:
        progress.write(f"left out: {rejected}")
    for note in collection.notes:
        progress.write(f"note: {note}")
    if hypotheses.note is not None:
        progress.write(f"note: {hypotheses.note}")
    if resumed_at is not None:
        progress.write(f"resumed at step {resumed_at}")
        for change in changed_versions(run.root):
            progress.write(f"note: since the run was started {change}; bits may differ")
