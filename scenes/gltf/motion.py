"""Clips of glTF files as motions of rigs, without their surfaces' looks.

The rest pose is `gltf_rig`'s, the bind pose; a file of nodes and clips alone rests in the pose it opens in. Which way a
rig looks, its joints tell (`gltf_front`), as for photos.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.motion.rig_motion import RigMotion, about_up, similarity, turn_all
from ...representations.rotation import quaternion_from_matrix
from ..error import one_line
from .animation import GltfClip, read_clips
from .file import GltfFile
from .front import find_front
from .geometry import read_geometry
from .material import GltfMaterial
from .node import Nodes, read_nodes
from .rig import find_rest
from .vrm import read_humanoid

_SPLINE_RATE = 30.0
"""Moments a second at which curves are looked at."""
_MOST_PLACES = 10_000_000
"""Most places of all nodes at all moments of a clip: ten minutes of 500 nodes."""


class GltfMotions:
    """The clips of a glTF file and the rig that they move. Raises InputError where the file is broken."""

    def __init__(self, path: str | Path) -> None:
        file = GltfFile(path)
        with file.checked():
            self.nodes = read_nodes(file)
            self.clips = read_clips(file, self.nodes)
            humanoid = read_humanoid(file)
            self.world, vertices, body = _rest(file, self.nodes)
        if not self.nodes.names:
            raise file.fail("has no nodes that could move")
        self.file = file
        self.names = tuple(humanoid.bones.get(node, name) for node, name in enumerate(self.nodes.names))
        rest = torch.from_numpy(self.world[:, :3, 3].copy())
        body = sorted(body | set(humanoid.bones))
        front = find_front([self.names[node] for node in body], rest[body], humanoid.front)
        if front.note is not None:
            file.note(front.note)
        self.turn = about_up(front.turn)
        try:
            self.scale, self.shift = similarity(torch.from_numpy(vertices), self.turn)
        except ValueError as error:
            raise file.fail(one_line(error)) from error

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unusual about the file, a line each."""
        return self.file.notes

    def motion(self, clip: GltfClip) -> RigMotion:
        """One of the clips, at its keys. Raises InputError where it has values that are not finite."""
        start, end = clip.span
        keys = np.unique(np.round(np.concatenate([c.times for c in clip.channels]), 4))
        curved = any(c.interpolation == "CUBICSPLINE" for c in clip.channels)
        count = max(len(keys), (end - start) * _SPLINE_RATE if curved else 0)
        if count * len(self.nodes.names) > _MOST_PLACES:
            raise self.file.fail(
                f"clip {clip.name!r} has {count:.0f} moments of {len(self.nodes.names)} nodes; cut it shorter"
            )
        if curved:
            keys = np.linspace(start, end, max(round((end - start) * _SPLINE_RATE), 1) + 1)
        keys = np.unique(np.clip(keys, start, end))
        world = clip.pose(self.nodes, keys)[0].world()
        if not np.isfinite(world).all():
            raise self.file.fail(f"clip {clip.name!r} has values that are not finite; export it anew")
        rest = torch.from_numpy(self.world[:, :3, 3].copy())
        turns = _turns(self.world, world)
        # Turning the world turns the axes of rotations.
        turns[..., 1:] = turn_all(self.turn, turns[..., 1:])
        return RigMotion(
            name=clip.name.rpartition("|")[2].lower(),
            names=self.names,
            parents=self.nodes.parents,
            rest=self._ours(rest),
            times=torch.from_numpy(keys - keys[0]),
            turns=turns,
            places=self._ours(torch.from_numpy(world[..., :3, 3].copy())),
            notes=self.notes,
        )

    def _ours(self, places: Float[Tensor, "*T N 3"]) -> Float[Tensor, "*T N 3"]:
        return self.scale * turn_all(self.turn, places) + self.shift


def _rest(file: GltfFile, nodes: Nodes) -> tuple[Float[np.ndarray, "N 4 4"], Float[np.ndarray, "P 3"], set[int]]:
    """Places of all nodes at rest; points whose box is the body's: its vertices, without them its nodes; the nodes that
    carry the body."""
    if any("mesh" in entry for entry in file.entries("nodes")):
        white = GltfMaterial(torch.ones(4), None, None)
        geometry = read_geometry(file, nodes, [white] * (len(file.entries("materials")) + 1))
        rest = find_rest(nodes, geometry)
        joints = {bone.node for bone in geometry.bones}
        joints |= {bone.node for bones in geometry.joints.values() for bone in bones}
        return rest.world, rest.vertices, nodes.above(joints)
    opened = nodes.world()[0]
    return opened, opened[:, :3, 3].copy(), set(range(len(nodes.names)))


def _turns(rest: Float[np.ndarray, "N 4 4"], world: Float[np.ndarray, "T N 4 4"]) -> Float[Tensor, "T N 4"]:
    """Rotations since rest; what scales or shears besides is left out."""
    fit = np.abs(np.linalg.det(rest[:, :3, :3])) > 0
    inverse = np.linalg.inv(np.where(fit[:, None, None], rest[:, :3, :3], np.eye(3)))
    moved = np.where(fit[:, None, None], world[..., :3, :3] @ inverse, np.eye(3))
    left, _, right = np.linalg.svd(moved)
    mirrored = np.linalg.det(left @ right) < 0
    left[mirrored, :, 2] *= -1
    return quaternion_from_matrix(torch.from_numpy(left @ right))
