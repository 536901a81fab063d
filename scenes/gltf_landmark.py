"""Keypoints of a rig by the names of its joints: which joint is an elbow, and where the nose is.

A joint's name is taken apart into side, words and first number, so that "b_LeftForeArm_010", "mixamorig:LeftForeArm"
and "forearm.L" are all the left "forearm". Rigs of one school then share one table; of the tables, the one that
recognises most is used. What no joint marks but a shape does (nose, tip of the tail, top of the head) is the outermost
vertex of the joint that carries it. Names that are not recognised are left out.
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

_FRONT_LEG = ("front_shoulder", "front_elbow", "front_paw")
_HIND_LEG = ("back_hip", "back_knee", "back_paw")
_ARM = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")


@dataclass(frozen=True)
class _School:
    """How one school of riggers names joints; a number is written after a word where it matters."""

    pairs: dict[str, tuple[str, ...]]
    """Keypoint without its side -> words of the joint, the likeliest first."""
    middle: dict[str, tuple[str, ...]]
    biped: bool = False
    """Of those that stand upright the top of the head is marked too."""


def _limbs(names: tuple[str, ...], *joints: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(joint.split("|")) for name, joint in zip(names, joints, strict=True)}


_HEAD = ("head",)
_TAIL = {"tail_base": ("tail1", "tail")}
_SCHOOLS = {
    "Khronos Fox": _School(
        _limbs(_FRONT_LEG, "upperarm", "forearm", "hand") | _limbs(_HIND_LEG, "leg1", "leg2", "foot2"),
        {"neck": ("neck",), "head": _HEAD, **_TAIL},
    ),
    "Quaternius animals": _School(
        _limbs(_FRONT_LEG, "frontupperleg", "frontlowerleg", "ff|ikfrontleg")
        | _limbs(_HIND_LEG, "backleg", "backupperleg", "ffb|ikbackleg")
        | {"ear": ("ear4", "ear3", "ear2", "ear")},
        {"neck": ("neck1", "neck"), "head": _HEAD, **_TAIL},
    ),
    "zoetrope quadruped": _School(
        _limbs(_FRONT_LEG, "shoulder", "elbow", "frontpaw") | _limbs(_HIND_LEG, "hip", "knee", "backpaw"),
        {"neck": ("neck",), "head": ("head",), **_TAIL},
    ),
    "Rigify quadruped": _School(
        _limbs(_FRONT_LEG, "frontthigh", "frontshin", "fronttoe|frontfoot")
        | _limbs(_HIND_LEG, "thigh", "shin", "toe|foot")
        | {"ear": ("ear",)},
        {"neck": ("neck",), "head": _HEAD, **_TAIL},
    ),
    "rigid parts": _School(
        {"front_shoulder": ("legfront", "frontleg"), "back_hip": ("legback", "backleg")},
        {"neck": ("neck",), "head": _HEAD, **_TAIL},
    ),
    "Mesh2Motion bird": _School(
        _limbs(("wing_shoulder", "wing_tip"), "wing1", "wingtip") | _limbs(_HIND_LEG, "upperleg", "lowerleg", "foot"),
        {"neck": ("spine3",), "head": _HEAD, "nose": ("mouthuppertip",), **_TAIL},
    ),
    "Mixamo": _School(
        _limbs(_ARM, "arm", "forearm", "hand") | _limbs(_LEG, "upleg", "leg", "foot"),
        {"neck": ("neck",), "head": _HEAD},
        biped=True,
    ),
    "VRM, Quaternius people": _School(
        _limbs(_ARM, "upperarm", "lowerarm", "hand") | _limbs(_LEG, "upperleg", "lowerleg", "foot"),
        {"neck": ("neck",), "head": _HEAD},
        biped=True,
    ),
    "Unreal, Mesh2Motion, 3ds Max biped": _School(
        _limbs(_ARM, "upperarm", "lowerarm|forearm", "hand") | _limbs(_LEG, "thigh", "calf", "foot"),
        {"neck": ("neck",), "head": _HEAD},
        biped=True,
    ),
    "Rigify human": _School(
        _limbs(_ARM, "upperarm", "forearm", "hand") | _limbs(_LEG, "thigh", "shin", "foot"),
        {"neck": ("neck", "spine4"), "head": ("head", "spine6")},
        biped=True,
    ),
}

_BESIDE_THE_FACE = ("ear", "antler", "horn", "hair", "hat")
"""What hangs on a head but is not its nose or its top."""
_FACE = 0.45
"""The nose's greatest height between the neck's joint and the top of the head."""
_MIDDLE = ("nose", "head_top", "neck", "tail_base", "tail_tip")
"""Keypoints without sides, in their order; the others follow as their table has them."""
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


@dataclass(frozen=True)
class Landmark:
    """A keypoint on a body: a joint, or a vertex of the surface."""

    name: str
    kind: Literal["joint", "vertex"]
    index: int
    """A node of the file, or a row of the mesh's vertices."""


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

    def outermost(self, name: str, held: Int[np.ndarray, " H"], along: Float[np.ndarray, " V"]) -> list[Landmark]:
        """The vertex of `held` that is farthest `along`; none of none."""
        return [Landmark(name, "vertex", int(held[along[held].argmax()]))] if len(held) else []


def find_landmarks(body: RestBody) -> tuple[Landmark, ...]:
    """Keypoints in AP-10K's manner of the joints whose names are recognised."""
    best: dict[str, int] = {}
    biped = False
    aside, up, ahead = np.abs(body.vertices[:, 0]), body.vertices[:, 1], body.vertices[:, 2]
    for school in _SCHOOLS.values():
        found = _recognised(body.parsed, school)
        if len(found) > len(best):
            best, biped = found, school.biped
    marks = [Landmark(name, "joint", joint) for name, joint in best.items() if name != "head"]
    if "head" in best:
        held = body.held(best["head"], without=_BESIDE_THE_FACE)
        if biped and len(held):
            marks += body.outermost("head_top", held, up - aside)
            # A fringe or the brim of a hat stands out farther than a nose, but above it.
            bottom = float(body.places[best.get("neck", best["head"])][1])
            held = held[up[held] < bottom + _FACE * (up[held].max() - bottom)]
        if "nose" not in best:
            marks += body.outermost("nose", held, ahead - aside)
    # What hangs in front of a body by the name of a tail is a trunk.
    if "tail_base" in best and body.places[best["tail_base"]][2] > 0:
        marks = [mark for mark in marks if mark.name != "tail_base"]
    elif "tail_base" in best:
        away = np.linalg.norm(body.vertices - body.places[best["tail_base"]], axis=1)
        marks += body.outermost("tail_tip", body.held(best["tail_base"]), away)
    order = {name: place for place, name in enumerate(_MIDDLE)}
    return tuple(sorted(marks, key=lambda mark: order.get(mark.name, len(order))))


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


def _recognised(parsed: Mapping[int, JointName], school: _School) -> dict[str, int]:
    """Keypoints that a table finds, each at the first joint that fits its likeliest name."""
    wanted: list[tuple[str, Side, tuple[str, ...]]] = []
    for name, words in school.middle.items():
        wanted.append((name, "middle", words))
    for name, words in school.pairs.items():
        wanted.append((f"left_{name}", "left", words))
        wanted.append((f"right_{name}", "right", words))
    found = {}
    for name, side, words in wanted:
        fitting = (j for word in words for j, joint in parsed.items() if joint.side == side and joint.matches(word))
        joint = next(fitting, None)
        if joint is not None:
            found[name] = joint
    return found
