"""Checkpoints: exact round trips, refusals with a reason, and a kill at any moment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.optimize.run.checkpoint import (
    CHECKPOINT_FORMAT_VERSION,
    StageStep,
    load_checkpoint,
    read_stages,
    save_checkpoint,
)
from zoetrope.scenes.error import InputError

PLACE = StageStep("shape", 3, 40)


def _round_trip(folder: Path, state: object) -> object:
    save_checkpoint(folder, state, PLACE)
    loaded = load_checkpoint(folder)
    assert loaded is not None
    assert loaded.place == PLACE
    return loaded.state


def test_no_checkpoint_yet(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "missing") is None


def test_plain_values_and_containers(tmp_path: Path) -> None:
    state = {
        "text": "ünï",
        "flags": [True, False, None],
        "numbers": (1, 2**70, 0.1, -0.0, float("inf")),
        "nested": {0: {"a": []}, "0": ()},
        "$": "tensor",
    }
    loaded = _round_trip(tmp_path, state)
    assert loaded == state
    # == takes 1 for True and 0.0 for -0.0; the text of both does not.
    assert repr(loaded) == repr(state)


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
)
def test_tensors_keep_dtype_shape_and_bits(tmp_path: Path, dtype: torch.dtype) -> None:
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 9
    state = {"matrix": values.to(dtype), "view": values.to(dtype).t()[1:], "one": values.to(dtype)[0, 0]}
    state |= {"none": torch.zeros(0, 3, dtype=dtype)}
    loaded = _round_trip(tmp_path, state)
    assert isinstance(loaded, dict)
    for name, tensor in state.items():
        assert loaded[name].dtype == dtype
        assert torch.equal(loaded[name], tensor)


def test_names_that_meet_stay_apart(tmp_path: Path) -> None:
    state = {"a.b": torch.zeros(1), "a": {"b": torch.ones(2), 0: torch.ones(3), "0": torch.ones(4)}}
    loaded = _round_trip(tmp_path, state)
    assert isinstance(loaded, dict)
    assert loaded["a.b"].shape == (1,)
    assert [tensor.numel() for tensor in loaded["a"].values()] == [2, 3, 4]


def test_shared_storage_is_stored_apart(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    loaded = _round_trip(tmp_path, [whole, whole[2:4], whole])
    assert isinstance(loaded, list)
    assert torch.equal(loaded[1], whole[2:4])
    loaded[0].zero_()
    assert torch.equal(loaded[2], whole)


def test_arrays_and_generators_go_on_where_they_were(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(5)
    numpy_generator = np.random.default_rng(6)
    twister = np.random.Generator(np.random.MT19937(7))
    for source in (numpy_generator, twister):
        source.standard_normal(3)
    torch.randn(3, generator=generator)
    array = np.arange(4, dtype=np.int16)
    loaded = _round_trip(tmp_path, {"t": generator, "n": numpy_generator, "m": twister, "a": array})
    assert isinstance(loaded, dict)
    assert torch.equal(torch.randn(9, generator=loaded["t"]), torch.randn(9, generator=generator))
    assert np.array_equal(loaded["n"].standard_normal(9), numpy_generator.standard_normal(9))
    assert np.array_equal(loaded["m"].standard_normal(9), twister.standard_normal(9))
    assert loaded["a"].dtype == np.int16
    assert np.array_equal(loaded["a"], array)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_an_optimiser_goes_on_bit_for_bit(tmp_path: Path, kind: type[torch.optim.Optimizer]) -> None:
    def fresh() -> tuple[torch.nn.Module, torch.optim.Optimizer, torch.Generator]:
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
        groups = [{"params": network[0].parameters()}, {"params": network[2].parameters(), "lr": 0.003}]
        return network, kind(groups, lr=0.01), torch.Generator().manual_seed(1)  # type: ignore[call-arg]

    def step(network: torch.nn.Module, optimiser: torch.optim.Optimizer, generator: torch.Generator) -> None:
        optimiser.zero_grad()
        network(torch.randn(11, 5, generator=generator)).square().mean().backward()
        optimiser.step()

    network, optimiser, generator = fresh()
    for _ in range(5):
        step(network, optimiser, generator)
    save_checkpoint(tmp_path, {"net": network.state_dict(), "adam": optimiser.state_dict(), "rng": generator}, PLACE)
    for _ in range(5):
        step(network, optimiser, generator)

    resumed, its_optimiser, _ = fresh()
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None
    resumed.load_state_dict(checkpoint.state["net"])
    its_optimiser.load_state_dict(checkpoint.state["adam"])
    for _ in range(5):
        step(resumed, its_optimiser, checkpoint.state["rng"])
    for ours, theirs in zip(resumed.parameters(), network.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert its_optimiser.state_dict()["param_groups"] == optimiser.state_dict()["param_groups"]


def test_same_state_same_bytes(tmp_path: Path) -> None:
    state = {name: torch.full((3,), 1.5) for name in "dbca"}
    first = save_checkpoint(tmp_path / "1", state, PLACE).read_bytes()
    assert save_checkpoint(tmp_path / "2", state, PLACE, name="last").read_bytes() == first


@pytest.mark.parametrize("odd", [{1, 2}, np.float32(1), object(), {(1, 2): 3}])
def test_what_cannot_be_held_is_named(tmp_path: Path, odd: object) -> None:
    with pytest.raises(TypeError, match=r"last\.outer\.1"):
        save_checkpoint(tmp_path, {"outer": [0, odd]}, PLACE)
    assert not list(tmp_path.glob("*.safetensors"))


def test_checkpoints_of_two_names_stand_side_by_side(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"loss": 1}, StageStep("shape", 1, 1), name="early")
    save_checkpoint(tmp_path, {"loss": 2}, StageStep("shape", 2, 2))
    early, last = load_checkpoint(tmp_path, "early"), load_checkpoint(tmp_path)
    assert early is not None
    assert last is not None
    assert (early.state["loss"], last.state["loss"]) == (1, 2)


def test_the_journal_follows_a_resume(tmp_path: Path) -> None:
    for place in (
        StageStep("camera", 40, 40),
        StageStep("pose", 10, 50),
        StageStep("pose", 60, 100),
        StageStep("shape", 5, 105),
    ):
        save_checkpoint(tmp_path, {}, place)
    assert read_stages(tmp_path) == [
        StageStep("camera", 40, 40),
        StageStep("pose", 60, 100),
        StageStep("shape", 5, 105),
    ]
    save_checkpoint(tmp_path, {}, StageStep("pose", 20, 60))
    assert read_stages(tmp_path) == [StageStep("camera", 40, 40), StageStep("pose", 20, 60)]


def test_a_file_cut_short_is_refused_at_any_length(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, {"x": torch.arange(40.0)}, PLACE)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            load_checkpoint(tmp_path)


def test_another_format_version_is_refused(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, {}, PLACE)
    old = json.dumps(f'{{"format_version": {CHECKPOINT_FORMAT_VERSION}').strip('"').encode()
    path.write_bytes(path.read_bytes().replace(old, old[:-1] + b"7"))
    with pytest.raises(InputError, match="format version 7"):
        load_checkpoint(tmp_path)


# Saves for ever in a process of its own, forked from this one so that PyTorch is loaded only once, and is killed again
# and again. The parent reports what it finds after each kill: the checkpoint, and whether a torn file lay beside it.
_KILLED_AGAIN_AND_AGAIN = """
import json, os, random, signal, sys, time
from pathlib import Path
import torch
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint

