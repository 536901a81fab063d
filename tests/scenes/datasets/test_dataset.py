"""The common writer, and the command that leads to it."""

import json

import numpy as np
import pytest
from PIL import Image

from zoetrope.cli import main
from zoetrope.scenes.datasets.dataset import Dataset, DatasetPhoto, write_dataset
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import Rejected, load_collection
from zoetrope.scenes.photos.keypoints import load_keypoints

POINTS = np.array([[10.5, 12.25, 2.0], [30, 20, 1], [7, 7, 0]])


def dataset(photos, names=("nose", "tail", "paw")):
    return Dataset("Toy", "get it at https://example.org", "fox", names, iter(photos))


def subject(size=(60, 40)):
    mask = np.zeros((size[1], size[0]), bool)
    mask[8:30, 5:50] = True
    return mask


def test_a_collection_reads_back_as_it_was_written(tmp_path, make_photo):
    photos = []
    for k in range(3):
        make_photo(tmp_path / "in" / f"{k}.JPG")
        photos.append(
            DatasetPhoto(tmp_path / "in" / f"{k}.JPG", f"fox_{k}", POINTS, subject(), (1.0, 2, 3, 4), (60, 40))
        )
    written = write_dataset(dataset(photos), tmp_path / "out")
    assert (written.photo_count, written.mask_count, written.keypoint_count) == (3, 3, 3)
    assert written.left_out == written.notes == ()
    collection = load_collection(tmp_path / "out")
    assert [photo.stem for photo in collection.photos] == ["fox_0", "fox_1", "fox_2"]
    assert collection.rejected == collection.notes == ()
    assert np.array_equal(collection.photos[1].mask >= 128, subject())
    assert (tmp_path / "out" / "fox_1.jpg").read_bytes() == (tmp_path / "in" / "1.JPG").read_bytes()
    found = load_keypoints(tmp_path / "out")["fox_2"]
    assert found.names == ("nose", "tail", "paw")
    assert np.array_equal(found.positions, [[10.5, 12.25], [30, 20], [0, 0]])
    assert found.visibility.tolist() == [2, 1, 0]
    annotation = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"][0]
    assert annotation["bbox"] == [1, 2, 3, 4]
    assert annotation["area"] == subject().sum()
    assert annotation["num_keypoints"] == 2
    assert "https://example.org" in (tmp_path / "out" / "README.md").read_text()


def test_boxes_that_are_not_published_are_measured(tmp_path, make_photo):
    make_photo(tmp_path / "a.png")
    make_photo(tmp_path / "b.png")
    photos = [
        DatasetPhoto(tmp_path / "a.png", "a", POINTS, subject()),
        DatasetPhoto(tmp_path / "b.png", "b", POINTS),
    ]
    write_dataset(dataset(photos), tmp_path / "out")
    first, second = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"]
    assert first["bbox"] == [5, 8, 45, 22]
    assert second["bbox"] == [10.5, 12.25, 19.5, 7.75]


