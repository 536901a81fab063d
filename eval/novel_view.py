"""Does a fit hold up from where no photo was taken: silhouettes from cameras half-way between the photos'.

Photos are put in order of their true azimuth. For each two neighbours whose gap is wide enough to be new and narrow
enough to be in between, a camera stands half-way on the orbit, and the fitted and the true posed mesh of either photo
are drawn from there. A fit that only repeats its photos' outlines loses here, the more the wider the gap.

The predicted world is laid onto the true one by one similarity for the whole collection (`true_world.py`). The camera
looks at the middle of the true mesh and frames it, so that the score does not depend on how photos were cropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float

from ..representations.camera import Intrinsics, OrbitCamera, project
from ..representations.rendering.fragment import rasterize
from ..scenes.error import InputError
from ..scenes.photos.nerfstudio import CameraFrame
from .metrics.alignment import Mesh, Similarity
from .metrics.silhouette import mask_iou
from .true_world import TrueWorld, load_true_world

_FILL = 0.7
"""Share of the picture's side that the true mesh's bounding sphere takes up."""


@dataclass(frozen=True)
class NovelView:
    """One photo's pose seen from one camera in between."""

    stem: str
    """Whose pose it is."""
    neighbour: str
    """The photo on the camera's other side."""
    azimuth_deg: float
    elevation_deg: float
    gap_deg: float
    """Angle between the two photos' azimuths; the camera is half of it from either."""
    iou: float
    """0 as well where the fit has no mesh or camera for this photo."""


@dataclass(frozen=True, eq=False)
class NovelViewScore:
    """Silhouette agreement from unseen cameras."""

    mean_iou: float
    views: tuple[NovelView, ...]
    similarity: Similarity | None
    """Predicted to true world; None where no photo could be compared."""


def novel_view_iou(
    run: Path | str,
    collection: Path | str,
    *,
    gap_deg: tuple[float, float] = (10.0, 120.0),
    size: int = 256,
    world: TrueWorld | None = None,
) -> NovelViewScore:
    """Silhouette IoU of a run's posed meshes against a collection's true ones, from cameras in between the photos'.

    run: folder with `transforms.json` and `posed/STEM.ply`. collection: folder with `truth/STEM.ply` and true cameras
    in `truth/transforms.json` (or known ones at the top level).
    gap_deg: least and largest gap in azimuth between neighbours for a camera to be put between them.
    world: `load_true_world(run, collection)`, loaded here if None.

    Raises InputError where the collection has no truth or no two photos with such a gap, or where the run has no
    cameras. A photo that the run lacks a usable mesh or camera for scores 0.
    """
    run, collection = Path(run), Path(collection)
    world = load_true_world(run, collection) if world is None else world
    true = world.true
    if len(true) < 2:
        raise InputError(f"{collection / 'truth'} has {len(true)} posed meshes STEM.ply with a camera; 2 are needed")
    stands = {stem: _Stand.of(world.cameras[stem], true[stem][0]) for stem in true}
    plan = _between(stands, gap_deg)
    if not plan:
        low, high = gap_deg
        raise InputError(f"{collection} has no neighbouring photos {low:g} to {high:g} degrees apart; widen gap_deg")
    views = []
    for stem, neighbour, stand, gap in plan:
        iou, mesh = 0.0, world.laid(stem)
        if mesh is not None:
            iou = float(mask_iou(_silhouette(mesh, stand, size), _silhouette(true[stem], stand, size)))
        views.append(NovelView(stem, neighbour, stand.azimuth_deg % 360, stand.elevation_deg, gap, iou))
    return NovelViewScore(float(np.mean([view.iou for view in views])), tuple(views), world.similarity)


@dataclass(frozen=True, eq=False)
class _Stand:
    """Where a camera stands, on an orbit round the middle of a mesh, and how large that mesh is."""

    centre: Float[np.ndarray, " 3"]
    radius: float
    azimuth_deg: float
    elevation_deg: float
    distance: float

    @staticmethod
    def of(camera: CameraFrame, vertices: Float[np.ndarray, "V 3"]) -> _Stand:
        centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        radius = float(np.linalg.norm(vertices - centre, axis=1).max())
        x, y, z = camera.camera_to_world[:3, 3] - centre
        distance = float(np.linalg.norm([x, y, z]))
        elevation = float(np.degrees(np.arcsin(y / distance)))
        return _Stand(centre, radius, float(np.degrees(np.arctan2(x, z))), elevation, distance)


def _between(stands: dict[str, _Stand], gap_deg: tuple[float, float]) -> list[tuple[str, str, _Stand, float]]:
    """For each pose: its photo, the neighbour, the camera half-way, and the gap. Two poses for each camera."""
    order = sorted(stands, key=lambda stem: (stands[stem].azimuth_deg, stem))
    plan = []
    for first, second in zip(order, order[1:] + order[:1], strict=True):
        a, b = stands[first], stands[second]
        gap = (b.azimuth_deg - a.azimuth_deg) % 360
        if not gap_deg[0] <= gap <= gap_deg[1]:
            continue
        half_way = {
            "azimuth_deg": a.azimuth_deg + gap / 2,
            "elevation_deg": (a.elevation_deg + b.elevation_deg) / 2,
            "distance": (a.distance + b.distance) / 2,
        }
        plan.append((first, second, replace(a, **half_way), gap))
        plan.append((second, first, replace(b, **half_way), gap))
    return plan


def _silhouette(mesh: Mesh, stand: _Stand, size: int) -> Bool[np.ndarray, "{size} {size}"]:
    vertices, faces = mesh
    # A camera inside the bounding sphere sees it nowhere whole; a little outside is the nearest that frames it.
    distance = max(stand.distance, 1.2 * stand.radius)
    focal = _FILL * size / 2 / np.tan(np.arcsin(stand.radius / distance))
    one = torch.ones(1, dtype=torch.float64)
    camera = OrbitCamera(
        stand.azimuth_deg * one, stand.elevation_deg * one, 0 * one, distance * one, torch.zeros(1, 2, dtype=one.dtype)
    )
    lens = Intrinsics(focal * one, focal * one, size / 2 * one, size / 2 * one, size, size)
    clip = project(torch.from_numpy(vertices - stand.centre)[None], camera, lens)
    return (rasterize(clip, torch.from_numpy(faces), (size, size)).face[0] >= 0).numpy()
