"""A body with a left and a right, seen from all round: fitted as it is, mirrored, turned about, legs swapped."""

import numpy as np
import pytest
import trimesh

from zoetrope.eval.metrics.side_flip import face_sides, side_agreement
from zoetrope.eval.metrics.visibility import view
from zoetrope.scenes.photos.nerfstudio import CameraFrame

AZIMUTHS = (0, 40, 90, 140, 180, 250, 300)


def body():
    trunk = trimesh.creation.icosphere(3).apply_scale([0.2, 0.2, 0.5])
    legs = [
        trimesh.creation.icosphere(2).apply_scale([0.06, 0.3, 0.06]).apply_translation([x, -0.3, z])
        for x in (-0.13, 0.13)
        for z in (-0.3, 0.3)
    ]
    mesh = trimesh.util.concatenate([trunk, *legs])
    return np.array(mesh.vertices), np.asarray(mesh.faces)


def camera(azimuth_deg):
    angle = np.radians(azimuth_deg)
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    pose[:3, 3] = 3 * pose[:3, 2]
    return CameraFrame("a.jpg", pose, 200.0, 200.0, 64.0, 64.0, 128, 128)


def agreement(predicted, predicted_rest, azimuth_deg, seen_from=None):
    true = body()
    found = view(predicted, camera(azimuth_deg if seen_from is None else seen_from))
    shown = view(true, camera(azimuth_deg))
    return side_agreement(found.face, face_sides(predicted_rest), shown.face, face_sides(true))


@pytest.mark.parametrize("azimuth_deg", AZIMUTHS)
def test_the_truth_agrees_and_its_mirror_image_does_not(azimuth_deg):
    vertices, faces = body()
    assert agreement((vertices, faces), (vertices, faces), azimuth_deg) == 1
    mirrored = vertices * [-1, 1, 1], faces
    assert agreement(mirrored, (vertices, faces), azimuth_deg) < 0.02
    # What is named left and right at rest is all that tells them apart.
    assert agreement((vertices, faces), mirrored, azimuth_deg) == 0


def test_a_body_that_faces_the_other_way_is_flipped():
    vertices, faces = body()
    about = vertices * [-1, 1, -1], faces
    for azimuth_deg in AZIMUTHS:
        assert agreement(about, (vertices, faces), azimuth_deg) < 0.02


def test_a_camera_on_the_other_side_is_a_flip():
    vertices, faces = body()
    assert agreement((vertices, faces), (vertices, faces), 90, seen_from=-90) == 0


def test_legs_taken_for_each_other_cost_their_share():
    """Seen from the front the trunk is right still, its legs are not."""
    vertices, faces = body()
    swapped = vertices.copy()
    legs = vertices[:, 1] < -0.25
    swapped[legs, 0] *= -1
    found = agreement((swapped, faces), (vertices, faces), 0)
    assert 0.4 < found < 0.95


def test_the_middle_has_no_side_and_the_place_does_not_matter():
    vertices, faces = body()
    sides = face_sides((vertices, faces))
    centres = vertices[faces].mean(axis=1)[:, 0]
    assert (sides[centres > 0.05] == 1).all()
    assert (sides[centres < -0.05] == -1).all()
    assert (sides[np.abs(centres) < 0.005] == 0).all()
    assert np.array_equal(face_sides((vertices + np.array([7, 0, 0]), faces)), sides)


def test_nothing_in_common_is_none():
    empty = np.full((4, 4), -1, np.int32)
    one = np.ones(1, np.int8)
    assert side_agreement(empty, one, np.zeros((4, 4), np.int32), one) is None
