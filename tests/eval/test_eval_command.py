"""`zoetrope eval` from the command line, on runs that are a collection's own truth."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig
from zoetrope.scenes.run_folder import RunFolder, visible_names

Make = Callable[..., Path]


@pytest.fixture
def make_run(part_of: Callable[[str, int], Path], truth_as_run: Make) -> Make:
    """Writes a run that `zoetrope eval` accepts; arguments as `truth_as_run`."""

    def write(photos: Path | None = None, **options: object) -> Path:
        collection = part_of("fox", 3)
        run = truth_as_run(collection, **options)
        config = FitConfig(photos=collection if photos is None else photos, out=run)
        (run / "config.json").write_text(json.dumps(config.to_json()))
        return run

    return write


def test_a_run_is_scored_against_its_photos_own_truth(make_run: Make, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run()
    assert main(["eval", str(run)]) == 0
    shown = capsys.readouterr().out
    scores = json.loads((run / "scores.json").read_text())
    for word in (f"{100 * scores['pck']:.1f} %", "keypoint transfer", "Chamfer", "azimuth", "tight_box", "nose"):
        assert word in shown
    assert str(run / "keypoints.png") in shown
    assert (run / "keypoints.png").is_file()


def test_another_folder_may_hold_the_truth(
    make_run: Make, part_of: Callable[[str, int], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(photos=tmp_path / "gone")
    assert main(["eval", str(run)]) == 2
    assert "which is gone; name it with --truth" in capsys.readouterr().err
    assert main(["eval", str(run), "--truth", str(part_of("fox", 3))]) == 0
    assert "mask IoU" in capsys.readouterr().out


def test_two_runs_side_by_side(make_run: Make, capsys: pytest.CaptureFixture[str]) -> None:
    good = make_run()
    fat = make_run(bend=lambda vertices, _: vertices * np.array([1.6, 1, 1]), name="fat")
    assert main(["eval", str(good), "--against", str(fat)]) == 0
    shown = capsys.readouterr().out
    (header,) = [line for line in shown.splitlines() if "95 % interval" in line]
    assert header.split()[:2] == ["run", "fat"]
    (line,) = [line for line in shown.splitlines() if line.startswith("Chamfer") and ".." in line]
    assert line.endswith("worse")
    for run in (good, fat):
        # An --overwrite takes along what eval has written.
        assert visible_names(run) == sorted(path.name for path in RunFolder(run).entries())
    written = json.loads((good / "comparison.json").read_text())
    assert written["second_run"] == "../fat"
    assert written["measures"]["chamfer"]["verdict"] == "worse"
    assert len(written["measures"]["chamfer"]["by_photo"]) == 3