torch.set_num_threads(1)
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
delays = random.Random(0)
found = []
for _ in range(rounds):
    before = load_checkpoint(folder)
    start = before.state["n"] + 1 if before else 0
    child = os.fork()
    if child == 0:
        n = start
        while True:
            state = {"n": n, "x": torch.full((300_000,), float(n)), "y": torch.full((1000,), float(n))}
            save_checkpoint(folder, state, StageStep("shape", n, n))
            n += 1
    while not list(folder.glob("*.safetensors")):
        time.sleep(0.001)
    time.sleep(delays.uniform(0.0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    torn = len(list(folder.glob(".*")))
    checkpoint = load_checkpoint(folder)
    x, y = checkpoint.state["x"], checkpoint.state["y"]
    whole = bool((x == checkpoint.state["n"]).all() and (y == checkpoint.state["n"]).all())
    found.append({"n": checkpoint.state["n"], "step": checkpoint.place.step, "whole": whole, "torn": torn})
save_checkpoint(folder, {"n": -1}, StageStep("end", 0, 10**6))
found.append({"left": [path.name for path in folder.glob(".*")]})
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks to be killed without loading PyTorch each time")
def test_killed_at_any_moment_a_whole_checkpoint_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED_AGAIN_AND_AGAIN, str(tmp_path), "40"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *rounds, end = json.loads(done.stdout)
    assert all(found["whole"] and found["n"] == found["step"] for found in rounds)
    numbers = [found["n"] for found in rounds]
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0], "no round came as far as saving anything"
    assert any(found["torn"] for found in rounds), "no kill fell into a save; the test shows nothing"
    assert end["left"] == [], "files of killed saves stay behind"
