"""Where the joints of a rig are in one photo: the truth's from `truth/joints.json`, a run's from `instances/STEM.glb`.

A GLB holds its pose in its nodes: a joint's place is the translation of the product of all local transforms from the
root of the scene down to its node (glTF 2.0, section 3.5.3). The skin says which nodes are joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pygltflib
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from ..scenes.companion import require_regular_file
from ..scenes.error import InputError, one_line
from ..scenes.json_file import read_json


@dataclass(frozen=True, eq=False)
class Joints:
    """A tree of named points."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    """Index of each joint's parent, -1 for a root."""
    positions: Float64[np.ndarray, "J 3"]

    def moved(self, similarity: Float64[np.ndarray, "4 4"]) -> Joints:
        """The same joints in another frame."""
        return replace(self, positions=self.positions @ similarity[:3, :3].T + similarity[:3, 3])


def read_joints_json(path: Path) -> dict[str, Joints]:
    """The joints of each photo, by stem: {"names": [...], "parents": [...], "photos": {STEM: [[x, y, z], ...]}}.

    Raises InputError where the file is of another form.
    """
    content = read_json(path, dict, expected="expected names, parents and photos of joints")
    try:
        names, parents = tuple(map(str, content["names"])), tuple(map(int, content["parents"]))
        places = {str(stem): np.array(points, np.float64) for stem, points in content["photos"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise InputError(f"{path} does not hold names, parents and photos of joints ({one_line(fault)})") from fault
    if len(parents) != len(names) or not all(-1 <= parent < len(names) for parent in parents):
        raise InputError(f"{path} has {len(names)} names and parents {parents}; give each joint its parent's index")
    for stem, points in places.items():
        if points.shape != (len(names), 3) or not np.isfinite(points).all():
            raise InputError(f"{path}: {stem} has points of shape {points.shape}; give {len(names)} finite x, y, z")
    return {stem: Joints(names, parents, points) for stem, points in places.items()}


def read_joints_glb(path: Path) -> Joints:
    """The joints of the first skin of a GLB or glTF, where its nodes put them.

    Raises InputError where the file has no skin or cannot be read.
    """
    require_regular_file(path, "expected a rigged GLB")
    try:
        document = pygltflib.GLTF2().load(str(path))
    except Exception as fault:  # the reader fails in its own way on each kind of damage
        raise InputError(f"{path} cannot be read as glTF: {one_line(fault)}") from fault
    if document is None or not document.skins:
        raise InputError(f"{path} has no skin, so it has no joints; give a rigged GLB")
    nodes = document.nodes
    above = {child: k for k, node in enumerate(nodes) for child in node.children or ()}
    _require_tree(path, above)
    joints = document.skins[0].joints or []
    place = {node: k for k, node in enumerate(joints)}
    names, parents, positions = [], [], []
    for node in joints:
        names.append(nodes[node].name or f"joint_{place[node]}")
        parent = above.get(node)
        while parent is not None and parent not in place:
            parent = above.get(parent)
        parents.append(-1 if parent is None else place[parent])
        transform, up = np.eye(4), node
        while up is not None:
            transform, up = _local(nodes[up]) @ transform, above.get(up)
        positions.append(transform[:3, 3])
    return Joints(tuple(names), tuple(parents), np.array(positions))


def _require_tree(path: Path, above: dict[int, int]) -> None:
    """Raises InputError where a node is above itself."""
    checked = set[int]()
    for start in above:
        seen, node = set[int](), start
        while node in above and node not in checked:
            if node in seen:
                raise InputError(f"{path}: node {node} is its own ancestor; export it anew")
            seen.add(node)
            node = above[node]
        checked |= seen


def _local(node: pygltflib.Node) -> Float64[np.ndarray, "4 4"]:
    if node.matrix is not None:
        return np.array(node.matrix, np.float64).reshape(4, 4).T  # stored column by column
    transform = np.eye(4)
    rotation = np.eye(3) if node.rotation is None else Rotation.from_quat(node.rotation).as_matrix()
    transform[:3, :3] = rotation * (np.ones(3) if node.scale is None else np.array(node.scale, np.float64))
    transform[:3, 3] = np.zeros(3) if node.translation is None else node.translation
    return transform
