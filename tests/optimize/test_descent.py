"""Descent: it goes down, moves only what is free, drops the right hypotheses, and goes on from any step to the bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from zoetrope.optimize.descent import Descent
from zoetrope.optimize.draws import generator_of
from zoetrope.optimize.losses.loss_term import RenderedStep
from zoetrope.optimize.observe.observations import Observations, View
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.schedule.parameter_groups import parameter_groups
from zoetrope.optimize.schedule.stage import LearningRates, Stage, Weights
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import OrbitCamera
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.representations.surfaces.united_surface import UnitedSurface
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.scene import Scene
from zoetrope.scenes.zoo.species_template import species_template

BODY = frozenset({"camera", "pose", "rest_pose", "length", "radius", "attachment"})
STAGES = (
    Stage("camera", 2, 32, frozenset({"camera"}), kept_hypotheses=5, propose="azimuths", level=1),
    Stage("mirror images", 2, 32, BODY, propose="mirror images", level=1),
    Stage("neighbours", 2, 32, BODY, propose="neighbours", level=1, weights=Weights(texture=0.5)),
    Stage("shape", 3, 32, BODY | {"deformation"}, 2, level=1, cutoff=(1.0, 4.0), weights=Weights(texture=0.5)),
)
CONTEST = (
    Stage("camera", 2, 32, frozenset({"camera"}), kept_hypotheses=3, propose="azimuths", build="standard", level=1),
    Stage("pose", 2, 32, BODY, kept_hypotheses=2, build="standard", level=1),
    Stage(
        "camera elephant",
        2,
        32,
        frozenset({"camera"}),
        kept_hypotheses=3,
        propose="azimuths",
        build="elephant",
        level=1,
    ),
    Stage("pose elephant", 2, 32, BODY, kept_hypotheses=2, build="elephant", level=1),
    Stage("body", 2, 32, BODY, level=1),
)
LAST = (Stage("instance", 3, 40, frozenset({"camera", "pose", "deformation", "instance"}), united=True),)


@pytest.fixture(scope="module")
def observations(good_photos: Path) -> Observations:
    return Observations(load_collection(good_photos))


def first_scene(count: int) -> Scene:
    start = template("quadruped")
    zero = torch.zeros(count)
    camera = OrbitCamera(90 * torch.arange(count).float(), zero + 10, zero, zero + 3, torch.zeros(count, 2))
    hypotheses = FreeCameras(torch.arange(count), camera, len(start.skeleton))
    # A build with joints that the others lack.
    return Scene(PartSurfaces(start, count, level=1), hypotheses, [species_template("elephant")])


def in_one(count: int) -> Scene:
    """A scene in its last form; the parts' own topology serves."""
    scene = first_scene(count)
    parts = scene.surface
    scene.surface = UnitedSurface.begin(parts.shared(), parts.skeleton(), parts.mirror, count, mode_count=20)
    return scene


def begun(observations: Observations, stages: tuple[Stage, ...]) -> Descent:
    make = in_one if stages is LAST else first_scene
    return Descent(make(len(observations)), observations, stages)


def told(descent: Descent) -> list[dict[str, float]]:
    return [dict(place.losses) for place in descent.steps()]


@pytest.mark.parametrize("stages", [STAGES, CONTEST, LAST], ids=["parts", "builds", "united"])
def test_any_step_goes_on_to_the_bit(observations: Observations, stages: tuple[Stage, ...], tmp_path: Path) -> None:
    whole = begun(observations, stages)
    losses: list[dict[str, float]] = []
    for place in whole.steps():
        losses.append(dict(place.losses))
        here = StageStep(whole.stages[place.stage].name, place.iteration, place.step)
        save_checkpoint(tmp_path, whole.state(), here, name=str(place.step))
    assert len(losses) == sum(stage.iterations for stage in stages)
    # A stage's last step, one inside a stage of several hypotheses, and one whose bands are opening.
    for step in {STAGES: (2, 3, 5, 7), CONTEST: (3, 4, 7, 8), LAST: (1, 2)}[stages]:
        checkpoint = load_checkpoint(tmp_path, name=str(step))
        assert checkpoint is not None
        again = begun(observations, stages)
        again.restore(checkpoint.state)
        assert told(again) == losses[step:], f"differs when resumed after step {step}"
        for (name, ours), (other, theirs) in zip(
            whole.scene.state_dict().items(), again.scene.state_dict().items(), strict=True
        ):
            assert name == other
            assert torch.equal(ours, theirs), f"{name} differs when resumed after step {step}"


