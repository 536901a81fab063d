"""Registration and what is measured after it: Chamfer, F-score, normals, volume."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from zoetrope.eval.metrics.chamfer import chamfer_distance, f_score
from zoetrope.eval.metrics.normal_consistency import normal_consistency
from zoetrope.eval.metrics.registration import best_similarity, umeyama
from zoetrope.eval.metrics.surface_pairs import diagonal, pair_surfaces
from zoetrope.eval.metrics.volume_iou import is_closed, volume_iou


def arrays(mesh):
    return np.array(mesh.vertices), np.asarray(mesh.faces)


def animal():
    """A trunk, a head up in front, a tail: no turn lays it onto itself."""
    trunk = trimesh.creation.icosphere(2).apply_scale([0.2, 0.25, 0.5])
    head = trimesh.creation.icosphere(2).apply_scale(0.17).apply_translation([0, 0.3, 0.5])
    tail = trimesh.creation.icosphere(2).apply_scale([0.05, 0.05, 0.3]).apply_translation([0.1, 0.1, -0.6])
    return arrays(trimesh.boolean.union([trunk, head, tail], engine="manifold"))


def ball(radius, level=3):
    return arrays(trimesh.creation.icosphere(level).apply_scale(radius))


def test_umeyama_recovers_a_similarity():
    points = np.random.default_rng(0).normal(size=(40, 3))
    turn = Rotation.from_rotvec([0.3, 2.0, -1.0]).as_matrix()
    found = umeyama(points, 1.7 * points @ turn.T + [1, 2, 3])
    assert found.scale == pytest.approx(1.7)
    assert np.allclose(found.rotation, turn)
    assert np.allclose(found.translation, [1, 2, 3])
    # A mirrored cloud is met by the best rotation, never by a mirror.
    assert np.linalg.det(umeyama(points, points * [-1, 1, 1]).rotation) == pytest.approx(1)


@pytest.mark.parametrize("turn", [[0, 0, 0], [0, 2.8, 0], [0.4, -1.1, 0.2], [1.5, 0, 0.2]])
def test_a_moved_mesh_is_laid_back_exactly(turn):
    """Scale, turn and place do not count, though no rotation is given to start from."""
    vertices, faces = animal()
    matrix = Rotation.from_rotvec(turn).as_matrix()
    moved = 3.0 * vertices @ matrix.T + [5, -1, 2], faces
    similarity = best_similarity(moved, (vertices, faces))
    pairs = pair_surfaces((similarity.apply(moved[0]), faces), (vertices, faces))
    assert similarity.scale == pytest.approx(1 / 3, rel=0.01)
    assert chamfer_distance(pairs) < 0.002
    assert f_score(pairs) == 1
    assert normal_consistency(pairs) > 0.97
    assert volume_iou((similarity.apply(moved[0]), faces), (vertices, faces)) > 0.96


def test_another_shape_is_not_laid_onto_it():
    vertices, faces = animal()
    wrong = best_similarity(ball(1.0, 2), (vertices, faces))
    pairs = pair_surfaces((wrong.apply(ball(1.0, 2)[0]), ball(1.0, 2)[1]), (vertices, faces))
    assert chamfer_distance(pairs) > 0.04
    assert f_score(pairs) < 0.5


def test_known_distances():
    """Concentric balls of radius 1 and 1.1: 0.1 apart everywhere, the diagonal being 2 sqrt 3."""
    pairs = pair_surfaces(ball(1.1), ball(1.0))
    assert pairs.diagonal == pytest.approx(2 * np.sqrt(3), rel=1e-2)
    assert chamfer_distance(pairs) == pytest.approx(0.1 / (2 * np.sqrt(3)), rel=0.03)
    assert f_score(pairs) == 0  # 2 % of the diagonal is 0.069
    assert f_score(pairs, share=0.03) == 1
    assert normal_consistency(pairs) > 0.999


def test_precision_and_recall_are_told_apart():
    """Half of a shape is precise and recalls half: F = 2 * 1 * 0.5 / 1.5."""
    vertices, faces = ball(1.0)
    half = vertices, faces[(vertices[faces].mean(axis=1)[:, 0] > 0)]
    assert f_score(pair_surfaces(half, (vertices, faces))) == pytest.approx(2 / 3, abs=0.05)
    assert f_score(pair_surfaces((vertices, faces), half)) == pytest.approx(2 / 3, abs=0.05)


def test_normals_count_apart_from_distance():
    """A finely pleated ball is everywhere near the ball, and faces elsewhere."""
    vertices, faces = ball(1.0)
    pleated = vertices * (1 + 0.03 * np.sign(np.sin(40 * vertices[:, :1]))), faces
    pairs = pair_surfaces(pleated, (vertices, faces))
    assert chamfer_distance(pairs) < 0.01
    assert normal_consistency(pairs) < 0.95
    # Faces turned inside out look the other way, and count alike.
    inside_out = pair_surfaces((vertices, faces[:, ::-1]), (vertices, faces))
    assert normal_consistency(inside_out) > 0.99


def test_volumes_of_shifted_boxes():
    box = arrays(trimesh.creation.box([1, 1, 1]))
    assert volume_iou(box, box) == 1
    for shift, expected in ((0.5, 1 / 3), (0.25, 0.6), (2.0, 0.0)):
        assert volume_iou((box[0] + [shift, 0, 0], box[1]), box) == pytest.approx(expected, abs=0.01)


def test_volume_counts_what_overlaps_itself_once():
    box = arrays(trimesh.creation.box([1, 1, 1]))
    doubled = np.concatenate([box[0], box[0] + [0.5, 0, 0]]), np.concatenate([box[1], box[1] + len(box[0])])
    wide = arrays(trimesh.creation.box([1.5, 1, 1]).apply_translation([0.25, 0, 0]))
    assert volume_iou(doubled, wide) == pytest.approx(1, abs=0.01)


def test_an_open_mesh_has_no_volume():
    vertices, faces = ball(1.0, 2)
    assert volume_iou((vertices, faces[1:]), (vertices, faces)) is None
    assert is_closed((vertices, faces))
    # One vertex per corner, as texture seams leave them: closed all the same.
    assert is_closed((vertices[faces.ravel()], np.arange(3 * len(faces)).reshape(-1, 3)))


def test_the_diagonal_is_that_of_the_surface():
    vertices, faces = ball(1.0, 2)
    assert diagonal((np.concatenate([vertices, [[9, 9, 9]]]), faces)) == diagonal((vertices, faces))
