"""Scores of run folders made by hand: a ball before pinhole cameras, whose silhouettes are known."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from zoetrope.eval.photo_score import Thorough
from zoetrope.eval.run_score import SCORES_FORMAT_VERSION, score_run
from zoetrope.representations.body.skeleton import Skeleton
from zoetrope.representations.body.template import template
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.scenes.error import InputError
from zoetrope.scenes.export.gltf_export import write_glb
from zoetrope.scenes.mesh_file import write_ply
from zoetrope.scenes.photos.collection import Collection, load_collection
from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms

Spoil = Callable[[np.ndarray], np.ndarray]
PartOf = Callable[[str, int], Path]
TruthAsRun = Callable[..., Path]
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


def write_rig(path: Path, skeleton: Skeleton, pose: torch.Tensor) -> None:
    ball, faces = icosphere(0)
    weights = torch.zeros(len(ball), len(skeleton))
    weights[:, 0] = 1
    mesh = SkinnedMesh(ball, faces, weights, torch.zeros(len(ball), dtype=torch.int64), ball.clone())
    write_glb(path, mesh, skeleton, pose=pose)


def ious(run: Path, photos: Collection) -> dict[str, float]:
    rows = score_run(run, photos)["by_photo"]
    return {stem: row["mask_iou"] for stem, row in rows.items() if "mask_iou" in row}


def test_a_perfect_run(run: Path, photos: Collection) -> None:
    scores = score_run(run, photos)
    by_photo = ious(run, photos)
    assert set(by_photo) == {"0", "1", "2"}  # 3 has no mask
    assert min(by_photo.values()) > 0.97
    assert scores["mask_iou"] == pytest.approx(np.mean(list(by_photo.values())))
    assert scores["boundary_f"] == 1
    assert scores["watertight"] is True
    assert scores["thickness"] == pytest.approx(1, abs=0.03)
    assert scores["failed_photos"] == {}
    assert scores["format_version"] == SCORES_FORMAT_VERSION
    assert json.loads((run / "scores.json").read_text()) == scores


def test_failed_photos_score_zero_and_are_named(run: Path, photos: Collection) -> None:
    (run / "posed" / "1.ply").unlink()
    cameras = json.loads((run / "transforms.json").read_text())
    cameras["frames"] = [frame for frame in cameras["frames"] if not frame["file_path"].endswith("2.png")]
    (run / "transforms.json").write_text(json.dumps(cameras))
    (run / "posed" / "0.ply").write_bytes(b"ply")
    assert ious(run, photos) == {"0": 0, "1": 0, "2": 0}
    faults = score_run(run, photos)["failed_photos"]
    assert set(faults) == {"0", "1", "2"}
    assert "cannot be read" in faults["0"]
    assert faults["1"] == "has no mesh posed/1.ply"
    assert faults["2"] == "has no camera in transforms.json"


@pytest.mark.parametrize("spoil", [lambda v: v * np.nan, lambda v: v * 0])
def test_a_mesh_that_is_no_mesh_is_one_failed_photo(run: Path, photos: Collection, spoil: Spoil) -> None:
    mesh = trimesh.load(run / "posed" / "1.ply", process=False)
    mesh.vertices = spoil(np.array(mesh.vertices))
    mesh.export(run / "posed" / "1.ply")
    found = ious(run, photos)
    assert found["1"] == 0
    assert found["0"] > 0.97


def test_a_ball_of_another_size_scores_what_it_covers(run: Path, photos: Collection) -> None:
    vertices, faces = icosphere(3)
    write_ply(run / "posed" / "0.ply", 0.7 * RADIUS * vertices, faces)
    assert ious(run, photos)["0"] == pytest.approx(0.49, abs=0.02)


def test_photos_that_the_fit_explains_badly_are_named(run: Path, photos: Collection) -> None:
    assert score_run(run, photos)["outliers"] == {}
    cameras = json.loads((run / "transforms.json").read_text())
    cameras["frames"][2]["times_usual_loss"] = 3.5
    (run / "transforms.json").write_text(json.dumps(cameras))
    assert score_run(run, photos)["outliers"] == {"2": 3.5}


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


def test_a_run_of_other_photos_is_refused(run: Path, photos: Collection) -> None:
    for path in [*photos.root.glob("*.png"), *photos.root.glob("masks/*.png")]:
        path.rename(path.with_name(f"other_{path.name}"))
    with pytest.raises(InputError, match="none of these photos"):
        score_run(run, load_collection(photos.root))


def test_nothing_to_score_against_is_said(run: Path, photos: Collection) -> None:
    for path in (photos.root / "masks").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="add masks"):
        score_run(run, load_collection(photos.root))


def test_what_a_collection_lacks_is_named(run: Path, photos: Collection) -> None:
    scores = score_run(run, photos, truth=photos.root)
    assert scores["mask_iou"] > 0.97
    assert any("keypoints" in name for name in scores["missing"])
    assert any("true meshes" in name for name in scores["missing"])
    assert "pck" not in scores
    assert "chamfer" not in scores


def test_animodels_protocol_is_taken_where_asked_for(run: Path, photos: Collection) -> None:
    (photos.root / "truth").mkdir()
    vertices, faces = icosphere(3)
    write_ply(photos.root / "truth" / "1.ply", 5 * vertices, faces)
    scores = score_run(run, photos, photos.root, Thorough(shape=False, animodel=True))
    assert scores["animodel_chamfer"] < 0.02
    assert list(scores["by_photo"]["1"]) == ["mask_iou", "boundary_f", "animodel_chamfer"]
    assert "animodel_chamfer" not in score_run(run, photos, photos.root, Thorough(shape=False))


def test_keypoints_that_no_two_photos_share_are_said(run: Path, photos: Collection) -> None:
    content = {
        "categories": [{"id": 1, "keypoints": ["nose"]}],
        "images": [{"id": 0, "file_name": "0.png", "width": 128, "height": 96}],
        "annotations": [{"image_id": 0, "category_id": 1, "keypoints": [60, 50, 2]}],
    }
    (photos.root / "keypoints.json").write_text(json.dumps(content))
    scores = score_run(run, photos, photos.root)
    assert "pck" not in scores
    assert "a keypoint that is visible in two photos" in scores["missing"]


def test_without_a_truth_no_file_of_it_is_opened(run: Path, photos: Collection) -> None:
    (photos.root / "truth").mkdir()
    for path in ("keypoints.json", "truth/transforms.json", "truth/joints.json", "truth/0.ply"):
        (photos.root / path).write_text("not what it should be")
    assert score_run(run, photos)["mask_iou"] > 0.97
    with pytest.raises(InputError):
        score_run(run, photos, truth=photos.root)


def test_the_truth_scores_as_the_truth(part_of: PartOf, truth_as_run: TruthAsRun) -> None:
    fox = part_of("fox", 4)
    run = truth_as_run(fox)
    scores = score_run(run, load_collection(fox), truth=fox)
    assert scores["mask_iou"] > 0.98
    assert scores["amodal_iou"] == 1
    assert scores["boundary_f"] > 0.99
    assert scores["novel_view_iou"] > 0.98
    assert scores["pck"] > 0.95
    assert max(row["chamfer"] for row in scores["by_photo"].values()) < 0.003
    assert scores["f_score"] == 1
    assert scores["normal_consistency"] > 0.97
    assert scores["volume_iou"] > 0.96
    assert scores["azimuth_mean_deg"] < 1e-6
    assert scores["flip_rate"] == 0
    with Image.open(run / "keypoints.png") as picture:
        assert min(picture.size) > 300
    # A collection without held-out views is none that lacks something.
    assert "novel_psnr_db" not in scores
    assert not any("held-out" in name for name in scores["missing"])
    # The crops are larger than the boxes, so they forgive more.
    table = scores["keypoint_transfer"]
    assert table["tight_box"]["pooled"] <= table["acsm"]["pooled"] <= table["artic3d_crop"]["pooled"]


def test_a_mirrored_prediction_is_flipped(part_of: PartOf, truth_as_run: TruthAsRun) -> None:
    """Each body mirrored where it stands: all silhouettes and sizes are nearly right, the sides are not."""
    fox = part_of("fox", 3)
    run = truth_as_run(fox, lambda vertices, _: vertices * [-1, 1, 1])
    scores = score_run(run, load_collection(fox), fox, Thorough(shape=False))
    assert scores["flip_rate"] == 1


def test_poses_of_a_run_are_scored_by_its_rigs(part_of: PartOf, truth_as_run: TruthAsRun) -> None:
    fox = part_of("fox", 3)
    run = truth_as_run(fox)
    skeleton = template("quadruped").skeleton
    rest = skeleton.joints.tolist()
    truth = {"names": skeleton.names, "parents": skeleton.parents, "photos": {"000": rest, "001": rest}}
    (fox / "truth" / "joints.json").write_text(json.dumps(truth))
    try:
        without = score_run(run, load_collection(fox), fox, Thorough(shape=False))
        pose = torch.zeros(len(skeleton), 4)
        pose[:, 0] = 1
        write_rig(run / "instances" / "000.glb", skeleton, pose)
        scores = score_run(run, load_collection(fox), fox, Thorough(shape=False))
    finally:
        (fox / "truth" / "joints.json").unlink()
    assert "pose_deg" not in without
    assert scores["pose_deg"] < 0.01
    assert "pose_deg" not in scores["by_photo"]["001"]
