"""Animodel's protocol on bodies whose answers are known."""

import numpy as np
import pytest
import trimesh

from zoetrope.eval.metrics.animodel import animodel_chamfer


def arrays(mesh):
    return np.array(mesh.vertices), np.asarray(mesh.faces)


def animal():
    """A thick body, so that a hundred voxels across it are not many along it, and a head that tells front from back."""
    trunk = trimesh.creation.icosphere(3).apply_scale([0.4, 0.5, 0.7])
    head = trimesh.creation.icosphere(2).apply_scale(0.3).apply_translation([0, 0.5, 0.6])
    return arrays(trimesh.util.concatenate([trunk, head]))


@pytest.fixture(scope="module")
def floor():
    """What the truth itself scores: the sampling's floor."""
    return animodel_chamfer(animal(), animal())


def test_the_truth_is_at_the_floor_of_the_sampling(floor):
    assert floor.chamfer < 0.02
    # The longest side, from the hind end to the tip of the muzzle.
    assert floor.chamfer / floor.chamfer_unit == pytest.approx(np.ptp(animal()[0], axis=0).max())


def test_size_and_facing_the_other_way_do_not_count(floor):
    vertices, faces = animal()
    about = animodel_chamfer((3 * vertices * [-1, 1, -1] + 2, faces), (vertices, faces))
    assert about.chamfer == pytest.approx(floor.chamfer, abs=0.005)


def test_parts_hidden_inside_do_not_count(floor):
    vertices, faces = animal()
    core = arrays(trimesh.creation.icosphere(2).apply_scale(0.25))
    stuffed = np.concatenate([vertices, core[0]]), np.concatenate([faces, core[1] + len(vertices)])
    assert animodel_chamfer(stuffed, (vertices, faces)).chamfer == pytest.approx(floor.chamfer, abs=0.005)


def test_another_shape_is_farther(floor):
    vertices, faces = animal()
    headless = arrays(trimesh.creation.icosphere(3).apply_scale([0.4, 0.5, 0.7]))
    score = animodel_chamfer(headless, (vertices, faces))
    assert score.chamfer > 3 * floor.chamfer
    assert score.chamfer == pytest.approx((score.predicted_to_true + score.true_to_predicted) / 2)


def test_a_flat_mesh_is_refused():
    vertices, faces = animal()
    with pytest.raises(ValueError, match="flat"):
        animodel_chamfer((vertices * [0, 1, 1], faces), (vertices, faces))
