"""Cases made after public bug reports, where they are at hand; every kind has a small made-up twin elsewhere."""

import json
from pathlib import Path

import numpy as np
import pytest

from zoetrope.scenes.datasets.dataset import write_dataset
from zoetrope.scenes.datasets.nerfstudio_folder import read_nerfstudio
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.decode import decode

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")

MASKS = {"beside_mask": 0.98, "name_jpg_png": 0.98, "siblings": 0.98, "siblings/images": 0.98, "jpeg_masks": 0.97}
MASKS |= {"inverted": 0.98, "zero_one": 0.98, "half_size": 0.95, "capitals": 0.98, "exif_3": 0.98}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    wanted = {photo.stem: photo.mask for photo in load_collection(CASES / "masks" / "reference").photos}
    photos = load_collection(CASES / "masks" / name).photos
    assert len(photos) == 4
    for photo in photos:
        found, true = photo.mask >= 128, wanted[photo.stem[-3:]] >= 128
        assert (found & true).sum() / (found | true).sum() > MASKS[name]


def test_pictures():
    pixels = decode(CASES / "pictures" / "adobe_rgb_by_exif.jpg").pixels
    wanted = [[[200, 40, 40], [40, 180, 60]], [[60, 80, 200], [150, 110, 70]]]
    assert np.abs(pixels[32::64, 32::64].astype(int) - wanted).max() <= 4
    lzw, zipped = (decode(CASES / "pictures" / f"planes_16_bit_{name}.tif").pixels for name in ("lzw", "zip"))
    assert (lzw == zipped).all()


def dot_errors(collection, point):
    """Distances in pixels of the white dot from where each photo's camera sees the point."""
    for photo in collection.photos:
        x, y = photo.camera.project(np.array([point]))[0][0]
        white = np.maximum(photo.pixels.min(axis=2).astype(float) - 200, 0)
        rows, columns = np.mgrid[: photo.height, : photo.width] + 0.5
        white *= np.hypot(columns - x, rows - y) < 20
        assert white.sum() > 0
        yield np.hypot((white * columns).sum() / white.sum() - x, (white * rows).sum() / white.sum() - y)


CAMERAS = ["exif_1", "exif_6", "layout", "mask_path", "capitals", "other_ending", "scaled_rotation", "is_fisheye"]


@pytest.mark.parametrize("route", ["fit", "fit images", "dataset"])
@pytest.mark.parametrize("name", CAMERAS)
def test_cameras(tmp_path, name, route):
    folder = CASES / "cameras" / name
    points = json.loads((CASES / "cameras" / "white_dot.json").read_text())
    point = points["world_point_of_is_fisheye" if name == "is_fisheye" else "world_point"]
    if route == "dataset":
        write_dataset(read_nerfstudio(folder, None), tmp_path / "out")
        folder = tmp_path / "out"
    elif route == "fit images" and (folder / "images").is_dir():
        folder = folder / "images"
    if name == "is_fisheye" and route != "dataset":
        with pytest.raises(InputError, match="is_fisheye"):
            load_collection(folder)
        return
    collection = load_collection(folder)
    assert collection.known_cameras
    assert len(collection.photos) == 4
    assert max(dot_errors(collection, point)) < 1.5
    assert all((photo.mask is not None) == (name == "mask_path") for photo in collection.photos)
