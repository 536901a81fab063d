"""LASSIE's and E-LASSIE's CSVs, quoted and nested as their authors publish them."""

import csv
import json

import numpy as np
import pytest

from zoetrope.scenes.collection import load_collection
from zoetrope.scenes.datasets.dataset import write_collection
from zoetrope.scenes.datasets.lassie import KEYPOINT_NAMES, read_lassie
from zoetrope.scenes.error import InputError
from zoetrope.scenes.keypoints import load_keypoints

SIZE = (200, 100)


def mark(label, x, y):
    """One keypoint as Label Studio exports it."""
    return {"x": x, "y": y, "width": 0.5, "keypointlabels": [label], "original_width": SIZE[0]}


def nested(marks):
    return [{"id": f"k{i}", "type": "keypointlabels", "value": value} for i, value in enumerate(marks)]


MARKS = [
    mark("Left eye", 25.0, 40.0),
    mark("Muzzle (tip of nose)", 10, 50),
    mark("Back left lower leg (ankle)", 80.5, 100.0),
    mark("Front right upper leg (knee)", 33.3, 75),
]


@pytest.fixture
def source(tmp_path, make_photo):
    folder = tmp_path / "lassie"
    for identity in (3, 12, 20, 31, 32):
        make_photo(folder / "images" / "zebra" / f"input_{identity}.png", SIZE)
    (folder / "annotations").mkdir()
    with (folder / "annotations" / "zebra.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "img_url", "kps"])
        table.writerow([3, "https://example.org/3.jpg", json.dumps(MARKS)])
        table.writerow([12, "", json.dumps([*MARKS, mark("Left wing", 5, 5)])])
        table.writerow([13, "https://example.org/13.jpg", json.dumps(MARKS)])
        table.writerow([20, "", ""])
    with (folder / "annotations" / "zebra_occ.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "kps"])
        table.writerow([31, str(nested(MARKS[:2]))])
        table.writerow([32, "[{'x': oops"])
    (folder / "annotations" / "tiger.csv").write_text("id,kps\n")
    return folder


def test_lassie(source, tmp_path):
    written = write_collection(read_lassie(source, "zebra"), tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert list(found) == ["input_3", "input_12"]
    first = found["input_3"]
    assert first.names == KEYPOINT_NAMES
    assert (first.width, first.height) == SIZE
    expected = np.zeros((14, 3))
    expected[0] = 50, 40, 2
    expected[4] = 20, 50, 2
    expected[13] = 161, 100, 2
    expected[6] = 66.6, 75, 2
    assert np.allclose(first.positions, expected[:, :2])
    assert np.array_equal(first.visibility, expected[:, 2])
    assert np.array_equal(found["input_12"].positions, first.positions)
    assert written.notes == ("input_12.png: label 'Left wing' is none of LASSIE's 14 and was left out",)
    assert [str(entry) for entry in written.left_out] == [
        "input_13.png is missing; it was published at https://example.org/13.jpg",
        "input_20.png has neither keypoints nor a mask and was left out",
    ]


def test_e_lassie_adds_the_occluded_ones(source, tmp_path):
    written = write_collection(read_lassie(source, "zebra", occluded=True), tmp_path / "out")
    assert [photo.stem for photo in load_collection(tmp_path / "out").photos] == ["input_12", "input_3", "input_31"]
    found = load_keypoints(tmp_path / "out")
    assert found["input_31"].visibility.tolist() == [2, 0, 0, 0, 2, *[0] * 9]
    assert np.allclose(found["input_31"].positions[[0, 4]], [[50, 40], [20, 50]])
    assert written.left_out[-1].name == "input_32.png"
    assert "neither JSON nor a Python literal" in written.left_out[-1].reason


def test_classes_are_named(source):
    with pytest.raises(InputError, match=r"category okapi is not there; .* has tiger, zebra"):
        read_lassie(source, "okapi")
    with pytest.raises(InputError, match="no category is named"):
        read_lassie(source, None)
    with pytest.raises(InputError, match=r"tiger_occ.csv does not exist; E-LASSIE needs it"):
        read_lassie(source, "tiger", occluded=True)


def test_tables_are_checked(source, tmp_path):
    with pytest.raises(InputError, match=r"LASSIE has no usable photo of tiger here \(it lists none\)"):
        write_collection(read_lassie(source, "tiger"), tmp_path / "out")
    (source / "annotations" / "tiger.csv").write_text("id,keypoints\n1,[]\n")
    with pytest.raises(InputError, match=r"tiger.csv has no column kps"):
        read_lassie(source, "tiger")


def test_kps_are_read_but_never_run(source, tmp_path):
    trap = tmp_path / "trap"
    (source / "annotations" / "zebra_occ.csv").write_text(f"id,kps\n31,\"[open('{trap}', 'w')]\"\n")
    written = write_collection(read_lassie(source, "zebra", occluded=True), tmp_path / "out")
    assert written.left_out[-1].name == "input_31.png"
    assert not trap.exists()


@pytest.mark.parametrize("cell", ["[" * 100_000, "[" * 150 + "1" + "]" * 150, "[1" + ",[1" * 80 + "]" * 81, "(" * 9000])
def test_kps_that_are_nested_deeply_leave_a_photo_out(source, tmp_path, cell):
    (source / "annotations" / "zebra_occ.csv").write_text(f'id,kps\n31,"{cell}"\n')
    written = write_collection(read_lassie(source, "zebra", occluded=True), tmp_path / "out")
    assert written.left_out[-1].name == "input_31.png"
