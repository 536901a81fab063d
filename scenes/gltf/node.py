"""The nodes of a glTF scene: a forest of named frames, each placed in its parent's by M = T R S or by a matrix.

glTF 2.0 Specification, chapter 3.5.2. Quaternions are (x, y, z, w) here, as in the file; matrices act on columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

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
    """Of the nodes that the file places by a matrix."""
    fixed: Bool[np.ndarray, " N"]
    """Which those are."""

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

    def below(self, node: int) -> list[int]:
        """A node and all its descendants, parents before children."""
        inside = {node}
        for other in self.order:
            if self.parents[other] in inside:
                inside.add(other)
        return [other for other in self.order if other in inside]

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

    def table(name: str, rest: list[float]) -> np.ndarray:
        values = np.array([entry.get(name, rest) for entry in entries], np.float64).reshape(-1, len(rest))
        return values[None]

    nodes = Nodes(
        names=tuple(str(entry.get("name", f"node {index}")) for index, entry in enumerate(entries)),
        parents=tuple(parents),
        translation=table("translation", [0, 0, 0]),
        rotation=unit(table("rotation", [0, 0, 0, 1])),
        scale=table("scale", [1, 1, 1]),
        matrix=matrix,
        fixed=fixed,
    )
    if len(nodes.order) < count:
        lost = sorted(set(range(count)) - set(nodes.order))
        raise file.fail(f"nodes {lost[:5]} are their own ancestors; export the file anew")
    return nodes


def unit(quaternions: Float[np.ndarray, "*B 4"]) -> Float[np.ndarray, "*B 4"]:
    """Quaternions of length one; of none at all, no rotation."""
    length = np.linalg.norm(quaternions, axis=-1, keepdims=True)
    return np.where(length > 0, quaternions / np.where(length > 0, length, 1), [0.0, 0.0, 0.0, 1.0])


def matrices_from_quaternions(quaternions: Float[np.ndarray, "*B 4"]) -> Float[np.ndarray, "*B 3 3"]:
    """Rotation matrices of unit quaternions (x, y, z, w)."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*quaternions.shape[:-1], 3, 3)
