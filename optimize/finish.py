"""What follows the last step of a fit: the subject in its gauge, its textures, and the files of the run."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..eval.run_score import score_run
from ..scenes.photos.collection import Collection
from ..scenes.run_folder import RunFolder
from ..scenes.scene import Scene
from .observe.observations import Observations
from .output import write_outputs
from .texture.texture_scene import texture_scene
from .texture.unseen_sides import UnseenSides


def finish(
    run: RunFolder,
    scene: Scene,
    observations: Observations,
    collection: Collection,
    *,
    outliers: Mapping[int, float] | None = None,
    unseen: UnseenSides | None = None,
    videos: bool = True,
) -> dict[str, Any]:
    """Writes everything that a run folder holds besides logs and checkpoints; returns its scores.

    `outliers`: photos that are explained badly, with their times the usual loss; `unseen`: what paints the sides that
    no photo shows, which are continued smoothly by default; `videos`: turntables as well.

    Raises ValueError if the scene's surface is not united yet.
    """
    scene.normalise()
    textured = texture_scene(scene, observations)
    if unseen is not None:
        skeleton, poses = scene.surface.skeleton(), scene.rotations().detach()
        textures = unseen.painted(run, textured.mesh, skeleton, poses, textured.textures)
        textured = replace(textured, textures=textures)
    for note in write_outputs(run, scene, observations, textured, collection.name, outliers=outliers, videos=videos):
        print(f"note: {note}", file=sys.stderr)
    return score_run(run.root, collection)
