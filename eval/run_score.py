"""Scores of a run from its files alone: what `zoetrope eval` prints and writes to `scores.json`.

Without a truth: how well the posed meshes, seen through the fitted cameras, cover the photos' masks; whether the rest
mesh is closed; how thick it is. With one: the silhouettes from cameras in between the photos' as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from jaxtyping import Bool

from ..representations.camera import Intrinsics, to_clip
from ..representations.rendering.fragment import rasterize
from ..scenes.atomic import atomic_write
from ..scenes.collection import Collection
from ..scenes.error import InputError
from ..scenes.mesh_file import read_ply
from ..scenes.nerfstudio import CameraFrame, read_transforms
from ..scenes.photo import SUBJECT_LEVEL
from .novel_view import novel_view_iou
from .silhouette import mask_iou
from .thickness import thickness


def score_run(run: Path, photos: Collection, truth: Path | None = None) -> dict[str, Any]:
    """Scores of the run in folder `run`, plain data, also written to `run/scores.json`.

    `photos` are those the run was fitted to (or others with the same names); `truth` is a collection's folder with
    `truth/STEM.ply` and `truth/transforms.json`. A photo without a fitted mesh or camera scores 0; one without a mask
    is not scored. `thickness` is None where the mesh is not closed, as it has no inside then.

    Raises InputError where the run has no cameras or no rest mesh, or where no photo has a mask.
    """
    ious = photo_ious(run, photos)
    if not ious:
        raise InputError(f"no photo in {photos.root} has a mask to score against; add masks/STEM.png")
    vertices, faces = _rest(run)
    closed = bool(trimesh.Trimesh(vertices, faces, process=False).is_watertight)
    scores: dict[str, Any] = {
        "format_version": 1,
        "mask_iou": float(np.mean(list(ious.values()))),
        "mask_iou_by_photo": ious,
        "watertight": closed,
        "thickness": thickness(vertices, faces) if closed else None,
        "faces": len(faces),
    }
    if truth is not None:
        novel = novel_view_iou(run, truth)
        scores["novel_view_iou"] = novel.mean_iou
        scores["novel_views"] = len(novel.views)
    with atomic_write(run / "scores.json") as temporary:
        temporary.write_text(json.dumps(scores, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return scores


def photo_ious(run: Path, photos: Collection) -> dict[str, float]:
    """IoU of the fitted silhouette and the mask of every photo that has one, by stem, at the mask's resolution."""
    cameras = {camera.stem: camera for camera in _cameras(run)}
    ious = {}
    for photo in photos.photos:
        if photo.mask is None:
            continue
        mesh, camera = run / "posed" / f"{photo.stem}.ply", cameras.get(photo.stem)
        height, width = photo.mask.shape
        ious[photo.stem] = 0.0
        if camera is not None and mesh.is_file():
            found = _silhouette(mesh, camera.resized(width, height))
            ious[photo.stem] = float(mask_iou(found, photo.mask >= SUBJECT_LEVEL))
    return ious


def _silhouette(mesh: Path, camera: CameraFrame) -> Bool[np.ndarray, "h w"]:
    vertices, faces = read_ply(mesh)
    to_world = torch.from_numpy(camera.camera_to_world)
    local = (vertices.double() - to_world[:3, 3]) @ to_world[:3, :3]
    numbers = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64)
    fx, fy, cx, cy = numbers[:, None].unbind()
    clip = to_clip(local[None], Intrinsics(fx, fy, cx, cy, camera.width, camera.height))
    return (rasterize(clip, faces, (camera.height, camera.width)).face[0] >= 0).numpy()


def _cameras(run: Path) -> list[CameraFrame]:
    path = run / "transforms.json"
    if not path.is_file():
        raise InputError(f"{run} has no transforms.json; it is no finished run: finish it with zoetrope fit --resume")
    return read_transforms(path)


def _rest(run: Path) -> tuple[np.ndarray, np.ndarray]:
    path = run / "rest.ply"
    if not path.is_file():
        raise InputError(f"{run} has no rest.ply; it is no finished run: finish it with zoetrope fit --resume")
    vertices, faces = read_ply(path)
    return vertices.double().numpy(), faces.numpy()