def test_odd_photos_are_left_out_and_named(tmp_path, make_photo):
    for name in "abcdef":
        make_photo(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    empty = np.zeros((40, 60), bool)
    beyond = np.array([[70.0, 10, 2], [20, 20, 2], [0, 0, 0]])
    photos = [
        DatasetPhoto(tmp_path / "a.png", "a", POINTS),
        Rejected("gone.png", "is missing"),
        DatasetPhoto(tmp_path / "broken.png", "broken", POINTS),
        DatasetPhoto(tmp_path / "b.png", "A", POINTS),
        DatasetPhoto(tmp_path / "c.png", "c", POINTS, size=(40, 60)),
        DatasetPhoto(tmp_path / "d.png", "d", np.zeros((3, 3)), empty),
        DatasetPhoto(tmp_path / "e.png", "e", POINTS, empty, notes=("was odd already",)),
        DatasetPhoto(tmp_path / "f.png", "f", beyond),
    ]
    written = write_dataset(dataset(photos), tmp_path / "out")
    reasons = {entry.name: entry.reason for entry in written.left_out}
    assert list(reasons) == ["gone.png", "broken.png", "b.png", "c.png", "d.png"]
    assert "cannot be decoded" in reasons["broken.png"]
    assert reasons["b.png"] == "has the same name as a.png, which is kept"
    assert "is 60x40 but its annotations are for 40x60" in reasons["c.png"]
    assert "neither keypoints nor a mask" in reasons["d.png"]
    assert written.notes[0] == "e.png: was odd already"
    assert "the mask was left out" in written.notes[1]
    assert written.notes[2] == "f.png: 1 of its keypoints lie outside the frame and count as absent"
    assert [photo.stem for photo in load_collection(tmp_path / "out").photos] == ["a", "e", "f"]
    assert load_keypoints(tmp_path / "out")["f"].visibility.tolist() == [0, 2, 0]
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "* gone.png is missing" in readme
    assert "* f.png: 1 of" in readme


def test_a_folder_with_files_is_not_touched(tmp_path, make_photo):
    make_photo(tmp_path / "a.png")
    photos = [DatasetPhoto(tmp_path / "a.png", "a", POINTS)]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        write_dataset(dataset(photos), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_nothing_is_left_behind_where_nothing_is_usable(tmp_path):
    with pytest.raises(InputError, match=r"no usable photo of fox here \(gone.png is missing\); get it at https"):
        write_dataset(dataset([Rejected("gone.png", "is missing")]), tmp_path / "new" / "out")
    assert list((tmp_path / "new").iterdir()) == []


SITES = {
    "lassie": "github.com/google/lassie",
    "e-lassie": "github.com/chhankyao/artic3d_recon",
    "pascal-part": "roozbehm.info/pascal-parts",
    "coco": "github.com/AlexTheBad/AP-10K",
    "stanford-extra": "github.com/benjiebob/StanfordExtra",
    "nerfstudio": "docs.nerf.studio",
}


@pytest.mark.parametrize("kind", SITES)
@pytest.mark.parametrize("there", [False, True])
def test_what_is_missing_or_another_thing_is_one_line_with_the_site(kind, there, tmp_path, capsys):
    if there:
        (tmp_path / "source").mkdir()
        (tmp_path / "source" / "transforms.json").write_text('{"weather": "fine"}')
    source, out = tmp_path / "source", tmp_path / "out"
    assert main(["dataset", kind, str(source), "--out", str(out), "--category", "zebra"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("zoetrope: ")
    assert str(source) in line
    assert SITES[kind] in line
    assert not out.exists()


def test_ids_are_for_coco_files_only(tmp_path, capsys):
    assert main(["dataset", "lassie", str(tmp_path), "--out", str(tmp_path / "out"), "--subjects", "3"]) == 2
    assert "COCO files only" in capsys.readouterr().err


def test_the_command_says_what_it_wrote_and_what_it_left_out(tmp_path, make_photo, capsys):
    frames = []
    for k in range(4):
        pose = np.eye(4)
        pose[2, 3] = 3 + k
        frames.append({"file_path": f"images/{k}.png", "transform_matrix": pose.tolist()})
        if k != 2:
            make_photo(tmp_path / "scan" / "images" / f"{k}.png")
    content = {"fl_x": 80, "w": 60, "h": 40, "frames": frames}
    (tmp_path / "scan" / "transforms.json").write_text(json.dumps(content))
    assert main(["dataset", "nerfstudio", str(tmp_path / "scan"), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "3 photos" in printed.out
    assert "images/2.png is missing" in printed.err
    collection = load_collection(tmp_path / "out")
    assert collection.known_cameras
    assert [photo.stem for photo in collection.photos] == ["0", "1", "3"]
    with Image.open(tmp_path / "out" / "3.png") as image:
        assert image.size == (60, 40)
