"""A fit's step, whole and stripped to what it cannot do without: twenty photos of a made-up animal, quick's
"refinement".

The whole step is what a fit repeats: shape, poses, cameras, all terms, their gradients, Adam, and every so often what
is renewed (expected colours, responsibility). Stripped: the rest mesh and the joints' maps are given, and what is left
is skinning, projection, coverage and the losses that look at pictures or bodies, forward and backward, and as often as
in a fit the look at all photos that gives one of them its expected colours.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ...representations.body.skinning import skin
from ...representations.body.template import template
from ...scenes.photos.collection import load_collection
from ...scenes.zoo.zoo import write_zoo
from ..config import FitConfig
from ..descent import EXPECTED_COLORS_INTERVAL, Descent
from ..fit import first_scene
from ..losses.collision import collision_loss
from ..observe.observe import observe
from ..observe.semantic_prior import load_semantic_prior
from ..schedule.stage import quick

_SPECIES, _PHOTOS, _PHOTO_SIZE = "dog", 20, 256
_MANY = 1_000_000
"""Iterations: a stage that does not end while it is measured."""


def step_jobs(device: torch.device) -> tuple[Callable[[], object], Callable[[], None]]:
    """The whole step and its bare kernels, each to be called again and again."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / _SPECIES
        write_zoo(_SPECIES, photos, photo_count=_PHOTOS, seed=0, size=_PHOTO_SIZE)
        config = FitConfig(photos=photos, out=Path(folder) / "run")
        observations = observe(load_collection(photos, "folder"), load_semantic_prior(config, device), device)
    by_name = {stage.name: stage for stage in quick()}
    circle, stage = by_name["camera"], replace(by_name["refinement"], iterations=_MANY)
    descent = Descent(first_scene((template("quadruped"),), observations), observations, (circle, stage))
    steps = descent.steps()
    for _ in range(circle.iterations + 1):
        next(steps)
    return lambda: next(steps), _kernels(descent)


def _kernels(descent: Descent) -> Callable[[], None]:
    scene, objective, stage = descent.scene, descent.objective, descent.stage
    view = descent.observations.at(stage.size)
    with torch.no_grad():
        mesh, skeleton = scene.surface.shared(), scene.surface.skeleton()
        rest, transforms = mesh.vertices.requires_grad_(), scene.transforms().requires_grad_()

    rounds = itertools.count()

    def run() -> None:
        if next(rounds) % EXPECTED_COLORS_INTERVAL == 0:
            descent.update_expected_colors()
        rest.grad = transforms.grad = None
        vertices = skin(rest, mesh.weights, transforms)
        terms = objective.evidence(
            scene, mesh, vertices, transforms, view, stage.weights, descent.expectation.expected_colors
        ).terms
        bodies = collision_loss(mesh, skeleton, transforms)
        torch.stack([*terms.values(), bodies]).sum().backward()

    return run
