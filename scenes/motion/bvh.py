"""Biovision BVH: a skeleton and its motion as text, what motion capture is mostly passed on in.

A joint j is placed in its parent's frame by M_j = T(t_j) R_j, where R_j is the product of its rotation channels in the
order in which they are written (Zrotation Xrotation Yrotation: R_z R_x R_y), degrees, and t_j its OFFSET. Position
channels take the place of the offset along their axes, as Blender and MotionBuilder have it; of a joint whose positions
stay nearer to zero than to the offset they are added to it. At rest nothing is turned. M. Meredith and S. Maddock,
"Motion Capture File Formats Explained" (2001), chapter 3.

Writers differ in capitals, blanks, tabs and line ends, in the number and order of channels, and in whether blanks are
part of names: all of that is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.motion.rig_motion import RigMotion, facing, similarity, turn_all, upright
from ...representations.motion.wave import about
from ...representations.rotation import conjugate, multiply, rotate
from ...representations.tensor_structure import TensorStructure
from ..error import InputError, one_line

_CHANNEL = re.compile(r"([xyz])(position|rotation)$", re.IGNORECASE)
_FRAMES = re.compile(r"\s*frames\s*:?\s*(\S+)\s*$", re.IGNORECASE)
_FRAME_TIME = re.compile(r"\s*frame\s*time\s*:?\s*(\S+)\s*$", re.IGNORECASE)
_Z_UP = 2.0
"""How much more a leg must hang along Z than along Y in a file whose Z is up."""


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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or one_line(error)}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return _Reader(path, text.splitlines()).read()


def bvh_motion(bvh: Bvh) -> RigMotion:
    """A file's motion in the package's frame: +Y up, front +Z, longest side at rest 1, standing where it moves.

    Files whose Z is up are turned upright, as their legs hang at rest. Raises ValueError where all joints are at one
    place.
    """
    rest, (places, turns) = bvh.rest(), bvh.world()
    turn = upright(0.0)
    if _hangs_along_z(bvh.names, rest):
        turn = about(0, rest.new_tensor([-np.pi / 2]))[0]
    turn = multiply(upright(facing(bvh.names, turn_all(turn, rest)) or 0.0), turn)
    scale, shift = similarity(rest, turn)
    places = scale * turn_all(turn, places)
    ours = scale * turn_all(turn, rest) + shift
    # The rest pose is often far from where the motion is; the joint that is lowest in either stands on the ground.
    away = (ours[0] - places[0, 0]) * ours.new_tensor([1.0, 0.0, 1.0])
    inner = sorted(set(bvh.parents) - {-1}) or [0]
    away[1] = ours[inner, 1].amin() - places[:, inner, 1].amin()
    turned = multiply(multiply(turn.expand_as(turns), turns), conjugate(turn).expand_as(turns))
    times = torch.arange(len(places), dtype=torch.float64) * bvh.frame_time
    return RigMotion(bvh.name.lower(), bvh.names, bvh.parents, ours, times, turned, places + away)


def _hangs_along_z(names: tuple[str, ...], rest: Float[Tensor, "N 3"]) -> bool:
    """Whether feet are below what they hang on along Z, far more than along Y."""
    low = [node for node, name in enumerate(names) if re.search("foot|ankle|toe", name, re.IGNORECASE)]
    high = [node for node, name in enumerate(names) if re.search("hip|pelvis|thigh|up.*leg", name, re.IGNORECASE)]
    if not low or not high:
        return False
    way = rest[high].mean(0) - rest[low].mean(0)
    return float(way[2]) > _Z_UP * abs(float(way[1]))


@dataclass
class _Joint:
    """A joint while it is read."""

    name: str
    parent: int
    line: int
    offset: tuple[float, ...] | None = None
    channels: tuple[tuple[str, int], ...] | None = None
    """What each is and its axis: ("position", 0) ..."""
    site: bool = False
    """Whether it only says where its parent's bone ends."""