def test_the_seed_decides_where_accounts_begin_and_nothing_else_does(observations: Observations) -> None:
    def starts(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        descent = Descent(first_scene(4), observations, STAGES, generator=generator_of(seed))
        descent.prepare()
        hypotheses = descent.scene.hypotheses
        assert isinstance(hypotheses, FreeCameras)
        camera = hypotheses.camera()
        return camera.azimuth_deg.detach().reshape(4, 5), camera.elevation_deg.detach()

    planned = torch.arange(5.0) * 72
    torch.testing.assert_close(starts(0)[0], planned.expand(4, -1), atol=1e-3, rtol=0)
    torch.testing.assert_close(starts(0)[1], torch.full((20,), 12.0))
    assert all(torch.equal(one, other) for one, other in zip(starts(1), starts(1), strict=True))
    assert not any(torch.equal(one, other) for one, other in zip(starts(1), starts(2), strict=True))
    # A tenth of the way to the next one at most, so that all of the circle is looked at, whatever the seed.
    for seed in (1, 2):
        azimuth, elevation = starts(seed)
        off = (azimuth - planned + 180) % 360 - 180
        assert 0.5 < float(off.abs().max()) <= 7.2 + 1e-3
        assert len(off.unique()) == 20, "each photo has its own"
        assert 0.2 < float((elevation - 12).abs().max()) <= 2.0 + 1e-4


@pytest.mark.parametrize("seed", [0, 1])
def test_builds_compete_from_the_same_accounts(
    observations: Observations, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    starts: list[Tensor] = []
    all_round = FreeCameras.all_round

    def recorded(*given: Any) -> FreeCameras:
        found = all_round(*given)
        starts.append(found.camera().azimuth_deg.detach().clone())
        return found

    monkeypatch.setattr(FreeCameras, "all_round", recorded)
    told(Descent(first_scene(4), observations, CONTEST, generator=generator_of(seed)))
    assert len(starts) == 2
    assert torch.equal(starts[0], starts[1])


def test_the_build_with_the_least_loss_goes_on(observations: Observations, monkeypatch: pytest.MonkeyPatch) -> None:
    descent = begun(observations, CONTEST)
    builds, ends = [], {}
    for place in descent.steps():
        assert isinstance(descent.scene.surface, PartSurfaces)
        build = descent.scene.surface.template.build
        builds.append(build)
        if place.step in (4, 8):
            ends[build] = descent.scene.surface.log_length.detach().clone()
    assert builds[:8] == ["standard"] * 4 + ["elephant"] * 4
    assert len(set(builds[8:])) == 1
    assert not descent.tournament.builds
    # Each starts from the beginning, and what goes on is what came of the winner.
    assert not torch.equal(ends["standard"], ends["elephant"])
    for favourite in ("standard", "elephant"):
        again = begun(observations, CONTEST)
        monkeypatch.setattr(
            again, "_merit", lambda fit=again, best=favourite: float(fit.scene.state()["build"] != best)
        )
        for place in again.steps():
            if place.step == 9:
                assert isinstance(again.scene.surface, PartSurfaces)
                assert again.scene.surface.template.build == favourite
                moved = (again.scene.surface.log_length.detach() - ends[favourite]).abs().max()
                assert 0 < float(moved) < 2 * LearningRates().length


def test_learning_rates_grow_to_their_full_size(observations: Observations) -> None:
    stage = Stage("camera", 40, 16, frozenset({"camera"}), kept_hypotheses=2, propose="azimuths", level=1)
    descent, shares = begun(observations, (stage,)), []
    for _ in descent.steps():
        shares.append([group["lr"] / group["base"] for group in descent.optimizer.param_groups])
    assert all(max(share) == min(share) for share in shares), "all kinds of variables alike"
    assert shares[0][0] == pytest.approx(1 / 15, rel=0.01)
    assert shares[4][0] == pytest.approx(5 / 15, rel=0.05)
    assert max(share[0] for share in shares) > 0.75
    assert shares[-1][0] == pytest.approx(0.1, abs=0.01)


def test_own_shapes_cost_more_where_little_of_the_body_is_known(
    observations: Observations, monkeypatch: pytest.MonkeyPatch
) -> None:
    descent = begun(observations, LAST)
    with torch.no_grad():
        descent.scene.surface.instance_coefficients.add_(0.01)
    descent.score()
    costs = [descent._look().logged["instance"]]
    at = Observations.at
    # Nothing is known of the left half of each crop.
    known = torch.ones(32, 32)
    known[:, :16] = 0

    def half(seen: Observations, size: int) -> View:
        view = at(seen, size)
        mask = torch.nn.functional.interpolate(known[None, None], (size, size))[0, 0]
        return replace(view, valid=view.valid * mask)

    monkeypatch.setattr(Observations, "at", half)
    costs.append(descent._look().logged["instance"])
    assert 0 < 1.5 * costs[0] < costs[1]


def test_the_loss_goes_down_and_the_overlap_up(observations: Observations) -> None:
    stages = (
        Stage("camera", 2, 32, frozenset({"camera"}), kept_hypotheses=5, propose="azimuths", level=1),
        Stage("body", 30, 32, BODY, kept_hypotheses=1, level=1),
    )
    losses = told(begun(observations, stages))[2:]
    assert losses[-1]["loss"] < 0.7 * losses[0]["loss"]
    assert losses[-1]["iou"] > losses[0]["iou"] + 0.05
    assert {"pyramid", "outside", "camera", "pose", "bone_length", "rest_pose"} <= set(losses[0])


def test_stages_keep_as_many_accounts_as_they_say(observations: Observations) -> None:
    descent = begun(observations, STAGES)
    rows = {}
    for place in descent.steps():
        rows[descent.stages[place.stage].name] = descent.scene.hypotheses.photo.tolist()
        responsibility = descent.expectation.responsibility
        total = torch.zeros(4).index_add(0, descent.scene.hypotheses.photo, responsibility)
        torch.testing.assert_close(total, torch.ones(4))
    assert rows["camera"] == [k for k in range(4) for _ in range(5)]
    assert rows["mirror images"] == [k for k in range(4) for _ in range(4)]
    assert rows["neighbours"] == [k for k in range(4) for _ in range(6)]
    assert sorted(set(rows["shape"])) == [0, 1, 2, 3]
    assert len(rows["shape"]) <= 8
    assert descent.done


@pytest.mark.parametrize("free", ["camera", "pose", "length", "radius", "attachment", "rest_pose", "deformation"])
def test_only_what_is_free_moves(observations: Observations, free: str) -> None:
    owner = {
        "camera": {f"hypotheses.{name}" for name in ("azimuth", "elevation", "roll", "log_distance", "offset")},
        "pose": {"hypotheses.pose"},
        "rest_pose": {"rest_pose"},
        "length": {"surface.log_length"},
        "radius": {"surface.log_radius"},
        "attachment": {"surface.shift"},
        "deformation": {"surface.coefficients"},
    }
    # A pose to be moved away from: at zero some penalties have no gradient.
    scene = first_scene(4)
    with torch.no_grad():
        scene.rest_pose.add_(0.05)
    stage = Stage("one", 1, 32, frozenset({free}), level=1, cutoff=(3.0, 3.0))  # type: ignore[arg-type]
    before = {name: value.detach().clone() for name, value in scene.named_parameters()}
    descent = Descent(scene, observations, (stage,))
    told(descent)
    moved = {name for name, value in scene.named_parameters() if not torch.equal(value, before[name])}
    assert moved == owner[free]


def test_groups_hold_each_free_parameter_once() -> None:
    for scene, everything in ((first_scene(2), BODY | {"deformation", "instance"}), (in_one(2), LAST[0].free)):
        groups = parameter_groups(scene, frozenset(everything), LearningRates())
        held = [id(parameter) for group in groups for parameter in group["params"]]
        assert len(held) == len(set(held))
        still = {"hypotheses.log_focal"} | ({"rest_pose"} - everything)
        assert set(held) == {id(p) for name, p in scene.named_parameters() if name not in still}
        assert all(group["lr"] == group["base"] > 0 for group in groups)


class Extra:
    """A term of its own: pulls every body up by a known amount, or breaks."""

    name = "extra"

    def __init__(self, weight: float, value: float) -> None:
        self.weight = weight
        self.value = value

    def __call__(self, rendered: RenderedStep) -> Float[Tensor, " B"]:
        assert rendered.vertices.shape == (len(rendered.hypotheses), len(rendered.mesh.vertices), 3)
        return rendered.vertices.mean((1, 2)) * 0 + self.value


def test_additional_terms_are_weighed_added_and_logged(observations: Observations) -> None:
    scene = first_scene(4)
    stage = Stage("one", 1, 32, frozenset({"camera"}), level=1)
    plain = told(Descent(scene, observations, (stage,)))[0]
    more = told(Descent(first_scene(4), observations, (stage,), [Extra(0.5, 3.0)]))[0]
    assert more["extra"] == pytest.approx(1.5)
    # With the same on top of every photo's loss, none is an outlier any longer: all have their full say.
    assert more["loss"] == pytest.approx(plain["loss"] + 1.5, rel=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_with_stage_and_term(observations: Observations, value: float) -> None:
    stage = Stage("doomed", 2, 32, frozenset({"camera"}), level=1)
    descent = Descent(first_scene(4), observations, (stage,), [Extra(1.0, value)])
    with pytest.raises(FloatingPointError, match=r"stage 'doomed', step 0: .*\(extra\)"):
        told(descent)
