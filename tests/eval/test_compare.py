"""Two runs side by side: differences photo by photo, intervals, verdicts, and the tables that show them."""

import json
from pathlib import Path

import numpy as np
import pytest

from zoetrope.eval.compare import compare, write_comparison
from zoetrope.eval.measure import MEASURES
from zoetrope.eval.report import comparison, report, short_names
from zoetrope.scenes.error import InputError


def scores(ious, chamfers=()):
    rows = {str(k): {"mask_iou": value} for k, value in enumerate(ious)}
    for k, value in enumerate(chamfers):
        rows[str(k)]["chamfer"] = value
    found = {
        "collection": "fox",
        "photos": len(rows),
        "failed_photos": {"9": "has no mesh posed/9.ply"},
        "outliers": {"4": 3.25},
        "missing": ["keypoints.json"],
        "watertight": True,
        "thickness": None,
        "faces": 12,
        "mask_iou": float(np.mean(ious)),
        "by_photo": rows,
    }
    return found | ({"chamfer": float(np.mean(chamfers))} if len(chamfers) else {})


def test_a_small_gain_in_every_photo_is_certain_however_much_photos_differ():
    ious = np.linspace(0.2, 0.9, 12)
    (gain,) = compare(scores(ious), scores(ious + 0.01))
    assert gain.mean == pytest.approx(0.01)
    assert gain.interval == pytest.approx((0.01, 0.01))
    assert gain.verdict == "better"
    assert gain.photos_better == 12
    (loss,) = compare(scores(ious), scores(ious - 0.01))
    assert loss.verdict == "worse"


def test_gains_and_losses_are_undecided():
    ious = np.full(12, 0.5)
    (mixed,) = compare(scores(ious), scores(ious + np.tile([0.1, -0.1], 6)))
    assert mixed.verdict == "undecided"
    assert mixed.interval[0] < 0 < mixed.interval[1]


def test_lower_is_better_where_it_is():
    ious, chamfers = np.full(8, 0.5), np.linspace(0.01, 0.03, 8)
    found = {one.measure.name: one for one in compare(scores(ious, chamfers), scores(ious, chamfers - 0.002))}
    assert found["chamfer"].verdict == "better"
    assert found["chamfer"].photos_better == 8
    assert found["mask_iou"].verdict == "undecided"


def test_only_photos_that_both_have_are_compared():
    first, second = scores([0.5, 0.6, 0.7]), scores([0.5, 0.7])
    (gain,) = compare(first, second)
    assert gain.by_photo == pytest.approx({"0": 0.0, "1": 0.1})
    other = scores([0.5])
    other["by_photo"] = {"x": {"mask_iou": 0.5}}
    with pytest.raises(InputError, match="share no photo"):
        compare(first, other)


def test_it_is_written_and_printed(tmp_path):
    differences = compare(scores([0.5, 0.6]), scores([0.6, 0.7]))
    write_comparison(tmp_path / "a" / "comparison.json", differences, tmp_path / "b")
    written = json.loads((tmp_path / "a" / "comparison.json").read_text())
    assert written["second_run"] == "../b"
    assert written["measures"]["mask_iou"]["by_photo"] == pytest.approx({"0": 0.1, "1": 0.1})
    text = "\n".join(comparison(differences, ("a", "b")))
    for word in ("mask IoU", "55.0 %", "65.0 %", "+10.0 %", "2 of 2", "better"):
        assert word in text


def test_the_table_says_what_was_scored_and_what_was_not():
    first = scores([0.25, 0.75], [0.01, 0.03]) | {"pck": 0.8, "pck_identity": 0.2, "pck_interval_95": [0.7, 0.85]}
    lines = report(first)
    text = "\n".join(lines)
    assert lines[0] == "fox: 2 photos, 1 without a usable fit"
    for word in (
        "50.0 %",
        "0.0200",
        "copying 20.0 %; 95 % in 70.0 % .. 85.0 %",
        "failed: 9 has no mesh",
        "explained badly by the fit: 4, 3.2 times the usual loss",
        "for want of: keypoints.json",
        "0 25 %",
    ):
        assert word in text
    assert "azimuth" not in text


def test_measures_have_names_of_their_own():
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)


def test_runs_are_named_as_short_as_tells_them_apart():
    assert short_names(Path("/x/fox"), Path("/y/horse")) == ("fox", "horse")
    assert short_names(Path("/x/run"), Path("/y/run")) == ("x/run", "y/run")
