"""Transfers between made-up views, where each answer is known, and copying on the ready collections."""

from pathlib import Path

import numpy as np
import pytest

from zoetrope.eval.metrics.keypoint_transfer import TransferPhoto, score_transfers, transfer_keypoints
from zoetrope.eval.metrics.visibility import ProjectedMesh
from zoetrope.eval.truth import load_truth
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.photos.keypoints import Keypoints

ASSETS = Path(__file__).parents[3].parent / "shared" / "assets" / "collections"
NAMES = ("nose", "tail", "paw")
BOX = np.array([0.0, 0.0, 100.0, 50.0])
POINTS = np.array([[10.0, 10.0], [90.0, 12.0], [50.0, 45.0]])


def photo(points, vertices, visible=None, visibility=(2, 2, 2), box=BOX):
    """Keypoints in one photo; `vertices` None makes it a photo that failed."""
    keypoints = Keypoints(NAMES, np.array(points, np.float64), np.array(visibility, np.int64), 100, 50)
    if vertices is None:
        return TransferPhoto(keypoints, np.array(box), None)
    pixels = np.array(vertices, np.float64)
    seen = np.ones(len(pixels), bool) if visible is None else np.array(visible)
    return TransferPhoto(keypoints, np.array(box), ProjectedMesh(pixels, seen, np.zeros((50, 100), np.int32)))


def moved(points, right):
    return points + np.array([right, 0.0])


def pooled(photos, normaliser="tight_box"):
    return score_transfers(transfer_keypoints(photos), normaliser).pooled


def test_a_perfect_fit_carries_every_keypoint():
    """The second animal stands mirrored: copying fails where the fit does not."""
    there = POINTS * [-1, 1] + [100, 0]
    score = score_transfers(transfer_keypoints({"a": photo(POINTS, POINTS), "b": photo(there, there)}))
    assert score.pooled == score.mean_over_pairs == score.mean_over_names == 1
    assert score.identity_pooled == pytest.approx(1 / 3)  # the paw in the middle
    assert (score.transfers, score.pairs, score.pairs_without_shared) == (6, 2, 0)


def test_swapped_vertices_fail():
    swapped = POINTS[[1, 0, 2]]
    score = score_transfers(transfer_keypoints({"a": photo(POINTS, POINTS), "b": photo(POINTS, swapped)}))
    assert score.pooled == pytest.approx(1 / 3)
    assert {name: share for name, (share, _) in score.by_keypoint.items()} == {"nose": 0, "tail": 0, "paw": 1}


def test_each_photo_has_its_own_vertices():
    """A script that looks up vertices in the source's own photo would score this wrong fit as right."""
    wrong = moved(POINTS, 30)
    score = score_transfers(transfer_keypoints({"a": photo(POINTS, POINTS), "b": photo(POINTS, wrong)}))
    assert score.identity_pooled == 1
    assert score.by_source["a"] == (0, 3)


def test_the_nearest_visible_vertex_is_taken_however_far():
    vertices = np.concatenate([POINTS, moved(POINTS, 1)])
    target = np.concatenate([moved(POINTS, 40), POINTS])
    hidden = {"a": photo(POINTS, vertices, visible=[False] * 3 + [True] * 3), "b": photo(POINTS, target)}
    assert score_transfers(transfer_keypoints(hidden)).by_source["a"] == (1, 3)
    seen = {"a": photo(POINTS, vertices), "b": photo(POINTS, target)}
    assert score_transfers(transfer_keypoints(seen)).by_source["a"] == (0, 3)
    far = {"a": photo(POINTS, [[1000.0, 1000.0]]), "b": photo(POINTS[[0, 0, 0]], [[10.0, 10.0]])}
    assert score_transfers(transfer_keypoints(far)).by_source["a"] == (1, 3)


def test_whether_the_target_vertex_is_seen_does_not_matter():
    photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, POINTS, visible=[False, False, True])}
    assert score_transfers(transfer_keypoints(photos)).by_source["a"] == (1, 3)


@pytest.mark.parametrize(
    ("normaliser", "length"),
    [("tight_box", 100.0), ("acsm", 110.0), ("lassie_crop", 120.0), ("artic3d_crop", 160.0)],
)
def test_lengths_of_the_normalisers(normaliser, length):
    """The box is 100 long, the keypoints spread over 80."""
    for off, share in ((0.0999 * length, 1), (0.1001 * length, 0)):
        photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, moved(POINTS, off))}
        assert score_transfers(transfer_keypoints(photos), normaliser).by_source["a"] == (share, 3)


