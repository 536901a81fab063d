import math

import pytest
from PIL import Image

from zoetrope.scenes.photos.lens import focal_from_exif

FOCAL, FOCAL_35MM, WIDTH, HEIGHT, DENSITY, UNIT = 0x920A, 0xA405, 0xA002, 0xA003, 0xA20E, 0xA210


def exif(**tags):
    block = Image.Exif()
    block.get_ifd(0x8769).update({globals()[name]: value for name, value in tags.items()})
    return block


def test_nothing_recorded():
    assert focal_from_exif(Image.Exif(), 400, 300) is None


@pytest.mark.parametrize("size", [(3600, 2400), (2400, 3600)])
def test_35mm_equivalent_spans_36_mm_on_the_long_side(size):
    assert focal_from_exif(exif(FOCAL_35MM=50), *size) == pytest.approx(5000)


@pytest.mark.parametrize(("unit", "density"), [(2, 100 * 25.4), (3, 1000), (4, 100)])
def test_focal_length_with_sensor_density(unit, density):
    tags = {"FOCAL": 24.0, "DENSITY": density, "UNIT": unit, "WIDTH": 3600, "HEIGHT": 2400}
    assert focal_from_exif(exif(**tags), 3600, 2400) == pytest.approx(2400)
    # A copy at half the size, on its side, sees the same angle.
    assert focal_from_exif(exif(**tags), 1200, 1800) == pytest.approx(1200)


def test_both_ways_agree_where_both_are_recorded():
    # A full-frame sensor, 36 mm wide, 6000 pixels.
    density = {"FOCAL": 85.0, "DENSITY": 6000 / 36, "UNIT": 4}
    assert focal_from_exif(exif(FOCAL_35MM=85), 6000, 4000) == pytest.approx(
        focal_from_exif(exif(**density), 6000, 4000)
    )


def test_cropped_after_the_shot_is_unknown():
    assert focal_from_exif(exif(FOCAL_35MM=50, WIDTH=4000, HEIGHT=3000), 1000, 1000) is None
    assert focal_from_exif(exif(FOCAL_35MM=50, WIDTH=4000, HEIGHT=3000), 1000, 750) == pytest.approx(50 / 36 * 1000)


@pytest.mark.parametrize("value", [0, -5, "wide", math.nan, math.inf, 1e9])
def test_nonsense_is_unknown(value):
    assert focal_from_exif(exif(FOCAL_35MM=value), 400, 300) is None
