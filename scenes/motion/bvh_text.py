"""The text of a BVH file taken apart: its joints and its rows of numbers. `bvh` says what they mean.

Writers differ in capitals, blanks, tabs and line ends, in the number and order of channels, in whether blanks are part
of names; and they make mistakes that every reader of the field puts up with. So numbers may have decimal commas, rows
may be one more or some fewer than `Frames:` says, and the last one may be cut off: all of that is read, with a note.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.tensor_structure import TensorStructure
from ..error import InputError, one_line

_CHANNEL = re.compile(r"([xyz])(position|translation|rotation|scale)$", re.IGNORECASE)
_FRAMES = re.compile(r"\s*frames\s*[:=]?\s*(\S+)\s*$", re.IGNORECASE)
_FRAME_TIME = re.compile(r"\s*frame\s*time\s*[:=]?\s*(\S+?)\s*(?:s|sec|seconds)?\s*$", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]{1,12}(\.0*)?$")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(e[+-]?[0-9]+)?$", re.IGNORECASE)
"""A number with a decimal comma."""
_BEGUN = re.compile(r"[+-]?[0-9]*[.,]?[0-9]*(e[+-]?)?$", re.IGNORECASE)
"""What a number may look like where a file is cut off."""
_MOST_BYTES = 2**29
_MOST_JOINTS = 4096
_DEEPEST = 256
"""Joints above each other."""
_MOST_PLACES = 20_000_000
"""Joints times frames."""


@dataclass
class BvhJoint:
    """A joint as it is written."""

    name: str
    parent: int
    """Index of the joint that it stands in; -1 for a root."""
    line: int
    offset: tuple[float, ...] | None = None
    channels: tuple[tuple[str, int], ...] | None = None
    """What each is and its axis: ("position", 0), ("rotation", 2), ("scale", 1) ..."""
    site: bool = False
    """Whether it only says where its parent's bone ends."""


class BvhText(TensorStructure):
    """What is written in a file."""

    joints: tuple[BvhJoint, ...]
    """Parents before children, in the order of their channels; each with an offset."""
    values: Float[Tensor, "T C"]
    frame_time: float
    """Seconds."""
    notes: tuple[str, ...]
    """What was put up with, one line each."""