def test_the_bound_itself_counts_as_correct():
    photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, moved(POINTS, 10.0))}
    assert score_transfers(transfer_keypoints(photos)).by_source["a"] == (1, 3)


def test_copying_goes_by_the_box():
    """Twice the box, twice the place: copying by the box is right, however far the pixels are apart."""
    small, large = photo(POINTS / 2, None, box=BOX / 2), photo(POINTS + 100, None, box=BOX + 100)
    for normaliser in ("tight_box", "acsm", "lassie_crop", "artic3d_crop"):
        score = score_transfers(transfer_keypoints({"a": small, "b": large}), normaliser)
        assert score.identity_pooled == 1
        assert score.pooled == 0


def test_failed_photos_count_as_wrong():
    photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, POINTS), "c": photo(POINTS, None)}
    score = score_transfers(transfer_keypoints(photos))
    assert score.pooled == pytest.approx(2 / 6)
    assert score.failed_photos == ("c",)
    assert score.by_target["c"] == (0, 6)


def test_another_topology_fails_but_for_itself():
    photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, np.repeat(POINTS, 2, axis=0))}
    assert pooled(photos) == 0


def test_a_vertex_behind_the_camera_is_wrong():
    photos = {"a": photo(POINTS, POINTS), "b": photo(POINTS, np.full((3, 2), np.nan), visible=[False] * 3)}
    assert pooled(photos) == 0


def test_pairs_without_a_shared_keypoint_are_in_no_mean():
    photos = {
        "a": photo(POINTS, POINTS, visibility=(2, 0, 0)),
        "b": photo(POINTS, POINTS, visibility=(2, 1, 2)),
        "c": photo(POINTS, moved(POINTS, 50), visibility=(0, 2, 2)),
    }
    score = score_transfers(transfer_keypoints(photos))
    assert (score.transfers, score.pairs, score.pairs_without_shared) == (4, 4, 2)
    assert score.by_keypoint["nose"] == (1, 2)
    assert score.by_keypoint["paw"] == (0, 2)
    assert "tail" not in score.by_keypoint
    assert score.pooled == score.mean_over_pairs == 0.5


def test_averages_differ_as_they_say():
    photos = {
        "a": photo(POINTS, POINTS),
        "b": photo(POINTS, POINTS),
        "c": photo(POINTS, moved(POINTS, 40), visibility=(2, 0, 0)),
    }
    score = score_transfers(transfer_keypoints(photos))
    # Of c's one keypoint, both transfers that end there are wrong.
    assert score.pooled == pytest.approx(8 / 10)
    assert score.mean_over_pairs == pytest.approx(4 / 6)
    assert score.mean_over_names == pytest.approx((4 / 6 + 1 + 1) / 3)


def test_nothing_to_share_is_none():
    photos = {name: photo(POINTS, POINTS, visibility=(0, 0, 0)) for name in "ab"}
    score = score_transfers(transfer_keypoints(photos))
    assert score.pooled is score.identity_pooled is score.mean_over_pairs is score.mean_over_names is None
    # One keypoint alone makes no crop to measure by.
    alone = {name: photo(POINTS, POINTS, visibility=(2, 0, 0)) for name in "ab"}
    assert score_transfers(transfer_keypoints(alone), "lassie_crop").transfers == 0
    assert score_transfers(transfer_keypoints(alone)).pooled == 1
    assert score_transfers(transfer_keypoints({})).pooled is None


def test_different_names_are_refused():
    odd = photo(POINTS, POINTS)
    other = Keypoints(("a", "b", "c"), odd.keypoints.positions, odd.keypoints.visibility, 100, 50)
    with pytest.raises(ValueError, match="use one list"):
        transfer_keypoints({"a": odd, "b": TransferPhoto(other, BOX, None)})


@pytest.mark.skipif(not ASSETS.is_dir(), reason="needs the ready collections")
@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("dogs_golden", 10.1),
        ("dogs_weimaraner", 11.7),
        ("fox", 21.2),
        ("horse", 21.3),
        ("husky", 31.1),
        ("fox_noisy", 20.0),
        ("sophia", 53.2),
    ],
)
def test_copying_on_the_ready_collections(name, percent):
    """Figures of an independent scorer."""
    known = load_truth(load_collection(ASSETS / name), ASSETS / name)
    photos = {stem: TransferPhoto(keypoints, known.box(stem), None) for stem, keypoints in known.keypoints.items()}
    score = score_transfers(transfer_keypoints(photos))
    assert score.identity_pooled is not None
    assert 100 * score.identity_pooled == pytest.approx(percent, abs=0.06)
