"""Keypoints of a rig by the names of its joints: which joint is an elbow, and where the nose is.

Rigs of one school name their joints alike (taken apart by `joint_name`) and share one table; of the tables, the one
that recognises most is used. What no joint marks but a shape does (nose, tip of the tail, top of the head) is the
outermost vertex of the joint that carries it. Names that are not recognised are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from ...representations.body.joint_name import JointName, Side
from .joint import RestBody

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


@dataclass(frozen=True)
class Landmark:
    """A keypoint on a body: a joint, or a vertex of the surface."""

    name: str
    kind: Literal["joint", "vertex"]
    index: int
    """A node of the file, or a row of the mesh's vertices."""


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
            marks += _outermost("head_top", held, up - aside)
            # A fringe or the brim of a hat stands out farther than a nose, but above it.
            bottom = float(body.places[best.get("neck", best["head"])][1])
            held = held[up[held] < bottom + _FACE * (up[held].max() - bottom)]
        if "nose" not in best:
            marks += _outermost("nose", held, ahead - aside)
    # What hangs in front of a body by the name of a tail is a trunk.
    if "tail_base" in best and body.places[best["tail_base"]][2] > 0:
        marks = [mark for mark in marks if mark.name != "tail_base"]
    elif "tail_base" in best:
        away = np.linalg.norm(body.vertices - body.places[best["tail_base"]], axis=1)
        marks += _outermost("tail_tip", body.held(best["tail_base"]), away)
    order = {name: place for place, name in enumerate(_MIDDLE)}
    return tuple(sorted(marks, key=lambda mark: order.get(mark.name, len(order))))


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


def _outermost(name: str, held: Int[np.ndarray, " H"], along: Float[np.ndarray, " V"]) -> list[Landmark]:
    """The vertex of `held` that is farthest `along`; none of none."""
    return [Landmark(name, "vertex", int(held[along[held].argmax()]))] if len(held) else []
