"""What a run claims: a posed mesh and a camera for each photo, read from its files, with what is wrong counted.

A photo whose mesh or camera is missing or cannot be used is a failed photo, never a failed evaluation: it is left out
here with its reason in `faults`, and every metric says what a failure counts for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..scenes.error import InputError
from ..scenes.json_file import read_json
from ..scenes.mesh_file import read_ply
from ..scenes.photos.nerfstudio import CameraFrame, scan_transforms
from ..scenes.run_folder import RunFolder
from .metrics.alignment import Mesh
from .metrics.joints import Joints, read_joints_glb


@dataclass(frozen=True, eq=False)
class Prediction:
    """Posed meshes and cameras by photo stem, in one world."""

    meshes: dict[str, Mesh]
    """Finite, with at least one face; a photo with a mesh may lack its camera and the other way round."""
    cameras: dict[str, CameraFrame]
    """For pictures of the sizes that were asked for."""
    faults: dict[str, str]
    """Stem -> why this photo has no usable mesh or camera; reads on from the stem."""
    rest: Mesh | None
    """The rest mesh, same vertex order; None where the run has none or its vertices are not those of the poses."""

    @property
    def complete(self) -> tuple[str, ...]:
        """Photos with both, sorted."""
        return tuple(sorted(self.meshes.keys() & self.cameras.keys()))


def load_prediction(run: Path, sizes: Mapping[str, tuple[int, int]]) -> Prediction:
    """The meshes `run/posed/STEM.ply` and the cameras in `run/transforms.json` of the photos named in `sizes`.

    sizes: (width, height) by stem; the cameras are scaled to them.
    Raises InputError where the run has no cameras' file, where that cannot be read at all, and where the run is one of
    other photos altogether.
    """
    folder = RunFolder(run)
    path = folder.cameras
    if not path.is_file():
        raise InputError(f"{run} has no transforms.json; it is no finished run: finish it with zoetrope fit --resume")
    cameras, refused = scan_transforms(path, sizes)
    meshes, faults = read_meshes(folder.posed, sizes)
    other = sorted(file.name for file in folder.posed.glob("*.ply"))
    if other and not meshes and not cameras:
        raise InputError(f"{run} holds {', '.join(other[:3])} and so on, but none of these photos; name its own photos")
    faults |= {stem: refused.get(stem, f"has no camera in {path.name}") for stem in sizes if stem not in cameras}
    return Prediction(meshes, cameras, dict(sorted(faults.items())), _rest(run, meshes))


def read_meshes(folder: Path, stems: Iterable[str]) -> tuple[dict[str, Mesh], dict[str, str]]:
    """The usable meshes `folder/STEM.ply` by stem, sorted, and for each other stem why it has none."""
    meshes, faults = {}, {}
    for stem in sorted(stems):
        try:
            meshes[stem] = read_mesh_array(folder / f"{stem}.ply")
        except FileNotFoundError:
            faults[stem] = f"has no mesh {folder.name}/{stem}.ply"
        except InputError as error:
            faults[stem] = f"has no usable mesh: {error}"
    return meshes, faults


def read_mesh_array(path: Path) -> Mesh:
    """Vertices (float64) and triangles of a PLY as arrays.

    Raises FileNotFoundError, or InputError where it holds no triangles with area or numbers that are not finite.
    """
    vertices, faces = read_ply(path)
    if not torch.isfinite(vertices).all():
        bad = int((~torch.isfinite(vertices)).any(dim=1).sum())
        raise InputError(f"{path} has {bad} of {len(vertices)} vertices that are not finite; it cannot be scored")
    corners = vertices.double().numpy()[faces.numpy()]
    if not np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).any():
        raise InputError(f"{path} has {len(faces)} faces without any area; it cannot be scored")
    return vertices.double().numpy(), faces.numpy()


def predicted_joints(run: Path, stem: str) -> Joints | None:
    """The run's rig in one photo's pose, in the world of its posed meshes; None where `run/instances` lacks it.

    GLBs stand in the subject's own frame; where the cameras were given, `run/transforms.json` says how that lies in
    their world. Raises InputError where the file cannot be read.
    """
    path = RunFolder(run).instances / f"{stem}.glb"
    if not path.is_file():
        return None
    joints = read_joints_glb(path)
    cameras = read_json(RunFolder(run).cameras, dict, expected=f"{path.name} stands in the world of its cameras")
    world_from_rest = cameras.get("world_from_rest")
    return joints if world_from_rest is None else joints.moved(np.array(world_from_rest, np.float64))


def _rest(run: Path, meshes: Mapping[str, Mesh]) -> Mesh | None:
    path = RunFolder(run).rest
    if not path.is_file():
        return None
    rest = read_mesh_array(path)
    same = all(len(vertices) == len(rest[0]) and np.array_equal(faces, rest[1]) for vertices, faces in meshes.values())
    return rest if same else None
