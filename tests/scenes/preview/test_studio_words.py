"""Lights and backgrounds by name."""

import pytest
import torch

from zoetrope.representations.camera import Intrinsics
from zoetrope.representations.geometry.mesh import SkinnedMesh, icosphere
from zoetrope.scenes.error import InputError
from zoetrope.scenes.preview.studio import Studio, draw_subject
from zoetrope.scenes.preview.studio_words import studio_in_words
from zoetrope.scenes.preview.turntable_camera import orbit_cameras


def test_no_words_mean_the_studio_itself():
    assert studio_in_words() == Studio()


@pytest.mark.parametrize(
    ("text", "colour"),
    [("white", (1, 1, 1)), ("black", (0, 0, 0)), ("transparent", None), ("#ff8000", (1, 128 / 255, 0)), ("#F80", None)],
)
def test_backgrounds(text, colour):
    assert studio_in_words(text).background == ((1, 136 / 255, 0) if text == "#F80" else colour)


@pytest.mark.parametrize("text", ["", "sky", "#12", "ff8000", "#gggggg", "#ff8000 "])
def test_other_backgrounds_are_refused_in_one_line(text):
    with pytest.raises(InputError, match="choose studio, white, black, transparent or a colour like") as caught:
        studio_in_words(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "sun", "90", "90;0", "4.5.6,1", "400,0", "0,91", "nan,0"])
def test_other_lights_are_refused_in_one_line(text):
    with pytest.raises(InputError, match="choose studio, flat, key, side, back, top or AZIMUTH,ELEVATION"):
        studio_in_words(light=text)


def _lit_ball(light):
    """Brightness in the middle and at the left, right, upper and lower side, seen from anywhere."""
    vertices, faces = icosphere(3)
    count = len(vertices)
    mesh = SkinnedMesh(vertices, faces, torch.ones(count, 1), torch.zeros(count, dtype=torch.int64), vertices)
    camera = orbit_cameras(1, distance=5.0, elevation_deg=30.0, start_deg=70.0)
    lens = Intrinsics.from_field_of_view(30.0, 40, 40, 1)
    picture = draw_subject(vertices[None], mesh, camera, lens, None, studio_in_words("black", light)).color[0].mean(-1)
    return [float(picture[row, column]) for row, column in ((20, 20), (20, 5), (20, 34), (5, 20), (34, 20))]


def test_light_comes_from_where_it_is_said_to():
    middle, left, right, upper, lower = _lit_ball("90,0")
    assert right > left + 0.3
    assert upper == pytest.approx(lower, abs=0.03)
    middle, left, right, upper, lower = _lit_ball("0,0")
    assert middle > max(left, right, upper, lower) + 0.05
    _, left, right, _, _ = _lit_ball("side")
    assert left > right + 0.3
    _, _, _, upper, lower = _lit_ball("top")
    assert upper > lower + 0.3
    middle, _, _, upper, lower = _lit_ball("back")
    assert upper > middle + 0.05
    assert max(_lit_ball("flat")) - min(_lit_ball("flat")) < 0.01
    assert _lit_ball("-90,0")[1] == pytest.approx(_lit_ball("270,0")[1], abs=1e-5)
