"""Models that look along another axis: their joints say which, or the option does, and photos and truth agree."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from zoetrope.cli import main
from zoetrope.representations.body.template import template
from zoetrope.scenes.error import InputError
from zoetrope.scenes.gltf.front import find_front
from zoetrope.scenes.gltf.subject import load_gltf
from zoetrope.scenes.motion.motion_file import load_motion
from zoetrope.scenes.zoo.zoo import write_zoo

CASES = Path(__file__).parents[2].parent / "shared" / "cases" / "gltf"
# Turns about Y that take +Z to each.
AXES = {"+z": 0, "+x": 90, "-z": 180, "-x": 270}
# The upper legs and the head of a dog that looks along +Z.
PLACES = [(0.1, 0.5, 0.2), (-0.1, 0.5, 0.2), (0.1, 0.5, -0.3), (-0.1, 0.5, -0.3), (0, 0.7, 0.4), (0, 0.5, -0.3)]


def _about_y(degrees):
    return Rotation.from_euler("y", degrees, degrees=True).as_matrix()


def _names(pattern, left, right):
    legs = [pattern.format(side=side, word=word) for word in ("thigh", "shin") for side in (left, right)]
    return [*legs, "Head", "Hips"]


def _front(names, degrees, usual="+z"):
    places = torch.tensor(np.array(PLACES) @ _about_y(degrees).T)
    found = find_front(names, places, usual)
    return math.degrees(math.remainder(-found.turn, math.tau)) % 360, found.note


SAYS_NOTHING = ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    "names",
    [
        _names("{word}.{side}", "L", "R"),
        _names("{word}_{side}", "l", "r"),
        _names("{side}{word}", "Left", "Right"),
        _names("mixamorig:{side}_{word}", "left", "right"),
        ["b_LeftThigh_03", "b_RightThigh_07", "b_LeftShin_04", "b_RightShin_08", "b_Bone_1", "b_Bone_2"],
        # Sides alone, and a head and hips alone.
        [*_names("{word}_{side}", "L", "R")[:4], "x", "y"],
        ["a", "b", "c", "d", "Head", "Hips"],
    ],
)
@pytest.mark.parametrize("axis", AXES)
def test_joints_say_where_the_front_is(names, axis):
    degrees, note = _front(names, AXES[axis])
    assert degrees == pytest.approx(AXES[axis], abs=1e-4)
    assert (note is None) == (axis == "+z")
    if note is not None:
        assert axis.upper() in note


def test_names_that_say_nothing_leave_the_format_s_front():
    assert _front(SAYS_NOTHING, 90) == (0, None)
    assert _front(SAYS_NOTHING, 90, usual="-z") == (180, None)


def test_a_little_asymmetry_is_no_other_front_and_much_is():
    names = _names("{word}.{side}", "L", "R")
    assert _front(names, 12) == (0, None)
    degrees, note = _front(names, 45)
    assert degrees == pytest.approx(45, abs=1e-4)
    assert "45 degrees" in note


@pytest.mark.parametrize(("degrees", "shown"), [(0, 0), (90, 90)])
def test_swapped_sides_do_not_turn_a_body_round(degrees, shown):
    """Left as the viewer has it: the head says where the front is."""
    found, note = _front(_names("{word}.{side}", "R", "L"), degrees)
    assert found == pytest.approx(shown, abs=1e-4)
    assert "contradict" in note


def test_who_stands_upright_is_told_by_the_sides_alone():
    names = ["LeftArm", "RightArm", "Head", "Hips"]
    places = torch.tensor([[-0.3, 1.4, 0.0], [0.3, 1.4, 0.0], [0.0, 1.7, 0.05], [0.0, 1.0, 0.0]])
    assert abs(find_front(names, places, "+z").turn) == pytest.approx(math.pi)


@pytest.mark.parametrize("axis", ["+x", "-z", "-x"])
def test_a_dog_that_looks_elsewhere_is_the_same_dog(box_dog, axis):
    wanted = load_gltf(box_dog("a"), resolution=64)
    turned = box_dog("b", turn=_about_y(AXES[axis]))
    found = load_gltf(turned, resolution=64)
    assert found.notes == (f"looks along {axis.upper()}, as its left and right joints say",)
    times = torch.tensor([0.0, 0.5])
    for one, other in ((found.rest(), wanted.rest()), (found.pose("Walk", times), wanted.pose("Walk", times))):
        torch.testing.assert_close(one.vertices, other.vertices, atol=2e-6, rtol=0)
    skeleton = template("quadruped").skeleton
    clips = [load_motion(f"{path}#Walk", skeleton) for path in (box_dog("a"), turned)]
    torch.testing.assert_close(clips[1].rotations, clips[0].rotations, atol=1e-5, rtol=0)


def test_the_option_turns_what_has_no_names(box_dog):
    wanted = load_gltf(box_dog("a"), resolution=64).sitter().vertices
    path = box_dog("b", turn=_about_y(90), rename=lambda name: f"bone {name.encode().hex()}")
    assert load_gltf(path, resolution=64).sitter().vertices[:, 0].max() == pytest.approx(0.5)
    found = load_gltf(path, resolution=64, front="+x")
    torch.testing.assert_close(found.sitter().vertices, wanted, atol=2e-6, rtol=0)
    assert found.notes == ()


def test_photos_and_truth_show_the_face_at_azimuth_0(box_dog, tmp_path, capsys):
    """The command: a front that joints tell, and one that the option tells."""
    turned = box_dog("b", turn=_about_y(270))
    mute = box_dog("c", turn=_about_y(270), rename=lambda name: f"bone {name.encode().hex()}")
    options = ["--photos", "1", "--seed", "5", "--size", "64", "--azimuth", "-4", "4"]
    for path, more in ((turned, []), (mute, ["--front", "-x"])):
        assert main(["zoo", str(path), "--out", str(tmp_path / path.stem), *options, *more]) == 0
    assert f"{turned}: looks along -X, as its left and right joints say" in capsys.readouterr().err
    about, silent = (json.loads((tmp_path / stem / "truth" / "transforms.json").read_text()) for stem in "bc")
    assert about["notes"] == ["looks along -X, as its left and right joints say"]
    assert "notes" not in silent
    assert abs(math.remainder(about["photos"][0]["azimuth"], 360)) <= 4
    pictures = [np.asarray(Image.open(tmp_path / stem / "000.jpg"), np.float64) for stem in "bc"]
    assert np.abs(pictures[1] - pictures[0]).mean() < 2
    content = json.loads((tmp_path / "b" / "keypoints.json").read_text())
    marks = np.reshape(content["annotations"][0]["keypoints"], (-1, 3))
    points = dict(zip(content["categories"][0]["keypoints"], marks, strict=True))
    assert points["left_front_elbow"][2] > 0
    assert points["left_front_elbow"][0] > points["right_front_elbow"][0]  # it looks at us


def test_nonsense_fronts_are_refused(tmp_path, capsys):
    with pytest.raises(InputError, match=r"--front is \+x, but fox is a species"):
        write_zoo("fox", tmp_path / "a", front="+x")
    with pytest.raises(SystemExit) as caught:
        main(["zoo", "a.glb", "--out", str(tmp_path / "b"), "--front", "sideways"])
    assert caught.value.code == 2
    assert "'+x'" in capsys.readouterr().err


@pytest.mark.skipif(not CASES.is_dir(), reason="no shared/cases beside the repository")
def test_the_case_that_faces_plus_x_is_the_reference():
    wanted, found = (load_gltf(CASES / f"{name}.glb", resolution=64) for name in ("reference_dog", "faces_plus_x"))
    torch.testing.assert_close(found.sitter().vertices, wanted.sitter().vertices, atol=1e-6, rtol=0)
