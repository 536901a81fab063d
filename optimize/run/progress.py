"""What a person sees of a long fit: a bar with the stage, the losses that matter and the time left.

Where the output is no terminal (a log file, a job on a cluster) there is no bar, only one line after each stage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@dataclass(frozen=True)
class Work:
    """One stage as the bar sees it."""

    name: str
    """Shown beside the bar."""
    iterations: int
    """How many `advance` calls it has."""
    cost: float = 1.0
    """Time of one iteration in any unit, the same for all stages; it only makes the time left a better guess."""


class FitProgress:
    """Progress over several stages. A context manager; shows on `console`, which is stderr unless given.

    >>> import io
    >>> log = io.StringIO()
    >>> with FitProgress([Work("shape", 2)], Console(file=log)) as progress:
    ...     progress.start("shape")
    ...     for _ in range(2):
    ...         progress.advance({"mask": 0.25})
    >>> log.getvalue().split(" in ")[0]
    'shape: 2 iterations'
    """

    def __init__(self, stages: Sequence[Work], console: Console | None = None) -> None:
        self._stages = {stage.name: stage for stage in stages}
        self._console = Console(stderr=True) if console is None else console
        self._stage: Work | None = None
        self._done = 0
        self._first = 0
        self._losses: dict[str, float] = {}
        self._since = 0.0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def start(self, name: str, iteration: int = 0) -> None:
        """Begins a stage at `iteration` (above 0 after a resume); what lies before counts as done."""
        self._report()
        if name not in self._stages:
            raise ValueError(f"there is no stage {name!r}; the stages are {', '.join(self._stages)}")
        self._stage, self._done, self._first = self._stages[name], iteration, iteration
        self._losses, self._since = {}, time.monotonic()
        self._show()

    def advance(self, losses: Mapping[str, float]) -> None:
        """One iteration of the present stage is done. `losses` are those worth a look, most important first."""
        if self._stage is None:
            raise ValueError("advance before start: begin a stage first")
        self._done += 1
        self._losses = dict(losses)
        self._show()

    def write(self, text: str) -> None:
        """One line above the bar, as it is."""
        self._console.print(escape(text), highlight=False, soft_wrap=True)

    def __enter__(self) -> FitProgress:
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[losses]}"),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=sum(map(_cost, self._stages.values())), losses="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if kind is None:
            self._report()

    def _show(self) -> None:
        if self._bar is None or self._stage is None:
            return
        done = self._done * self._stage.cost
        for stage in self._stages.values():
            if stage is self._stage:
                break
            done += _cost(stage)
        description = f"{escape(self._stage.name)} {self._done}/{self._stage.iterations}"
        self._bar.update(self._task, completed=done, description=description, losses=escape(self._summary()))

    def _report(self) -> None:
        if self._stage is None:
            return
        seconds = time.monotonic() - self._since
        count = self._done - self._first
        losses = self._summary()
        self.write(f"{self._stage.name}: {count} iterations in {seconds:.1f} s{', ' if losses else ''}{losses}")
        self._stage = None

    def _summary(self) -> str:
        return ", ".join(f"{name} {value:.4g}" for name, value in self._losses.items())


def _cost(stage: Work) -> float:
    return stage.iterations * stage.cost
