"""The preset for comparison: what is published of its schedule holds, and it runs."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from zoetrope.cli import main
from zoetrope.optimize.fit import first_scene
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.run.metrics_log import read_metrics
from zoetrope.optimize.schedule.artic3d_preset import artic3d
from zoetrope.optimize.schedule.parameter_groups import parameter_groups
from zoetrope.representations.body.template import template
from zoetrope.scenes.hypotheses.known_cameras import KnownCameras
from zoetrope.scenes.photos.collection import load_collection


def test_the_published_schedule() -> None:
    stages = {stage.name: stage for stage in artic3d(("standard", "compact"))}
    joint = ("global", "pose", "base", "shape", "all")
    assert sum(stages[name].iterations for name in joint) == 1100
    assert [stages[name].rates.pose for name in joint] == [0.05, 0.05, 0.01, 0.005, 0.005]
    assert [stages[name].weights.silhouette for name in joint] == [0, 0, 0.05, 0.1, 0.1]
    assert [stages[name].weights.mesh_normal for name in joint] == [0, 0, 0, 0.02, 0.02]
    assert {stage.build for stage in stages.values()} == {"standard", ""}
    free = [stages[name].free for name in joint]
    assert all(now <= later for now, later in pairwise(free))
    assert stages["joint"].free == {"instance"}
    assert stages["joint"].united


def test_every_stage_has_something_to_fit_before_known_cameras_too(turnaround: Callable[..., Any]) -> None:
    observations = Observations(load_collection(turnaround([20.0, 110.0, 230.0]).folder))
    scene = first_scene([template("quadruped")], observations)
    assert isinstance(scene.hypotheses, KnownCameras)
    for still in (True, False):
        scene.hypotheses.still = still
        assert all(parameter_groups(scene, stage.free, stage.rates) for stage in artic3d())


def test_it_runs_on_features_alone(good_photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    # What a diffusion prior adds has a test of its own (test_fit).
    options = ["--preset", "artic3d", "--diffusion", "none", "--effort", "0.01", "--device", "cpu"]
    assert main(["fit", str(good_photos), "--out", str(run), *options]) == 0
    lines = read_metrics(run / "metrics.jsonl")
    said = {name for line in lines for name in line}
    assert {"semantic", "silhouette", "mesh_laplacian", "mesh_normal", "texture"} <= said
    assert not {"pyramid", "outside", "canonical", "view"} & said
    assert (run / "subject.glb").is_file()
