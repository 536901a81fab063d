"""The plan of a fit: what it names, what it refuses, and that it touches nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.plan import plan, schedule
from zoetrope.representations.body.template import BUILDS
from zoetrope.scenes.error import InputError

BUILT = BUILDS["quadruped"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "masks").mkdir(parents=True)
    mask = np.zeros((64, 80), dtype=np.uint8)
    mask[20:50, 10:70] = 255
    for k in range(4):
        noise = np.random.default_rng(k).integers(0, 255, (64, 80, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{k}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{k}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    return folder


def test_the_plan_names_photos_and_stages(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(photos), "--out", str(tmp_path / "run"), "--plan", "--seed", "9"]) == 0
    shown = capsys.readouterr().out
    assert "4 photos, 4 with a mask, cameras to be estimated" in shown
    assert "left out: broken.jpg" in shown
    assert "seed 9" in shown
    config = FitConfig(photos=photos, out=tmp_path / "run")
    assert "semantic prior: the embedded canonical network" in shown
    for stage in schedule(config, BUILT):
        assert f"{stage.name} " in shown
        assert f"{stage.iterations} iterations at {stage.size}x{stage.size}" in shown
    assert not (tmp_path / "run").exists()


def test_turns_are_named_where_photos_take_them(photos: Path, tmp_path: Path) -> None:
    for batch, said in ((4, False), (2, True)):
        lines = plan(FitConfig(photos=photos, out=tmp_path / "run", batch=batch))
        assert any(f"looks at {batch} photos" in line for line in lines) == said


def test_effort_scales_the_iterations(photos: Path, tmp_path: Path) -> None:
    whole = schedule(FitConfig(photos=photos, out=tmp_path), BUILT)
    half = schedule(FitConfig(photos=photos, out=tmp_path, effort=0.5), BUILT)
    assert [stage.iterations for stage in half] == [round(stage.iterations / 2) for stage in whole]
    tiny = schedule(FitConfig(photos=photos, out=tmp_path, effort=1e-9), BUILT)
    assert all(stage.iterations >= 1 for stage in tiny)


def test_no_strides_are_tried_where_cameras_are_known(tmp_path: Path) -> None:
    config = FitConfig(photos=tmp_path, out=tmp_path / "run")
    free, known = (schedule(config, BUILT, known_cameras=known) for known in (False, True))
    assert [stage.name for stage in free if stage not in known] == ["hind legs", "front legs"]
    assert [stage for stage in free if stage in known] == list(known)


def test_an_occupied_folder_is_noted(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    config = FitConfig(photos=photos, out=tmp_path / "run")
    assert not any("not empty" in line for line in plan(config))
    (tmp_path / "run" / "config.json").touch()
    assert any("add --resume or --overwrite" in line for line in plan(config))


def test_what_the_fit_refuses_the_plan_refuses(photos: Path, tmp_path: Path) -> None:
    (photos / "masks" / "2.png").unlink()
    with pytest.raises(InputError, match=r"2\.png: no mask"):
        plan(FitConfig(photos=photos, out=tmp_path / "run", semantic="none"))
    assert "  masks to be estimated: embedded network" in plan(FitConfig(photos=photos, out=tmp_path / "run"))
    with pytest.raises(InputError, match="gpu"):
        plan(FitConfig(photos=photos, out=tmp_path / "run", device="gpu"))
    with pytest.raises(InputError, match="triplane"):
        plan(FitConfig(photos=photos, out=tmp_path / "run", representation="triplane"))
