"""StanfordExtra's JSON; on real dogs where the ready collections, made from it by others, are at hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from zoetrope.scenes.datasets.dataset import write_dataset
from zoetrope.scenes.datasets.stanford_extra import STANFORD_EXTRA_KEYPOINTS, read_stanford_extra
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.keypoints import load_keypoints

ASSETS = Path(__file__).parents[3].parent / "shared" / "assets" / "collections"


def entry(path, joints, box, mask):
    """One dog as the authors store it."""
    joints = np.asarray(joints, np.float64)
    run_lengths = coco.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    return {
        "img_path": path,
        "img_width": mask.shape[1],
        "img_height": mask.shape[0],
        "joints": np.column_stack([joints[:, :2], joints[:, 2] > 0]).tolist(),
        "img_bbox": list(box),
        "is_multiple_dogs": False,
        "seg": run_lengths,
    }


def joints(seed):
    random = np.random.default_rng(seed)
    marked = np.column_stack([random.uniform(1, 39, (24, 2)), np.full(24, 1)])
    marked[20:] = 0
    return marked


@pytest.fixture
def source(tmp_path, make_photo):
    mask = np.zeros((40, 60), bool)
    mask[10:30, 12:50] = True
    mask[25:38, 20:24] = True
    folder = tmp_path / "stanford"
    names = [
        "n02099601-golden_retriever/n02099601_1.jpg",
        "n02099601-golden_retriever/n02099601_2.jpg",
        "n02099601-golden_retriever/n02099601_3.jpg",
        "n02092339-Weimaraner/n02092339_7.jpg",
    ]
    for name in names[:2] + names[3:]:
        make_photo(folder / "Images" / name)
    dogs = [entry(name, joints(k), (12, 10, 38, 28), mask) for k, name in enumerate(names)]
    dogs[1]["seg"] = dogs[1]["seg"][:-4]
    (folder / "StanfordExtra_V12.json").write_text(json.dumps(dogs))
    return folder, mask


def test_dogs_of_a_breed(source, tmp_path):
    folder, mask = source
    written = write_dataset(read_stanford_extra(folder, "Golden retriever"), tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert list(found) == ["n02099601_1", "n02099601_2"]
    first = found["n02099601_1"]
    assert first.names == STANFORD_EXTRA_KEYPOINTS
    assert np.allclose(first.positions, joints(0)[:, :2], atol=1e-3)
    assert first.visibility.tolist() == [2] * 20 + [0] * 4
    assert [str(entry) for entry in written.left_out] == [
        "n02099601-golden_retriever/n02099601_3.jpg is missing from the photos"
    ]
    assert "run-length mask" in written.notes[0]
    with Image.open(tmp_path / "out" / "masks" / "n02099601_1.png") as image:
        assert np.array_equal(np.asarray(image), 255 * mask)
    assert not (tmp_path / "out" / "masks" / "n02099601_2.png").exists()


def test_all_breeds_together_and_breeds_that_are_not_there(source, tmp_path):
    folder, _ = source
    write_dataset(read_stanford_extra(folder / "StanfordExtra_V12.json", None), tmp_path / "out")
    stems = [photo.stem for photo in load_collection(tmp_path / "out").photos]
    assert stems == ["n02092339_7", "n02099601_1", "n02099601_2"]
    with pytest.raises(InputError, match="has golden_retriever, weimaraner"):
        read_stanford_extra(folder, "poodle")


@pytest.mark.parametrize("name", ["dogs_golden", "dogs_weimaraner"])
def test_real_dogs_come_out_as_in_the_ready_collections(name, tmp_path):
    """Their masks and keypoints, put into the authors' form again, give the same collection."""
    ready = ASSETS / name
    if not ready.is_dir():
        pytest.skip("the development assets are not here")
    photos, known = load_collection(ready).photos, load_keypoints(ready)
    boxes = {a["image_id"]: a["bbox"] for a in json.loads((ready / "keypoints.json").read_text())["annotations"]}
    dogs = []
    for k, photo in enumerate(photos):
        marked = np.column_stack([known[photo.stem].positions, known[photo.stem].visibility])
        dogs.append(entry(f"n0-dog/{photo.path.name}", marked, boxes[k + 1], photo.mask >= 128))
    (tmp_path / "StanfordExtra.json").write_text(json.dumps(dogs))
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images" / "n0-dog").symlink_to(ready)
    written = write_dataset(read_stanford_extra(tmp_path, "dog"), tmp_path / "out")
    assert (written.photo_count, written.mask_count, written.left_out) == (len(photos), len(photos), ())
    found = load_keypoints(tmp_path / "out")
    for before, after in zip(photos, load_collection(tmp_path / "out").photos, strict=True):
        assert np.array_equal(before.mask, after.mask)
        assert found[after.stem].names == known[before.stem].names
        assert np.allclose(found[after.stem].positions, known[before.stem].positions, atol=1e-3)
        assert np.array_equal(found[after.stem].visibility, known[before.stem].visibility)
