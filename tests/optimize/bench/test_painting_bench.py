"""The bench of paintings: one fit for each collection, every rule with every seed once, means and spreads."""

import json
from pathlib import Path
from typing import Any

import pytest

from zoetrope.optimize.bench import painting_bench
from zoetrope.optimize.bench.painting_bench import BEHIND, PaintingBenchConfig, painting_table, run_painting_bench
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.paint_config import PaintConfig
from zoetrope.scenes.error import InputError


class Recorded:
    """Stands in for fits, paintings and scores, and notes what is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def _finish(self, run: Path) -> None:
        (run / "checkpoints").mkdir(parents=True, exist_ok=True)
        (run / "checkpoints" / "subject.safetensors").write_bytes(b"")

    def fit(self, config: FitConfig) -> None:
        assert config.diffusion == "none"
        self.calls.append(f"fit {config.out.name}")
        self._finish(config.out)

    def paint(self, config: PaintConfig) -> dict[str, Any]:
        rule = config.rule if config.diffusion != "none" else "none"
        self.calls.append(f"paint {config.run_folder.name} {rule} {config.seed} {config.category}")
        self._finish(config.out)
        return {}

    def score_run(self, run: Path, *_: Any, **__: Any) -> dict[str, Any]:
        _, rule, seed = run.name.rsplit("_", 2)
        share = {"novel_unseen_share": 0.125, "mask_iou": 0.9}
        if rule == "none":
            return share | {"novel_unseen_psnr_db": 17.0, "species_odds": 0.5}
        return share | {"novel_unseen_psnr_db": 18.0 + int(seed), "species_odds": 0.25}


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    for name in ("fit", "paint", "score_run"):
        monkeypatch.setattr(painting_bench, name, getattr(recorded, name))
    monkeypatch.setattr(painting_bench, "texture_deviation", lambda run, paintings: dict.fromkeys(paintings, 0.0625))
    return recorded


def test_every_rule_paints_one_fit_with_every_seed_and_only_once(tmp_path: Path, recorded: Recorded) -> None:
    config = PaintingBenchConfig(tmp_path, zoo=("penguin",), rules=("none", "dass"), seeds=2)
    table = run_painting_bench(config, lambda _: None)
    # What paints nothing is asked with no words and no seed.
    told = ("none None None", "dass 0 penguin", "dass 1 penguin")
    paintings = [f"paint penguin_behind {rest}" for rest in told]
    assert recorded.calls == ["fit penguin_behind", *paintings]
    # The photos are from behind, of an individual that nothing is trained on.
    folder = tmp_path / "collections" / "penguin_behind"
    about = json.loads((folder / "truth" / "transforms.json").read_text())
    assert about["azimuth_deg"] == list(BEHIND)
    assert about["seed"] >= 1_000_000
    assert all(BEHIND[0] - 1 <= photo["azimuth"] <= BEHIND[1] + 1 for photo in about["photos"])
    lines = table.read_text().splitlines()
    assert lines[2] == "| penguin_behind | none | 1 | 12.5 % | 17.00 | - | - | 0.500 | - | 0.062 |"
    assert lines[3] == "| penguin_behind | dass | 2 | 12.5 % | 18.50 ± 0.71 | - | - | 0.250 ± 0.000 | - | 0.062 |"
    # One more seed: the rest is there.
    recorded.calls.clear()
    run_painting_bench(PaintingBenchConfig(tmp_path, zoo=("penguin",), rules=("dass",), seeds=3), lambda _: None)
    assert recorded.calls == ["paint penguin_behind dass 2 penguin"]


def test_what_cannot_be_scored_is_refused_before_anything_is_fitted(
    good_photos: Path, tmp_path: Path, recorded: Recorded
) -> None:
    with pytest.raises(InputError, match="nothing to paint"):
        PaintingBenchConfig(tmp_path, zoo=())
    with pytest.raises(InputError, match="--zoo names 'unicorn'; there are horse"):
        PaintingBenchConfig(tmp_path, zoo=("unicorn",))
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(InputError, match="bare has no held-out views"):
        run_painting_bench(PaintingBenchConfig(tmp_path, (bare,), zoo=()))
    with pytest.raises(InputError, match="have one name"):
        run_painting_bench(PaintingBenchConfig(tmp_path, (good_photos, good_photos), zoo=()))
    for rule, words in (("nfsd", "a negative prompt"), ("rectified_flow", "a flow-matching model")):
        with pytest.raises(InputError, match=words):
            run_painting_bench(PaintingBenchConfig(tmp_path, zoo=("penguin",), rules=("none", "dass", rule)))
    with pytest.raises(InputError, match="--diffusion nobody/has-this"):
        run_painting_bench(PaintingBenchConfig(tmp_path, zoo=("penguin",), diffusion="nobody/has-this"))
    assert recorded.calls == []


def test_a_figure_that_was_not_taken_is_a_dash() -> None:
    (line,) = painting_table([{"collection": "fox", "rule": "sds", "seed": 0}], {})[2:]
    assert line == "| fox | sds | 1 | - % | - | - | - | - | - | - |"
