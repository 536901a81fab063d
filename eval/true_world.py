"""A run's posed meshes beside a collection's true ones, and the way from the run's world to the true one.

The way is one similarity for the whole collection, read off the photos whose mesh and camera are known on both sides
(`alignment.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..scenes.error import InputError
from ..scenes.photos.nerfstudio import CameraFrame, read_transforms, scan_transforms
from ..scenes.run_folder import RunFolder
from .metrics.alignment import Mesh, Similarity, align_meshes, world_rotation
from .prediction import read_mesh_array, read_meshes
from .truth import true_transforms


@dataclass(frozen=True, eq=False)
class TrueWorld:
    """Meshes by photo stem, sorted; each photo has a camera in the same world."""

    true: dict[str, Mesh]
    cameras: dict[str, CameraFrame]
    """The true ones."""
    predicted: dict[str, Mesh]
    """In the run's own world; photos that the run lacks a usable mesh or camera for are not there."""
    similarity: Similarity | None
    """From the run's world to the true one; None where no photo can be compared."""

    def laid(self, stem: str) -> Mesh | None:
        """The predicted mesh in the true world; None where there is none."""
        if self.similarity is None or stem not in self.predicted:
            return None
        vertices, faces = self.predicted[stem]
        return self.similarity.apply(vertices), faces


def load_true_world(run: Path, collection: Path) -> TrueWorld:
    """The run's and the collection's, from `posed/STEM.ply` and `truth/STEM.ply` and either side's cameras.

    Raises InputError where the collection has no true cameras or the run has no cameras at all.
    """
    path = true_transforms(collection)
    if path is None:
        raise InputError(
            f"{collection} has no truth/transforms.json; novel views are scored against a known truth only"
        )
    true_cameras = {camera.stem: camera for camera in read_transforms(path)}
    paths = {stem: collection / "truth" / f"{stem}.ply" for stem in sorted(true_cameras)}
    true = {stem: read_mesh_array(path) for stem, path in paths.items() if path.is_file()}
    cameras, _ = scan_transforms(RunFolder(run).cameras)
    predicted, _ = read_meshes(RunFolder(run).posed, cameras.keys() & true.keys())
    similarity = None
    if predicted:
        rotation = world_rotation({stem: cameras[stem] for stem in predicted}, true_cameras)
        similarity = align_meshes(list(predicted.values()), [true[stem] for stem in predicted], rotation)
    return TrueWorld(true, true_cameras, predicted, similarity)
