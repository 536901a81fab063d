"""The nodes of a glTF scene: a forest of named frames, each placed in its parent's by M = T R S or by a matrix.

glTF 2.0 Specification, chapter 3.5.2. Quaternions are (x, y, z, w) here, as in the file; matrices act on columns.

The format lets only T R S be animated, but files of some writers animate what a matrix places. Viewers take such a
matrix apart, M = T R S with the scale the lengths of its columns (the first negative where M mirrors), and so it is
done here for the nodes that a clip moves; the others keep their matrix, with whatever shear it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float

from ...representations.rotation import quaternion_from_matrix
from .file import GltfFile


@dataclass(frozen=True, eq=False)
class Nodes:
    """N nodes in the file's order, B placements of them at once (B is 1 where nothing moves)."""

    names: tuple[str, ...]
    """A node without a name is called "node 7" by its index."""
    parents: tuple[int, ...]
    """-1 for a root."""
    translation: Float[np.ndarray, "B N 3"]
    rotation: Float[np.ndarray, "B N 4"]
    """Unit quaternions (x, y, z, w)."""
    scale: Float[np.ndarray, "B N 3"]
    matrix: Float[np.ndarray, "N 4 4"]
    """Of the nodes that the file places by a matrix; their T R S are those nearest to it."""
    fixed: Bool[np.ndarray, " N"]
    """Nodes that are where their matrix says, whatever their T R S."""

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Parents before children."""
        children: dict[int, list[int]] = {}
        for node, parent in enumerate(self.parents):
            children.setdefault(parent, []).append(node)
        found = list(children.get(-1, []))
        for node in found:  # grows while it is walked
            found += children.get(node, [])
        return tuple(found)

    def above(self, nodes: Iterable[int]) -> set[int]:
        """Some nodes and all their ancestors."""
        found = set(nodes)
        for node in reversed(self.order):
            if node in found and self.parents[node] >= 0:
                found.add(self.parents[node])
        return found

    def world(self) -> Float[np.ndarray, "B N 4 4"]:
        """Maps from each node's frame to the scene's."""
        local = self.local()
        world = local.copy()
        for node in self.order:
            if self.parents[node] >= 0:
                world[:, node] = world[:, self.parents[node]] @ local[:, node]
        return world

    def local(self) -> Float[np.ndarray, "B N 4 4"]:
        """Maps from each node's frame to its parent's."""
        local = np.zeros((*self.translation.shape[:2], 4, 4))
        local[..., :3, :3] = matrices_from_quaternions(self.rotation) * self.scale[..., None, :]
        local[..., :3, 3] = self.translation
        local[..., 3, 3] = 1
        local[:, self.fixed] = self.matrix[self.fixed]
        return local

    def taken_apart(self, which: Iterable[int]) -> Nodes:
        """The same nodes, some of them placed by T R S even where the file has a matrix."""
        fixed = self.fixed.copy()
        fixed[list(which)] = False
        return replace(self, fixed=fixed)

    def repeated(self, count: int) -> Nodes:
        """Placed `count` times alike, as a start for an animation."""
        return replace(
            self,
            translation=np.repeat(self.translation, count, axis=0),
            rotation=np.repeat(self.rotation, count, axis=0),
            scale=np.repeat(self.scale, count, axis=0),
        )


def read_nodes(file: GltfFile) -> Nodes:
    """All nodes of a file, in the pose it opens in. Raises InputError where they do not form a forest."""
    entries = file.entries("nodes")
    count = len(entries)
    parents = [-1] * count
    for index, entry in enumerate(entries):
        for child in entry.get("children", []):
            file.entry("nodes", child)
            if parents[child] >= 0 or child == index:
                raise file.fail(f"node {child} is a child of {parents[child]} and of {index}; a node has one parent")
            parents[child] = index
    matrix = np.tile(np.eye(4), (count, 1, 1))
    fixed = np.array(["matrix" in entry for entry in entries], bool)
    for index in fixed.nonzero()[0]:
        matrix[index] = np.array(entries[index]["matrix"], np.float64).reshape(4, 4).T  # column-major in the file
        if not np.isfinite(matrix[index]).all():
            raise file.fail(f"node {index} is placed by a matrix with numbers that are not finite")

    def table(name: str, rest: list[float]) -> np.ndarray:
        values = np.array([entry.get(name, rest) for entry in entries], np.float64).reshape(-1, len(rest))
        if not np.isfinite(values).all():
            raise file.fail(f"node {np.flatnonzero(~np.isfinite(values).all(1))[0]} has a {name} that is not finite")
        return values[None]

    translation, rotation, scale = (
        table("translation", [0, 0, 0]), unit_quaternions(table("rotation", [0, 0, 0, 1])), table("scale", [1, 1, 1])
    )  # fmt: skip
    translation[0, fixed] = matrix[fixed, :3, 3]
    rotation[0, fixed], scale[0, fixed] = _parts(matrix[fixed, :3, :3])
    nodes = Nodes(
        names=tuple(str(entry.get("name", f"node {index}")) for index, entry in enumerate(entries)),
        parents=tuple(parents),
        translation=translation,
        rotation=rotation,
        scale=scale,
        matrix=matrix,
        fixed=fixed,
    )
    if len(nodes.order) < count:
        lost = sorted(set(range(count)) - set(nodes.order))
        raise file.fail(f"nodes {lost[:5]} are their own ancestors; export the file anew")
    return nodes


def unit_quaternions(quaternions: Float[np.ndarray, "*B 4"]) -> Float[np.ndarray, "*B 4"]:
    """Quaternions of length one; of none at all, no rotation."""
    length = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return np.where(length > 0, quaternions / np.where(length > 0, length, 1), [0.0, 0.0, 0.0, 1.0])


def _parts(linear: Float[np.ndarray, "B 3 3"]) -> tuple[Float[np.ndarray, "B 4"], Float[np.ndarray, "B 3"]]:
    """Rotations and scales whose products are the matrices, or nearest to them where those shear."""
    scale = np.linalg.norm(linear, axis=1)
    scale[np.linalg.det(linear) < 0, 0] *= -1
    directions = linear / np.where(scale == 0, 1, scale)[:, None, :]
    left, _, right = np.linalg.svd(directions)
    # Of a matrix that is flat, the two turns may make a mirror.
    left[np.linalg.det(left @ right) < 0, :, 2] *= -1
    return _quaternion_from_matrix(left @ right), scale


def _quaternion_from_matrix(rotation: Float[np.ndarray, "B 3 3"]) -> Float[np.ndarray, "B 4"]:
    """Unit quaternions (x, y, z, w) of rotation matrices."""
    return np.roll(quaternion_from_matrix(torch.from_numpy(rotation)).numpy(), -1, axis=-1)


def matrices_from_quaternions(quaternions: Float[np.ndarray, "*B 4"]) -> Float[np.ndarray, "*B 3 3"]:
    """Rotation matrices of unit quaternions (x, y, z, w)."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*quaternions.shape[:-1], 3, 3)
