"""How a glTF surface moves: its rest pose, and where nodes take it, brought into the package's frame.

A vertex v is carried by the nodes W_k(t) of the scene and displaced by its morphs d_m:

  p(t) = N G(t) sum_k w_k W_k(t) B_k (v + sum_m a_m(t) d_m).

G keeps the root, the joint that carries the body, at its rest place and takes back its heading: of the turn
W_r(t) W_r(rest)^-1 = swing * twist about Y the twist is undone. N turns the front to +Z, centres the rest pose's box
and makes its longest side 1.

The rest pose is the bind pose, which a file gives but for one map of the whole: the mesh node's own, or that of the
joint which moves most of the mesh; whichever is nearer to the pose that the file opens in. Parts without a skin hang on
nodes that rest with it.

Not every skin has a bind pose: without inverse bind matrices (then all are 1) each part is stored in the frame of its
joint, and together they are a heap at the origin. A bind pose is a pose of the file's own skeleton, so in it a joint is
where it always is as its parent sees it, |t_bind - t_open| = 0, whichever way both are turned. Where it is not, the
skin rests in the pose that the file opens in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...representations.body.skinning import skin
from .geometry import Geometry, SkinBone
from .node import Nodes

_STRETCH = 0.5
"""Bones of a bind pose and of the pose a file opens in may differ by this share of both together: 0 where they are the
same, 1/3 where one is twice as long, 1 where all joints of one lie in one place."""


@dataclass(frozen=True, eq=False)
class Rest:
    """A surface at rest, in the scene's frame."""

    world: Float[np.ndarray, "N 4 4"]
    """Places of all nodes."""
    vertices: Float[np.ndarray, "V 3"]


@dataclass(frozen=True, eq=False)
class Rig:
    """A surface, its nodes, and what stays fixed."""

    nodes: Nodes
    geometry: Geometry
    rest: Rest
    root: int
    """The node that keeps its place and its heading."""
    ours_from_scene: Float[np.ndarray, "4 4"]
    """N above."""

    def move(
        self, world: Float[np.ndarray, "B N 4 4"], morph_weights: Mapping[int, Float[np.ndarray, "B M"]]
    ) -> tuple[Float[Tensor, "B V 3"], Float[Tensor, "B N 3"]]:
        """Vertices and nodes, in our frame, where the nodes' places in the scene are given.

        `morph_weights` by node; a mesh that is not named keeps the weights it opens with.
        """
        ours = self.ours_from_scene @ _stay(self.rest.world[self.root], world[:, self.root])
        bones = self.geometry.bones
        maps = ours[:, None] @ world[:, [bone.node for bone in bones]] @ np.stack([b.inverse_bind for b in bones])
        vertices = torch.from_numpy(self.geometry.vertices)
        for morph in self.geometry.morphs:
            moving = morph_weights.get(morph.node)
            weight = morph.weight if moving is None else _tensor(moving[:, morph.target, None, None])
            vertices = vertices + weight * torch.from_numpy(morph.offsets)
        moved = skin(vertices, torch.from_numpy(self.geometry.weights), _tensor(maps[:, :, :3]))
        return moved, _tensor((ours[:, None] @ world[..., 3:])[..., :3, 0])

    def at_rest(self) -> tuple[Float[Tensor, "V 3"], Float[Tensor, "N 3"]]:
        """Vertices and nodes of the rest pose, in our frame."""
        places = self.rest.world[:, :3, 3]
        return _tensor(apply(self.ours_from_scene, self.rest.vertices)), _tensor(apply(self.ours_from_scene, places))


