"""COCO keypoints in the forms of COCO itself, of AP-10K and of Animal-Pose."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco

from zoetrope.scenes.collection import load_collection
from zoetrope.scenes.datasets.coco import ANIMAL_POSE_NAMES, read_coco
from zoetrope.scenes.datasets.dataset import write_collection
from zoetrope.scenes.error import InputError
from zoetrope.scenes.keypoints import load_keypoints

SIZE = (60, 40)
AP10K = [
    *("left_eye", "right_eye", "nose", "neck", "root_of_tail"),
    *("left_shoulder", "left_elbow", "left_front_paw", "right_shoulder", "right_elbow", "right_front_paw"),
    *("left_hip", "left_knee", "left_back_paw", "right_hip", "right_knee", "right_back_paw"),
]


def points(seed, count=17):
    """Flat x, y, v inside the picture, a few of them absent or hidden."""
    random = np.random.default_rng(seed)
    places = random.integers(1, 39, (count, 2))
    flags = random.choice([0, 1, 2], count)
    flags[0] = 2
    return np.column_stack([places * (flags > 0)[:, None], flags])


def annotation(identity, image, box, *, category=22, seed=0, **more):
    flat = points(seed).reshape(-1).tolist()
    return {
        "id": identity,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
        "keypoints": flat,
        "num_keypoints": sum(flag > 0 for flag in flat[2::3]),
        **more,
    }


@pytest.fixture
def ap10k(tmp_path, make_photo):
    """AP-10K's folders: annotations/, data/."""
    root = tmp_path / "ap-10k"
    images = [{"id": k, "file_name": f"{k:012d}.jpg", "width": SIZE[0], "height": SIZE[1]} for k in range(1, 8)]
    for image in images:
        if image["id"] != 6:
            make_photo(root / "data" / image["file_name"], SIZE)
    ellipse = np.add.outer((np.arange(40) - 20) ** 2 / 100, (np.arange(60) - 30) ** 2 / 400) < 1
    run_lengths = coco.encode(np.asfortranarray(ellipse, np.uint8))
    as_text = {"size": run_lengths["size"], "counts": run_lengths["counts"].decode()}
    annotations = [
        annotation(11, 1, [0, 0, 10, 10], seed=1),
        annotation(12, 1, [5, 5, 40, 20], seed=2, segmentation=[[5, 5, 45, 5, 45, 25, 5, 25]]),
        annotation(21, 2, [1, 2, 30, 30], seed=3, segmentation=as_text),
        annotation(31, 3, [0, 0, 50, 30], seed=4, segmentation={"size": [40, 60], "counts": "Q"}),
        annotation(32, 3, [0, 0, 60, 40], seed=9, iscrowd=1),
        annotation(41, 4, [0, 0, 50, 30], keypoints=[0] * 51, num_keypoints=0),
        annotation(51, 5, [0, 0, 50, 30], keypoints=[1, 2, 2]),
        annotation(61, 6, [0, 0, 50, 30]),
        annotation(71, 7, [0, 0, 50, 30], category=23),
    ]
    categories = [
        {"id": 22, "name": "zebra", "supercategory": "Equidae", "keypoints": AP10K, "skeleton": [[1, 2]]},
        {"id": 23, "name": "fox", "supercategory": "Canidae", "keypoints": AP10K, "skeleton": [[1, 2]]},
    ]
    content = {
        "info": {"description": "AP-10k"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    path = root / "annotations" / "ap10k-train-split1.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    return root, ellipse


def test_ap10k(ap10k, tmp_path):
    root, ellipse = ap10k
    written = write_collection(read_coco(root, "zebra"), tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert list(found) == ["000000000001", "000000000002", "000000000003"]
    for stem, seed in zip(found, (2, 3, 4), strict=True):
        assert found[stem].names == tuple(AP10K)
        assert np.array_equal(np.column_stack([found[stem].positions, found[stem].visibility]), points(seed))
    photos = load_collection(tmp_path / "out").photos
    square = np.zeros((40, 60), bool)
    square[5:25, 5:45] = True
    assert np.array_equal(photos[0].mask >= 128, square)
    assert np.array_equal(photos[1].mask >= 128, ellipse)
    assert photos[2].mask is None
    assert "the mask was left out" in written.notes[0]
    reasons = {entry.name: entry.reason for entry in written.left_out}
    assert "neither keypoints nor a mask" in reasons["000000000004.jpg"]
    assert "3 numbers for 17 keypoints" in reasons["000000000005.jpg"]
    assert reasons["000000000006.jpg"] == "is missing from the photos"
    assert len(reasons) == 3
    box = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"][0]["bbox"]
    assert box == [5, 5, 40, 20]


def test_subjects_are_taken_by_id(ap10k, tmp_path):
    root, _ = ap10k
    write_collection(read_coco(root / "annotations" / "ap10k-train-split1.json", "zebra", {11, 21}), tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert list(found) == ["000000000001", "000000000002"]
    assert np.array_equal(found["000000000001"].visibility, points(1)[:, 2])
    with pytest.raises(InputError, match="no annotation 71 of this category"):
        read_coco(root, "zebra", {71})
    with pytest.raises(InputError, match="two of the subjects are in photo 1"):
        read_coco(root, "zebra", {11, 12})


def test_categories_and_files_are_named(ap10k):
    root, _ = ap10k
    with pytest.raises(InputError, match=r"category okapi is not there; .* has zebra, fox"):
        read_coco(root, "okapi")
    with pytest.raises(InputError, match="no category is named"):
        read_coco(root, None)
    val = root / "annotations" / "ap10k-val-split1.json"
    val.write_text((root / "annotations" / "ap10k-train-split1.json").read_text())
    with pytest.raises(InputError, match=r"ap10k-train-split1.json, ap10k-val-split1.json; name the one"):
        read_coco(root, "zebra")
    # What is not COCO does not count.
    val.write_text("{}")
    assert read_coco(root, "zebra").category == "zebra"
    with pytest.raises(InputError, match=r"is not COCO .*AP-10K at https"):
        read_coco(root / "annotations" / "ap10k-val-split1.json", "zebra")


def test_animal_pose_as_its_authors_publish_it(tmp_path, make_photo):
    """`images` maps ids to names, boxes are corners, keypoints are triples with 1 = visible."""
    root = tmp_path / "animal_pose"
    make_photo(root / "images" / "2007_000063.jpg", SIZE)
    make_photo(root / "images" / "ca110.jpeg", SIZE)
    many = points(5, 20)
    many[:, 2] = many[:, 2] > 0
    few = np.zeros((20, 3), int)
    few[3] = 7, 8, 1
    content = {
        "images": {"1": "2007_000063.jpg", "2": "ca110.jpeg"},
        "annotations": [
            # Narrow but far to the right: by width and height instead of corners it would seem the larger one.
            {"image_id": 1, "bbox": [45, 30, 55, 38], "keypoints": few.tolist(), "num_keypoints": 1, "category_id": 2},
            {"image_id": 1, "bbox": [2, 2, 42, 32], "keypoints": many.tolist(), "num_keypoints": 20, "category_id": 2},
            {"image_id": 2, "bbox": [2, 2, 42, 32], "keypoints": few.tolist(), "num_keypoints": 1, "category_id": 2},
        ],
        "categories": [{"supercategory": "animal", "id": 2, "name": "cat"}],
    }
    (root / "keypoints.json").write_text(json.dumps(content))
    dataset = read_coco(root, None)
    assert dataset.title == "Animal-Pose"
    write_collection(dataset, tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert found["ca110"].names == ANIMAL_POSE_NAMES
    assert found["ca110"].visibility.tolist() == [0, 0, 0, 2, *[0] * 16]
    assert found["ca110"].positions[3].tolist() == [7, 8]
    assert np.array_equal(found["2007_000063"].visibility, 2 * many[:, 2])
    annotations = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"]
    assert annotations[0]["bbox"] == [2, 2, 40, 30]


def test_ready_collections_are_coco_themselves(ap10k, tmp_path):
    root, _ = ap10k
    write_collection(read_coco(root, "zebra"), tmp_path / "once")
    write_collection(read_coco(tmp_path / "once", "zebra"), tmp_path / "twice")
    once, twice = load_keypoints(tmp_path / "once"), load_keypoints(tmp_path / "twice")
    assert list(once) == list(twice)
    assert all(np.array_equal(once[stem].positions, twice[stem].positions) for stem in once)
