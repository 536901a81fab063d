"""Options of a fit: bounds, plain JSON that moves with its folder, and what is not implemented yet."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from zoetrope.optimize.config import CONFIG_FORMAT_VERSION, FitConfig, check_supported
from zoetrope.scenes.error import InputError

CHANGED: dict[str, Any] = {
    "category": "fox",
    "preset": "full",
    "template": "bird",
    "representation": "spherical",
    "init": Path("start.glb"),
    "masks": "alpha",
    "cameras": "known.json",
    "semantic": "timm:vit_small_patch14_dinov2",
    "diffusion": "embedded",
    "rule": "sds",
    "clean_up": True,
    "tiny_autoencoder": "some/tiny-autoencoder",
    "device": "cuda:1",
    "seed": 7,
    "effort": 0.1,
    "batch": 8,
    "offline": True,
    "ground": True,
    "without": ("texture", "lens"),
}


def _config(**options: Any) -> FitConfig:
    return FitConfig(**({"photos": Path("photos"), "out": Path("runs/fox")} | options))


def test_defaults_run() -> None:
    check_supported(_config())


def test_every_option_survives_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(CHANGED) == {field.name for field in dataclasses.fields(FitConfig)} - {
        *("photos", "out", "resume", "overwrite")
    }, "an option has no place in this test"
    config = _config(**CHANGED)
    data = json.loads(json.dumps(config.to_json()))
    read = FitConfig.from_json(data, config.out)
    assert read.differences(config) == []
    for name in ("photos", "init", "cameras"):
        assert Path(getattr(read, name)).resolve() == Path(getattr(config, name)).resolve()
    # A run and its photos can be moved together, and be read from anywhere.
    moved = FitConfig.from_json(data, tmp_path / "elsewhere" / "runs" / "fox")
    assert moved.photos == tmp_path / "elsewhere" / "photos"


def test_paths_on_disk_are_relative(tmp_path: Path) -> None:
    config = FitConfig(photos=tmp_path / "photos", out=tmp_path / "run", init=tmp_path / "a.glb")
    assert str(tmp_path) not in json.dumps(config.to_json())


@pytest.mark.parametrize("name", CHANGED)
def test_each_difference_is_found(name: str) -> None:
    (difference,) = _config(**{name: CHANGED[name]}).differences(_config())
    assert difference.startswith(f"--{name} ")


def test_order_and_repetition_of_names_are_no_difference() -> None:
    started = _config(without=("texture", "lens"))
    for without in (("lens", "texture"), ("texture", "lens", "texture"), ("lens", "lens", "texture")):
        assert _config(without=without).differences(started) == []
    (difference,) = _config(without=("lens", "lens")).differences(started)
    assert difference == "--without lens lens (the run has texture lens)"
    assert _config().differences(started) == ["--without nothing (the run has texture lens)"]


def test_how_a_run_is_started_is_no_difference() -> None:
    assert _config(resume=True).differences(_config(overwrite=True, photos=Path("moved"))) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "--seed is -1; it must lie between"),
        ({"seed": 2**63}, "--seed"),
        ({"effort": 0.0}, "--effort is 0.0; it must be a positive"),
        ({"effort": float("nan")}, "--effort"),
        ({"batch": 0}, "--batch is 0"),
        ({"resume": True, "overwrite": True}, "give one of them"),
    ],
)
def test_out_of_bounds(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _config(**options)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"format_version": CONFIG_FORMAT_VERSION + 1}, "format version"),
        ({"options": {"photos": "p", "sharpness": 3}}, "unknown here: sharpness"),
        ({"options": {}}, "where the photos are"),
    ],
)
def test_a_file_of_another_kind_is_refused(edit: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        FitConfig.from_json(_config().to_json() | edit, tmp_path)


def test_options_that_came_later_take_their_defaults(tmp_path: Path) -> None:
    data = _config(seed=3).to_json()
    del data["options"]["effort"]
    assert FitConfig.from_json(data, tmp_path).effort == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("representation", "triplane"),
        ("representation", "spherical"),
        ("init", Path("a.glb")),
        ("masks", "sam"),
        ("semantic", "clip"),
    ],
)
def test_not_implemented_yet_is_said_with_a_way_out(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"not implemented yet: --{name} {value}; use ") as caught:
        check_supported(_config(**{name: value}))
    assert "\n" not in str(caught.value)
    assert not os.linesep.join(str(caught.value).splitlines()[1:])