def read_bvh_text(path: Path) -> BvhText:
    """Raises InputError, with the line where the file is broken."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no file; give a .bvh")
        if (size := path.stat().st_size) > _MOST_BYTES:
            raise InputError(f"{path} has {size / 2**20:.0f} MiB; {_MOST_BYTES >> 20} is the most that is read")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or one_line(error)}") from error
    text = ""
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    return _Reader(path, re.split(r"\r\n|\n|\r", text.rstrip("\x00\x1a\r\n\t "))).read()


class _Reader:
    """Goes through a file line by line."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.lines = path, lines
        self.joints: list[BvhJoint] = []
        self.notes: list[str] = []
        self.has_commas = False

    def fail(self, line: int, what: str) -> InputError:
        """The error to raise where line `line`, counted from 1, is wrong."""
        return InputError(f"{self.path}, line {line}: {what}")

    def read(self) -> BvhText:
        motion = self.hierarchy()
        said, frame_time, first = self.timing(motion)
        for joint in self.joints:
            if joint.offset is None and not joint.site:
                raise self.fail(joint.line, f"joint {joint.name!r} has no OFFSET")
            joint.offset = joint.offset or (0.0, 0.0, 0.0)
        values = self.frames(first, said)
        if len(values) * len(self.joints) > _MOST_PLACES:
            raise InputError(
                f"{self.path} has {len(values)} frames of {len(self.joints)} joints, {_MOST_PLACES} places at most are "
                "read; cut it into pieces"
            )
        if self.has_commas:
            self.notes.append("its numbers have decimal commas")
        return BvhText(tuple(self.joints), values, frame_time, tuple(self.notes))

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
                    if len(above) > _DEEPEST:
                        raise self.fail(number, f"joints stand in each other more than {_DEEPEST} deep")
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
                elif key in ("ROOT", "JOINT", "END", "ENDSITE"):
                    opening = self.joint(number, key[:3] if key == "ENDSITE" else key, words, above)
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
        name = f"{self.joints[parent].name}_end" if key == "END" else " ".join(words[1:]).strip("\"'")
        if not name:
            raise self.fail(number, f"{key} has no name")
        if parent >= 0 and self.joints[parent].site:
            raise self.fail(number, "an End Site can have no joints")
        if len(self.joints) == _MOST_JOINTS:
            raise self.fail(number, f"more than {_MOST_JOINTS} joints, which is no body")
        self.joints.append(BvhJoint(name, parent, number, site=key == "END"))
        return len(self.joints) - 1

    def place(self, number: int, key: str, words: list[str], joint: BvhJoint) -> None:
        if key == "OFFSET":
            found = tuple(self.row(number, words[1:], 3))
            if len(found) != 3 or joint.offset is not None:
                raise self.fail(number, f"OFFSET of {joint.name!r} must be three numbers, once; found {len(found)}")
            joint.offset = found
            return
        kinds = [_CHANNEL.match(word) for word in words[2:]]
        for kind, word in zip(kinds, words[2:], strict=True):
            if kind is None:
                raise self.fail(number, f"channel {word!r} is unknown; there are Xposition ... Zrotation")
        channels = tuple(
            (kind[2].lower().replace("translation", "position"), "xyz".index(kind[1].lower()))
            for kind in kinds
            if kind is not None
        )
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
        while index < len(self.lines) and not self.lines[index].strip():
            index += 1
        if index < len(self.lines) and _FRAME_TIME.match(self.lines[index]):
            index, seconds = self.seconds(index)
            index, count = self.count(index)
        else:
            index, count = self.count(index)
            index, seconds = self.seconds(index)
        return count, seconds, index

    def count(self, index: int) -> tuple[int, int]:
        index, found = self.match(index, _FRAMES, "Frames: COUNT")
        if _WHOLE.match(found) is None or int(float(found)) == 0:
            raise self.fail(index, f"Frames is {found[:30]!r}; a whole number of at least 1 is expected")
        return index, int(float(found))

    def seconds(self, index: int) -> tuple[int, float]:
        index, found = self.match(index, _FRAME_TIME, "Frame Time: SECONDS")
        seconds = self.row(index, [found], 1)[0]
        if seconds <= 0:
            raise self.fail(index, f"Frame Time is {found}; it must be more than 0 seconds")
        return index, seconds

    def match(self, index: int, pattern: re.Pattern[str], wanted: str) -> tuple[int, str]:
        while index < len(self.lines) and not self.lines[index].strip():
            index += 1
        if index >= len(self.lines):
            raise self.fail(len(self.lines), f'the file ends where "{wanted}" is expected; it is cut off')
        found = pattern.match(self.lines[index])
        if found is None:
            raise self.fail(index + 1, f'"{wanted}" is expected, found {self.lines[index].strip()[:30]!r}')
        return index + 1, found[1]

    def frames(self, index: int, said: int) -> Float[Tensor, "T C"]:
        """The rows, as many as there are; `said`: how many there should be."""
        width = sum(len(joint.channels or ()) for joint in self.joints)
        lines = [(number, line) for number, line in enumerate(self.lines[index:], index + 1) if line.strip()]
        flat, lengths = array("d"), list[int]()
        for number, line in lines:
            words = line.rstrip(", \t").split()
            cut = len(words) <= width and _BEGUN.match(words[-1]) and not _is_number(words[-1].replace(",", "."))
            if cut and number == lines[-1][0]:
                words.pop()
            row = self.row(number, words, width)
            flat.extend(row)
            lengths.append(len(row))
        if lengths and lengths[-1] < width and all(length == width for length in lengths[:-1]) and len(lengths) > 1:
            self.notes.append(f"its last row is cut off ({lengths[-1]} numbers of {width}) and was left out")
            del flat[len(flat) - lengths.pop() :]
        wrong = next((k for k, length in enumerate(lengths) if length != width), None)
        # Frames that run over several lines are told by their sum.
        if wrong is not None and (width == 0 or len(flat) != said * width):
            raise self.fail(lines[wrong][0], f"a frame of {lengths[wrong]} numbers; the joints have {width} channels")
        count = len(flat) // width if width else 0
        if 2 * count < said:
            raise self.fail(len(self.lines), f"{count} frames, but Frames says {said}; the file is cut off")
        if count != said:
            self.notes.append(f"it has {count} rows, though Frames says {said}; all {count} were read")
        return torch.from_numpy(np.frombuffer(flat, dtype=np.float64).reshape(count, width).copy())

    def row(self, number: int, words: list[str], width: int) -> list[float]:
        """The numbers of a line; `width`: how many there should be, where commas may be decimal ones or separators."""
        if any("," in word for word in words):
            decimal = all("," not in word or _COMMA.match(word) for word in words)
            if decimal and (len(words) == width or self.has_commas):
                self.has_commas = True
                words = [word.replace(",", ".") for word in words]
            else:
                words = " ".join(words).replace(",", " ").split()
        wrong = next((word for word in words if not _is_number(word)), None)
        if wrong is not None:
            raise self.fail(number, f"{wrong[:30]!r} is no number")
        found = [float(word) for word in words]
        if not np.isfinite(found).all():
            raise self.fail(number, "a value that is not finite")
        return found


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word
