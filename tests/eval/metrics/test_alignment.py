import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from zoetrope.eval.metrics.alignment import Similarity, align_meshes, surface_points, world_rotation
from zoetrope.scenes.photos.nerfstudio import CameraFrame


def cameras(rotations):
    frames = {}
    for k, rotation in enumerate(rotations):
        pose = np.eye(4)
        pose[:3, :3] = rotation.as_matrix()
        frames[str(k)] = CameraFrame(f"{k}.jpg", pose, 500.0, 500.0, 100.0, 100.0, 200, 200)
    return frames


def test_rotation_wins_most_votes():
    """Three of ten cameras on the wrong side, the others a few degrees off: the turn is found all the same."""
    generator = np.random.default_rng(0)
    turn = Rotation.from_euler("yx", [130, 20], degrees=True)
    true = [Rotation.random(rng=generator) for _ in range(10)]
    predicted = [
        turn.inv() * Rotation.from_rotvec(np.radians(generator.normal(0, 3, 3))) * rotation for rotation in true
    ]
    for k in (1, 4, 7):
        predicted[k] = Rotation.from_euler("y", 180, degrees=True) * predicted[k]
    found = Rotation.from_matrix(world_rotation(cameras(predicted), cameras(true)))
    assert np.degrees((found * turn.inv()).magnitude()) < 4


def test_exact_cameras_give_the_exact_rotation():
    true = [Rotation.random(rng=np.random.default_rng(k)) for k in range(3)]
    turn = Rotation.from_rotvec([0.3, -2.0, 0.4])
    found = world_rotation(cameras([turn.inv() * rotation for rotation in true]), cameras(true))
    assert np.abs(found - turn.as_matrix()).max() < 1e-12


def test_no_common_photo():
    with pytest.raises(ValueError, match="no photo has both"):
        world_rotation({}, cameras([Rotation.identity()]))


def body(bend):
    mesh = trimesh.creation.icosphere(3).apply_scale([0.2, 0.3, 0.6])
    vertices = np.array(mesh.vertices)
    vertices[:, 1] += bend * vertices[:, 2] ** 2
    return vertices, np.asarray(mesh.faces)


def test_scale_and_translation_are_recovered():
    true = [body(bend) for bend in (0.0, 0.5, -0.5)]
    turn = Rotation.from_rotvec([0.1, 1.0, 0.0]).as_matrix()
    wanted = Similarity(1.7, turn, np.array([0.3, -0.2, 0.9]))
    predicted = [((vertices - wanted.translation) @ turn / wanted.scale, faces) for vertices, faces in true]
    found = align_meshes(predicted, true, turn)
    assert found.scale == pytest.approx(1.7, rel=0.01)
    assert np.abs(found.apply(predicted[1][0]) - true[1][0]).max() < 0.01


def test_a_few_wrong_meshes_do_not_move_the_others():
    true = [body(bend) for bend in (0.0, 0.5, -0.5, 0.2, -0.2)]
    predicted = list(true)
    predicted[1] = (3 * true[1][0] + 2, true[1][1])
    found = align_meshes(predicted, true, np.eye(3))
    assert found.scale == pytest.approx(1, rel=0.01)
    assert np.abs(found.translation).max() < 0.01


def test_a_missing_limb_does_not_change_the_scale_much():
    trunk = body(0.0)
    tail = trimesh.creation.cylinder(0.03, 0.8).apply_translation([0, 0, -0.9])
    whole = trimesh.util.concatenate([trimesh.Trimesh(*trunk), tail])
    found = align_meshes([trunk], [(np.asarray(whole.vertices), np.asarray(whole.faces))], np.eye(3))
    assert found.scale == pytest.approx(1, abs=0.1)
    assert abs(found.translation[2]) < 0.12


def test_points_are_even_by_area_and_on_the_surface():
    box = trimesh.creation.box([2.0, 1.0, 1.0])
    points = surface_points(np.asarray(box.vertices), np.asarray(box.faces), 4000, seed=3)
    assert np.allclose(np.abs(points / [1.0, 0.5, 0.5]).max(axis=1), 1)
    ends = np.isclose(np.abs(points[:, 0]), 1.0).mean()
    assert ends == pytest.approx(2 / 10, abs=0.03)
    assert np.array_equal(points, surface_points(np.asarray(box.vertices), np.asarray(box.faces), 4000, seed=3))
    with pytest.raises(ValueError, match="no area"):
        surface_points(np.zeros((3, 3)), np.array([[0, 1, 2]]), 5, seed=0)
