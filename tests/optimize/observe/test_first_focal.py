"""Focal lengths of photos that record none, guessed from those that do."""

import math
from pathlib import Path

import numpy as np
import pytest

from zoetrope.optimize.observe.first_focal import FIELD_OF_VIEW_DEG, first_focals
from zoetrope.scenes.photos.photo import Photo


def _photo(width: int, height: int, focal: float | None = None) -> Photo:
    return Photo("a", Path("a.jpg"), np.zeros((height, width, 3), np.uint8), width, height, focal_px=focal)


def test_where_nothing_is_recorded_the_usual_angle_spans_the_longer_side() -> None:
    focals, known = first_focals([_photo(400, 300), _photo(300, 800)])
    usual = 0.5 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))
    assert focals == pytest.approx((400 * usual, 800 * usual))
    assert known == (False, False)


def test_a_photo_cut_from_the_frame_of_the_only_camera_has_its_focal_length_in_pixels() -> None:
    shots = [_photo(400, 300, 500.0), _photo(300, 400, 502.0)]
    focals, known = first_focals([*shots, _photo(220, 180)])
    assert known == (True, True, False)
    assert focals == (500.0, 502.0, 501.0)
    # Larger than the frame, or as large: it was not cut from it.
    assert first_focals([*shots, _photo(800, 600)])[0][2] == pytest.approx(800 * 501 / 400, rel=1e-3)
    assert first_focals([*shots, _photo(400, 300)])[0][2] == pytest.approx(501, rel=1e-3)


def test_of_several_cameras_the_mean_angle_is_taken() -> None:
    focals, _ = first_focals([_photo(400, 300, 400.0), _photo(1000, 700, 4000.0), _photo(200, 100)])
    assert focals[2] == pytest.approx(200 * math.sqrt(1.0 * 4.0))
