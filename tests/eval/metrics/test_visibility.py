import numpy as np
import pytest
import trimesh

from zoetrope.eval.metrics.visibility import view
from zoetrope.scenes.photos.nerfstudio import CameraFrame


def camera(distance=4.0, width=120, height=90, focal=150.0):
    pose = np.eye(4)
    pose[2, 3] = distance
    return CameraFrame("a.jpg", pose, focal, focal, width / 2, height / 2, width, height)


def ball(level=3, radius=0.5):
    mesh = trimesh.creation.icosphere(level).apply_scale(radius)
    return np.array(mesh.vertices), np.asarray(mesh.faces)


def test_the_near_half_of_a_ball_is_seen():
    vertices, faces = ball()
    seen = view((vertices, faces), camera())
    # The horizon of a ball of radius r at distance d lies at z = r^2 / d.
    horizon = 0.5**2 / 4
    assert seen.visible[vertices[:, 2] > horizon + 0.03].all()
    assert not seen.visible[vertices[:, 2] < horizon - 0.12].any()
    assert seen.silhouette.sum() == pytest.approx(np.pi * (150 * 0.5 / np.sqrt(16 - 0.25)) ** 2, rel=0.02)


def test_pixels_are_the_cameras_own():
    vertices, faces = ball(1)
    seen = view((vertices, faces), camera())
    pixels, depth = camera().project(vertices)
    assert np.allclose(seen.pixels, pixels)
    assert (depth > 0).all()


def test_what_stands_behind_is_hidden():
    """A small square behind a large one, and beside it once it is moved."""
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])
    for shift, seen in ((0.0, False), (0.9, True)):
        behind = 0.1 * square + [shift, 0, -1.0]
        found = view((np.concatenate([0.5 * square, behind]), faces), camera())
        assert found.visible[:4].all()
        assert (found.visible[4:] == seen).all()


def test_outside_the_frame_and_behind_the_camera_nothing_is_seen():
    vertices, faces = ball(2)
    aside = view((vertices + np.array([5, 0, 0]), faces), camera())
    assert not aside.visible.any()
    assert np.isfinite(aside.pixels).all()
    behind = view((vertices + np.array([0, 0, 6.0]), faces), camera())
    assert not behind.visible.any()
    assert np.isnan(behind.pixels).all()


def test_vertices_of_no_face_are_not_seen():
    vertices, faces = ball(1)
    assert not view((np.concatenate([vertices, [[0, 0, 1.0]]]), faces), camera()).visible[-1]


def test_a_part_thinner_than_a_pixel_is_seen():
    needle = np.array([[-0.5, 0.0011, 0], [0.5, 0.0011, 0], [0.5, 0.0012, 0.0]])
    found = view((needle, np.array([[0, 1, 2]])), camera())
    assert not found.silhouette.any()
    assert found.visible.all()
