"""COCO as its tools write it: each dialect of one made-up data set gives what the plain file gives."""

import copy
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_api

from zoetrope.scenes.collection import load_collection
from zoetrope.scenes.datasets.coco import read_coco
from zoetrope.scenes.datasets.dataset import write_collection
from zoetrope.scenes.datasets.photo_lookup import name_parts, unique_stems
from zoetrope.scenes.decode import decode
from zoetrope.scenes.error import InputError
from zoetrope.scenes.keypoints import load_keypoints

CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "coco"
SIZE = (60, 40)
NAMES = ["nose", "left_ear", "right_ear", "tail"]
STEMS = ["a", "b", "c", "d"]


def polygon(k):
    return [10 + k, 5, 45, 8, 40, 30 - k, 12, 25]


@pytest.fixture
def dataset(tmp_path, make_photo):
    """The plain data set: images/a.jpg ... d.jpg, and its content, still to be written."""
    root = tmp_path / "plain"
    content = {"info": {"description": "made up"}, "images": [], "annotations": [], "categories": []}
    content["categories"] = [{"id": 1, "name": "zebra", "supercategory": "animal", "keypoints": NAMES}]
    for k, stem in enumerate(STEMS, start=1):
        make_photo(root / "images" / f"{stem}.jpg", SIZE)
        content["images"].append({"id": k, "file_name": f"{stem}.jpg", "width": SIZE[0], "height": SIZE[1]})
        content["annotations"].append(
            {
                "id": 10 + k,
                "image_id": k,
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [10, 5, 35, 25],
                "segmentation": [polygon(k)],
                "keypoints": [12 + k, 10, 2, 20, 15, 1, 0, 0, 0, 39, 20, 2],
                "num_keypoints": 3,
            }
        )
    return root, content


def written(root, content, out, category="zebra", name="annotations.json"):
    if content is not None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(json.dumps(content))
    return write_collection(read_coco(root, category), out)


def same(out, reference, stems=STEMS, exact=True):
    """Whether the collections hold the same photos, masks and keypoints, photos perhaps called otherwise."""
    theirs, ours = load_collection(reference), load_collection(out)
    marks, known = load_keypoints(out), load_keypoints(reference)
    assert [photo.stem for photo in ours.photos] == stems
    for a, b in zip(ours.photos, theirs.photos, strict=True):
        assert a.path.read_bytes() == b.path.read_bytes()
        assert np.array_equal(a.mask, b.mask) if exact else ((a.mask > 127) ^ (b.mask > 127)).sum() < 30
        assert np.array_equal(marks[a.stem].positions, known[b.stem].positions)
        assert np.array_equal(marks[a.stem].visibility, known[b.stem].visibility)
        assert marks[a.stem].names == known[b.stem].names == tuple(NAMES)


def each(field, change):
    """Changes a field of every annotation."""

    def apply(root, content):
        for entry in content["annotations"]:
            entry[field] = change(entry[field])

    return apply


def without(*fields):
    def apply(root, content):
        for entry in content["annotations"]:
            for field in fields:
                entry.pop(field)

    return apply


def string_ids(root, content):
    for entry in content["annotations"]:
        entry |= {"image_id": str(entry["image_id"]), "category_id": str(entry["category_id"]), "id": str(entry["id"])}


def float_ids(root, content):
    for entry in (*content["images"], *content["categories"]):
        entry["id"] = float(entry["id"])


def string_images(root, content):
    for entry in content["images"]:
        entry |= {"id": f"{entry['id']:06d}", "width": str(entry["width"]), "height": f"{entry['height']}.0"}


def twice(root, content):
    content["categories"].insert(0, {"id": 0, "name": "zebra", "supercategory": "none"})


def twice_in_capitals(root, content):
    content["categories"].insert(0, {"id": "zero", "name": "Zebra", "supercategory": "none", "keypoints": []})


def split_between_twins(root, content):
    content["categories"].append({"id": 7, "name": "ZEBRA", "keypoints": NAMES[::-1]})
    for entry in content["annotations"][:1]:
        entry["category_id"] = 7
        entry["keypoints"] = np.array(entry["keypoints"]).reshape(-1, 3)[::-1].reshape(-1).tolist()


def run_lengths(compressed):
    def change(segmentation):
        counts = coco_api.frPyObjects(segmentation, SIZE[1], SIZE[0])
        mask = coco_api.decode(coco_api.merge(counts))
        if compressed:
            found = coco_api.encode(np.asfortranarray(mask))
            return {"size": found["size"], "counts": compressed(found["counts"])}
        flat = mask.T.reshape(-1)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [2]])))
        return {"size": [SIZE[1], SIZE[0]], "counts": np.diff(np.concatenate([[0], edges])).tolist()}

    return each("segmentation", change)


