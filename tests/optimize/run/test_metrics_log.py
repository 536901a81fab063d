"""The metrics log: exact numbers, torn lines, cuts at a checkpoint, and TensorBoard's view of a resumed run."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from zoetrope.optimize.run.metrics_log import MetricsLog, read_metrics, truncate


def _write(folder: Path, steps: range, resume_at: int = 0) -> None:
    with MetricsLog(folder, resume_at=resume_at, tensorboard=False) as log:
        for step in steps:
            log.log(step, "shape", step, {"loss": 1 / step})


def _steps(folder: Path) -> list[int]:
    return [line["step"] for line in read_metrics(folder / "metrics.jsonl")]


def test_numbers_come_back_bit_for_bit(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    values = {f"v{i}": torch.randn((), generator=generator) * 10.0 ** (i - 20) for i in range(40)}
    with MetricsLog(tmp_path, tensorboard=False) as log:
        written = log.log(1, "camera", 1, values | {"double": 0.1 + 0.2, "count": 3})
    (line,) = read_metrics(tmp_path / "metrics.jsonl")
    assert line == written
    assert all(np.float32(line[name]) == value.numpy() for name, value in values.items())
    assert line["double"] == 0.1 + 0.2
    assert (line["step"], line["stage"], line["iteration"]) == (1, "camera", 1)
    assert "time" in line


def test_each_line_is_there_at_once(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, tensorboard=False) as log:
        for step in range(1, 4):
            log.log(step, "camera", step, {"loss": 0.0})
            assert _steps(tmp_path)[-1] == step


def test_a_new_log_starts_empty_and_a_resumed_one_at_its_step(tmp_path: Path) -> None:
    _write(tmp_path, range(1, 8))
    before = (tmp_path / "metrics.jsonl").read_bytes().splitlines()
    _write(tmp_path, range(5, 8), resume_at=4)
    assert _steps(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    after = (tmp_path / "metrics.jsonl").read_bytes().splitlines()
    assert after[:4] == before[:4]
    _write(tmp_path, range(1, 2))
    assert _steps(tmp_path) == [1]


def test_torn_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    _write(tmp_path, range(1, 5))
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete = sum(len(b"".join(lines[: n + 1])) <= length for n in range(4))
        assert len(read_metrics(path)) == complete
        truncate(path, 3)
        assert path.read_bytes() == b"".join(lines[: min(complete, 3)])


def test_steps_between_logged_ones(tmp_path: Path) -> None:
    _write(tmp_path, range(10, 60, 10))
    truncate(tmp_path / "metrics.jsonl", 35)
    assert _steps(tmp_path) == [10, 20, 30]


def test_a_strange_line_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\nhello\n')
    with pytest.raises(ValueError, match="hello"):
        truncate(path, 5)
    assert path.read_text() == '{"step": 1}\nhello\n'


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_a_broken_loss_stops_the_fit_and_is_on_record(tmp_path: Path, broken: float) -> None:
    with MetricsLog(tmp_path, tensorboard=False) as log:
        log.log(1, "pose", 1, {"mask": 1.0, "pose": 0.5})
        with pytest.raises(FloatingPointError, match=r"mask is .* at step 2 .*stage pose, iteration 2"):
            log.log(2, "pose", 2, {"pose": 0.5, "mask": torch.tensor(broken)})

    def no_constants(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    text = (tmp_path / "metrics.jsonl").read_text().splitlines()[-1]
    assert float(json.loads(text, parse_constant=no_constants)["mask"]) == pytest.approx(broken, nan_ok=True)


def test_refusals(tmp_path: Path) -> None:
    with MetricsLog(tmp_path, tensorboard=False) as log:
        log.log(2, "pose", 1, {})
        with pytest.raises(ValueError, match="step 2 is logged after step 2"):
            log.log(2, "pose", 1, {})
        with pytest.raises(ValueError, match="'time'"):
            log.log(3, "pose", 1, {"time": 1.0})
    assert _steps(tmp_path) == [2]


def test_tensorboard_shows_a_resumed_run_once(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with MetricsLog(tmp_path) as log:
        for step in range(1, 7):
            log.log(step, "shape", step, {"loss": float(step)})
    # Event files are told apart by the second they were made in.
    for file in tmp_path.glob("events.out.tfevents.*"):
        os.rename(file, file.with_name(file.name.replace("tfevents.", "tfevents.0")))
    with MetricsLog(tmp_path, resume_at=4) as log:
        for step in range(5, 7):
            log.log(step, "shape", step, {"loss": 10.0 * step})
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("shape/loss")] == [
        *[(step, float(step)) for step in range(1, 5)],
        (5, 50.0),
        (6, 60.0),
    ]
