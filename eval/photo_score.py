"""What one photo's mesh and camera score by themselves: overlaps, camera, shape and sides, each by its own protocol.

Values are named as in `measure`. A photo that failed (no usable mesh or camera) scores 0 in the overlaps and has
nothing else, but for the shape of a mesh that lacks its camera.
"""

from __future__ import annotations

from dataclasses import dataclass

from .metrics.alignment import Mesh
from .metrics.animodel import animodel_chamfer
from .metrics.boundary import boundary_f
from .metrics.camera_error import CameraScore
from .metrics.chamfer import chamfer_distance, f_score
from .metrics.normal_consistency import normal_consistency
from .metrics.registration import best_similarity
from .metrics.side_flip import face_sides, side_agreement
from .metrics.silhouette import mask_iou
from .metrics.surface_pairs import pair_surfaces
from .metrics.visibility import ProjectedMesh, view
from .metrics.volume_iou import volume_iou
from .prediction import Prediction
from .truth import Truth


@dataclass(frozen=True)
class Thorough:
    """Which of the slower scores are taken, where the truth allows."""

    shape: bool = True
    """Chamfer, F-score, normals and volume after alignment, views from between the photos and from held-out cameras: a
    second a photo."""
    animodel: bool = False
    """Chamfer by Animodel's protocol: several seconds a photo."""


def score_photo(
    stem: str,
    found: Prediction,
    seen: ProjectedMesh | None,
    known: Truth,
    cameras: CameraScore | None,
    thorough: Thorough,
) -> dict[str, float]:
    """The photo's scores by name; those that what is known of it does not allow are absent.

    seen: the predicted mesh through the predicted camera, None where the photo failed.
    """
    scores: dict[str, float] = {}
    true_view = _true_view(stem, known)
    if stem in known.masks:
        mask = known.masks[stem]
        scores["mask_iou"] = 0.0 if seen is None else float(mask_iou(seen.silhouette, mask))
        scores["boundary_f"] = 0.0 if seen is None else boundary_f(seen.silhouette, mask)
    if true_view is not None:
        scores["amodal_iou"] = 0.0 if seen is None else float(mask_iou(seen.silhouette, true_view.silhouette))
    if cameras is not None and stem in cameras.photos:
        error = cameras.photos[stem]
        scores |= {"azimuth_deg": error.azimuth_deg, "elevation_deg": error.elevation_deg}
        scores["rotation_deg"] = error.rotation_deg
    if stem in found.meshes and stem in known.meshes:
        if thorough.shape:
            scores |= _shape(stem, found, known, cameras)
        if thorough.animodel:
            scores["animodel_chamfer"] = animodel_chamfer(found.meshes[stem], known.meshes[stem]).chamfer_unit
    if seen is not None and true_view is not None and found.rest is not None and known.rest is not None:
        agreement = side_agreement(seen.face, face_sides(found.rest), true_view.face, face_sides(known.rest))
        if agreement is not None:
            scores["side_agreement"] = agreement
    return scores


def _true_view(stem: str, known: Truth) -> ProjectedMesh | None:
    if stem not in known.meshes or stem not in known.cameras:
        return None
    return view(known.meshes[stem], known.cameras[stem])


def _shape(stem: str, found: Prediction, known: Truth, cameras: CameraScore | None) -> dict[str, float]:
    rotations = []
    if cameras is not None:
        rotations.append(cameras.rotation)
        if stem in cameras.photos:
            true_axes, axes = (kind[stem].camera_to_world[:3, :3] for kind in (known.cameras, found.cameras))
            rotations.append(true_axes @ axes.T)
    true: Mesh = known.meshes[stem]
    vertices, faces = found.meshes[stem]
    aligned = best_similarity((vertices, faces), true, rotations).apply(vertices), faces
    pairs = pair_surfaces(aligned, true)
    scores = {
        "chamfer": chamfer_distance(pairs),
        "f_score": f_score(pairs),
        "normal_consistency": normal_consistency(pairs),
    }
    shared = volume_iou(aligned, true)
    return scores if shared is None else {**scores, "volume_iou": shared}