class _Reader:
    """Goes through a file line by line."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.lines = path, lines
        self.joints: list[_Joint] = []

    def fail(self, line: int, what: str) -> InputError:
        """The error to raise where line `line`, counted from 1, is wrong."""
        return InputError(f"{self.path}, line {line}: {what}")

    def read(self) -> Bvh:
        motion = self.hierarchy()
        frames, frame_time, first = self.timing(motion)
        values = self.frames(first, frames)
        for joint in self.joints:
            if joint.offset is None:
                raise self.fail(joint.line, f"joint {joint.name!r} has no OFFSET")
        offsets = torch.tensor([joint.offset for joint in self.joints], dtype=torch.float64)
        rotations = offsets.new_zeros(frames, len(offsets), 4)
        rotations[..., 0] = 1
        translations = offsets.expand(frames, -1, -1).clone()
        column = 0
        for node, joint in enumerate(self.joints):
            moved = {}
            for kind, axis in joint.channels or ():
                if kind == "rotation":
                    turn = about(axis, torch.deg2rad(values[:, column]))
                    rotations[:, node] = multiply(rotations[:, node], turn)
                else:
                    moved[axis] = values[:, column]
                column += 1
            if moved:
                axes = list(moved)
                places = torch.stack(list(moved.values()), dim=-1)
                middle, offset = places.median(dim=0).values, offsets[node, axes]
                added = joint.parent >= 0 and bool((middle - offset).norm() > middle.norm())
                translations[:, node, axes] = places + offset if added else places
        names = tuple(joint.name for joint in self.joints)
        parents = tuple(joint.parent for joint in self.joints)
        return Bvh(self.path.stem, names, parents, offsets, rotations, translations, frame_time)

    def hierarchy(self) -> int:
        """Reads the joints; the index of the line after MOTION."""
        above: list[int] = []
        opening: int | None = None
        started = False
        for index, line in enumerate(self.lines):
            # A brace may stand on a line of its own or after what it belongs to.
            for part in re.findall(r"[{}]|[^{}]+", line):
                words = part.split()
                if not words:
                    continue
                number, key = index + 1, words[0].upper()
                if not started:
                    if key != "HIERARCHY":
                        raise self.fail(
                            number, f'starts with {words[0][:20]!r}, not with "HIERARCHY"; it is no BVH file'
                        )
                    started = True
                elif opening is not None and key != "{":
                    raise self.fail(number, f'"{{" is missing after {self.joints[opening].name!r}')
                elif key == "{":
                    if opening is None:
                        raise self.fail(number, '"{" without a joint before it')
                    above.append(opening)
                    opening = None
                elif key == "}":
                    if not above:
                        raise self.fail(number, '"}" without "{"')
                    above.pop()
                elif key == "MOTION":
                    if above:
                        raise self.fail(number, f'"}}" is missing: {self.joints[above[-1]].name!r} is still open')
                    if not self.joints:
                        raise self.fail(number, "there is no joint before MOTION")
                    return index + 1
                elif key in ("ROOT", "JOINT", "END"):
                    opening = self.joint(number, key, words, above)
                elif key in ("OFFSET", "CHANNELS") and above:
                    self.place(number, key, words, self.joints[above[-1]])
                else:
                    raise self.fail(number, f"{words[0][:30]!r} is not expected here")
        raise self.fail(
            len(self.lines), "the file ends before MOTION; it is cut off" if started else "the file is empty"
        )

    def joint(self, number: int, key: str, words: list[str], above: list[int]) -> int:
        if (key == "ROOT") == bool(above):
            raise self.fail(number, f"{key} may not stand {'within a joint' if above else 'outside of a ROOT'}")
        parent = above[-1] if above else -1
        name = f"{self.joints[parent].name}_end" if key == "END" else " ".join(words[1:])
        if not name:
            raise self.fail(number, f"{key} has no name")
        if parent >= 0 and self.joints[parent].site:
            raise self.fail(number, "an End Site can have no joints")
        self.joints.append(_Joint(name, parent, number, site=key == "END"))
        return len(self.joints) - 1

    def place(self, number: int, key: str, words: list[str], joint: _Joint) -> None:
        if key == "OFFSET":
            found = tuple(self.number(number, word) for word in words[1:])
            if len(found) != 3 or joint.offset is not None:
                raise self.fail(number, f"OFFSET of {joint.name!r} must be three numbers, once; found {len(found)}")
            joint.offset = found
            return
        kinds = [_CHANNEL.match(word) for word in words[2:]]
        for kind, word in zip(kinds, words[2:], strict=True):
            if kind is None:
                raise self.fail(number, f"channel {word!r} is unknown; there are Xposition ... Zrotation")
        channels = tuple((kind[2].lower(), "xyz".index(kind[1].lower())) for kind in kinds if kind is not None)
        if len(words) < 2 or words[1] != str(len(channels)):
            raise self.fail(number, f"CHANNELS {' '.join(words[1:2])} of {joint.name!r} names {len(channels)} channels")
        positions = [channel for channel in channels if channel[0] == "position"]
        if joint.channels is not None or len(set(positions)) < len(positions):
            raise self.fail(number, f"{joint.name!r} has channels twice")
        if joint.site:
            raise self.fail(number, "an End Site can have no channels")
        joint.channels = channels

    def timing(self, index: int) -> tuple[int, float, int]:
        """Frames, seconds of each, and the index of the line where they begin."""
        index, found = self.match(index, _FRAMES, "Frames: COUNT")
        if not found.isdigit() or int(found) == 0:
            raise self.fail(index, f"Frames is {found!r}; a whole number of at least 1 is expected")
        count = int(found)
        index, found = self.match(index, _FRAME_TIME, "Frame Time: SECONDS")
        seconds = self.number(index, found)
        if seconds <= 0:
            raise self.fail(index, f"Frame Time is {found}; it must be more than 0 seconds")
        return count, seconds, index

    def match(self, index: int, pattern: re.Pattern[str], wanted: str) -> tuple[int, str]:
        while index < len(self.lines) and not self.lines[index].strip():
            index += 1
        if index >= len(self.lines):
            raise self.fail(len(self.lines), f'the file ends where "{wanted}" is expected; it is cut off')
        found = pattern.match(self.lines[index])
        if found is None:
            raise self.fail(index + 1, f'"{wanted}" is expected, found {self.lines[index].strip()[:30]!r}')
        return index + 1, found[1]

    def frames(self, index: int, count: int) -> Float[Tensor, "T C"]:
        width = sum(len(joint.channels or ()) for joint in self.joints)
        rows: list[list[float]] = []
        for number, line in enumerate(self.lines[index:], start=index + 1):
            words = line.split()
            if not words:
                continue
            if len(words) != width:
                raise self.fail(number, f"a frame of {len(words)} numbers; the joints have {width} channels")
            if len(rows) == count:
                raise self.fail(number, f"more frames than the {count} that Frames says")
            try:
                row = [float(word) for word in words]
            except ValueError:
                row = [self.number(number, word) for word in words]
            if not np.isfinite(row).all():
                raise self.fail(number, "a value that is not finite")
            rows.append(row)
        if len(rows) < count:
            raise self.fail(len(self.lines), f"{len(rows)} frames, but Frames says {count}; the file is cut off")
        return torch.tensor(rows, dtype=torch.float64)

    def number(self, line: int, word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise self.fail(line, f"{word[:30]!r} is no number")
        return value
