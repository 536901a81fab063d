"""Another representation goes the way that part surfaces go: a signed distance grid is fitted, unified, animated,
exported and scored."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize import fit as fitting
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.descent import Descent
from zoetrope.optimize.fit import RunResult, first_scene, fit
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.run.metrics_log import read_metrics
from zoetrope.optimize.schedule.stage import Stage
from zoetrope.representations.body.template import template
from zoetrope.representations.surfaces.sdf_surface import SdfSurface
from zoetrope.scenes.photos.collection import load_collection


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(fitting.SURFACES, "parts", SdfSurface.of)
        yield patch


@pytest.fixture(scope="module")
def fitted(good_photos: Path, tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch) -> RunResult:
    config = FitConfig(
        photos=good_photos, out=tmp_path_factory.mktemp("sdf") / "run", effort=0.05, device="cpu", semantic="none",
        template="quadruped",
    )  # fmt: skip
    return fit(config)


def test_a_fit_leaves_a_whole_run(fitted: RunResult) -> None:
    assert fitted.scene.surface.united
    for name in ("rest.ply", "subject.glb", "contact_sheet.png", "turntable.mp4", "scores.json", "transforms.json"):
        assert (fitted.folder / name).stat().st_size > 0
    lines = read_metrics(fitted.folder / "metrics.jsonl")
    before = [line for line in lines if "eikonal" in line]
    assert before, "the grid has regularisers of its own"
    assert all(np.isfinite(line["loss"]) for line in lines)
    assert fitted.scores["watertight"]


def test_the_grid_moves_towards_the_silhouettes(good_photos: Path, patched: pytest.MonkeyPatch) -> None:
    observations = Observations(load_collection(good_photos))
    scene = first_scene([template("quadruped")], observations)
    assert isinstance(scene.surface, SdfSurface)
    start = scene.surface.values.detach().clone()
    camera = Stage("camera", 12, 32, frozenset({"camera"}), kept_hypotheses=6, propose="azimuths")
    shape = Stage("shape", 40, 48, frozenset({"camera", "deformation"}))
    descent = Descent(scene, observations, (camera, shape))
    losses = [dict(place.losses) for place in descent.steps()]
    assert float((scene.surface.values.detach() - start).abs().max()) > 0.5 * scene.surface.spacing
    assert losses[-1]["iou"] > losses[12]["iou"] + 0.02


def test_a_checkpoint_goes_on_to_the_bit(good_photos: Path, patched: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stages = (
        Stage("camera", 2, 24, frozenset({"camera"}), kept_hypotheses=3, propose="azimuths"),
        Stage("shape", 3, 24, frozenset({"camera", "deformation", "instance"})),
        Stage("body", 2, 24, frozenset({"camera", "deformation", "instance"}), united=True),
    )
    observations = Observations(load_collection(good_photos))

    def begun() -> Descent:
        return Descent(first_scene([template("quadruped")], observations), observations, stages)

    whole, losses = begun(), []
    for place in whole.steps():
        losses.append(dict(place.losses))
        save_checkpoint(tmp_path / str(place.step), whole.state(), StageStep("any", place.iteration, place.step))
    for step in (1, 3, 4, 6):
        again = begun()
        checkpoint = load_checkpoint(tmp_path / str(step))
        assert checkpoint is not None
        again.restore(checkpoint.state)
        assert [dict(place.losses) for place in again.steps()] == losses[step:], f"differs when resumed after {step}"
        for name, value in whole.scene.state_dict().items():
            assert torch.equal(value, again.scene.state_dict()[name]), f"{name} differs when resumed after {step}"


def test_it_is_animated_exported_and_scored(fitted: RunResult) -> None:
    run = str(fitted.folder)
    assert main(["animate", run, "--motion", "idle", "--size", "48", "--fps", "4", "--seconds", "1"]) == 0
    for form in ("glb", "obj", "ply"):
        assert main(["export", run, "--format", form]) == 0
    assert main(["eval", run]) == 0
    scores = json.loads((fitted.folder / "scores.json").read_text())
    assert 0 < scores["mask_iou"] <= 1
