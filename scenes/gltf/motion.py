"""Clips of glTF files as motions of rigs, without their surfaces' looks.

The rest pose is `gltf_rig`'s, the bind pose; a file of nodes and clips alone rests in the pose it opens in. Left and
right joints tell where a rig's front is; the format's +Z holds where there are none.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.motion.rig_motion import RigMotion, facing, similarity, turn_all, upright
from ...representations.rotation import quaternion_from_matrix
from ..error import InputError, one_line
from .animation import GltfClip, read_clips
from .file import GltfFile
from .geometry import read_geometry
from .material import GltfMaterial
from .node import Nodes, read_nodes
from .rig import find_rest
from .vrm import read_humanoid

_SPLINE_RATE = 30.0
"""Moments a second at which curves are looked at."""
_QUARTER = math.pi / 2


class GltfMotions:
    """The clips of a glTF file and the rig that they move. Raises InputError where the file is broken."""

    def __init__(self, path: str | Path) -> None:
        file = GltfFile(path)
        try:
            self.nodes = read_nodes(file)
            self.clips = read_clips(file, self.nodes)
            humanoid = read_humanoid(file)
            self.world, vertices = _rest(file, self.nodes)
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            what = f"{type(error).__name__}: {one_line(error)}"
            raise file.fail(f"is not valid glTF ({what}); see what gltf-validator says of it") from error
        if not self.nodes.names:
            raise file.fail("has no nodes that could move")
        self.file = file
        self.names = tuple(humanoid.bones.get(node, name) for node, name in enumerate(self.nodes.names))
        rest = torch.from_numpy(self.world[:, :3, 3].copy())
        toward = facing(self.names, rest)
        plain = {"+z": 0.0, "-z": math.pi}[humanoid.front]
        # Subjects look along an axis; a rest pose that isn't quite symmetric must not turn them.
        self.turn = upright(plain if toward is None else _QUARTER * round(toward / _QUARTER))
        try:
            self.scale, self.shift = similarity(torch.from_numpy(vertices), self.turn)
        except ValueError as error:
            raise file.fail(one_line(error)) from error

    def motion(self, clip: GltfClip) -> RigMotion:
        """One of the clips, at its keys. Raises InputError where it has values that are not finite."""
        start, end = clip.span
        keys = np.unique(np.round(np.concatenate([c.times for c in clip.channels]), 4))
        if any(c.interpolation == "CUBICSPLINE" for c in clip.channels):
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
        )

    def _ours(self, places: Float[Tensor, "*T N 3"]) -> Float[Tensor, "*T N 3"]:
        return self.scale * turn_all(self.turn, places) + self.shift


def _rest(file: GltfFile, nodes: Nodes) -> tuple[Float[np.ndarray, "N 4 4"], Float[np.ndarray, "P 3"]]:
    """Places of all nodes at rest, and points whose box is the body's: its vertices, without them its nodes."""
    if any("mesh" in entry for entry in file.entries("nodes")):
        white = GltfMaterial(torch.ones(4), None, None)
        geometry = read_geometry(file, nodes, [white] * (len(file.entries("materials")) + 1))
        rest = find_rest(nodes, geometry)
        return rest.world, rest.vertices
    opened = nodes.world()[0]
    return opened, opened[:, :3, 3].copy()


def _turns(rest: Float[np.ndarray, "N 4 4"], world: Float[np.ndarray, "T N 4 4"]) -> Float[Tensor, "T N 4"]:
    """Rotations since rest; what scales or shears besides is left out."""
    fit = np.abs(np.linalg.det(rest[:, :3, :3])) > 0
    inverse = np.linalg.inv(np.where(fit[:, None, None], rest[:, :3, :3], np.eye(3)))
    moved = np.where(fit[:, None, None], world[..., :3, :3] @ inverse, np.eye(3))
    left, _, right = np.linalg.svd(moved)
    mirrored = np.linalg.det(left @ right) < 0
    left[mirrored, :, 2] *= -1
    return quaternion_from_matrix(torch.from_numpy(left @ right))
