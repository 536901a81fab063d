import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection

ASSETS = Path(__file__).parents[3].parent / "shared" / "assets" / "collections"


def noise(seed, height=60, width=80):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def subject(height=60, width=80):
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2, width // 4 : width // 2] = 255
    return mask


def good_folder(root, count=4, masks=True):
    root.mkdir(exist_ok=True)
    for k in range(count):
        Image.fromarray(noise(k)).save(root / f"{k}.png")
    if masks:
        (root / "masks").mkdir()
        for k in range(count):
            Image.fromarray(subject()).save(root / "masks" / f"{k}.png")
    return root


def cameras(path, stems, **changes):
    frames = [
        {
            "file_path": f"{s}.png",
            "transform_matrix": np.eye(4).tolist(),
            "fl_x": 100.0 + k,
            "w": 80,
            "h": 60,
            **changes,
        }
        for k, s in enumerate(stems)
    ]
    path.write_text(json.dumps({"frames": frames}))
    return path


def snapshot(root):
    return {
        path: (os.stat(path).st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in [root, *sorted(root.rglob("*"))]
    }


def test_good_folder_in_order_and_untouched(tmp_path):
    root = good_folder(tmp_path / "fox")
    (root / "truth").mkdir()
    (root / "truth" / "transforms.json").write_text("never read")
    (root / "keypoints.json").write_text("never read")
    for name in ("LICENSE.txt", "README.md", ".hidden.jpg", "Thumbs.db"):
        (root / name).write_text("not a photo")
    before = snapshot(root)
    collection = load_collection(root)
    assert snapshot(root) == before
    assert collection.name == "fox"
    assert [photo.stem for photo in collection.photos] == ["0", "1", "2", "3"]
    assert all((photo.mask == subject()).all() for photo in collection.photos)
    assert (collection.rejected, collection.notes, collection.known_cameras) == ((), (), False)


def test_the_bad_folder_names_each_and_goes_on(tmp_path):
    """A corrupt JPEG, a text file, an empty PNG, a rotated 12-megapixel photo, a mask of the wrong size."""
    root = good_folder(tmp_path / "animals")
    buffer = io.BytesIO()
    Image.fromarray(noise(90, 300, 400)).save(buffer, "JPEG")
    (root / "corrupt.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    (root / "text.jpg").write_text("this is no photo")
    (root / "shopping.txt").write_text("bread, milk")
    (root / "empty.png").write_bytes(b"")
    exif = Image.Exif()
    exif[0x0112] = 6
    y, x = np.mgrid[:3000, :4000]
    stored = np.stack([x % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    Image.fromarray(stored).save(root / "large.jpg", exif=exif, quality=80)
    Image.fromarray(subject(4000, 3000)).save(root / "masks" / "large.png")
    Image.fromarray(noise(91)).save(root / "wrong_mask.png")
    Image.fromarray(subject(30, 30)).save(root / "masks" / "wrong_mask.png")
    before = snapshot(root)
    collection = load_collection(root)
    assert snapshot(root) == before
    assert [photo.stem for photo in collection.photos] == ["0", "1", "2", "3", "large", "wrong_mask"]
    *_, large, without = collection.photos
    assert (large.width, large.height) == (3000, 4000)
    assert large.pixels.shape == (2048, 1536, 3)
    assert large.mask is not None
    assert large.mask.shape == (2048, 1536)
    # The stored left edge is the upright picture's top.
    assert large.mask[: 2048 // 4 - 1].max() == 0
    lines = {entry.name: str(entry) for entry in collection.rejected}
    assert list(lines) == ["corrupt.jpg", "empty.png", "shopping.txt", "text.jpg"]
    assert all("\n" not in line for line in lines.values())
    assert "truncated" in lines["corrupt.jpg"]
    assert "0 bytes" in lines["empty.png"]
    assert "not a photo" in lines["shopping.txt"]
    assert "text file" in lines["text.jpg"]
    assert without.mask is None
    (note,) = collection.notes
    assert "masks/wrong_mask.png is 30x30 but its photo is 80x60" in note
    assert "the mask was left out" in note


def test_twins_by_pixels_and_by_name(tmp_path):
    root = good_folder(tmp_path / "a", masks=False)
    (root / "copy.png").write_bytes((root / "1.png").read_bytes())
    Image.open(root / "2.png").save(root / "resaved.tif")
    Image.fromarray(noise(50)).save(root / "3.jpg")
    collection = load_collection(root)
    assert [photo.path.name for photo in collection.photos] == ["0.png", "1.png", "2.png", "3.jpg"]
    lines = [str(entry) for entry in collection.rejected]
    assert "same name as 3.jpg" in lines[0]
    assert "same pixels as 1.png" in lines[1]
    assert "same pixels as 2.png" in lines[2]


def test_a_twin_of_a_refused_photo_is_kept(tmp_path):
    root = good_folder(tmp_path / "a")
    (root / "z.png").write_bytes((root / "1.png").read_bytes())
    Image.fromarray(0 * subject()).save(root / "masks" / "1.png")
    assert [photo.stem for photo in load_collection(root).photos] == ["0", "2", "3", "z"]


def test_mask_sources(tmp_path):
    root = good_folder(tmp_path / "a", count=3)
    (root / "masks" / "1.png").unlink()
    (root / "masks" / "2.png").unlink()
    cut_out = np.zeros((60, 80), np.uint8)
    cut_out[10:40, 30:70] = 255
    for k in (0, 1):
        Image.fromarray(np.dstack([noise(k), cut_out])).save(root / f"{k}.png")

    def masks(source):
        return [photo.mask for photo in load_collection(root, masks=source).photos]

    first, second, third = masks("auto")
    assert (first == subject()).all()
    assert (second == cut_out).all()
    assert third is None
    first, second, third = masks("folder")
    assert (first == subject()).all()
    assert second is third is None
    first, second, third = masks("alpha")
    assert (first == cut_out).all()
    assert (second == cut_out).all()
    assert third is None


def test_misspelt_masks_are_noted(tmp_path):
    root = good_folder(tmp_path / "a")
    Image.fromarray(subject()).save(root / "masks" / "o.png")
    Image.fromarray(subject()).save(root / "masks" / "0.jpg")
    notes = load_collection(root).notes
    assert len(notes) == 2
    assert "masks/0.jpg: 0.png has another mask" in notes[0]
    assert "masks/o.png: no photo" in notes[1]


def test_known_cameras(tmp_path):
    root = good_folder(tmp_path / "a", count=4)
    cameras(root / "transforms.json", ["2", "0", "1"])
    collection = load_collection(root)
    assert collection.known_cameras
    assert [photo.camera.fx for photo in collection.photos if photo.camera] == [101, 102, 100]
    assert "has no camera in transforms.json" in str(collection.rejected[0])
    collection = load_collection(root, cameras="estimate")
    assert not collection.known_cameras
    assert len(collection.photos) == 4
    assert all(photo.camera is None for photo in collection.photos)


def test_cameras_from_a_named_file_and_scaled_to_the_photo(tmp_path):
    root = good_folder(tmp_path / "a", count=3)
    path = cameras(tmp_path / "elsewhere.json", "012", w=160, h=120)
    photo = load_collection(root, cameras=path).photos[0]
    assert photo.camera is not None
    assert (photo.camera.fx, photo.camera.cx, photo.camera.width) == (50, 40, 80)


def test_one_photo_is_enough_with_known_cameras(tmp_path):
    root = good_folder(tmp_path / "a", count=1)
    with pytest.raises(InputError, match="1 usable photo but 3 are needed"):
        load_collection(root)
    cameras(root / "transforms.json", "0")
    assert load_collection(root).known_cameras


def test_cameras_that_cannot_be_used(tmp_path):
    root = good_folder(tmp_path / "a", count=3)
    cameras(root / "transforms.json", "012", fl_x=-1.0)
    with pytest.raises(InputError, match=r"0 usable photos but 1 is needed.*fl_x = -1"):
        load_collection(root)
    (root / "transforms.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load_collection(root)
    with pytest.raises(InputError, match=r"nothere\.json"):
        load_collection(root, cameras="nothere.json")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "does not exist"),
        (lambda root: root.write_text("x"), "is a file"),
        (lambda root: root.mkdir(), "is empty"),
        (lambda root: (root.mkdir(), (root / "a.txt").write_text("x")), r"holds no photos; found a\.txt"),
        (lambda root: (root.mkdir(), good_folder(root / "a"), good_folder(root / "b")), "a/a, .*/a/b do; name one"),
        (lambda root: (root.mkdir(), (root / "a.jpg").write_bytes(b"")), "0 usable photos but 3.*a.jpg is empty"),
        (lambda root: good_folder(root, count=2), "2 usable photos but 3"),
        (
            lambda root: (good_folder(root, count=1), good_folder(root / "images")),
            "images holds more: name that folder",
        ),
    ],
)
def test_folders_that_cannot_serve(tmp_path, make, message):
    make(tmp_path / "a")
    with pytest.raises(InputError, match=message) as caught:
        load_collection(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_mask_option_is_checked(tmp_path):
    root = good_folder(tmp_path / "a", masks=False)
    with pytest.raises(InputError, match=r"masks is 'folder' but .*add masks"):
        load_collection(root, masks="folder")


@pytest.mark.parametrize("suffix", ["cr2", "mov"])
def test_pictures_of_other_kinds_are_named(tmp_path, suffix):
    root = good_folder(tmp_path / "a")
    (root / f"a.{suffix}").write_bytes(b"whatever")
    assert [entry.name for entry in load_collection(root).rejected] == [f"a.{suffix}"]


def test_broken_link_is_named(tmp_path):
    root = good_folder(tmp_path / "a")
    (root / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert "leads nowhere" in str(load_collection(root).rejected[0])


@pytest.mark.parametrize("name", ["fox", "fox_wide", "dogs_golden", "sophia"])
def test_ready_collections(name):
    if not (ASSETS / name).is_dir():
        pytest.skip("the ready collections are not here")
    collection = load_collection(ASSETS / name)
    assert collection.rejected == ()
    assert all(photo.mask is not None for photo in collection.photos)
    assert len(collection.photos) == {"fox": 20, "fox_wide": 20, "dogs_golden": 7, "sophia": 6}[name]
    assert not collection.known_cameras
    if name == "fox_wide":
        # 55 degrees across 384 pixels; the crops carry no EXIF.
        recorded = [photo.focal_px for photo in collection.photos]
        assert sum(focal is None for focal in recorded) == 10
        assert all(abs(focal / 368.83 - 1) < 0.02 for focal in recorded if focal is not None)


def test_ready_collection_with_known_cameras():
    root = ASSETS / "sophia" / "apose_views"
    if not root.is_dir():
        pytest.skip("the ready collections are not here")
    assert load_collection(root).known_cameras
