"""The bench: a table of what was fitted, once; faults stand in it and stop nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoetrope.optimize.bench.bench import BENCH_FORMAT_VERSION, BenchConfig, bench_table, run_bench
from zoetrope.scenes.error import InputError
from zoetrope.scenes.zoo.split import BESIDE, FIRST_TEST_SEED, TEST, seed_of


def test_what_failed_stands_in_the_table_and_what_is_there_is_not_fitted_again(tmp_path: Path) -> None:
    empty = tmp_path / "nothing"
    done = tmp_path / "done"
    for folder in (empty, done):
        folder.mkdir()
    config = BenchConfig(tmp_path / "bench", (done, empty), zoo=())
    row = {"collection": "done", "preset": "quick", "options": [], "mask_iou": 0.9, "seconds": 170.0, "memory_gib": 1.8}
    (tmp_path / "bench").mkdir()
    failed = {"collection": "nothing", "preset": "quick", "options": [], "fault": "exit code 1: the disk was full"}
    content = {"format_version": BENCH_FORMAT_VERSION, "rows": {"done quick": row, "nothing quick": failed}}
    (tmp_path / "bench" / "bench.json").write_text(json.dumps(content))
    said: list[str] = []
    table = run_bench(config, said.append)
    # What failed is tried again. The fit of an empty folder ran in a process of its own and ended with 2.
    assert said == ["2 of 2: nothing quick"]
    rows = json.loads((tmp_path / "bench" / "bench.json").read_text())["rows"]
    assert rows["done quick"] == row
    assert rows["nothing quick"]["fault"].startswith("exit code 2: zoetrope: ")
    text = table.read_text()
    assert "| done | quick | - | - | 90.0 % |" in text
    assert text.splitlines()[2].endswith("| 170.0 | 1.8 |")
    assert "nothing: exit code 2" in text


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
    line = bench_table([row])[2]
    assert line.startswith("| fox | quick | 84.4 % | - |")
    assert "| 0.0088 |" in line
    assert "| 2.4° |" in line


def test_every_test_collection_has_a_seed_of_its_own_that_no_training_uses() -> None:
    seeds = [seed_of(species) for species in (*TEST, *BESIDE)]
    assert len(set(seeds)) == len(seeds) == 12
    assert min(seeds) >= FIRST_TEST_SEED


def test_seeds_are_fitted_one_after_another_and_told_as_mean_and_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("fox", "cow"):
        (tmp_path / name).mkdir()
    asked: list[tuple[str, tuple[str, ...]]] = []

    def fitted(folder: Path, run: Path, preset: str, options: tuple[str, ...]) -> dict[str, float | str]:
        asked.append((run.name, options))
        if (folder.name, options[-2:]) == ("cow", ("--seed", "2")):
            return {"fault": "exit code 1: no luck"}
        return {"pck": 0.80 + 0.02 * len([one for one, _ in asked if one.startswith(folder.name)]), "chamfer": 0.01}

    monkeypatch.setattr("zoetrope.optimize.bench.bench._fitted", fitted)
    folders, more = (tmp_path / "fox", tmp_path / "cow"), ("--effort", "0.5")
    config = BenchConfig(tmp_path / "bench", folders, zoo=(), fit_options=more)
    run_bench(config, lambda _: None)
    assert asked == [(f"{name}_quick_--effort_0.5", more) for name in ("fox", "cow")]
    # What is there of the first seed is not fitted again.
    asked.clear()
    table = run_bench(replace(config, seeds=3), lambda _: None)
    assert [options for _, options in asked] == [(*more, "--seed", str(seed)) for seed in (1, 1, 2, 2)]
    assert len({run for run, _ in asked}) == 4
    fox, cow, _, fault = table.read_text().splitlines()[2:]
    assert fox.startswith("| fox | quick --effort 0.5, 3 seeds | 82.7 ± 1.2 % | - |")
    assert "| 0.0100 ± 0.0000 |" in fox
    assert cow.startswith("| cow | quick --effort 0.5, 2 seeds | 82.0 ± 0.0 % | - |")
    assert fault == "cow, seed 2: exit code 1: no luck"
    with pytest.raises(InputError, match="--seeds is 0"):
        run_bench(replace(config, seeds=0), lambda _: None)
