"""Scores of a run from its files alone: what `zoetrope eval` prints and writes to `scores.json`.

Without a truth: how well the posed meshes, seen through the fitted cameras, cover the photos' masks, and how like the
photos they look in their textures; whether the rest mesh is closed; how thick it is. With one, every metric of this
folder that what is known allows for; the rest is named in `missing`. A photo that has no usable mesh or camera scores 0
in every overlap, fails all its keypoint transfers and is drawn as an empty picture; it has no errors in degrees and,
without a mesh, no shape scores. `failed_photos` names each with its reason; `outliers` are photos that the fit itself
explains badly, with their times the usual loss.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from ..scenes.atomic import atomic_write
from ..scenes.error import InputError
from ..scenes.photos.collection import Collection
from ..scenes.photos.outlier_note import read_outliers
from ..scenes.run_folder import RunFolder
from .keypoint_picture import write_keypoint_picture
from .measure import MEASURES
from .metrics.alignment import Mesh
from .metrics.camera_error import CameraScore, camera_errors
from .metrics.feature_distance import FeatureNetwork, name_of
from .metrics.keypoint_transfer import Normaliser, TransferPhoto, TransferScore, score_transfers, transfer_keypoints
from .metrics.pose_error import pose_error
from .metrics.side_flip import flip_rate
from .metrics.thickness import thickness
from .metrics.visibility import ProjectedMesh, view
from .novel_picture import NovelPictureScore, has_held_out_views, novel_picture_scores
from .novel_view import novel_view_iou
from .photo_score import Thorough, score_photo
from .picture_score import Judges, score_pairs, score_sets, score_subject
from .prediction import load_prediction, predicted_joints, read_mesh_array
from .redraw import redraw_run
from .true_world import load_true_world
from .truth import Truth, load_masks, load_truth

SCORES_FORMAT_VERSION = 2
_NORMALISERS: tuple[Normaliser, ...] = ("tight_box", "lassie_crop", "artic3d_crop", "acsm")
_Rows = dict[str, dict[str, float]]


def score_run(
    run: Path,
    photos: Collection,
    truth: Path | None = None,
    thorough: Thorough | None = None,
    judges: Judges | None = None,
) -> dict[str, Any]:
    """Scores of the run in folder `run`, plain data, also written to `run/scores.json`; names as in `measure`.

    photos: those the run was fitted to (or others with the same names).
    truth: a collection's folder, whose `keypoints.json` and `truth/` are read; None: none of them is opened.
    thorough: which of the slower scores are taken; None: the shape scores, but not Animodel's.
    judges: networks that look at the run's pictures; None: no network does.

    `novel_pictures` has the held-out views one by one, `novel_gain` the gain of each colour channel in all of them,
    `novel_unseen_share` the share of their pixels that shows what no photo does, `novel_unseen_detail` how much fine
    detail there is in these, over the truth's.
    `thickness` is None where the rest mesh is not closed and turned outward, as it has no inside then. Where there are
    keypoints, a picture of their transfers goes to `run/keypoints.png`.
    Raises InputError where the run has no cameras or no rest mesh, or where there is nothing to score against.
    """
    known = load_masks(photos) if truth is None else load_truth(photos, truth)
    if not (known.masks or known.keypoints or known.meshes or known.cameras):
        raise InputError(f"no photo in {photos.root} has a mask to score against; add masks/STEM.png")
    thorough = Thorough() if thorough is None else thorough
    if thorough.animodel and not known.meshes:
        raise InputError(
            f"Animodel's Chamfer (--animodel) needs true meshes, and {truth or photos.root} has none (truth/STEM.ply); "
            "name another --truth, or leave it out"
        )
    found = load_prediction(run, known.sizes)
    rest = _rest(run)
    views = {stem: view(found.meshes[stem], found.cameras[stem]) for stem in found.complete}
    cameras = camera_errors(found.cameras, known.cameras) if found.cameras.keys() & known.cameras.keys() else None
    rows = {stem: score_photo(stem, found, views.get(stem), known, cameras, thorough) for stem in known.sizes}
    _add_poses(rows, run, known, cameras)
    judges = Judges() if judges is None else judges
    pairs, not_drawn = redraw_run(run, photos, found, views)
    for stem, row in score_pairs(pairs, judges).items():
        rows[stem] |= row
    scores: dict[str, Any] = {
        "format_version": SCORES_FORMAT_VERSION,
        "collection": photos.name,
        "photos": len(known.sizes),
        "failed_photos": found.faults,
        "outliers": read_outliers(RunFolder(run).cameras),
        "missing": [*known.missing, *not_drawn],
        **_rest_scores(rest),
        **score_sets(pairs, judges),
        **score_subject(run, photos, judges),
    }
    if known.keypoints:
        scores |= _keypoints(run, photos, known, views, rows)
        if "pck" not in scores:
            scores["missing"].append("a keypoint that is visible in two photos")
    scores |= _means(rows, scores) | _camera_scores(cameras)
    if "chamfer" in scores and "volume_iou" not in scores:
        scores["missing"].append("meshes that are closed, both the run's and the true ones, for the volume IoU")
    if truth is not None and thorough.shape:
        scores |= _novel(run, truth, known, views, judges.features, scores["missing"])
    scores["by_photo"] = rows
    with atomic_write(RunFolder(run).scores) as temporary:
        text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return scores


def _rest(run: Path) -> Mesh:
    path = RunFolder(run).rest
    if not path.is_file():
        raise InputError(f"{run} has no rest.ply; it is no finished run: finish it with zoetrope fit --resume")
    return read_mesh_array(path)


def _rest_scores(rest: Mesh) -> dict[str, Any]:
    solid = trimesh.Trimesh(*rest, process=False)
    found = {"watertight": bool(solid.is_watertight), "thickness": None, "faces": len(rest[1])}
    if solid.is_volume:
        try:
            found["thickness"] = thickness(*rest)
        except ValueError as error:
            # A rest mesh folded through itself everywhere: worth knowing, and no reason to score nothing else.
            found["thickness_fault"] = str(error)
    return found


def _means(rows: _Rows, given: dict[str, Any]) -> dict[str, float]:
    """Means over the photos that have the score; those in `given` already are left as they are."""
    means = {}
    for measure in MEASURES:
        values = [row[measure.by_photo] for row in rows.values() if measure.by_photo in row]
        if values and measure.name not in given:
            means[measure.name] = float(np.mean(values))
    sides = [row["side_agreement"] for row in rows.values() if "side_agreement" in row]
    if sides:
        means["flip_rate"] = flip_rate(sides)
    return means


def _camera_scores(cameras: CameraScore | None) -> dict[str, float]:
    if cameras is None:
        return {}
    return {
        "azimuth_median_deg": float(np.median([error.azimuth_deg for error in cameras.photos.values()])),
        "azimuth_within_30": cameras.within(),
        "world_yaw_deg": cameras.world_yaw_deg,
        "world_tilt_deg": cameras.world_tilt_deg,
    }


def _add_poses(rows: _Rows, run: Path, known: Truth, cameras: CameraScore | None) -> None:
    if cameras is None:
        return
    for stem, true in known.joints.items():
        joints = predicted_joints(run, stem)
        error = None if joints is None else pose_error(joints, true, cameras.rotation)
        if error is not None:
            rows[stem] |= {"pose_deg": error.pose_deg, "articulation_deg": error.articulation_deg}


def _novel(
    run: Path,
    truth: Path,
    known: Truth,
    views: Mapping[str, ProjectedMesh],
    features: FeatureNetwork | None,
    missing: list[str],
) -> dict[str, Any]:
    """From where no photo was taken: outlines between the photos, and pictures from cameras that were held out.

    Most collections have no held-out views, and nobody could add them: that is not worth a word.
    """
    outlines, pictures = len(known.meshes.keys() & known.cameras.keys()) >= 2, has_held_out_views(truth)
    if not outlines and not pictures:
        return {}
    try:
        world = load_true_world(run, truth)
    except InputError as error:
        missing.append(f"views from where no photo was taken: {error}")
        return {}
    found: dict[str, Any] = {}
    if outlines:
        try:
            novel = novel_view_iou(run, truth, world=world)
            found |= {"novel_view_iou": novel.mean_iou, "novel_views": len(novel.views)}
        except InputError as error:
            missing.append(f"views from between the photos: {error}")
    if pictures:
        try:
            seen = np.any([one.visible for one in views.values()], axis=0) if views else None
            pictured = novel_picture_scores(run, truth, world=world, features=features, seen=seen)
            found |= _novel_pictures(pictured, features)
        except InputError as error:
            missing.append(f"pictures from held-out cameras: {error}")
    return found


def _novel_pictures(novel: NovelPictureScore, features: FeatureNetwork | None) -> dict[str, Any]:
    distance = {} if features is None else {name_of("novel_distance", features): novel.distance}
    unseen = {} if novel.unseen is None else asdict(novel.unseen)
    told = {f"novel_unseen_{name}": value for name, value in unseen.items() if value is not None}
    return {
        **distance,
        **told,
        "novel_psnr_db": novel.psnr_db,
        "novel_ssim": novel.ssim,
        "novel_gain": list(novel.gain),
        "novel_pictures": [asdict(view) for view in novel.views],
    }


def _keypoints(
    run: Path, photos: Collection, known: Truth, views: dict[str, ProjectedMesh], rows: _Rows
) -> dict[str, Any]:
    parts = {
        stem: TransferPhoto(keypoints, known.box(stem), views.get(stem)) for stem, keypoints in known.keypoints.items()
    }
    transfers = transfer_keypoints(parts)
    by_normaliser = {normaliser: score_transfers(transfers, normaliser) for normaliser in _NORMALISERS}
    ours = by_normaliser["tight_box"]
    for stem, (share, _) in ours.by_source.items():
        rows[stem]["pck"] = share
    for stem, (share, _) in ours.by_target.items():
        rows[stem]["pck_as_target"] = share
    if ours.pooled is None or ours.identity_pooled is None:
        return {}
    write_keypoint_picture(RunFolder(run).keypoints, photos, transfers, ours)
    return {
        "pck": ours.pooled,
        "pck_interval_95": list(ours.interval) if ours.interval else None,
        "pck_identity": ours.identity_pooled,
        "pck_transfers": ours.transfers,
        "keypoint_transfer": {name: _plain(score) for name, score in by_normaliser.items()},
        "pck_by_keypoint": {name: {"pck": share, "count": count} for name, (share, count) in ours.by_keypoint.items()},
    }


def _plain(score: TransferScore) -> dict[str, Any]:
    tables = ("by_keypoint", "by_source", "by_target", "correct", "normaliser")
    return {name: value for name, value in asdict(score).items() if name not in tables}