def cvat_brush(root, content):
    run_lengths(None)(root, content)
    each("iscrowd", lambda _: 1)(root, content)


def names(change):
    def apply(root, content):
        for entry in content["images"]:
            entry["file_name"] = change(entry["file_name"])

    return apply


def photos_in(folder):
    def apply(root, content):
        (root / folder).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root / "images", root / "moved")
        shutil.move(root / "moved", root / folder)

    return apply


def both(*changes):
    def apply(root, content):
        for change in changes:
            change(root, content)

    return apply


def visualisations(root, content):
    """labelme2coco draws the annotations into copies of the same names."""
    photos_in("JPEGImages/set")(root, content)
    shutil.copytree(root / "JPEGImages" / "set", root / "Visualization")
    shutil.copytree(root / "JPEGImages" / "set", root / "SegmentationClass")


def rows_of_nothing(root, content):
    content["images"] += [None, {"file_name": "x.jpg"}, {"id": 99}]
    content["annotations"] += [None, 7, {"category_id": 4}]
    content["categories"] += [None, {"id": 3}, "zebra"]


def capitals(root, content):
    for path in list((root / "images").iterdir()):
        path.rename(path.with_name(path.name.upper()))


DIALECTS = {
    "ids of annotations as texts": string_ids,
    "ids as floats": float_ids,
    "ids and sizes of images as texts": string_images,
    "a category twice": twice,
    "a category twice, capitals": twice_in_capitals,
    "annotations of both twins, keypoints in another order": split_between_twins,
    "category_id left out": without("category_id"),
    "only what is needed": without("id", "iscrowd", "num_keypoints"),
    "iscrowd false": each("iscrowd", lambda _: False),
    "iscrowd as text": each("iscrowd", lambda _: "0"),
    "no bbox": without("bbox"),
    "bbox empty": each("bbox", lambda _: []),
    "bbox of texts": each("bbox", lambda box: [str(value) for value in box]),
    "an empty polygon beside": each("segmentation", lambda polygons: [*polygons, []]),
    "an empty polygon before": each("segmentation", lambda polygons: [[], *polygons]),
    "a polygon of two points beside": each("segmentation", lambda polygons: [*polygons, [1, 1, 5, 5]]),
    "half a point beside": each("segmentation", lambda polygons: [*polygons, [1, 1, 5, 5, 9, 9, 3]]),
    "null beside": each("segmentation", lambda polygons: [*polygons, None]),
    "a polygon without its list": each("segmentation", lambda polygons: polygons[0]),
    "a polygon of pairs": each("segmentation", lambda polygons: [np.reshape(polygons[0], (-1, 2)).tolist()]),
    "pairs without a list": each("segmentation", lambda polygons: np.reshape(polygons[0], (-1, 2)).tolist()),
    "run lengths": run_lengths(None),
    "run lengths as text": run_lengths(bytes.decode),
    "run lengths as printed bytes": run_lengths(str),
    "CVAT's brush": cvat_brush,
    "keypoints as triples": each("keypoints", lambda flat: np.reshape(flat, (-1, 3)).tolist()),
    "keypoints with null": each("keypoints", lambda flat: [*flat[:6], None, None, 0, *flat[9:]]),
    "keypoints as texts": each("keypoints", lambda flat: [str(value) for value in flat]),
    "images/ in front": names("images/{}".format),
    "images\\ in front": names("images\\{}".format),
    "project number in front": names("images\\4/{}".format),
    "path of a server": names("/data/upload/4/{}".format),
    "address": names("https://example.org/data/upload/4/{}?x=1".format),
    "local files": names("/data/local-files/?d=images/{}".format),
    "path up": names("..\\..\\label-studio\\media\\upload\\4\\{}".format),
    "absolute path": names("/home/someone/plain/images/{}".format),
    "drive": names("C:\\Users\\someone\\{}".format),
    "dots": names("./{}".format),
    "another ending": names(lambda name: name.replace(".jpg", ".png")),
    "no ending": names(lambda name: name.replace(".jpg", "")),
    "capitals in the file": names(str.upper),
    "capitals on disk": capitals,
    "photos beside": photos_in("photos"),
    "CVAT's subset": photos_in("images/default"),
    "photos in some folder": photos_in("raw/2024/march"),
    "drawings beside photos": visualisations,
    "rows of nothing": rows_of_nothing,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dialects_give_what_the_plain_file_gives(dataset, tmp_path, dialect):
    root, content = dataset
    written(root, content, tmp_path / "reference")
    DIALECTS[dialect](root, content)
    done = written(root, content, tmp_path / "out")
    stems = [stem.upper() for stem in STEMS] if dialect == "capitals in the file" else STEMS
    same(tmp_path / "out", tmp_path / "reference", stems, exact=dialect[:3] not in ("run", "CVA"))
    assert len(done.left_out) == 0
    boxes = [row["bbox"] for row in json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"]]
    assert all(np.abs(np.subtract(box, [10, 5, 35, 25])).max() <= 4 for box in boxes)


NOTED = {
    "a category twice": "category zebra is listed 2 times (ids 1, 0)",
    "a category twice, capitals": "category zebra is listed 2 times (ids 1, zero)",
    "category_id left out": "4 annotations without category_id",
    "an empty polygon beside": "a.jpg: 1 of its 2 polygons left out of the mask",
    "CVAT's brush": "a.jpg: its mask is marked as several animals in one (iscrowd)",
    "another ending": "a.jpg: is listed as a.png and was found as images/a.jpg",
    "photos in some folder": "a.jpg: is listed as a.jpg and was found as raw/2024/march/a.jpg",
}


@pytest.mark.parametrize("dialect", NOTED)
def test_what_was_odd_is_said(dataset, tmp_path, dialect):
    root, content = dataset
    DIALECTS[dialect](root, content)
    notes = written(root, content, tmp_path / "out").notes
    assert any(note.startswith(NOTED[dialect]) for note in notes), notes


def test_several_files_and_folders_of_subsets(dataset, tmp_path):
    root, content = dataset
    written(root, content, tmp_path / "reference")
    # CVAT: the file lies in annotations/, subsets have the same names of photos.
    (root / "annotations.json").unlink()
    photos_in("images/default")(root, content)
    shutil.copytree(root / "images" / "default", root / "images" / "Train")
    for path in (root / "images" / "Train").iterdir():
        Image.fromarray(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)).save(path)
    written(root, content, tmp_path / "out", name="annotations/person_keypoints_default.json")
    same(tmp_path / "out", tmp_path / "reference")
    # Also where the folders of subsets lie in one of another name.
    elsewhere = root.parent / "elsewhere"
    shutil.copytree(root, elsewhere)
    (elsewhere / "images").rename(elsewhere / "pictures")
    written(elsewhere, None, tmp_path / "pictures")
    same(tmp_path / "pictures", tmp_path / "reference")
    # Others that are no COCO do not matter; two that would do are named.
    (root / "annotations" / "settings.json").write_text('{"a": 1}')
    (root / "annotations" / "list.json").write_text("[]")
    written(root, None, tmp_path / "again")
    same(tmp_path / "again", tmp_path / "reference")
    (root / "annotations" / "instances_Train.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"instances_Train.json, person_keypoints_default.json; name the one"):
        read_coco(root, "zebra")


def test_roboflow_has_a_file_in_each_folder(dataset, tmp_path):
    root, content = dataset
    written(root, content, tmp_path / "reference")
    (root / "annotations.json").unlink()
    photos_in("train")(root, content)
    content["categories"].insert(0, {"id": 0, "name": "my-zebras", "supercategory": "none"})
    (root / "train" / "_annotations.coco.json").write_text(json.dumps(content))
    # The category need not be named: only one has annotations.
    for k, source in enumerate((root, root / "train", root / "train" / "_annotations.coco.json")):
        written(source, None, tmp_path / f"out{k}", category=None)
        same(tmp_path / f"out{k}", tmp_path / "reference")
    shutil.copytree(root / "train", root / "valid")
    with pytest.raises(InputError, match=r"train/_annotations.coco.json, valid/_annotations.coco.json; name the one"):
        read_coco(root, "zebra")


def test_equal_names_in_folders(dataset, tmp_path):
    root, content = dataset
    written(root, content, tmp_path / "reference")
    for k, image in enumerate(content["images"]):
        (root / "images" / f"v{k}").mkdir()
        shutil.move(root / "images" / image["file_name"], root / "images" / f"v{k}" / "frame.jpg")
        image["file_name"] = f"v{k}/frame.jpg"
    written(root, content, tmp_path / "out")
    stems = [f"v{k}_frame" for k in range(4)]
    same(tmp_path / "out", tmp_path / "reference", stems)
    # One file never serves for several of the names.
    shutil.rmtree(root / "images" / "v3")
    shutil.copy(root / "images" / "v0" / "frame.jpg", root / "images" / "frame.jpg")
    done = written(root, content, tmp_path / "fewer")
    assert [photo.stem for photo in load_collection(tmp_path / "fewer").photos] == stems[:3]
    assert [entry.name for entry in done.left_out] == ["v3/frame.jpg"]
    # And without folders in the file nobody knows which is meant.
    for image in content["images"]:
        image["file_name"] = "frame.jpg"
    (root / "images" / "frame.jpg").unlink()
    with pytest.raises(InputError, match=r"frame.jpg could be images/v0/frame.jpg, images/v1/frame.jpg"):
        written(root, content, tmp_path / "none")


def test_only_annotations_of_one_animal_are_taken(dataset, tmp_path):
    root, content = dataset
    crowd = copy.deepcopy(content["annotations"][0]) | {"id": 50, "iscrowd": True, "bbox": [0, 0, 60, 40]}
    content["annotations"].append(crowd)
    content["annotations"][1]["iscrowd"] = 1
    content["annotations"][2] |= {"iscrowd": 0, "attributes": {"is_group_of": "true"}}
    done = written(root, content, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.jpg")) == ["a.jpg", "d.jpg"]
    reasons = {entry.name: entry.reason for entry in done.left_out}
    assert reasons["b.jpg"].startswith("is annotated as several animals in one (iscrowd)")
    assert reasons["c.jpg"].startswith("is annotated as several animals in one (is_group_of)")
    assert "--subjects 12" in reasons["b.jpg"]
    found = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"]
    assert found[0]["bbox"] == [10, 5, 35, 25]
    # Who asks for it by id gets it, with a note.
    done = write_collection(read_coco(root, "zebra", {12}), tmp_path / "asked")
    assert done.photo_count == 1
    assert "marked as several animals in one (iscrowd)" in done.notes[0]
    # Polygons that are all marked so are no brush of CVAT.
    each("iscrowd", lambda _: 1)(root, content)
    with pytest.raises(InputError, match="several animals in one"):
        written(root, content, tmp_path / "none")


@pytest.mark.parametrize("nothing", [[], None, [[]], "", {}])
def test_without_a_mask_keypoints_are_kept(dataset, tmp_path, nothing):
    root, content = dataset
    each("segmentation", lambda _: nothing)(root, content)
    done = written(root, content, tmp_path / "out")
    assert (done.photo_count, done.mask_count, done.keypoint_count) == (4, 0, 4)


@pytest.mark.parametrize("odd", [None, [], [1, 2, 2], [0] * 12, "x", [1, 1, 0.5] * 4, [[1, 2], [3]], [None] * 12])
def test_without_keypoints_masks_are_kept(dataset, tmp_path, odd):
    root, content = dataset
    each("keypoints", lambda _: odd)(root, content)
    done = written(root, content, tmp_path / "out")
    assert (done.photo_count, done.mask_count, done.keypoint_count) == (4, 4, 0)
    assert bool(done.notes) == (odd not in (None, [], [0] * 12, [None] * 12))


def test_keypoints_without_flags_or_names(dataset, tmp_path):
    root, content = dataset
    content["categories"][0].pop("keypoints")
    done = written(root, content, tmp_path / "out")
    found = load_keypoints(tmp_path / "out")
    assert found["a"].names == tuple(f"keypoint_{k}" for k in range(1, 5))
    assert found["a"].visibility.tolist() == [2, 1, 0, 2]
    assert "does not name keypoints" in done.notes[0]
    content["categories"][0]["keypoints"] = NAMES
    each("keypoints", lambda flat: np.reshape(flat, (-1, 3))[:, :2].reshape(-1).tolist())(root, content)
    written(root, content, tmp_path / "flat")
    assert load_keypoints(tmp_path / "flat")["a"].visibility.tolist() == [2, 2, 0, 2]


def test_sizes_that_are_not_recorded_are_the_photos(dataset, tmp_path):
    root, content = dataset
    written(root, content, tmp_path / "reference")
    for image, gone in zip(content["images"], ({"width": None}, {"height": 0}, {"width": ""}, {}), strict=True):
        image |= gone
    del content["images"][3]["width"], content["images"][3]["height"]
    content["images"][2] |= {"width": None, "height": None}
    written(root, content, tmp_path / "out")
    same(tmp_path / "out", tmp_path / "reference")


@pytest.mark.parametrize("size", [(10**9, 10**9), (-60, 40), ("wide", 40), (60.5, 40), (float("nan"), 40), (61, 40)])
def test_sizes_that_cannot_be_leave_the_photo_out(dataset, tmp_path, size):
    root, content = dataset
    content["images"][0] |= dict(zip(("width", "height"), size, strict=True))
    done = written(root, content, tmp_path / "out")
    assert done.photo_count == 3
    assert [entry.name for entry in done.left_out] == ["a.jpg"]


def test_annotations_and_images_that_do_not_meet(dataset, tmp_path):
    root, content = dataset
    content["annotations"].append({**content["annotations"][0], "id": 60, "image_id": 77})
    content["annotations"].append({**content["annotations"][0], "id": 61, "image_id": None})
    content["annotations"].append({**content["annotations"][0], "id": 62, "category_id": 9})
    content["images"].append({"id": 5, "file_name": "bare.jpg"})
    content["images"].append({"id": "4", "file_name": "b.jpg"})
    done = written(root, content, tmp_path / "out")
    assert done.photo_count == 3
    assert {str(entry) for entry in done.left_out} == {
        "image 77 is annotated but not listed under images",
        "image without image_id is annotated but not listed under images",
        "image 4 is listed twice, as d.jpg and as b.jpg",
    }
    assert done.notes == ("1 annotations of categories that are not listed were left out",)
    each("category_id", lambda _: 0)(root, content)
    with pytest.raises(InputError, match=r"no annotation of zebra \(category id 1\) .* category ids 0 "):
        written(root, content, tmp_path / "none")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_annotations_of_stored_pixels_are_turned_with_the_photo(tmp_path, orientation):
    """One bright rectangle in a dark photo; where sides are swapped, the recorded size tells what was annotated."""
    root = tmp_path / "turned"
    (root / "images").mkdir(parents=True)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[8:24, 16:48] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(root / "images" / "a.png", exif=exif)
    box, corner = [16, 8, 32, 16], [16.5, 8.5, 2]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "keypoints": corner}],
        "categories": [{"id": 1, "name": "zebra", "keypoints": ["corner"]}],
    }
    content["annotations"][0]["segmentation"] = [[16, 8, 48, 8, 48, 24, 16, 24]]
    done = written(root, content, tmp_path / "out")
    assert any("EXIF turns the photo" in note for note in done.notes) == (orientation > 1)
    if 1 < orientation < 5:
        return
    upright = decode(tmp_path / "out" / "a.png").pixels[..., 0] > 127
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "a.png")) > 127
    assert np.array_equal(mask, upright)
    x, y = load_keypoints(tmp_path / "out")["a"].positions[0]
    corners = [(r, c) for r in (0, -1) for c in (0, -1)]
    rows, columns = np.nonzero(upright)
    assert (int(y), int(x)) in {(sorted(rows)[r], sorted(columns)[c]) for r, c in corners}
    left, top, width, height = json.loads((tmp_path / "out" / "keypoints.json").read_text())["annotations"][0]["bbox"]
    assert upright[int(top) : int(top + height), int(left) : int(left + width)].all()
    assert width * height == upright.sum()


