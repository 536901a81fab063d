"""Joints of any rig as their names tell them: side, word and number.

A name is taken apart so that "b_LeftForeArm_010", "mixamorig:LeftForeArm" and "forearm.L" are all the left "forearm".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "middle"]

_PREFIXES = {"b", "j", "def", "org", "mixamorig", "armature", "bip", "valve", "biped", "c"}
_SIDES: dict[str, Side] = {"l": "left", "left": "left", "r": "right", "right": "right"}
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True)
class JointName:
    """A joint's name, taken apart."""

    side: Side
    word: str
    """All words in lower case, without side and prefix, joined."""
    number: int | None
    """The first number after the words."""

    def matches(self, wanted: str) -> bool:
        """Whether the name is `wanted`, with its number if that has one."""
        word = wanted.rstrip("0123456789")
        number = wanted[len(word) :]
        return self.word == word and (not number or self.number == int(number))


def joint_name(name: str) -> JointName:
    """A joint's name taken apart.

    >>> joint_name("b_LeftForeArm_010"), joint_name("Ear4.L")
    (JointName(side='left', word='forearm', number=10), JointName(side='left', word='ear', number=4))
    """
    side: Side = "middle"
    words: list[str] = []
    number = None
    for token in _WORD.findall(name):
        lower = token.lower()
        if lower in _SIDES and side == "middle":
            side = _SIDES[lower]
        elif token.isdigit():
            number = int(token) if words and number is None else number
        elif words or lower not in _PREFIXES:
            words.append(lower)
    return JointName(side, "".join(words), number)
