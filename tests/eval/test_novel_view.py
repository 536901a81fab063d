from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial.transform import Rotation

from zoetrope.eval.novel_view import novel_view_iou
from zoetrope.representations.camera import OrbitCamera
from zoetrope.scenes.error import InputError
from zoetrope.scenes.mesh_file import write_ply
from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms

ASSETS = Path(__file__).parents[2].parent / "shared" / "assets" / "collections"
AZIMUTHS = np.arange(0, 360, 45) + np.array([0, 4, -3, 5, 0, -6, 3, 1])


def body(bend):
    """A trunk with a head: front and back, up and down, all differ. Left and right agree."""
    trunk = trimesh.creation.icosphere(3).apply_scale([0.18, 0.22, 0.5])
    head = trimesh.creation.icosphere(2).apply_scale(0.15).apply_translation([0, 0.25, 0.5])
    mesh = trimesh.util.concatenate([trunk, head])
    vertices = np.array(mesh.vertices)
    vertices[:, 0] += bend * vertices[:, 2] ** 2
    return vertices, np.asarray(mesh.faces)


def cameras(azimuths, elevation=15.0, distance=2.5):
    stands = OrbitCamera(
        torch.tensor(azimuths, dtype=torch.float64),
        *(torch.full((len(azimuths),), v, dtype=torch.float64) for v in (elevation, 0.0, distance)),
        torch.zeros(len(azimuths), 2, dtype=torch.float64),
    )
    return list(stands.world_from_camera().numpy())


def write(folder, meshes_folder, poses, meshes):
    frames = [CameraFrame(f"{k}.jpg", pose, 500.0, 500.0, 128.0, 128.0, 256, 256) for k, pose in enumerate(poses)]
    write_transforms(folder / "transforms.json", frames)
    for k, (vertices, faces) in enumerate(meshes):
        write_ply(meshes_folder / f"{k}.ply", torch.from_numpy(vertices).float(), torch.from_numpy(faces))


@pytest.fixture
def collection(tmp_path):
    meshes = [body(bend) for bend in np.linspace(-0.6, 0.6, len(AZIMUTHS))]
    write(tmp_path / "animals" / "truth", tmp_path / "animals" / "truth", cameras(AZIMUTHS), meshes)
    return tmp_path / "animals", cameras(AZIMUTHS), meshes


def run_folder(tmp_path, poses, meshes):
    """The same in another world: turned, shrunk, moved."""
    turn, scale, shift = Rotation.from_euler("y", 70, degrees=True).as_matrix(), 0.4, np.array([1.0, 2.0, -3.0])
    moved = []
    for pose in poses:
        there = np.eye(4)
        there[:3, :3], there[:3, 3] = turn @ pose[:3, :3], scale * turn @ pose[:3, 3] + shift
        moved.append(there)
    write(tmp_path / "run", tmp_path / "run" / "posed", moved, [(scale * v @ turn.T + shift, f) for v, f in meshes])
    return tmp_path / "run"


def test_the_truth_itself_scores_one_in_any_world(tmp_path, collection):
    root, poses, meshes = collection
    score = novel_view_iou(run_folder(tmp_path, poses, meshes), root)
    assert score.mean_iou > 0.98
    assert min(view.iou for view in score.views) > 0.97
    assert len(score.views) == 2 * len(AZIMUTHS)
    assert score.similarity is not None
    assert score.similarity.scale == pytest.approx(1 / 0.4, rel=0.01)


def test_cameras_stand_half_way(tmp_path, collection):
    root, poses, meshes = collection
    views = novel_view_iou(run_folder(tmp_path, poses, meshes), root).views
    between = {(view.stem, view.neighbour): view for view in views}
    # Bodies are not centred on the orbit's centre, hence the tolerance.
    assert between["0", "1"].azimuth_deg == pytest.approx(24.5, abs=4)
    assert between["1", "0"].azimuth_deg == between["0", "1"].azimuth_deg
    assert between["7", "0"].azimuth_deg == pytest.approx(338, abs=4)
    assert between["0", "7"].elevation_deg == pytest.approx(13, abs=4)


def test_a_billboard_fails(tmp_path, collection):
    root, poses, meshes = collection
    flat = [(vertices * [0.02, 1, 1], faces) for vertices, faces in meshes]
    score = novel_view_iou(run_folder(tmp_path, poses, flat), root)
    frontal = [view.iou for view in score.views if abs(np.cos(np.radians(view.azimuth_deg))) > 0.8]
    assert max(frontal) < 0.75


def test_poses_count(tmp_path, collection):
    """The right animal in its neighbours' poses scores less than in its own."""
    root, poses, meshes = collection
    score = novel_view_iou(run_folder(tmp_path, poses, meshes[::-1]), root)
    assert score.mean_iou < 0.85


def test_one_camera_on_the_wrong_side_costs_nothing_else(tmp_path, collection):
    """Its own mesh, turned with it, is wrong; the others keep their scores."""
    root, poses, meshes = collection
    turn = np.diag([-1.0, 1.0, -1.0])
    poses, meshes = list(poses), list(meshes)
    flipped = np.eye(4)
    flipped[:3, :3], flipped[:3, 3] = turn @ poses[2][:3, :3], turn @ poses[2][:3, 3]
    poses[2], meshes[2] = flipped, (meshes[2][0] @ turn.T, meshes[2][1])
    score = novel_view_iou(run_folder(tmp_path, poses, meshes), root)
    others = [view.iou for view in score.views if view.stem != "2"]
    assert min(others) > 0.93
    assert max(view.iou for view in score.views if view.stem == "2") < min(others)


def test_missing_photos_score_zero(tmp_path, collection):
    root, poses, meshes = collection
    run = run_folder(tmp_path, poses, meshes)
    (run / "posed" / "3.ply").unlink()
    score = novel_view_iou(run, root)
    assert [view.iou for view in score.views if view.stem == "3"] == [0, 0]
    assert score.mean_iou == pytest.approx(14 / 16, abs=0.02)
    for path in (run / "posed").iterdir():
        path.unlink()
    assert novel_view_iou(run, root).mean_iou == 0


def test_what_cannot_be_scored_is_said(tmp_path, collection):
    root, poses, meshes = collection
    run = run_folder(tmp_path, poses, meshes)
    with pytest.raises(InputError, match="widen gap_deg"):
        novel_view_iou(run, root, gap_deg=(1.0, 5.0))
    with pytest.raises(InputError, match="cannot be read"):
        novel_view_iou(tmp_path / "nowhere", root)
    with pytest.raises(InputError, match="truth"):
        novel_view_iou(run, tmp_path)


def test_ready_collection_against_itself(tmp_path):
    root = ASSETS / "fox"
    if not root.is_dir():
        pytest.skip("the ready collections are not here")
    (tmp_path / "posed").symlink_to(root / "truth")
    (tmp_path / "transforms.json").symlink_to(root / "truth" / "transforms.json")
    score = novel_view_iou(tmp_path, root)
    assert score.mean_iou > 0.97
    assert len(score.views) >= 10
