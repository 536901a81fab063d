"""Which diffusion prior a fit takes, what it calls the subject, and what a model that is not there ends in."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import load_semantic_prior
from zoetrope.optimize.plan import plan
from zoetrope.optimize.texture.diffusion_source import LARGE, DiffusionSource, diffusion_source, subject_words
from zoetrope.priors.embedded import DIFFUSION
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def _config(photos: Path = Path("photos"), **options: object) -> FitConfig:
    return FitConfig(photos=photos, out=Path("out"), **options)  # type: ignore[arg-type]


def test_quick_uses_none_unasked_and_others_the_embedded_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("zoetrope.optimize.texture.diffusion_source.DIFFUSION", tmp_path)
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}', encoding="utf-8")
    for config, name in (
        (_config(), None),
        (_config(preset="full", diffusion="none"), None),
        (_config(diffusion="embedded"), str(tmp_path)),
        (_config(preset="full"), str(tmp_path)),
        (_config(preset="artic3d"), str(tmp_path)),
    ):
        assert diffusion_source(config, CPU).name == name
    assert diffusion_source(_config(), CPU).load(_config(), CPU) is None
    assert diffusion_source(_config(), CPU).models == {}
    assert diffusion_source(_config(diffusion="embedded"), CPU).models == {"diffusion": "embedded"}
    missing = diffusion_source(_config(preset="full"), GPU)
    assert missing.embedded
    assert LARGE in missing.line
    monkeypatch.setattr("zoetrope.optimize.texture.diffusion_source.DIFFUSION", tmp_path / "nothing")
    for device in (CPU, GPU):
        bare = diffusion_source(_config(preset="full"), device)
        assert bare.name is None
        assert "carries no embedded one" in bare.line
    with pytest.raises(InputError, match="give --diffusion none"):
        diffusion_source(_config(diffusion="embedded"), CPU)


def test_cleaning_up_needs_a_prior() -> None:
    with pytest.raises(InputError, match="--clean-up needs a diffusion prior"):
        diffusion_source(_config(clean_up=True), CPU)
    with pytest.raises(InputError, match="--clean-up needs the canonical network"):
        _config(clean_up=True, diffusion="embedded", semantic="none")


def test_a_large_model_is_taken_on_a_gpu_where_it_is_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("zoetrope.optimize.texture.diffusion_source.DIFFUSION", tmp_path)
    monkeypatch.setattr("zoetrope.optimize.texture.diffusion_source.model_kind", lambda name: "StableDiffusionPipeline")
    assert diffusion_source(_config(preset="full"), GPU).name == LARGE
    assert diffusion_source(_config(preset="full"), CPU).embedded
    assert diffusion_source(_config(preset="quick"), GPU).name is None


def test_a_folder_is_loaded_and_named(small_diffusion: Callable[[str], Path]) -> None:
    folder = str(small_diffusion("sd_v"))
    config = _config(diffusion=folder)
    source = diffusion_source(config, CPU)
    assert source.models == {"diffusion": folder}
    assert "StableDiffusionPipeline" in source.line
    prior = source.load(config, CPU)
    assert prior is not None
    assert prior.picture_size == 32


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no_such_folder/at/all"])
def test_a_missing_model_ends_with_2_before_any_work(
    name: str, good_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    worked: list[str] = []
    monkeypatch.setattr("zoetrope.optimize.prepare.load_collection", lambda *_, **__: worked.append("photos"))
    for more in ([], ["--plan"]):
        out = tmp_path / "run"
        assert main(["fit", str(good_photos), "--out", str(out), "--diffusion", name, "--device", "cpu", *more]) == 2
        said = capsys.readouterr().err.strip()
        assert "\n" not in said
        assert f"--diffusion {name}" in said
        assert "--diffusion embedded" in said
        assert not out.exists()
    assert not worked


def test_a_broken_model_is_refused_in_one_line(small_diffusion: Callable[[str], Path], tmp_path: Path) -> None:
    index = json.loads((small_diffusion("sd") / "model_index.json").read_text(encoding="utf-8"))
    (tmp_path / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    config = _config(diffusion=str(tmp_path))
    with pytest.raises(InputError, match="a part of the model is missing") as caught:
        diffusion_source(config, CPU).load(config, CPU)
    assert "\n" not in str(caught.value)
    (tmp_path / "model_index.json").write_text('{"_class_name": "PixArtAlphaPipeline"}', encoding="utf-8")
    with pytest.raises(InputError, match="is a PixArtAlphaPipeline"):
        diffusion_source(config, CPU)


def test_the_plan_says_which(good_photos: Path, small_diffusion: Callable[[str], Path], tmp_path: Path) -> None:
    def lines(diffusion: str) -> str:
        return "\n".join(plan(FitConfig(photos=good_photos, out=tmp_path / "run", diffusion=diffusion, device="cpu")))

    assert "diffusion prior: none (preset quick uses none unasked)" in lines("auto")
    assert f"diffusion prior: {small_diffusion('sd')}" in lines(str(small_diffusion("sd")))


def test_a_folder_moves_with_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    config = FitConfig(photos=Path("p"), out=tmp_path / "run", diffusion="model", tiny_autoencoder="some/id")
    written = config.to_json()
    assert written["options"]["diffusion"] == "./../model"
    assert written["options"]["tiny_autoencoder"] == "some/id"
    read = FitConfig.from_json(written, tmp_path / "run")
    assert read.diffusion == str(tmp_path / "model")
    assert read.tiny_autoencoder == "some/id"
    assert config.differences(read) == []


def test_the_subject_is_called_by_its_category_or_what_the_network_takes_it_for(good_photos: Path) -> None:
    semantic = load_semantic_prior(_config(good_photos), CPU)
    observations = Observations(load_collection(good_photos))
    observations = replace(observations, canonical=semantic.canonical_maps(observations))
    other = diffusion_source(_config(diffusion="none"), CPU)
    embedded = DiffusionSource(str(DIFFUSION), "the embedded one")

    def said(source: object, category: str | None, network: object = semantic.canonical) -> str:
        config = _config(good_photos, category=category)
        return subject_words(config, source, observations, network)[0]  # type: ignore[arg-type]

    assert said(other, "red panda") == "red panda"
    assert said(embedded, "Horse") == "Horse"
    assert said(embedded, "red panda") == said(embedded, None) == "fox"
    assert (
        "red panda says nothing"
        in subject_words(_config(good_photos, category="red panda"), embedded, observations, semantic.canonical)[1]
    )
    assert said(other, None, None) == "animal"
