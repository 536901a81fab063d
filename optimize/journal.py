"""What a fit measured, step by step: metrics.jsonl for machines, TensorBoard events beside it for people.

Steps count finished iterations over all stages, from 1. A checkpoint at step n belongs to the lines up to n, so a
resumed fit cuts the later lines off and writes them again: apart from `time` they must come out the same, bit for bit,
which is why numbers are written with all their digits.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from torch import Tensor

from ..scenes.json_file import parse_json

_RESERVED = ("step", "stage", "iteration", "time")


class MetricsLog:
    """The open log of one run. A context manager; `close` flushes the TensorBoard events.

    With `resume_at` = n the lines after step n, and a last line torn by a kill, are cut off and n is gone on from;
    without it the log starts empty. `tensorboard=False` leaves the events out.
    """

    def __init__(self, folder: Path, resume_at: int = 0, tensorboard: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.jsonl"
        truncate(path, resume_at)
        self._step = resume_at
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed by close()
        self._events = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            # TensorBoard drops what older event files say about steps from the purge step on.
            self._events = SummaryWriter(str(folder), purge_step=resume_at + 1 if resume_at else None)

    def log(self, step: int, stage: str, iteration: int, values: Mapping[str, float | Tensor]) -> dict[str, Any]:
        """Appends one line, at once visible to readers, and returns it. `values` are numbers or tensors of one element.

        Raises ValueError for a step that is not beyond the last one. Raises FloatingPointError, after writing the line,
        naming the first value that is not finite, since nothing good can come after it.
        """
        if step <= self._step:
            raise ValueError(f"step {step} is logged after step {self._step}; steps rise by one and start at 1")
        taken = [name for name in values if name in _RESERVED]
        if taken:
            raise ValueError(f"a value is named {taken[0]!r}, which every line has already; use another name")
        numbers = {name: _number(value) for name, value in values.items()}
        broken = [name for name, number in numbers.items() if not math.isfinite(number)]
        line: dict[str, Any] = {"step": step, "stage": stage, "iteration": iteration}
        # JSON has no word for these; a string keeps the file readable by every parser.
        line |= {name: str(number) if name in broken else number for name, number in numbers.items()}
        line["time"] = round(time.time(), 3)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._step = step
        if broken:
            raise FloatingPointError(
                f"{broken[0]} is {numbers[broken[0]]} at step {step} (stage {stage}, iteration {iteration}); "
                "the fit cannot go on from here: see the lines before in metrics.jsonl for the term that grew"
            )
        if self._events is not None:
            for name, number in numbers.items():
                self._events.add_scalar(f"{stage}/{name}", number, step)
        return line

    def close(self) -> None:
        """Writes out what is still waiting. A closed log takes no more lines."""
        self._file.close()
        if self._events is not None:
            self._events.close()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl, in order, without a last one still being written; none if there is no file."""
    content = path.read_bytes() if path.is_file() else b""
    lines = enumerate(content.split(b"\n")[:-1], start=1)
    return [parse_json(line, dict, source=f"line {number} of {path}") for number, line in lines]


def truncate(path: Path, step: int) -> None:
    """Cuts metrics.jsonl after the last whole line up to and including `step`. A missing file stays missing.

    Cut in place: at whatever byte a kill falls, the next call finds the same lines again.
    Raises ValueError if a line before the cut is not one of ours.
    """
    if not path.is_file():
        return
    kept = 0
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break
        try:
            line_step = json.loads(line)["step"]
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise ValueError(f"{path} has a line that is no metrics: {line[:80]!r}; remove it or start anew") from fault
        if line_step > step:
            break
        kept += len(line)
    with open(path, "r+b") as file:
        file.truncate(kept)
        os.fsync(file.fileno())


def _number(value: float | Tensor) -> float:
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
