"""Joints of a rig as their names tell them: side, word and number; and the one that carries the body.

A name is taken apart so that "b_LeftForeArm_010", "mixamorig:LeftForeArm" and "forearm.L" are all the left "forearm".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

Side = Literal["left", "right", "middle"]

_WHOLE = 0.99
"""Share of the surface that counts as all of it."""
_ROOTS = ("hips", "hip", "pelvis", "body", "cog", "root")
"""Words for the joint that carries the body, the likeliest first."""
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


@dataclass(frozen=True, eq=False)
class RestBody:
    """A body at rest and the tree of joints that moves it; +Y up, front +Z."""

    names: Mapping[int, str]
    """Name of each joint, by node, parents before children."""
    parents: Mapping[int, int]
    """The node above each joint, -1 for none."""
    places: Mapping[int, Float[np.ndarray, " 3"]]
    """Where each joint is."""
    vertices: Float[np.ndarray, "V 3"]
    holder: Int[np.ndarray, " V"]
    """The joint that moves each vertex most."""

    @cached_property
    def parsed(self) -> dict[int, JointName]:
        """The names, taken apart."""
        return {joint: joint_name(name) for joint, name in self.names.items()}

    @cached_property
    def below(self) -> dict[int, list[int]]:
        """Each joint with all its descendants."""
        found: dict[int, list[int]] = {joint: [] for joint in self.names}
        for joint in self.names:
            above = joint
            while above in found:
                found[above].append(joint)
                above = self.parents[above]
        return found

    def held(self, joint: int, without: tuple[str, ...] = ()) -> Int[np.ndarray, " H"]:
        """Vertices that move mostly with a joint or what hangs on it, but for branches with a word of `without`."""
        left_out = {
            branch for child in self.below[joint] if self.parsed[child].word in without for branch in self.below[child]
        }
        return np.flatnonzero(np.isin(self.holder, [child for child in self.below[joint] if child not in left_out]))


def find_root(body: RestBody) -> int:
    """The joint that carries the body: by its name, else the first at which the tree that moves the surface forks."""
    for word in _ROOTS:
        for joint, parsed in body.parsed.items():
            if parsed.side == "middle" and parsed.word == word:
                return joint
    # A joint with the whole surface below one of its children only passes on what moves it.
    joint = next(iter(body.parsed))
    while True:
        children = [child for child in body.below[joint] if body.parents[child] == joint]
        shares = {child: len(body.held(child)) / len(body.vertices) for child in children}
        heaviest = max(shares, key=lambda child: shares[child], default=joint)
        if shares.get(heaviest, 0.0) < _WHOLE:
            return joint
        joint = heaviest
