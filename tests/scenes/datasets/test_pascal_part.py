"""Pascal-Part's MATLAB files: anno.objects(i).parts(j), structs in structs, as the authors saved them."""

import numpy as np
import pytest
from scipy.io import savemat

from zoetrope.scenes.datasets.dataset import write_dataset
from zoetrope.scenes.datasets.lassie import LASSIE_KEYPOINTS
from zoetrope.scenes.datasets.pascal_part import keypoints_of_parts, read_pascal_part
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.keypoints import load_keypoints

WIDTH, HEIGHT = 60, 40


def box(left, top, right, bottom):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


PARTS = {
    "torso": box(15, 10, 45, 22),
    "tail": box(10, 8, 15, 20),
    "lear": box(48, 2, 51, 7),
    "muzzle": box(50, 8, 56, 12),
    "lfuleg": box(40, 22, 44, 30),
    "lflleg": box(41, 30, 43, 38),
    "lfho": box(41, 38, 43, 40),
}


def structs(rows):
    """A 1xN MATLAB struct array; an empty one is 0x0, as MATLAB has it."""
    if not rows:
        return np.zeros((0, 0))
    array = np.zeros((1, len(rows)), [(name, object) for name in rows[0]])
    for index, row in enumerate(rows):
        for name, value in row.items():
            array[0, index][name] = value
    return array


def thing(name, parts):
    listed = structs([{"part_name": part, "mask": mask} for part, mask in parts.items()])
    whole = np.max([*parts.values(), box(0, 0, 1, 1)], axis=0)
    return {"class": name, "class_ind": 13, "mask": whole, "parts": listed}


def save(path, *objects):
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"anno": structs([{"imname": path.stem, "objects": structs(list(objects))}])})


@pytest.fixture
def source(tmp_path, make_photo):
    folder = tmp_path / "pascal_part"
    annotations = folder / "Annotations_Part"
    save(annotations / "2008_000001.mat", thing("horse", PARTS), thing("person", {"head": box(0, 0, 5, 5)}))
    save(annotations / "2008_000002.mat", thing("horse", {"torso": PARTS["torso"], "reye": box(20, 11, 21, 12)}))
    save(annotations / "2008_000003.mat", thing("horse", {}))
    save(annotations / "2008_000004.mat", thing("horse", {"tail": PARTS["tail"]}))
    save(annotations / "2008_000005.mat", thing("person", PARTS), thing("horse", PARTS))
    save(annotations / "2008_000006.mat", thing("horse", PARTS))
    (annotations / "2008_000007.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut short")
    for k in (1, 2, 3, 4, 5, 7):
        make_photo(folder / "JPEGImages" / f"2008_00000{k}.jpg", (WIDTH, HEIGHT))
    (folder / "image_sets").mkdir()
    (folder / "image_sets" / "horse.txt").write_text("".join(f"2008_00000{k}.jpg\n" for k in (1, 2, 3, 5, 6, 7, 8)))
    return folder


def test_first_objects_become_masks_and_keypoints(source, tmp_path):
    written = write_dataset(read_pascal_part(source, "horse"), tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert list(found) == ["2008_000001", "2008_000002"]
    first = found["2008_000001"]
    seen = {name: first.positions[k].tolist() for k, name in enumerate(LASSIE_KEYPOINTS) if first.visibility[k]}
    assert seen == {
        "left_ear": [49.5, 4.5],
        # The muzzle's centroid (53, 10) and its lowest, leftmost pixel's centre (50.5, 11.5), half-way.
        "muzzle": [51.75, 10.75],
        "tail_top": [10.5, 8.5],
        "left_front_knee": [40.5, 29.5],
        "left_front_ankle": [41.5, 37.5],
    }
    assert found["2008_000002"].visibility.tolist() == [0, 2, *[0] * 12]
    reasons = {entry.name: entry.reason for entry in written.left_out}
    assert reasons["2008_000003.mat"] == "has no parts for its first object"
    assert reasons["2008_000005.mat"] == "has a person as its first object, not a horse"
    assert reasons["2008_000006.jpg"] == "is missing from JPEGImages"
    assert "is no MATLAB file" in reasons["2008_000007.mat"]
    assert reasons["2008_000008.mat"] == "is missing from Annotations_Part"


def test_the_mask_is_the_union_of_the_parts(source, tmp_path):
    dataset = read_pascal_part(source, "horse")
    first = next(dataset.photos)
    assert np.array_equal(first.mask, np.max(list(PARTS.values()), axis=0) > 0)
    (source / "image_sets" / "horse.txt").unlink()
    write_dataset(read_pascal_part(source, "horse"), tmp_path / "all")
    photos = load_collection(tmp_path / "all").photos
    assert [photo.stem for photo in photos] == ["2008_000001", "2008_000002", "2008_000004"]
    assert np.array_equal(photos[0].mask >= 128, first.mask)


def test_left_and_right_and_front_and_back_are_told_apart():
    legs = ("rfuleg", "rbuleg", "lfuleg", "lbuleg", "rflleg", "rblleg", "lflleg", "lblleg")
    parts = {leg: box(4 * k, 0, 4 * k + 1, 10 + k) > 0 for k, leg in enumerate(legs)}
    keypoints = keypoints_of_parts(parts)
    assert np.array_equal(keypoints[:6], np.zeros((6, 3)))
    expected = {
        "right_front_knee": 0,
        "right_back_knee": 1,
        "left_front_knee": 2,
        "left_back_knee": 3,
        "right_front_ankle": 4,
        "right_back_ankle": 5,
        "left_front_ankle": 6,
        "left_back_ankle": 7,
    }
    for name, k in expected.items():
        assert keypoints[LASSIE_KEYPOINTS.index(name)].tolist() == [4 * k + 0.5, 9 + k + 0.5, 2]


def test_classes_are_named(source):
    with pytest.raises(InputError, match="choose one of horse"):
        read_pascal_part(source, None)