def test_names_of_photos():
    assert name_parts("a/b/c.jpg") == ("a", "b", "c.jpg")
    assert name_parts("C:\\x\\..\\c.jpg") == ("x", "c.jpg")
    assert name_parts("") == ()
    assert unique_stems(["a/x.jpg", "b/x.jpg", "A/X.png", "y.jpg"]) == ["a_x_jpg", "b_x", "A_X_png", "y"]
    assert unique_stems(["x.jpg", "x.jpg"]) == ["x_jpg", "x_jpg"]


@pytest.mark.parametrize(
    "name",
    ["cvat_subset_folder", "same_category_twice", "ids_as_strings", "empty_polygon", "same_names_in_folders"],
)
def test_cases_of_public_reports(tmp_path, name):
    if not CASES.is_dir():
        pytest.skip("no shared/cases beside the repository")
    write_collection(read_coco(CASES / "reference", "zebra"), tmp_path / "reference")
    done = write_collection(read_coco(CASES / name, "zebra"), tmp_path / "out")
    assert (done.photo_count, done.mask_count, done.keypoint_count) == (4, 4, 4)
    pairs = zip(load_collection(tmp_path / "out").photos, load_collection(tmp_path / "reference").photos, strict=True)
    assert all(np.array_equal(a.mask, b.mask) for a, b in pairs)
