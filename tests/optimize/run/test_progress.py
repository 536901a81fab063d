"""Progress: one line a stage where there is no terminal, a bar with time left where there is one."""

import io

import pytest
from rich.console import Console

from zoetrope.optimize.run.progress import FitProgress, Work

STAGES = [Work("camera", 3), Work("shape", 5, cost=2.0)]


@pytest.fixture(autouse=True)
def able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Continuous integration may run on a terminal that calls itself dumb, which gets no bars."""
    monkeypatch.setenv("TERM", "xterm")


def _run(console: Console, resumed_at: int = 0) -> None:
    with FitProgress(STAGES, console) as progress:
        for stage in STAGES:
            start = resumed_at if stage.name == "camera" else 0
            progress.start(stage.name, start)
            for iteration in range(start, stage.iterations):
                progress.advance({"mask": 1 / (iteration + 1), "pose": 0.5})


def test_one_line_a_stage_without_a_terminal() -> None:
    log = io.StringIO()
    _run(Console(file=log))
    lines = log.getvalue().splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["camera: 3 iterations", "shape: 5 iterations"]
    assert lines[1].endswith("mask 0.2, pose 0.5")
    assert "\x1b" not in log.getvalue()


def test_a_resumed_stage_counts_what_is_left() -> None:
    log = io.StringIO()
    _run(Console(file=log), resumed_at=2)
    assert log.getvalue().startswith("camera: 1 iterations")


def test_a_bar_on_a_terminal() -> None:
    log = io.StringIO()
    _run(Console(file=log, force_terminal=True, width=200))
    shown = log.getvalue()
    assert "shape 5/5" in shown
    assert "100 %" in shown
    assert "left" in shown
    assert "mask 0.2" in shown


def test_progress_weighs_the_cost_of_stages() -> None:
    log = io.StringIO()
    with FitProgress(STAGES, Console(file=log, force_terminal=True, width=200)) as progress:
        progress.start("camera", 3)  # 3 of 3 * 1 + 5 * 2
    assert " 23 %" in log.getvalue()


def test_a_fault_leaves_no_line_about_the_stage() -> None:
    log = io.StringIO()

    def broken_fit() -> None:
        with FitProgress(STAGES, Console(file=log)) as progress:
            progress.start("camera")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_fit()
    assert log.getvalue() == ""


def test_lines_are_shown_as_they_are() -> None:
    log = io.StringIO()
    with FitProgress(STAGES, Console(file=log, width=40)) as progress:
        progress.write("left out: [bold]x[/bold].jpg " + "y" * 60)
    assert log.getvalue() == "left out: [bold]x[/bold].jpg " + "y" * 60 + "\n"


def test_an_unknown_stage_is_named() -> None:
    with FitProgress(STAGES, Console(file=io.StringIO())) as progress:
        with pytest.raises(ValueError, match=r"'texture'.*camera, shape"):
            progress.start("texture")
        with pytest.raises(ValueError, match="begin a stage"):
            progress.advance({})
