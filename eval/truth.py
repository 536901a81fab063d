"""What is known of a collection, for evaluation only: masks, keypoints, true meshes, cameras, joints.

Everything is brought to one picture size per photo, that of its working copy (`Photo.pixels`), so that masks, keypoints
and drawn silhouettes can be compared pixel by pixel. Scores are ratios, so the size does not matter to them.

On disk: `masks/`, `keypoints.json` (COCO), `truth/transforms.json` or, where cameras are known to everybody,
`transforms.json`; `truth/STEM.ply` and `truth/rest.ply` in one vertex order; `truth/joints.json`:

    {"names": [...], "parents": [...], "photos": {STEM: [[x, y, z], ...]}}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from ..scenes.error import InputError
from ..scenes.photos.collection import Collection
from ..scenes.photos.keypoints import Keypoints, load_keypoints
from ..scenes.photos.nerfstudio import CameraFrame, read_transforms
from ..scenes.photos.photo import SUBJECT_LEVEL
from .metrics.alignment import Mesh
from .metrics.joints import Joints, read_joints_json
from .prediction import read_mesh_array, read_meshes


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of each photo, by stem; what is not known is not there."""

    sizes: dict[str, tuple[int, int]]
    """(width, height) of every photo's working copy; the other entries belong to pictures of this size."""
    masks: dict[str, Bool[np.ndarray, "h w"]]
    """Visible part of the subject."""
    keypoints: dict[str, Keypoints]
    cameras: dict[str, CameraFrame]
    meshes: dict[str, Mesh]
    rest: Mesh | None
    """In the package's axes, vertex order of `meshes`."""
    joints: dict[str, Joints]
    missing: tuple[str, ...]
    """What the collection lacks, a few words each."""

    def box(self, stem: str) -> Float64[np.ndarray, " 4"]:
        """Left, top, right, bottom of the visible mask in pixels' edges; the whole picture where there is no mask."""
        mask = self.masks.get(stem)
        if mask is None or not mask.any():
            return np.array([0, 0, *self.sizes[stem]], np.float64)
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64)


def load_masks(photos: Collection) -> Truth:
    """What the photos themselves say; no file that is for evaluation only is opened."""
    sizes = {photo.stem: (photo.pixels.shape[1], photo.pixels.shape[0]) for photo in photos.photos}
    masks = {photo.stem: photo.mask >= SUBJECT_LEVEL for photo in photos.photos if photo.mask is not None}
    missing = () if masks else ("masks",)
    return Truth(sizes, masks, {}, {}, {}, None, {}, missing)


def load_truth(photos: Collection, folder: Path) -> Truth:
    """All that is known of `photos` in the collection's folder `folder`.

    Raises InputError for a file that is there but cannot be read; what is not there is named in `missing`.
    """
    known = load_masks(photos)
    keypoints = _keypoints(folder, known.sizes)
    cameras = _cameras(folder, known.sizes)
    meshes, _ = read_meshes(folder / "truth", known.sizes)
    rest_path = folder / "truth" / "rest.ply"
    rest = read_mesh_array(rest_path) if rest_path.is_file() else None
    joints_path = folder / "truth" / "joints.json"
    joints = read_joints_json(joints_path) if joints_path.is_file() else {}
    found = {
        "masks": known.masks,
        "keypoints.json": keypoints,
        "true cameras (truth/transforms.json)": cameras,
        "true meshes (truth/STEM.ply)": meshes,
        "a true rest mesh (truth/rest.ply)": rest,
        "true joints (truth/joints.json)": joints,
    }
    missing = tuple(name for name, value in found.items() if not value)
    joints = {stem: joints[stem] for stem in known.sizes if stem in joints}
    return Truth(known.sizes, known.masks, keypoints, cameras, meshes, rest, joints, missing)


def _keypoints(folder: Path, sizes: dict[str, tuple[int, int]]) -> dict[str, Keypoints]:
    if not (folder / "keypoints.json").is_file():
        return {}
    found = {}
    for stem, given in load_keypoints(folder).items():
        if stem not in sizes:
            continue
        width, height = sizes[stem]
        if min(given.width, given.height) < 1:
            raise InputError(f"{folder / 'keypoints.json'}: {stem} is {given.width}x{given.height} pixels; correct it")
        positions = given.positions * [width / given.width, height / given.height]
        found[stem] = Keypoints(given.names, positions, given.visibility, width, height)
    if len({keypoints.names for keypoints in found.values()}) > 1:
        raise InputError(f"{folder / 'keypoints.json'} names different keypoints in different photos; use one category")
    return found


def _cameras(folder: Path, sizes: dict[str, tuple[int, int]]) -> dict[str, CameraFrame]:
    path = true_transforms(folder)
    return {} if path is None else {camera.stem: camera for camera in read_transforms(path, sizes)}


def true_transforms(folder: Path) -> Path | None:
    """A collection's file of true cameras: the hidden one, else the known one at the top level."""
    paths = (folder / "truth" / "transforms.json", folder / "transforms.json")
    return next((path for path in paths if path.is_file()), None)
