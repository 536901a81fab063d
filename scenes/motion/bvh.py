"""Biovision BVH: a skeleton and its motion as text, what motion capture is mostly passed on in.

A joint j is placed in its parent's frame by M_j = T(t_j) R_j, where R_j is the product of its rotation channels in the
order in which they are written (Zrotation Xrotation Yrotation: R_z R_x R_y), degrees, and t_j its OFFSET. Position
channels take the place of the offset along their axes, as Blender and MotionBuilder have it; of a joint whose positions
stay nearer to zero than to the offset they are added to it. At rest nothing is turned. M. Meredith and S. Maddock,
"Motion Capture File Formats Explained" (2001), chapter 3.

The pose at zero may be a standing body or a heap of bones, whose joints have axes of their own: `rest_pose` tells them
apart. Which axis is up is told by the rest pose, or by how the body moves where that is no body.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.motion.rig_motion import RigMotion, about_up, facing, similarity, turn_all
from ...representations.motion.wave import about
from ...representations.rig_name import rig_joint_names
from ...representations.rotation import conjugate, multiply, rotate
from ...representations.tensor_structure import TensorStructure
from .bvh_text import BvhText, read_bvh_text

_Z_UP = 2.0
"""How much more a leg must hang along Z than along Y in a file whose Z is up."""
_ALIKE = 0.4
"""Most that directions that are square to each other in a body may have in common, as a cosine."""
_SCALED = 1e-3
"""Scales that are so near to 1 do nothing."""


class Bvh(TensorStructure):
    """N nodes, parents before children, over T frames; in the file's own axes and units."""

    name: str
    """The file's name without its ending."""
    names: tuple[str, ...]
    """The end site of a joint "Head" is called "Head_end"."""
    parents: tuple[int, ...]
    """-1 for a root."""
    offsets: Float[Tensor, "N 3"]
    """Places at rest, each from its parent's."""
    rotations: Float[Tensor, "T N 4"]
    """Relative to the parent, unit quaternions (w, x, y, z)."""
    translations: Float[Tensor, "T N 3"]
    """Places in the parent's frame."""
    frame_time: float
    """Seconds."""
    notes: tuple[str, ...] = ()
    """What the file has that it should not have, one line each."""

    def rest(self) -> Float[Tensor, "N 3"]:
        """Places in the world when nothing is turned."""
        places: list[Tensor] = []
        for node, parent in enumerate(self.parents):
            places.append(self.offsets[node] if parent < 0 else places[parent] + self.offsets[node])
        return torch.stack(places)

    def world(self) -> tuple[Float[Tensor, "T N 3"], Float[Tensor, "T N 4"]]:
        """Places and rotations in the world, which are those since rest too."""
        places: list[Tensor] = []
        turns: list[Tensor] = []
        for node, parent in enumerate(self.parents):
            place, turn = self.translations[:, node], self.rotations[:, node]
            if parent >= 0:
                place = places[parent] + rotate(turns[parent], place)
                turn = multiply(turns[parent], turn)
            places.append(place)
            turns.append(turn)
        return torch.stack(places, dim=1), torch.stack(turns, dim=1)


def read_bvh(path: str | Path) -> Bvh:
    """A .bvh file. Raises InputError with the line where it is broken."""
    path = Path(path)
    return _bvh(path.stem, read_bvh_text(path))


def _bvh(name: str, text: BvhText) -> Bvh:
    """What the numbers of a file mean."""
    joints, values, notes = text.joints, text.values, list(text.notes)
    offsets = torch.tensor([joint.offset for joint in joints], dtype=torch.float64)
    rotations = offsets.new_zeros(len(values), len(offsets), 4)
    rotations[..., 0] = 1
    translations = offsets.expand(len(values), -1, -1).clone()
    column, scaled = 0, False
    for node, joint in enumerate(joints):
        moved = {}
        for kind, axis in joint.channels or ():
            if kind == "rotation":
                turn = about(axis, torch.deg2rad(values[:, column]))
                rotations[:, node] = multiply(rotations[:, node], turn)
            elif kind == "position":
                moved[axis] = values[:, column]
            else:
                scaled |= bool((values[:, column] - 1).abs().amax() > _SCALED)
            column += 1
        if moved:
            axes = list(moved)
            places = torch.stack(list(moved.values()), dim=-1)
            middle, offset = places.median(dim=0).values, offsets[node, axes]
            added = joint.parent >= 0 and bool((middle - offset).norm() > middle.norm())
            translations[:, node, axes] = places + offset if added else places
            if joint.parent >= 0 and float(offsets[node].norm()) == 0:
                # Some files have a bone's length in its channels alone.
                offsets[node] = translations[:, node].median(dim=0).values
    if scaled:
        notes.append("joints that it scales keep their size")
    names, parents = tuple(joint.name for joint in joints), tuple(joint.parent for joint in joints)
    return Bvh(name, names, parents, offsets, rotations, translations, text.frame_time, tuple(notes))


