"""Scores of run folders made by hand: a ball before pinhole cameras, whose silhouettes are known."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoetrope.eval.run_score import photo_ious, score_run
from zoetrope.representations.mesh import icosphere
from zoetrope.scenes.collection import Collection, load_collection
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import write_ply
from zoetrope.scenes.nerfstudio import CameraFrame, write_transforms

ASSETS = Path(__file__).parents[2].parent / "shared" / "assets" / "collections"
RADIUS, DISTANCE, FOCAL = 0.5, 4.0, 300.0
SIZES = ((128, 96), (100, 140), (128, 96), (90, 90))


def _disc(width: int, height: int) -> np.ndarray:
    """A ball on the axis is seen as a disc of radius f * r / sqrt(d^2 - r^2)."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    return np.hypot(columns, rows) < FOCAL * RADIUS / np.sqrt(DISTANCE**2 - RADIUS**2)


@pytest.fixture
def photos(tmp_path: Path) -> Collection:
    folder = tmp_path / "photos"
    (folder / "masks").mkdir(parents=True)
    for k, (width, height) in enumerate(SIZES):
        noise = np.random.default_rng(k).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{k}.png")
        if k != 3:
            Image.fromarray((_disc(width, height) * 255).astype(np.uint8)).save(folder / "masks" / f"{k}.png")
    return load_collection(folder)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    vertices, faces = icosphere(3)
    pose = np.eye(4)
    pose[2, 3] = DISTANCE
    frames = []
    for k, (width, height) in enumerate(SIZES):
        # Twice the photo's size: cameras are for the original's pixels, masks may be smaller.
        lens = (2 * FOCAL, 2 * FOCAL, width, height)
        frames.append(CameraFrame(f"{k}.png", pose, *lens, 2 * width, 2 * height))
        write_ply(folder / "posed" / f"{k}.ply", RADIUS * vertices, faces)
    write_transforms(folder / "transforms.json", frames)
    write_ply(folder / "rest.ply", RADIUS * vertices, faces)
    return folder


def test_a_perfect_run(run: Path, photos: Collection) -> None:
    scores = score_run(run, photos)
    assert set(scores["mask_iou_by_photo"]) == {"0", "1", "2"}  # 3 has no mask
    assert min(scores["mask_iou_by_photo"].values()) > 0.97
    assert scores["mask_iou"] == pytest.approx(np.mean(list(scores["mask_iou_by_photo"].values())))
    assert scores["watertight"] is True
    assert scores["thickness"] == pytest.approx(1, abs=0.03)
    assert json.loads((run / "scores.json").read_text()) == scores


def test_a_missing_mesh_and_a_missing_camera_score_zero(run: Path, photos: Collection) -> None:
    (run / "posed" / "1.ply").unlink()
    cameras = json.loads((run / "transforms.json").read_text())
    cameras["frames"] = [frame for frame in cameras["frames"] if not frame["file_path"].endswith("2.png")]
    (run / "transforms.json").write_text(json.dumps(cameras))
    ious = photo_ious(run, photos)
    assert ious["0"] > 0.97
    assert ious["1"] == ious["2"] == 0


def test_a_ball_of_another_size_scores_what_it_covers(run: Path, photos: Collection) -> None:
    vertices, faces = icosphere(3)
    write_ply(run / "posed" / "0.ply", 0.7 * RADIUS * vertices, faces)
    assert photo_ious(run, photos)["0"] == pytest.approx(0.49, abs=0.02)


def test_an_open_mesh_has_no_thickness(run: Path, photos: Collection) -> None:
    vertices, faces = icosphere(2)
    write_ply(run / "rest.ply", vertices, faces[1:])
    scores = score_run(run, photos)
    assert scores["watertight"] is False
    assert scores["thickness"] is None


@pytest.mark.parametrize("missing", ["transforms.json", "rest.ply"])
def test_an_unfinished_run_is_named(run: Path, photos: Collection, missing: str) -> None:
    (run / missing).unlink()
    with pytest.raises(InputError, match=f"no {missing}; it is no finished run"):
        score_run(run, photos)


@pytest.mark.skipif(not ASSETS.is_dir(), reason="needs the development collections")
def test_the_truth_scores_as_the_truth(tmp_path: Path) -> None:
    fox = ASSETS / "fox"
    run = tmp_path / "run"
    (run / "posed").mkdir(parents=True)
    for file in (fox / "truth").iterdir():
        place = run if file.name in ("rest.ply", "transforms.json") else run / "posed"
        (place / file.name).write_bytes(file.read_bytes())
    scores = score_run(run, load_collection(fox), truth=fox)
    assert scores["mask_iou"] > 0.97
    assert scores["novel_view_iou"] > 0.99
