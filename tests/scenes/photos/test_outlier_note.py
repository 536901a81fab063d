"""Which photos are outliers goes to a file of cameras and comes back."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.nerfstudio import CameraFrame, write_transforms
from zoetrope.scenes.photos.outlier_note import outlier_notes, read_outliers

FRAMES = [CameraFrame(name, np.eye(4), 100.0, 100.0, 50.0, 50.0, 100, 100) for name in ("a.jpg", "b.png", "c.png")]


def test_outliers_come_back_and_only_they(tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    write_transforms(path, FRAMES, notes=outlier_notes(3, {1: 4.256}))
    assert read_outliers(path) == {"b": 4.26}
    write_transforms(path, FRAMES)
    assert read_outliers(path) == {}


@pytest.mark.parametrize("noted", ["much", -1.0, True, None])
def test_a_note_that_is_no_number_of_times_is_refused(noted: Any, tmp_path: Path) -> None:
    path = tmp_path / "transforms.json"
    write_transforms(path, FRAMES, notes=[{"times_usual_loss": noted}, {}, {}])
    with pytest.raises(InputError, match=r"a has times_usual_loss = .*, not a positive number"):
        read_outliers(path)
