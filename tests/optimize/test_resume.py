"""A fit killed with SIGKILL, again and again, and resumed each time is bit for bit the fit that nobody disturbed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from zoetrope.optimize.checkpoint import load_checkpoint, read_stages
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.fit import CHECKPOINT_INTERVAL
from zoetrope.optimize.journal import read_metrics
from zoetrope.optimize.plan import schedule

EARLY = 7
"""Steps after which a fit is killed first, while hypotheses compete."""
PATIENCE_SECONDS = 900
"""Far beyond what is needed, for busy machines."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small pictures of something on four legs, from the side and from the front, with masks."""
    folder = tmp_path_factory.mktemp("collection") / "photos"
    (folder / "masks").mkdir(parents=True)
    for k, (length, height, facing) in enumerate([(50, 24, 1), (44, 26, -1), (24, 26, 0), (36, 22, 1)]):
        photo = Image.new("RGB", (96, 96), (90 + 10 * k, 140, 110))
        mask = Image.new("L", (96, 96), 0)
        for picture, ink in ((photo, (150, 90, 40)), (mask, 255)):
            draw = ImageDraw.Draw(picture)
            left, right, top = 48 - length // 2, 48 + length // 2, 34
            draw.ellipse((left, top, right, top + height), fill=ink)
            for x in (left + 4, left + 11, right - 15, right - 8):
                draw.rectangle((x, top + height // 2, x + 4, top + height + 20), fill=ink)
            head = 48 + facing * (length // 2 + 2)
            draw.ellipse((head - 9, top - 12, head + 9, top + 8), fill=ink)
        photo.save(folder / f"{k}.png")
        mask.save(folder / "masks" / f"{k}.png")
    return folder


def _short_fit(photos: Path) -> tuple[float, int, int]:
    """The least effort with a checkpoint inside the last stage: effort, the step after that checkpoint, all steps."""
    for percent in range(1, 100):
        stages = schedule(FitConfig(photos=photos, out=photos, effort=percent / 100))
        steps = sum(stage.iterations for stage in stages)
        for step in range(steps - stages[-1].iterations + 1, steps - 2):
            if step % CHECKPOINT_INTERVAL == 0:
                return percent / 100, step + 1, steps
    raise AssertionError("no schedule has a checkpoint inside its last stage")


def _kill_when(reached: Callable[[], bool], effort: float, photos: Path, out: Path, *more: str) -> None:
    """Starts the command in a process of its own and kills it as soon as `reached` says so."""
    options = ["--effort", str(effort), "--seed", "3", "--device", "cpu", *more]
    start = "import sys; from zoetrope.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", start, "fit", str(photos), "--out", str(out), *options]
    with (out.parent / "said.txt").open("w+") as said, subprocess.Popen(command, stdout=said, stderr=said) as process:
        try:
            give_up = time.monotonic() + PATIENCE_SECONDS
            while not reached():
                assert process.poll() is None, f"ended too early: {(out.parent / 'said.txt').read_text()}"
                assert time.monotonic() < give_up, "what the fit was to be killed at did not come in time"
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)


def _has_logged(step: int, out: Path) -> bool:
    lines = read_metrics(out / "metrics.jsonl")
    return bool(lines) and lines[-1]["step"] >= step


def _has_saved(step: int, out: Path) -> bool:
    stages = read_stages(out / "checkpoints")
    return bool(stages) and stages[-1].step >= step


def _without_times(out: Path) -> list[dict[str, Any]]:
    lines = read_metrics(out / "metrics.jsonl")
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def _differences(a: Any, b: Any, path: str = "state") -> list[str]:
    """Where two states are not the same to the bit."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        return [found for key in a for found in _differences(a[key], b[key], f"{path}.{key}")]
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        return [found for k in range(len(a)) for found in _differences(a[k], b[k], f"{path}.{k}")]
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) else [path]
    return [] if a == b else [path]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_and_resumed_is_bit_equal(photos: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    effort, late, steps = _short_fit(photos)
    # The last checkpoint is what all files of a run are made from; they are not waited for.
    _kill_when(lambda: _has_saved(steps, whole), effort, photos, whole)
    expected = _without_times(whole)
    assert [line["step"] for line in expected] == list(range(1, steps + 1))
    resume: tuple[str, ...] = ()
    for step in (EARLY, late):
        _kill_when(partial(_has_logged, step, broken), effort, photos, broken, *resume)
        resume = ("--resume",)
        # Two runs of one seed agree, whether or not the later one was resumed on the way.
        written = _without_times(broken)
        assert written == expected[: len(written)]
        checkpoint = load_checkpoint(broken / "checkpoints")
        assert checkpoint is not None
        assert 0 < checkpoint.place.step < steps, "nothing to resume from, or nothing left to do"
    assert checkpoint.place.step >= late - 1, "the last resume does not start inside the last stage"
    _kill_when(lambda: _has_saved(steps, broken), effort, photos, broken, "--resume")
    assert _without_times(broken) == expected
    ends = [load_checkpoint(out / "checkpoints") for out in (whole, broken)]
    assert ends[0] is not None
    assert ends[1] is not None
    assert _differences(ends[1].state, ends[0].state) == []
