"""Every configuration takes paths as strings, and the names of files as paths."""

import dataclasses
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from zoetrope.optimize.animate.animate_config import AnimateConfig
from zoetrope.optimize.animate.transfer import TransferConfig
from zoetrope.optimize.bench.bench import BenchConfig
from zoetrope.optimize.bench.painting_bench import PaintingBenchConfig
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.paint_config import PaintConfig
from zoetrope.optimize.pretrain.config import PretrainConfig
from zoetrope.optimize.pretrain.diffusion_config import PretrainDiffusionConfig

NEEDED: dict[type, dict[str, Any]] = {
    FitConfig: {"photos": "a", "out": "b"},
    PaintConfig: {"run_folder": "a", "out": "b"},
    AnimateConfig: {"run_folder": "a"},
    TransferConfig: {"what": "pose", "source": "a", "target": "b"},
    BenchConfig: {},
    PaintingBenchConfig: {},
    PretrainConfig: {},
    PretrainDiffusionConfig: {"part": "denoiser"},
}


@pytest.mark.parametrize("kind", NEEDED, ids=lambda kind: kind.__name__)
def test_every_path_may_be_a_string(kind: type) -> None:
    hints = get_type_hints(kind)
    one = [name for name, hint in hints.items() if Path in (hint, *get_args(hint)) and Ellipsis not in get_args(hint)]
    several = [name for name, hint in hints.items() if Ellipsis in get_args(hint) and Path in get_args(hint)]
    assert one
    strings = {name: f"folder/{name}" for name in one} | {name: ["some/a", "some/b"] for name in several}
    paths = {name: Path(value) for name, value in strings.items() if name in one}
    paths |= {name: (Path("some/a"), Path("some/b")) for name in several}
    config = kind(**(NEEDED[kind] | strings))
    assert {name: getattr(config, name) for name in paths} == paths
    assert config == kind(**(NEEDED[kind] | paths))


def test_a_fit_of_strings_is_that_of_paths(tmp_path: Path) -> None:
    config = FitConfig(photos=str(tmp_path / "photos"), out=str(tmp_path / "run"), semantic=tmp_path / "a.safetensors")  # type: ignore[arg-type]
    whole = FitConfig(photos=tmp_path / "photos", out=tmp_path / "run", semantic=str(tmp_path / "a.safetensors"))
    assert config == whole
    assert config.to_json() == whole.to_json()
    assert config.differences(whole) == []
    assert config.trained_prior == tmp_path / "a.safetensors"


def test_words_stay_words() -> None:
    config = FitConfig(photos=Path("a"), out=Path("b"), category="fox")
    assert (config.category, config.masks, config.init) == ("fox", "auto", None)
    assert dataclasses.replace(config, init="start.glb").init == Path("start.glb")  # type: ignore[arg-type]


def test_a_single_string_is_one_folder_not_its_letters() -> None:
    assert BenchConfig(collections="foxes").collections == (Path("foxes"),)  # type: ignore[arg-type]