def find_rest(nodes: Nodes, geometry: Geometry) -> Rest:
    """The bind pose, see above; of a file without skins, the pose it opens in."""
    opened = nodes.world()[0]
    stored = geometry.vertices.astype(np.float64)
    for morph in geometry.morphs:
        stored = stored + morph.weight * morph.offsets
    maps = np.stack([opened[bone.node] @ bone.inverse_bind for bone in geometry.bones])
    blended = np.einsum("vk,kmn->vmn", geometry.weights.astype(np.float64), maps)
    vertices = (blended[:, :3, :3] @ stored[..., None])[..., 0] + blended[:, :3, 3]
    bound: dict[int, np.ndarray] = {}
    skinned = np.unique(geometry.mesh_node[geometry.skin >= 0])
    unbound = []
    for node in skinned:
        rows = np.flatnonzero(geometry.mesh_node == node)
        joints = geometry.joints[int(geometry.skin[rows[0]])]
        if not _is_bound(joints, nodes, opened):
            unbound.append(node)
            continue
        strongest = int(geometry.weights[rows].sum(0).argmax())
        candidates = [apply(whole, stored[rows]) for whole in (opened[node], maps[strongest])]
        away = [np.linalg.norm(points - vertices[rows], axis=1).mean() for points in candidates]
        nearer = int(away[1] < away[0])
        vertices[rows] = candidates[nearer]
        for bone in joints:
            # Joints that move nothing are written with matrices of zeros here and there.
            if np.linalg.det(bone.inverse_bind) != 0:
                place = (opened[node], maps[strongest])[nearer] @ np.linalg.inv(bone.inverse_bind)
                bound.setdefault(bone.node, place)
    if not bound:
        return Rest(opened, vertices)
    local = nodes.local()[0]
    world = local.copy()
    for node in nodes.order:
        if node in bound:
            world[node] = bound[node]
        elif nodes.parents[node] >= 0:
            world[node] = world[nodes.parents[node]] @ local[node]
    # What has no bind pose of its own goes with the joints of what has.
    others = np.flatnonzero((geometry.skin < 0) | np.isin(geometry.mesh_node, unbound))
    maps = np.stack([world[bone.node] @ bone.inverse_bind for bone in geometry.bones])
    blended = np.einsum("vk,kmn->vmn", geometry.weights[others].astype(np.float64), maps)
    vertices[others] = (blended[:, :3, :3] @ stored[others, :, None])[..., 0] + blended[:, :3, 3]
    return Rest(world, vertices)


def _is_bound(joints: Sequence[SkinBone], nodes: Nodes, opened: Float[np.ndarray, "N 4 4"]) -> bool:
    """Whether a skin's inverse bind matrices are a pose of the skeleton that the file has; see above."""
    binds = {bone.node: bone.inverse_bind for bone in joints if _invertible(bone.inverse_bind)}
    apart = total = 0.0
    first = next(iter(binds), -1)
    for node, bind in binds.items():
        above = nodes.parents[node]
        while above >= 0 and above not in binds:
            above = nodes.parents[above]
        parted = above < 0
        above = first if parted else above
        if above == node or not _invertible(opened[above]):
            continue
        bound = (binds[above] @ np.linalg.inv(bind))[:3, 3]
        found = (np.linalg.inv(opened[above]) @ opened[node])[:3, 3]
        lengths = float(np.linalg.norm(bound)), float(np.linalg.norm(found))
        # Joints side by side turn on their own: of them only the distance is alike.
        apart += abs(lengths[0] - lengths[1]) if parted else float(np.linalg.norm(bound - found))
        total += sum(lengths)
    return apart <= _STRETCH * total


def _invertible(matrix: Float[np.ndarray, "4 4"]) -> bool:
    return bool(np.isfinite(matrix).all() and np.linalg.matrix_rank(matrix[:3, :3]) == 3)


def turned_inside_out(rest: Rest, geometry: Geometry) -> Bool[np.ndarray, " F"]:
    """Which faces run clockwise in the scene, since a mirroring node places their mesh."""
    strongest = geometry.weights.argmax(axis=1)
    maps = np.stack([rest.world[bone.node] @ bone.inverse_bind for bone in geometry.bones])
    return (np.linalg.det(maps[:, :3, :3]) < 0)[strongest[geometry.faces[:, 0]]]


def normalise(vertices: Float[np.ndarray, "V 3"], turn: float) -> Float[np.ndarray, "4 4"]:
    """The similarity that turns about Y by `turn` radians, centres the box and makes its longest side 1."""
    cosine, sine = np.cos(turn), np.sin(turn)
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    turned = vertices @ rotation.T
    low, high = turned.min(0), turned.max(0)
    scale = 1 / (high - low).max()
    found = np.eye(4)
    found[:3, :3] = scale * rotation
    found[:3, 3] = -scale * (low + high) / 2
    return found


def surface_area(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> float:
    """Of all faces together."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def apply(affine: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """Points mapped."""
    return points @ affine[:3, :3].T + affine[:3, 3]


def _stay(rest: Float[np.ndarray, "4 4"], moved: Float[np.ndarray, "B 4 4"]) -> Float[np.ndarray, "B 4 4"]:
    """G above: the maps that bring a moved root back to its place and its heading."""
    turn = moved[:, :3, :3] @ np.linalg.inv(rest[:3, :3])
    # Of a rotation q this is twice atan2(q_y, q_w), the twist about Y; a common scale cancels.
    heading = np.arctan2(turn[:, 0, 2] - turn[:, 2, 0], turn[:, 0, 0] + turn[:, 2, 2])
    cosine, sine = np.cos(heading), np.sin(heading)
    found = np.tile(np.eye(4), (len(moved), 1, 1))
    found[:, 0, 0], found[:, 0, 2], found[:, 2, 0], found[:, 2, 2] = cosine, -sine, sine, cosine
    found[:, :3, 3] = rest[:3, 3] - (found[:, :3, :3] @ moved[:, :3, 3:])[..., 0]
    return found


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
