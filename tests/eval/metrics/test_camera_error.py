import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from zoetrope.eval.metrics.camera_error import camera_errors
from zoetrope.representations.camera import OrbitCamera
from zoetrope.scenes.photos.nerfstudio import CameraFrame


def orbit(azimuths, elevations):
    one = torch.ones(len(azimuths), dtype=torch.float64)
    stands = OrbitCamera(
        torch.tensor(azimuths, dtype=torch.float64),
        torch.tensor(elevations, dtype=torch.float64),
        0 * one,
        3 * one,
        torch.zeros(len(azimuths), 2, dtype=torch.float64),
    )
    return {
        str(k): CameraFrame(f"{k}.jpg", pose, 500.0, 500.0, 50.0, 50.0, 100, 100)
        for k, pose in enumerate(stands.world_from_camera().numpy())
    }


AZIMUTHS, ELEVATIONS = [0.0, 50.0, 100.0, 170.0, 190.0, 300.0], [0.0, 10.0, 20.0, 5.0, -5.0, 15.0]


def test_one_camera_turned_by_ten_degrees_is_ten_degrees_off():
    predicted = orbit([0, 50, 110, 170, 190, 300], ELEVATIONS)
    score = camera_errors(predicted, orbit(AZIMUTHS, ELEVATIONS))
    # The common rotation gives way a little: a sixth of it.
    assert score.photos["2"].azimuth_deg == pytest.approx(10, abs=1.8)
    assert score.photos["2"].rotation_deg == pytest.approx(10, abs=1.8)
    assert score.photos["0"].azimuth_deg < 1.8
    assert score.within(5) == pytest.approx(5 / 6)


def test_elevation_apart_from_azimuth():
    raised = list(ELEVATIONS)
    raised[1] += 8
    error = camera_errors(orbit(AZIMUTHS, raised), orbit(AZIMUTHS, ELEVATIONS)).photos["1"]
    assert error.elevation_deg == pytest.approx(8, abs=1.5)
    assert error.azimuth_deg < 1.5


def test_there_is_no_gap_behind_nor_in_front():
    """A camera on one side of the line and its estimate on the other are as near as they are."""
    true = orbit([*AZIMUTHS, 185.0, 4.0], [*ELEVATIONS, 0.0, 0.0])
    score = camera_errors(orbit([*AZIMUTHS, 173.0, 352.0], [*ELEVATIONS, 0.0, 0.0]), true)
    assert score.photos["6"].azimuth_deg == pytest.approx(12, abs=3.5)
    assert score.photos["7"].azimuth_deg == pytest.approx(12, abs=3.5)


def test_a_world_turned_as_a_whole_is_right_and_says_so():
    turn = Rotation.from_euler("y", 40, degrees=True).as_matrix()
    tilt = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    true = orbit(AZIMUTHS, ELEVATIONS)
    for matrix, yaw, lean in ((turn, -40, 0), (tilt, 0, 12)):
        moved = {}
        for stem, frame in true.items():
            pose = np.eye(4)
            pose[:3, :3] = matrix @ frame.camera_to_world[:3, :3]
            moved[stem] = CameraFrame(frame.file_path, pose, 500.0, 500.0, 50.0, 50.0, 100, 100)
        score = camera_errors(moved, true)
        assert max(error.rotation_deg for error in score.photos.values()) < 1e-5
        assert score.world_yaw_deg == pytest.approx(yaw, abs=1e-6)
        assert score.world_tilt_deg == pytest.approx(lean, abs=1e-5)


def test_one_photo_from_behind_is_180_degrees_off_and_turns_no_other():
    predicted = orbit([0, 50, 100, 350, 190, 300], ELEVATIONS)
    score = camera_errors(predicted, orbit(AZIMUTHS, ELEVATIONS))
    assert score.photos["3"].azimuth_deg == pytest.approx(180, abs=1e-6)
    assert score.photos["0"].azimuth_deg < 1e-6
    assert score.within() == pytest.approx(5 / 6)


def test_only_photos_with_both_cameras_are_scored():
    true = orbit(AZIMUTHS, ELEVATIONS)
    assert list(camera_errors({"1": true["1"], "9": true["2"]}, true).photos) == ["1"]
    with pytest.raises(ValueError, match="no photo has both"):
        camera_errors({}, true)
