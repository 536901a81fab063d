"""BVH as writers write it, against places worked out by hand, and every way in which a file can be broken."""

import math
import os
from dataclasses import replace

import pytest
import torch

from zoetrope.representations.rotation import matrix_from_quaternion
from zoetrope.scenes.error import InputError
from zoetrope.scenes.motion.bvh import bvh_motion, read_bvh

PLAIN = """HIERARCHY
ROOT Hips
{
  OFFSET 0.0 10.0 0.0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftLeg
  {
    OFFSET 1.0 0.0 0.0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0.0 -4.0 0.0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
0 10 0 0 0 0 0 0 0
2 11 3 90 0 0 0 90 0
"""


def _write(tmp_path, text, name="take.bvh"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_names_offsets_and_frames(tmp_path):
    bvh = read_bvh(_write(tmp_path, PLAIN))
    assert bvh.names == ("Hips", "LeftLeg", "LeftLeg_end")
    assert bvh.parents == (-1, 0, 1)
    assert (bvh.name, bvh.frame_time, len(bvh.rotations)) == ("take", 0.05, 2)
    torch.testing.assert_close(bvh.rest(), torch.tensor([[0.0, 10, 0], [1, 10, 0], [1, 6, 0]]).double())


def test_places_of_a_turned_chain(tmp_path):
    places, turns = read_bvh(_write(tmp_path, PLAIN)).world()
    torch.testing.assert_close(places[0], torch.tensor([[0.0, 10, 0], [1, 10, 0], [1, 6, 0]]).double())
    # The root turns X to Y; the leg, which hangs along -Y, first goes to -Z about its own X, which the root leaves.
    torch.testing.assert_close(places[1], torch.tensor([[2.0, 11, 3], [2, 12, 3], [2, 12, -1]]).double())
    torch.testing.assert_close(turns[1, 2], turns[1, 1])


@pytest.mark.parametrize(
    "order", ["Zrotation Xrotation Yrotation", "Xrotation Yrotation Zrotation", "Yrotation Zrotation"]
)
def test_rotations_multiply_as_they_are_written(tmp_path, order):
    kinds = order.split()
    angles = [20.0, -35.0, 50.0][: len(kinds)]
    text = f"HIERARCHY\nROOT a\n{{\nOFFSET 0 0 0\nCHANNELS {len(kinds)} {order}\nEnd Site\n{{\nOFFSET 1 2 3\n}}\n}}\n"
    text += "MOTION\nFrames: 1\nFrame Time: 0.1\n" + " ".join(map(str, angles)) + "\n"
    places, turns = read_bvh(_write(tmp_path, text)).world()
    wanted = torch.eye(3).double()
    for kind, angle in zip(kinds, angles, strict=True):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        one = {
            "X": [[1, 0, 0], [0, c, -s], [0, s, c]],
            "Y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
            "Z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
        }
        wanted = wanted @ torch.tensor(one[kind[0]]).double()
    torch.testing.assert_close(matrix_from_quaternion(turns[0, 0]), wanted)
    torch.testing.assert_close(places[0, 1], wanted @ torch.tensor([1.0, 2, 3]).double())


def test_writers_differ_in_capitals_blanks_and_line_ends(tmp_path):
    loose = PLAIN.replace("ROOT Hips\n{", "root  Hips {").replace("JOINT", "Joint").replace("End Site", "END SITE")
    loose = loose.replace("OFFSET", "offset\t").replace("Zrotation", "ZROTATION").replace("Frames: 2", "FRAMES:\t2")
    loose = loose.replace("Frame Time:", "frame time :").replace(" 0 0 0\n", "\t0   0 0 \n\n").replace("\n", "\r\n")
    found, plain = (read_bvh(_write(tmp_path, text)) for text in ("\ufeff" + loose, PLAIN))
    assert (found.names, found.parents, found.frame_time) == (plain.names, plain.parents, plain.frame_time)
    for a, b in zip(found.world(), plain.world(), strict=True):
        torch.testing.assert_close(a, b)
    spaced = read_bvh(_write(tmp_path, PLAIN.replace("LeftLeg", "Bip01 L Thigh").encode("latin-1")))
    assert spaced.names[1:] == ("Bip01 L Thigh", "Bip01 L Thigh_end")


def test_positions_take_the_place_of_offsets_or_are_added(tmp_path):
    six = PLAIN.replace("CHANNELS 3", "CHANNELS 4 Yposition", 1)
    absolute = six.replace("OFFSET 1.0 0.0", "OFFSET 1.0 5.0").replace("0 10 0 0 0 0 0 0 0", "0 10 0 0 0 0 5 0 0 0")
    absolute = absolute.replace("2 11 3 90 0 0 0 90 0", "2 11 3 90 0 0 5.5 0 90 0")
    assert read_bvh(_write(tmp_path, absolute)).translations[:, 1].tolist() == [[1, 5, 0], [1, 5.5, 0]]
    added = absolute.replace("0 0 0 5 0 0 0", "0 0 0 0 0 0 0").replace("90 0 0 5.5", "90 0 0 0.5")
    assert read_bvh(_write(tmp_path, added)).translations[:, 1].tolist() == [[1, 5, 0], [1, 5.5, 0]]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("HIERARCHY", "Hello", 1, "no BVH file"),
        ("ROOT Hips", "ROOT", 2, "no name"),
        ("ROOT Hips", "JOINT Hips", 2, "outside of a ROOT"),
        ("ROOT Hips\n{", "ROOT Hips", 3, '"{" is missing'),
        ("OFFSET 0.0 10.0 0.0", "OFFSET 0.0 10.0", 4, "three numbers"),
        ("OFFSET 0.0 10.0 0.0", "OFFSET 0.0 ten 0.0", 4, "'ten' is no number"),
        ("  OFFSET 0.0 10.0 0.0\n", "", 2, "no OFFSET"),
        ("CHANNELS 3", "CHANNELS 2", 9, "names 3 channels"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", 9, "'Wrotation' is unknown"),
        ("6 Xposition Yposition", "6 Xposition Xposition", 5, "channels twice"),
        ("    OFFSET 1.0 0.0 0.0", "    WEIGHT 3", 8, "'WEIGHT' is not expected"),
        ("  }\n}\nMOTION", "  }\nMOTION", 15, "\"}\" is missing: 'Hips'"),
        ("}\nMOTION", "}\n}\nMOTION", 16, '"}" without "{"'),
        ("MOTION", "", 17, "'Frames:' is not expected"),
        ("Frames: 2", "Frames: two", 17, "'two'"),
        ("Frames: 2", "Frames: 0", 17, "at least 1"),
        ("Frames: 2", "Frames: 5", 20, "2 frames, but Frames says 5"),
        ("Frames: 2", "Frames: 999999999999", 20, "2 frames, but Frames says 999999999999"),
        ("Frames: 2", f"Frames: {'9' * 5000}", 17, "a whole number"),
        ("Frames: 2", "Frames: ²", 17, "'²'; a whole number"),
        ("Frames: 2", "Frames: -2", 17, "a whole number"),
        ("Frames: 2", "Frames: 2.5", 17, "a whole number"),
        ("Frame Time: 0.05", "Frame Time: 0", 18, "more than 0"),
        ("Frame Time: 0.05", "0 0 0", 18, '"Frame Time: SECONDS" is expected'),
        ("0 10 0 0 0 0 0 0 0", "0 10 0 0 0 0 0 0", 19, "8 numbers; the joints have 9 channels"),
        ("90 0 0 0 90 0", "90 0 0 0 90 0 7", 20, "10 numbers; the joints have 9 channels"),
        ("90 0 0 0 90 0", "90 0 0 0 90 x", 20, "'x' is no number"),
        ("90 0 0 0 90 0", "90 0 0 0 90 nan", 20, "not finite"),
        ("90 0 0 0 90 0", "90 0 0 0 1_0 0", 20, "'1_0' is no number"),
        ("90 0 0 0 90 0", "90 0 0 0 1.234,5 0", 20, "10 numbers"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, old, new, line, message):
    assert old in PLAIN
    path = _write(tmp_path, PLAIN.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_bvh(path)
    said = str(caught.value)
    assert message in said
    assert "\n" not in said
    assert said.startswith(f"{path}, line {line}: ")


def _same(found, plain):
    assert (found.names, found.parents, found.frame_time) == (plain.names, plain.parents, plain.frame_time)
    for a, b in zip(found.world(), plain.world(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    ("changes", "rows", "note"),
    [
        ({"Frames: 2": "Frames: 1"}, 2, "it has 2 rows, though Frames says 1"),
        ({"Frames: 2": "Frames: 3"}, 2, "it has 2 rows, though Frames says 3"),
        ({"90 0 0 0 90 0": "90 0 0 0 90"}, 1, "its last row is cut off (8 numbers of 9)"),
        ({"90 0 0 0 90 0\n": "90 0 0 0 -"}, 1, "its last row is cut off (7 numbers of 9)"),
        ({"90 0 0 0 90 0\n": "90 0 0 0 90 1.5e"}, 1, "its last row is cut off (8 numbers of 9)"),
        ({".": ","}, 2, "decimal commas"),
        ({".": ",", "90 0 0 0 90 0\n": "90,0 0,0 0 0 9,"}, 1, "its last row is cut off"),
    ],
)
def test_mistakes_that_all_readers_put_up_with_are_read_with_a_note(tmp_path, changes, rows, note):
    text = PLAIN
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    found, plain = read_bvh(_write(tmp_path, text)), read_bvh(_write(tmp_path, PLAIN))
    assert any(note in one for one in found.notes)
    assert len(found.rotations) == rows
    _same(found, replace(plain, rotations=plain.rotations[:rows], translations=plain.translations[:rows]))
    assert bvh_motion(found).notes == found.notes
    assert plain.notes == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"Frames: 2": "frames 2"},
        {"Frames: 2": "Frames: 2.0", "Frame Time: 0.05": "Frame Time: 0.05 s"},
        {"Frame Time: 0.05": "FrameTime:0.05"},
        {"Frames: 2\nFrame Time: 0.05": "Frame Time: 0.05\nFrames: 2"},
        {"End Site": "EndSite"},
        {"End Site": "End Site LeftToe"},
        {"ROOT Hips": 'ROOT "Hips"'},
        {"OFFSET 1.0 0.0 0.0": "OFFSET 1.0, 0.0, 0.0", "2 11 3 90": "2,11,3, 90,"},
        {" 90 0\n": " 90 0\n\n \t\n\x1a"},
        {"2 11 3 90 0 0": "2 11 3\n90 0 0"},
        {"\n": "\r"},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_customs_of_other_writers_are_read_without_a_word(tmp_path, changes):
    text = PLAIN
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    found = read_bvh(_write(tmp_path, text))
    _same(found, read_bvh(_write(tmp_path, PLAIN)))
    assert found.notes == ()


def test_files_of_windows_in_utf_16_and_names_in_latin_1_are_read(tmp_path):
    plain = read_bvh(_write(tmp_path, PLAIN))
    _same(read_bvh(_write(tmp_path, PLAIN.encode("utf-16"))), plain)
    # \x85 ends a line for Python, yet no line of a BVH file.
    odd = read_bvh(_write(tmp_path, PLAIN.replace("LeftLeg", "Left\x85Leg").encode("latin-1")))
    assert odd.names[0] == "Hips"
    torch.testing.assert_close(odd.world()[0], plain.world()[0])


def test_an_end_site_without_an_offset_has_no_length(tmp_path):
    bvh = read_bvh(_write(tmp_path, PLAIN.replace("      OFFSET 0.0 -4.0 0.0\n", "")))
    assert bvh.offsets[2].tolist() == [0, 0, 0]


def test_scales_are_left_out_with_a_note_where_they_do_something(tmp_path):
    scaled = PLAIN.replace("CHANNELS 3 Zrotation", "CHANNELS 4 Xscale Zrotation")
    plain = read_bvh(_write(tmp_path, PLAIN))
    for value, told in (("1", False), ("1.2", True)):
        text = scaled.replace("0 10 0 0 0 0 0 0 0", f"0 10 0 0 0 0 {value} 0 0 0")
        text = text.replace("90 0 0 0 90 0", f"90 0 0 {value} 0 90 0")
        found = read_bvh(_write(tmp_path, text))
        _same(found, plain)
        assert any("scales" in note for note in found.notes) == told


def test_bones_whose_length_is_in_their_channels_have_it_at_rest(tmp_path):
    text = PLAIN.replace(
        "OFFSET 1.0 0.0 0.0\n    CHANNELS 3", "OFFSET 0 0 0\n    CHANNELS 6 Xposition Yposition Zposition"
    )
    text = text.replace("0 10 0 0 0 0 0 0 0", "0 10 0 0 0 0 1 0 0 0 0 0").replace(
        "90 0 0 0 90 0", "90 0 0 1 0 0 0 90 0"
    )
    torch.testing.assert_close(read_bvh(_write(tmp_path, text)).rest()[1], torch.tensor([1.0, 10, 0]).double())


def test_absurd_files_are_refused_in_one_line_and_in_little_room(tmp_path, monkeypatch):
    deep = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n" + "JOINT b\n{\nOFFSET 0 1 0\nCHANNELS 0\n" * 20000
    wide = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n" + "JOINT b\n{\nOFFSET 0 1 0\nCHANNELS 0\n}\n" * 20000
    pipe = tmp_path / "pipe.bvh"
    os.mkfifo(pipe)
    for path, message in (
        (_write(tmp_path, deep, "deep.bvh"), "more than 256 deep"),
        (_write(tmp_path, wide, "wide.bvh"), "more than 4096 joints"),
        (pipe, "is no file"),
        (tmp_path, "is no file"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            read_bvh(path)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("zoetrope.scenes.motion.bvh_text._MOST_BYTES", 100)
    with pytest.raises(InputError, match="the most that is read"):
        read_bvh(_write(tmp_path, PLAIN))
    monkeypatch.undo()
    monkeypatch.setattr("zoetrope.scenes.motion.bvh_text._MOST_PLACES", 5)
    with pytest.raises(InputError, match="2 frames of 3 joints"):
        read_bvh(_write(tmp_path, PLAIN))


def test_a_body_that_rests_upright_and_moves_along_another_axis_is_told(tmp_path):
    """Rest says Y; a root that is always turned by 90 degrees makes Z look up. Rest is kept, and the doubt is said."""
    limb = "JOINT {0}UpLeg\n{{\nOFFSET {1} 0 0\nCHANNELS 0\nJOINT {0}Foot\n{{\nOFFSET 0 -8 0\nCHANNELS 0\n}}\n}}\n"
    text = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 1 Xrotation\n" + limb.format("Left", 1)
    text += (
        limb.format("Right", -1) + "JOINT Head\n{\nOFFSET 0 6 0\nCHANNELS 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 1\n"
    )
    lying, upright = (bvh_motion(read_bvh(_write(tmp_path, f"{text}{angle}\n"))) for angle in (90, 0))
    assert any("does it lie?" in note for note in lying.notes)
    assert upright.notes == ()
    torch.testing.assert_close(lying.rest, upright.rest)


def test_empty_cut_off_and_missing_files_are_refused(tmp_path):
    for text in ("", "HIERARCHY\nROOT a\n{", PLAIN[: PLAIN.index("Frames")], b"\x00\xff\x93glTF"):
        with pytest.raises(InputError, match="line"):
            read_bvh(_write(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read"):
        read_bvh(tmp_path / "none.bvh")


@pytest.mark.parametrize(("x", "z"), [(1, 0), (0, -1), (-1, 0)])
def test_a_rig_looks_along_plus_z_and_stands_where_it_moves(tmp_path, x, z):
    """`x`, `z`: where the left leg is from the middle; the front is left x up."""
    legs = ""
    for name, sign in (("LeftLeg", 1), ("RightLeg", -1)):
        legs += f"JOINT {name}\n{{\nOFFSET {sign * x} 0 {sign * z}\nCHANNELS 1 Xrotation\n"
        legs += "End Site\n{\nOFFSET 0 -8 0\n}\n}\n"
    text = f"HIERARCHY\nROOT Hips\n{{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Yposition Zposition\n{legs}}}\n"
    rig = bvh_motion(read_bvh(_write(tmp_path, text + "MOTION\nFrames: 1\nFrame Time: 1\n70 108 30 0 0\n")))
    left = rig.rest[rig.names.index("LeftLeg")] - rig.rest[rig.names.index("RightLeg")]
    torch.testing.assert_close(left, torch.tensor([0.25, 0, 0]).double(), atol=1e-9, rtol=0)
    size = rig.rest.amax(0) - rig.rest.amin(0)
    assert float(size.amax()) == pytest.approx(1)
    torch.testing.assert_close(rig.places[0], rig.rest, atol=1e-9, rtol=0)


def test_files_with_z_up_are_turned_upright(tmp_path):
    limb = "JOINT {0}UpLeg\n{{\nOFFSET {1} 0 0\nCHANNELS 1 Zrotation\nJOINT {0}Foot\n{{\nOFFSET 0 0 -8\nCHANNELS 0\n"
    limb += "End Site\n{{\nOFFSET 0 -1 -1\n}}\n}}\n}}\n"
    text = "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 0\n" + limb.format("Left", 1) + limb.format("Right", -1)
    rig = bvh_motion(read_bvh(_write(tmp_path, text + "}\nMOTION\nFrames: 1\nFrame Time: 1\n90 0\n")))
    foot, toe = rig.rest[rig.names.index("LeftFoot")], rig.rest[rig.names.index("LeftFoot_end")]
    assert float(foot[1]) < -0.3
    assert float((toe - foot)[2]) > 0.1
    # A turn about the file's Z is one about Y.
    moved = rig.places[0, rig.names.index("LeftFoot_end")] - rig.places[0, rig.names.index("LeftFoot")]
    assert float(moved[0]) > 0.1
