"""Schedules: complete, in a workable order, and shortened without losing a stage."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import get_args

import pytest

from zoetrope.optimize.schedule.stage import Free, Lead, Stage, Weights, full, grounded, quick, shortened, without

ORDER = get_args(Lead)


@pytest.fixture(params=[quick, full], ids=["quick", "full"])
def stages(request: pytest.FixtureRequest) -> tuple[Stage, ...]:
    return request.param()


def test_a_schedule_begins_all_round_and_ends_in_one_body(stages: tuple[Stage, ...]) -> None:
    assert stages[0].propose == "azimuths"
    assert stages[0].hypotheses_per_photo > 1
    assert all(stage.propose != "azimuths" for stage in stages[1:])
    assert stages[-1].united
    assert stages[-1].hypotheses_per_photo == 1
    assert stages[-1].propose == "keep"
    united = [stage.united for stage in stages]
    assert united == sorted(united), "a united body does not fall apart again"
    assert len({stage.name for stage in stages}) == len(stages), "the journal tells stages apart by name"
    assert set().union(*(stage.free for stage in stages)) == set(get_args(Free))


def test_every_stage_can_be_run(stages: tuple[Stage, ...]) -> None:
    for stage in stages:
        assert stage.iterations > 0
        assert stage.size >= 16
        assert stage.free
        assert stage.cutoff[0] <= stage.cutoff[1]
        assert all(value >= 0 for value in dataclasses.asdict(stage.weights).values())
        assert all(value > 0 for value in dataclasses.asdict(stage.rates).values())
        if stage.united:
            assert not stage.free & {"length", "radius", "attachment"}, "these belong to parts"


def test_bands_open_without_a_jump(stages: tuple[Stage, ...]) -> None:
    shaped = [stage for stage in stages if "deformation" in stage.free and not stage.united]
    for before, after in itertools.pairwise(shaped):
        assert after.cutoff[0] == before.cutoff[1]


@pytest.mark.parametrize("schedule", [quick, full])
def test_a_contested_fit_is_begun_twice(schedule: Callable[..., tuple[Stage, ...]]) -> None:
    builds = ("standard", "compact")
    plain, contested = schedule(builds), schedule(builds, contested=True)

    def of(maps: str) -> list[Stage]:
        return [dataclasses.replace(stage, maps="lead", name="") for stage in contested if stage.maps == maps]

    nameless = [dataclasses.replace(stage, name="") for stage in plain]
    assert of("lead") == of("out")
    assert of("lead") + of("best") == nameless
    assert [stage.maps for stage in contested] == sorted((stage.maps for stage in contested), key=ORDER.index)
    assert contested[len(of("lead"))].propose == "azimuths", "all round once more"
    assert len({stage.name for stage in contested}) == len(contested)


@pytest.mark.parametrize("factor", [1e-6, 0.1, 2.5])
def test_shortening_scales_iterations_and_nothing_else(factor: float) -> None:
    for before, after in zip(quick(), shortened(quick(), factor), strict=True):
        assert after.iterations == max(2, round(factor * before.iterations))
        assert dataclasses.replace(after, iterations=before.iterations) == before


def test_full_is_no_less_than_quick() -> None:
    for small, large in zip(quick(), full(), strict=True):
        assert (small.name, small.free) == (large.name, large.free)
        assert large.iterations > small.iterations
        assert large.size >= small.size


def test_terms_are_switched_off_by_name_and_nothing_else_changes(stages: tuple[Stage, ...]) -> None:
    assert without(stages, ()) == stages
    left = without(stages, ("texture", "canonical", "lens", "species"))
    for before, after in zip(stages, left, strict=True):
        assert (after.weights.texture, after.weights.canonical) == (0, 0)
        assert "lens" not in after.free
        assert after.weights.lens == 0
        assert after.weights.pyramid == before.weights.pyramid
        same = dataclasses.replace(after, free=before.free, weights=before.weights)
        assert same == before
    assert {"texture", "canonical"} <= set(vars(Weights()))


def test_without_strides_their_stages_are_left_out(stages: tuple[Stage, ...]) -> None:
    left = without(stages, ("strides",))
    assert [stage.name for stage in stages if stage not in left] == ["hind legs", "front legs"]
    assert all(stage in stages for stage in left)


def test_on_the_ground_feet_have_a_weight_and_nothing_else_changes(stages: tuple[Stage, ...]) -> None:
    for before, after in zip(stages, grounded(stages), strict=True):
        assert after.weights.ground > before.weights.ground == 0
        assert dataclasses.replace(after, weights=dataclasses.replace(after.weights, ground=0.0)) == before
