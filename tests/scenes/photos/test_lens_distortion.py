import cv2
import numpy as np
import pytest

from zoetrope.scenes.error import PhotoError
from zoetrope.scenes.photos.camera_frame import CameraFrame
from zoetrope.scenes.photos.lens_distortion import Distortion, undistort, undistorted_camera

LENSES = [Distortion("OPENCV", np.array([-0.2, 0.06, 0.003, -0.002, 0.01]))]
LENSES += [Distortion("OPENCV_FISHEYE", np.array([0.05, -0.03, 0.02, -0.008]))]


def camera(focal=150.0):
    return CameraFrame("a.png", np.eye(4), focal, focal * 1.02, 163.5, 118.5, 320, 240)


@pytest.mark.parametrize("lens", LENSES, ids=str)
def test_the_formulas_are_those_of_opencv(lens):
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (50, 2))
    rays = np.column_stack([points, np.ones(50)])[:, None]
    project = cv2.projectPoints if lens.model == "OPENCV" else cv2.fisheye.projectPoints
    wanted, _ = project(rays, np.zeros(3), np.zeros(3), np.eye(3), lens.values)
    assert np.abs(lens.distort(points) - wanted[:, 0]).max() < 1e-12
    assert np.allclose(lens.distort(np.zeros(2)), 0)


@pytest.mark.parametrize("lens", LENSES, ids=str)
def test_the_pinhole_sees_nothing_beyond_the_picture_and_wastes_little(lens):
    white = np.full((240, 320, 3), 255, np.uint8)
    seen = undistorted_camera(camera(), lens)
    assert (undistort(white, camera(), lens, seen) == 255).all()
    border = np.array([[0, y] for y in range(241)] + [[320, y] for y in range(241)], float)
    border = np.concatenate([border, [[x, y] for x in range(321) for y in (0, 240)]])
    local = (border - [seen.cx, seen.cy]) / [seen.fx, seen.fy]
    places = lens.distort(local) * [camera().fx, camera().fy] + [camera().cx, camera().cy]
    beyond = np.maximum(-places, places - [320, 240]).max()
    assert -3 < beyond < 1


def test_a_fisheye_is_no_pinhole_even_without_coefficients():
    assert Distortion("OPENCV", np.zeros(5)).is_none
    assert not Distortion("OPENCV_FISHEYE", np.zeros(4)).is_none


@pytest.mark.parametrize("lens", [Distortion("OPENCV", np.array([-45.0, 0, 0, 0, 0])), *LENSES])
def test_sense_depends_on_the_picture(lens):
    """Coefficients that are fine for a long lens may fold a wide one's picture over."""
    if lens in LENSES:
        assert undistorted_camera(camera(), lens).width == 320
    else:
        with pytest.raises(PhotoError, match=r"k1 = -45.*no lens"):
            undistorted_camera(camera(), lens)
        assert undistorted_camera(camera(5000.0), lens).width == 320