def bvh_motion(bvh: Bvh) -> RigMotion:
    """A file's motion in the package's frame: +Y up, front +Z, longest side at rest 1, standing where it moves.

    Files whose Z is up are turned upright, as their legs hang at rest. Raises ValueError where all joints are at one
    place.
    """
    rest, (places, turns) = bvh.rest(), bvh.world()
    turn, notes = about_up(0.0), bvh.notes
    by_rest, by_motion = _hangs_along_z(bvh.names, rest[None]), _hangs_along_z(bvh.names, places)
    if by_rest != by_motion:
        if is_body := _is_body(bvh.names, rest):
            axes = ("Z", "Y") if by_rest else ("Y", "Z")
            notes += (f"up is its {axes[0]}, as it rests, though the body moves as if up were {axes[1]}; does it lie?",)
        by_rest = by_rest if is_body else by_motion
    if by_rest:
        turn = about(0, rest.new_tensor([-np.pi / 2]))[0]
    turn = multiply(about_up(facing(bvh.names, turn_all(turn, rest)) or 0.0), turn)
    scale, shift = similarity(rest, turn)
    places = scale * turn_all(turn, places)
    ours = scale * turn_all(turn, rest) + shift
    # The rest pose is often far from where the motion is; the joint that is lowest in either stands on the ground.
    away = (ours[0] - places[0, 0]) * ours.new_tensor([1.0, 0.0, 1.0])
    inner = sorted(set(bvh.parents) - {-1}) or [0]
    away[1] = ours[inner, 1].amin() - places[:, inner, 1].amin()
    turned = multiply(multiply(turn.expand_as(turns), turns), conjugate(turn).expand_as(turns))
    times = torch.arange(len(places), dtype=torch.float64) * bvh.frame_time
    return RigMotion(bvh.name.lower(), bvh.names, bvh.parents, ours, times, turned, places + away, notes)


def _hangs_along_z(names: tuple[str, ...], places: Float[Tensor, "T N 3"]) -> bool:
    """Whether feet are below what they hang on along Z, far more than along Y, on the mean."""
    low, high = _feet(names), _hips(names)
    if not low or not high:
        return False
    way = (places[:, high].mean(1) - places[:, low].mean(1)).mean(0)
    return float(way[2]) > _Z_UP * abs(float(way[1]))


def _is_body(names: tuple[str, ...], rest: Float[Tensor, "N 3"]) -> bool:
    """Whether a rest pose may be one: the trunk doesn't go where the feet are, both legs hang alike, left of right."""
    parsed = rig_joint_names(names)
    tops = [node for node, one in enumerate(parsed) if one.side == "middle" and one.word in ("neck", "head")]
    low, high = _feet(names), _hips(names)
    if not tops or not low or not high:
        return True
    legs = rest[high].mean(0) - rest[low].mean(0)
    trunk = rest[tops].mean(0) - rest[high].mean(0)
    sides = [[node for node in low if parsed[node].side == side] for side in ("left", "right")]
    if not all(sides):
        return _cosine(legs, trunk) > -_ALIKE
    left, right = (rest[nodes].mean(0) for nodes in sides)
    hips = rest[high].mean(0)
    apart = [_cosine(left - right, way) for way in (legs, trunk)]
    return _cosine(legs, trunk) > -_ALIKE and _cosine(left - hips, right - hips) > 0.5 and max(map(abs, apart)) < _ALIKE


def _cosine(a: Float[Tensor, " 3"], b: Float[Tensor, " 3"]) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


def _feet(names: tuple[str, ...]) -> list[int]:
    return [node for node, name in enumerate(names) if re.search("foot|ankle|toe", name, re.IGNORECASE)]


def _hips(names: tuple[str, ...]) -> list[int]:
    return [node for node, name in enumerate(names) if re.search("hip|pelvis|thigh|up.*leg", name, re.IGNORECASE)]
