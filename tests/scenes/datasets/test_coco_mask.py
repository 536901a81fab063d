import numpy as np
import pytest
from pycocotools import mask as coco

from zoetrope.scenes.datasets.coco_mask import mask_from_segmentation, mask_from_string
from zoetrope.scenes.error import PhotoError


def blobs(seed, height=37, width=53):
    noise = np.random.default_rng(seed).normal(size=(height, width)).cumsum(0).cumsum(1)
    return noise > np.median(noise)


def encoded(mask):
    """As the COCO API writes it."""
    return coco.encode(np.asfortranarray(mask, np.uint8))


@pytest.mark.parametrize("seed", range(5))
def test_strings_are_read_as_the_coco_api_writes_them(seed):
    mask = blobs(seed)
    found = mask_from_string(encoded(mask)["counts"], 53, 37)
    assert found.dtype == bool
    assert np.array_equal(found, mask)
    as_json = {"size": [37, 53], "counts": encoded(mask)["counts"].decode()}
    assert np.array_equal(mask_from_segmentation(as_json, 53, 37), mask)


def test_long_runs_and_empty_masks():
    for mask in (np.zeros((700, 900), bool), np.ones((700, 900), bool), np.eye(900, dtype=bool)[:700]):
        assert np.array_equal(mask_from_string(encoded(mask)["counts"], 900, 700), mask)


def test_plain_run_lengths_go_down_the_columns():
    mask = blobs(7, 5, 4)
    flat = mask.T.reshape(-1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [not flat[-1]]])))
    counts = np.diff(np.concatenate([[0], edges])).tolist()
    assert np.array_equal(mask_from_segmentation({"size": [5, 4], "counts": counts}, 4, 5), mask)


def test_polygons_agree_with_the_coco_api():
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = (
        np.stack([120 + 80 * np.cos(angle), 90 + 50 * np.sin(3 * angle) + 20 * np.sin(angle)], 1).reshape(-1).tolist()
    )
    square = [10, 10, 40, 10, 40, 30, 10, 30]
    found = mask_from_segmentation([ring, square], 240, 180)
    theirs = coco.decode(coco.merge(coco.frPyObjects([ring, square], 180, 240))).astype(bool)
    # They round a polygon's corners to a fifth of a pixel.
    assert (found ^ theirs).sum() < 0.03 * theirs.sum()
    alone = mask_from_segmentation([square], 240, 180)
    assert alone[10:30, 10:40].all()
    assert alone.sum() == 20 * 30
    assert (found & alone).sum() == alone.sum()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [40, 53], "counts": "a"}, "of size"),
        ({"size": [37, 53], "counts": encoded(blobs(0))["counts"][:-3].decode()}, "run-length mask"),
        ({"size": [37, 53], "counts": encoded(blobs(0))["counts"].decode() + "6"}, "run-length mask"),
        ({"size": [37, 53], "counts": "\n\xe9"}, "characters"),
        ({"size": [37, 53], "counts": "Q"}, "middle of a number"),
        ({"size": [37, 53], "counts": [5, -5, 1961]}, "run-length mask"),
        ({"size": [37, 53], "counts": 7}, "no list of whole numbers"),
        ([[1, 1, 5, 5]], "polygon of 2 points"),
        ([[1, 1, 5, 5, float("nan"), 3]], "not finite"),
        ([[1, 1, 5]], "no list of x, y"),
        ([], "neither polygons"),
        ("mask.png", "neither polygons"),
    ],
)
def test_broken_ones_are_refused(segmentation, message):
    with pytest.raises(PhotoError, match=message):
        mask_from_segmentation(segmentation, 53, 37)
