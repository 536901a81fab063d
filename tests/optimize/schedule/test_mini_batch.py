"""Mini-batches: every photo has its turn, what has none stays to the bit, and a part is looked at as in the whole."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from zoetrope.optimize.descent import Descent
from zoetrope.optimize.draws import Draws, generator_of
from zoetrope.optimize.fit import first_scene
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.schedule.mini_batch import step_rows, turn, turns
from zoetrope.optimize.schedule.stage import Free, Stage, Weights
from zoetrope.representations.body.template import template
from zoetrope.scenes.photos.collection import load_collection

BODY: frozenset[Free] = frozenset({"camera", "pose", "rest_pose", "length"})
STAGES = (
    Stage("camera", 2, 32, frozenset({"camera"}), kept_hypotheses=4, propose="azimuths", level=1),
    Stage("mirror images", 3, 32, BODY, propose="mirror images", level=1, weights=Weights(texture=0.5)),
    Stage("instance", 3, 32, BODY | {"instance"}, level=1, cutoff=(3.0, 3.0)),
)


@pytest.fixture(scope="module")
def observations(good_photos: Path) -> Observations:
    return Observations(load_collection(good_photos))


def begun(observations: Observations, batch: int | None, seed: int = 0) -> Descent:
    scene = first_scene([template("quadruped")], observations)
    return Descent(scene, observations, STAGES, batch=batch, generator=generator_of(seed))


@pytest.mark.parametrize(("count", "batch", "steps"), [(20, 10, 2), (7, 3, 3), (5, 5, 1), (3, 8, 1), (4, 1, 4)])
def test_every_photo_has_its_turn_once_a_round(count: int, batch: int, steps: int) -> None:
    assert turns(count, batch) == steps
    order = torch.arange(count).flip(0)
    assert bool(turn(order, batch, 0)[order[: count // steps]].all()), "the first in the order come first"

    def rounds(seed: int) -> list[torch.Tensor]:
        draws = Draws(count, batch, generator_of(seed))
        return list(torch.stack([draws.turn(step) for step in range(4 * steps)]).split(steps))

    for chosen in (*rounds(0), *rounds(1)):
        assert chosen.sum(0).tolist() == [1] * count
        sizes = chosen.sum(1)
        assert int(sizes.max()) <= batch
        assert int(sizes.max() - sizes.min()) <= 1
    for seed in (0, 1):
        assert torch.equal(torch.cat(rounds(seed)), torch.cat(rounds(seed)))
        if steps > 1:
            first, *others = rounds(seed)
            assert not all(torch.equal(first, other) for other in others), "rounds have different orders"
    if steps > 1:
        assert not torch.equal(torch.cat(rounds(0)), torch.cat(rounds(1))), "the seed decides them"


def test_draws_go_on_where_they_were() -> None:
    draws = Draws(7, 3, generator_of(5))
    for step in range(5):
        draws.turn(step)
    again = Draws(7, 3, generator_of(9))
    again.restore(draws.state())
    for step in range(5, 20):
        assert torch.equal(again.turn(step), draws.turn(step))
    ours, theirs = again.starts(), draws.starts()
    assert ours is not None
    assert theirs is not None
    assert torch.equal(torch.rand(3, generator=ours), torch.rand(3, generator=theirs))


def test_seed_0_draws_nothing_and_needs_no_state() -> None:
    assert generator_of(0) is None
    plain, again = Draws(7, 3), Draws(7, 3)
    assert plain.starts() is plain.state() is None
    expected = [plain.turn(step) for step in range(9)]
    again.restore(None)
    assert all(torch.equal(again.turn(step), expected[step]) for step in (4, 5, 8)), "in the middle of a round"


def test_rows_without_a_turn_neither_move_nor_forget() -> None:
    generator = torch.Generator().manual_seed(0)
    start, pull = torch.randn(2, 4, 3, generator=generator)
    rows, shared = start.clone().requires_grad_(), torch.ones(2, requires_grad=True)
    optimizer = torch.optim.Adam([rows, shared], lr=0.1)
    alone = start.clone().requires_grad_()
    plain = torch.optim.Adam([alone], lr=0.1)
    for mine in (torch.tensor([True, True, False, False]), torch.tensor([False, True, True, False])):
        before, rows.grad, shared.grad = rows.detach().clone(), pull * mine[:, None], torch.ones(2)
        memory = {name: value.clone() for name, value in optimizer.state[rows].items()}
        step_rows(optimizer, [(rows, mine)])
        assert torch.equal(rows[~mine], before[~mine])
        assert bool((rows[mine] != before[mine]).all())
        for name in ("exp_avg", "exp_avg_sq"):
            old = memory[name][~mine] if memory else torch.zeros(2, 3)
            assert torch.equal(optimizer.state[rows][name][~mine], old)
        alone.grad = pull.clone()
        plain.step()
    # The row that was there both times has gone the way it goes alone, and what all share has moved each time.
    torch.testing.assert_close(rows[1], alone[1], rtol=0, atol=0)
    torch.testing.assert_close(shared.detach(), torch.full((2,), 0.8))


def gradients(descent: Descent, index: torch.Tensor | None, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    descent.scene.zero_grad(set_to_none=True)
    losses = descent._look(index).per_hypothesis
    (losses if index is not None else losses[rows]).sum().backward()
    return {n: p.grad.clone() for n, p in descent.scene.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("known", [False, True], ids=["free cameras", "known cameras"])
def test_a_part_is_seen_as_in_the_whole(good_photos: Path, turnaround: Callable[..., Any], known: bool) -> None:
    folder = turnaround([20, 140, 260], scale=3.0).folder if known else good_photos
    observations = Observations(load_collection(folder))
    if not known:
        # Features of no meaning: any will do to see whether hypotheses are mixed up.
        observations = replace(
            observations, features=torch.rand(4, 8, 16, 16, generator=torch.Generator().manual_seed(1))
        )
    descent = begun(observations, None)
    for place in descent.steps():
        if place.step == 4:
            break
    # Photos out of their order, and not all hypotheses of one.
    index = torch.tensor([6, 1, 9, 2])
    whole, part = descent._look(), descent._look(index)
    torch.testing.assert_close(part.per_hypothesis, whole.per_hypothesis[index])
    assert part.logged.keys() == whole.logged.keys()
    assert ("semantic" in part.logged) == (not known)
    expected, found = gradients(descent, None, index), gradients(descent, index, index)
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], atol=1e-7, rtol=1e-4, msg=name)
    still = torch.ones(len(descent.scene.hypotheses), dtype=torch.bool)
    still[index] = False
    own = [name for name in found if name.removeprefix("hypotheses.") in descent.scene.hypotheses.per_hypothesis]
    assert own or known, "photos of one still subject with known cameras have nothing of their own"
    assert not any(bool(found[name][still].any()) for name in own)


@pytest.mark.parametrize("seed", [0, 1])
def test_photos_without_a_turn_stay_where_they_are(observations: Observations, seed: int) -> None:
    descent, moved = begun(observations, 3, seed), torch.zeros(4, dtype=torch.int64)
    draws = Draws(4, 3, generator_of(seed))
    stage, before = -1, {}
    for place in descent.steps():
        hypotheses = descent.scene.hypotheses
        own = {name: getattr(hypotheses, name).detach().clone() for name in hypotheses.per_hypothesis}
        own["instance"] = descent.scene.surface.instance_coefficients.detach().clone()
        mine = draws.turn(place.step - 1)
        if place.stage == stage and place.iteration > 1:
            for name, value in own.items():
                rows = mine if name == "instance" else mine[hypotheses.photo]
                assert torch.equal(value[~rows], before[name][~rows]), name
            changed = own["azimuth"] != before["azimuth"]
            assert torch.equal(changed, mine[hypotheses.photo])
            moved += mine
        stage, before = place.stage, own
    assert int(moved.min()) > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_any_step_goes_on_to_the_bit(observations: Observations, tmp_path: Path, seed: int) -> None:
    whole, losses = begun(observations, 3, seed), []
    for place in whole.steps():
        losses.append(dict(place.losses))
        here = StageStep(whole.stage.name, place.iteration, place.step)
        save_checkpoint(tmp_path, whole.state(), here, name=str(place.step))
    assert losses != [dict(place.losses) for place in begun(observations, None, seed).steps()]
    for step in (1, 3, 6):
        checkpoint = load_checkpoint(tmp_path, name=str(step))
        assert checkpoint is not None
        again = begun(observations, 3, seed)
        again.restore(checkpoint.state)
        assert [dict(place.losses) for place in again.steps()] == losses[step:], f"differs after step {step}"


def test_a_batch_of_all_photos_changes_no_bit(observations: Observations) -> None:
    told = [[dict(place.losses) for place in begun(observations, batch).steps()] for batch in (None, 4, 50)]
    assert told[0] == told[1] == told[2]
