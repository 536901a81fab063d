"""The bench: a table of what was fitted, once; faults stand in it and stop nothing."""

import json
from pathlib import Path

import pytest

from zoetrope.optimize.bench import BenchConfig, markdown, run_bench
from zoetrope.scenes.error import InputError
from zoetrope.scenes.zoo.split import BESIDE, FIRST_TEST_SEED, TEST, seed_of


def test_it_fits_once_and_tables_scores_seconds_and_memory(good_photos: Path, tmp_path: Path) -> None:
    empty = tmp_path / "nothing"
    empty.mkdir()
    config = BenchConfig(tmp_path / "bench", (good_photos, empty), zoo=(), fit_options=("--effort", "0.01"))
    said: list[str] = []
    table = run_bench(config, said.append)
    rows = json.loads((tmp_path / "bench" / "bench.json").read_text())["rows"]
    good, bad = rows["photos quick --effort 0.01"], rows["nothing quick --effort 0.01"]
    assert 0.1 < good["mask_iou"] < 1
    assert 0 <= good["azimuth_within_30"] <= 1
    assert 1 < good["seconds"] < 300
    assert 0.2 < good["memory_gib"] < 24
    assert "exit code 2" in bad["fault"]
    text = table.read_text()
    assert f"| photos | quick --effort 0.01 | - | - | {100 * good['mask_iou']:.1f} % |" in text
    assert "nothing: exit code 2" in text
    assert len(said) == 2
    # What is there is not fitted again; what failed is tried again.
    run = tmp_path / "bench" / "runs" / "photos_quick_--effort_0.01" / "metrics.jsonl"
    before = run.stat().st_mtime_ns
    run_bench(config, said.append)
    assert run.stat().st_mtime_ns == before
    assert said[2:] == ["2 of 2: nothing quick --effort 0.01"]


def test_what_cannot_be_fitted_is_refused_at_once(good_photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to fit"):
        run_bench(BenchConfig(tmp_path, zoo=()))
    with pytest.raises(InputError, match="--zoo names 'cow'; the test split has horse"):
        run_bench(BenchConfig(tmp_path, zoo=("cow",)))
    with pytest.raises(InputError, match="two collections are called photos"):
        run_bench(BenchConfig(tmp_path, (good_photos, good_photos), zoo=()))
    with pytest.raises(InputError, match="which is no folder"):
        run_bench(BenchConfig(tmp_path, (tmp_path / "absent",), zoo=()))


def test_figures_are_written_with_their_units() -> None:
    row = {
        "collection": "fox",
        "preset": "quick",
        "options": [],
        "pck": 0.844,
        "chamfer": 0.0088,
        "azimuth_median_deg": 2.4,
    }
    line = markdown([row])[2]
    assert line.startswith("| fox | quick | 84.4 % | - |")
    assert "| 0.0088 |" in line
    assert "| 2.4° |" in line


def test_every_test_collection_has_a_seed_of_its_own_that_no_training_uses() -> None:
    seeds = [seed_of(species) for species in (*TEST, *BESIDE)]
    assert len(set(seeds)) == len(seeds) == 12
    assert min(seeds) >= FIRST_TEST_SEED
