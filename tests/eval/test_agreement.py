"""Against an independent scorer of the same protocols, on truth and on predictions spoilt in several ways."""

import numpy as np
import pytest

from zoetrope.eval.metrics.chamfer import chamfer_distance, f_score
from zoetrope.eval.metrics.registration import best_similarity
from zoetrope.eval.metrics.surface_pairs import pair_surfaces
from zoetrope.eval.photo_score import Thorough
from zoetrope.eval.prediction import read_mesh_array
from zoetrope.eval.run_score import score_run
from zoetrope.scenes.photos.collection import load_collection

SAME = {
    "pck": "pck",
    "pck_identity": "pck_identity",
    "iou": "mask_iou",
    "iou_amodal": "amodal_iou",
    "azimuth_within_30": "azimuth_within_30",
}
SAME_DEG = {
    "azimuth_mean": "azimuth_mean_deg",
    "azimuth_median": "azimuth_median_deg",
    "rotation_mean": "rotation_mean_deg",
    "world_yaw": "world_yaw_deg",
    "world_tilt": "world_tilt_deg",
}


def wavy(level):
    """Bends each photo's mesh in its own way, by about `level` of its size."""

    def bend(vertices, photo):
        generator = np.random.default_rng(photo)
        size = np.ptp(vertices, axis=0).max()
        wave = np.sin(3 * vertices[:, [2, 0, 1]] / size + generator.normal(size=3))
        return vertices + level * size * wave * generator.normal(size=3)

    return bend


@pytest.mark.parametrize(
    ("name", "count", "level", "gone"),
    [("fox", 20, 0.0, 0), ("fox_noisy", 6, 0.02, 2), ("husky", 5, 0.05, 1), ("sophia", 4, 0.03, 1)],
)
def test_overlaps_transfers_and_cameras(part_of, truth_as_run, scorer, monkeypatch, name, count, level, gone):
    collection = part_of(name, count)
    photos = load_collection(collection)
    stems = [photo.stem for photo in photos.photos]
    run = truth_as_run(collection, wavy(level), without_mesh=stems[:gone], without_camera=stems[gone : 2 * gone])
    monkeypatch.setattr(scorer, "chamfer", lambda *_: (0.0, 0.0))
    keypoints = (collection / "keypoints.json").read_text()
    ours = score_run(run, photos, collection, Thorough(shape=False))
    theirs = _score(scorer, collection, run, stems)
    assert (collection / "keypoints.json").read_text() == keypoints
    for key, name_here in SAME.items():
        assert ours[name_here] == pytest.approx(theirs[key], abs=0.01), key
    for key, name_here in SAME_DEG.items():
        assert ours[name_here] == pytest.approx(theirs[key], abs=0.1), key
    assert len(ours["failed_photos"]) == 2 * gone
    if level == 0:
        assert ours["pck"] > 0.95
        assert ours["amodal_iou"] == 1
        assert ours["mask_iou"] > 0.98


def _score(scorer, collection, run, stems):
    """The scorer wants a mask for every photo in `keypoints.json`; a part of a collection has fewer."""
    import json

    path = collection / "keypoints.json"
    whole = path.read_text()
    content = json.loads(whole)
    content["images"] = [image for image in content["images"] if image["file_name"].rsplit(".", 1)[0] in stems]
    path.write_text(json.dumps(content))
    try:
        return scorer.score(str(collection), str(run))
    finally:
        path.write_text(whole)


def test_shape(ready, scorer):
    truth = read_mesh_array(ready("fox") / "truth" / "003.ply")
    spoilt = 2 * wavy(0.08)(truth[0], 3) @ np.diag([-1.0, 1, -1]) + 3, truth[1]
    pairs = pair_surfaces((best_similarity(spoilt, truth).apply(spoilt[0]), spoilt[1]), truth)
    chamfer, f = scorer.chamfer(spoilt, truth, [], 500)
    # Theirs has the floor of its sampling, about 0.0015.
    assert chamfer_distance(pairs) == pytest.approx(chamfer, abs=0.002)
    assert f_score(pairs) == pytest.approx(f, abs=0.01)
    assert chamfer_distance(pairs) > 0.004
