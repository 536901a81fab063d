"""A fit with semantic priors: their terms are there, any step goes on to the bit, and without them nothing changes."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from zoetrope.optimize import fit as fitting
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.descent import Descent
from zoetrope.optimize.fit import first_scene, fit
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import SemanticPrior
from zoetrope.optimize.plan import schedule
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.run.metrics_log import read_metrics
from zoetrope.optimize.schedule.stage import Stage, Weights, without
from zoetrope.representations.body.template import BUILDS, template
from zoetrope.scenes.photos.collection import load_collection

BODY = frozenset({"camera", "pose", "rest_pose", "length", "radius", "attachment"})
STAGES = (
    Stage("camera", 3, 32, frozenset({"camera"}), kept_hypotheses=6, propose="azimuths", build="standard", level=1),
    Stage("pose", 2, 32, BODY, kept_hypotheses=2, build="standard", level=1),
    Stage(
        "camera compact", 2, 32, frozenset({"camera"}), kept_hypotheses=3, propose="azimuths", build="compact", level=1
    ),
    Stage("body", 2, 32, BODY, level=1),
    Stage("shape", 2, 32, BODY | {"deformation"}, level=2, cutoff=(1.0, 4.0)),
)
CONTEST = (
    *STAGES[:4],
    *(replace(stage, name=f"{stage.name} without canonical maps", maps="out") for stage in STAGES[:4]),
    replace(STAGES[4], maps="best"),
)


def _load_oracle() -> Any:
    path = Path(__file__).with_name("oracle.py")
    spec = importlib.util.spec_from_file_location("zoetrope_test_oracle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


oracle = _load_oracle()


@pytest.fixture(scope="module")
def observations(good_photos: Path) -> Observations:
    seen = Observations(load_collection(good_photos))
    seen = replace(seen, canonical=oracle.Oracle(good_photos, size=48)(seen))
    seen = replace(seen, features=seen.canonical.descriptor)
    return seen


def _begun(observations: Observations, stages: tuple[Stage, ...] = STAGES) -> Descent:
    return Descent(
        first_scene([template("quadruped", build) for build in BUILDS["quadruped"]], observations), observations, stages
    )


@pytest.mark.parametrize("stages", [STAGES, CONTEST], ids=["led", "contested"])
def test_any_step_goes_on_to_the_bit(observations: Observations, stages: tuple[Stage, ...], tmp_path: Path) -> None:
    whole, losses = _begun(observations, stages), []
    for place in whole.steps():
        losses.append(dict(place.losses))
        save_checkpoint(
            tmp_path,
            whole.state(),
            StageStep(whole.stage.name, place.iteration, place.step),
            name=str(place.step),
        )
    led = losses if stages is STAGES else losses[:9]
    assert all("canonical" in step and step["canonical"] > 0 for step in led)
    assert all("semantic" in step for step in losses)
    for step in (2, 4, 6, 8, 10):
        checkpoint = load_checkpoint(tmp_path, name=str(step))
        assert checkpoint is not None
        again = _begun(observations, stages)
        again.restore(checkpoint.state)
        assert [dict(place.losses) for place in again.steps()] == losses[step:], f"differs when resumed after {step}"
        for (name, ours), theirs in zip(
            whole.scene.state_dict().items(), again.scene.state_dict().values(), strict=True
        ):
            assert torch.equal(ours, theirs), f"{name} differs when resumed after step {step}"


@pytest.mark.parametrize(("share", "words"), [(0.59, "59% of the outlines' loss"), (0.61, "61% of the outlines' loss")])
def test_maps_are_given_up_only_for_much_better_outlines(
    observations: Observations, share: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    descent, given_up = _begun(observations, CONTEST), share < 0.6
    monkeypatch.setattr(descent, "_outline_loss", lambda: 1.0 if descent.tournament.uses_maps else share)
    said, ends = [], {}
    for place in descent.steps():
        said.append({"canonical", "view"} & set(place.losses))
        if place.step in (9, 18):
            ends[place.step] = descent.scene.rest_pose.detach().clone()
        if place.step == 19:
            # What goes on is what came of the one that was chosen.
            moved = {step: float((descent.scene.rest_pose.detach() - end).abs().max()) for step, end in ends.items()}
            assert min(moved, key=lambda step: moved[step]) == (18 if given_up else 9)
    both: set[str] = {"canonical", "view"}
    assert said == [both] * 9 + [set()] * 9 + [set() if given_up else both] * 2
    assert words in descent.tournament.verdict
    assert descent.tournament.verdict.endswith("and goes on" if given_up else "the one with them goes on")
    assert descent.tournament.with_maps is None


@pytest.mark.parametrize("off", [("outside",), ("pyramid",), ("outside", "pyramid")])
def test_the_contest_is_judged_by_the_outline_terms_there_are(observations: Observations, off: tuple[str, ...]) -> None:
    descent = _begun(observations, without(CONTEST, off))
    for _ in descent.steps():
        pass
    assert descent.tournament.verdict
    if len(off) == 2:
        assert descent.tournament.uses_maps, "nothing speaks against the maps"


def test_without_maps_a_fit_is_what_it_would_be_alone(observations: Observations, good_photos: Path) -> None:
    bare = Observations(load_collection(good_photos))
    bare = replace(bare, features=observations.features)
    # What may be hidden stays so, maps or no maps; here nothing is.
    assert torch.equal(bare.at(32).valid, observations.at(32).valid)
    alone = [dict(place.losses) for place in _begun(bare, STAGES[:4]).steps()]
    contested = [dict(place.losses) for place in _begun(observations, CONTEST).steps()]
    assert contested[9:18] == alone


def test_priors_of_no_weight_change_no_bit(observations: Observations, good_photos: Path) -> None:
    silent = tuple(replace(stage, weights=Weights(canonical=0.0, semantic=0.0)) for stage in STAGES)
    bare = Observations(load_collection(good_photos))
    told = [dict(place.losses) for place in _begun(bare).steps()]
    # Views come from the maps whatever their weight.
    unseen = Observations(load_collection(good_photos))
    unseen = replace(unseen, features=observations.features)
    assert [dict(place.losses) for place in _begun(unseen, silent).steps()] == told
    assert not {"canonical", "semantic"} & set(told[0])


def test_views_start_where_the_maps_say(observations: Observations, good_photos: Path) -> None:
    descent = _begun(observations)
    descent.prepare()
    azimuth = descent.scene.hypotheses.camera().orbit().azimuth_deg.detach().reshape(4, 6)
    true = oracle.true_azimuths(good_photos, observations.stems)
    assert float(((azimuth[:, 0] - true + 180) % 360 - 180).abs().max()) < 6


def test_a_fit_takes_maps_for_its_crops(good_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "finish", lambda *_, **__: {})
    monkeypatch.setattr(fitting, "schedule", lambda *options, **more: schedule(*options, **more)[:2])
    flaws = oracle.Flaws(noise=0.05, flipped_photos=0.25, garbage=0.15, mirrored_view=0.4)
    config = FitConfig(photos=good_photos, out=tmp_path / "out", effort=0.02, device="cpu", template="quadruped")
    maps = oracle.Oracle(good_photos, flaws, size=48)
    monkeypatch.setattr(SemanticPrior, "canonical_maps", lambda _, observations: maps(observations))
    fit(config)
    lines = read_metrics(tmp_path / "out" / "metrics.jsonl")
    assert all(0 < line["canonical"] < 0.05 for line in lines)
