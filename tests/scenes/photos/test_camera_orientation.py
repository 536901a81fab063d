import numpy as np
import pytest

from zoetrope.scenes.photos.camera_orientation import mirrors, turned_pixels, turned_pose
from zoetrope.scenes.photos.decode import upright


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_move_as_the_picture_does(orientation):
    stored = np.arange(5 * 8).reshape(5, 8)
    turned = upright(stored, orientation)
    for row in range(5):
        for column in range(8):
            place = turned_pixels(np.array([column + 0.5, row + 0.5]), 8, 5, orientation)
            x, y = (place - 0.5).round().astype(int)
            assert turned[y, x] == stored[row, column]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_pose_turns_with_the_pixels(orientation):
    """A pinhole of focal length 1 on the axis: where a point falls moves as its pixel does."""
    random = np.random.default_rng(orientation)
    pose = np.eye(4)
    pose[:3, :3], _ = np.linalg.qr(random.normal(size=(3, 3)))
    pose[:3, 3] = random.normal(size=3)
    turned = turned_pose(pose, orientation)
    assert np.allclose(turned[:3, 3], pose[:3, 3])
    local = np.array([0.3, -0.2, -1.0])
    world = pose[:3, :3] @ local + pose[:3, 3]
    seen = turned[:3, :3].T @ (world - turned[:3, 3])
    # Columns grow to the right, rows downwards, about the picture's middle.
    wanted = turned_pixels(np.array([local[0], -local[1]]), 0, 0, orientation)
    assert np.allclose([seen[0], -seen[1], seen[2]], [*wanted, -1.0])
    assert (np.linalg.det(turned[:3, :3]) * np.linalg.det(pose[:3, :3]) < 0) == mirrors(orientation)
