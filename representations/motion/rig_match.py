"""Which nodes of a foreign rig our bones correspond to.

Anchors are found by name (taken apart by `joint_name`): the tops of limbs, elbows and knees, wrists and ankles, the
balls of feet, pelvis, neck and head, the root of a tail. Rigs of one school name a limb alike and share one table; of
the tables the one that recognises most is used. Between two anchors our joints are laid along the rig's chain by arc
length at rest, since rigs have other numbers of bones, a neck of four is ours of one; joint by joint where there are as
many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.joint_name import Side, joint_name
from ..body.skeleton import Skeleton
from ..rig_name import listed, rig_joint_names
from ..rotation import conjugate, multiply
from .rig_motion import RigMotion

_Slots = dict[str, str]
"""Part of a limb -> words of the joint that it starts with, the likeliest first, with a number where it counts."""

_ORDER = ("top", "middle", "lower", "foot")
_FINGERS = "frontpaw|paw|finger0|fingerbase|fingers|middle1|middle|toe0|toes|toe|ball"
_FORE: tuple[_Slots, ...] = (
    {
        "top": "upperarm|uparm|humerus",
        "middle": "forearm|lowerarm|lowarm|radius",
        "lower": "wrist|hand",
        "foot": _FINGERS,
    },
    {"top": "arm", "middle": "forearm|lowerarm|elbow", "lower": "hand|wrist", "foot": f"handmiddle1|{_FINGERS}"},
    {"top": "shldr|shoulder", "middle": "forearm", "lower": "hand", "foot": _FINGERS},
    {"top": "shoulder", "middle": "elbow", "lower": "wrist", "foot": "frontpaw|hand|paw"},
    {"top": "frontupperleg", "middle": "frontlowerleg", "foot": "frontlowerlegend", "sole": "ff|ikfrontleg"},
    {"top": "frontthigh", "middle": "frontshin", "lower": "frontfoot", "foot": "fronttoe"},
    {f: f"frontleg{k}|foreleg{k}" for k, f in enumerate(_ORDER, start=1)},
    {"top": "wingupper", "middle": "winglower", "lower": "wingtip"},
    {"top": "wing1", "end": "wingtip"},
)
_HIND: tuple[_Slots, ...] = (
    {"top": "thigh|femur|upperleg|upleg", "middle": "calf|shin|tibia|lowerleg|lowleg|leg", "lower": "ankle|foot",
     "foot": "toe0|toebase|toes|toe|ball"},
    {"top": "thigh|upperleg", "middle": "calf|lowerleg", "lower": "horselink|ankleleg", "foot": "foot",
     "sole": "toe0|toes|foot"},
    {"top": "hip", "middle": "knee", "lower": "hock|ankle", "foot": "backpaw|hindpaw|toe|foot"},
    {"top": "leg1", "middle": "leg2", "lower": "foot1", "foot": "foot2"},
    {"top": "backleg", "middle": "backupperleg", "lower": "backlowerleg", "foot": "backlowerlegend",
     "sole": "ffb|ikbackleg"},
    {f: f"backleg{k}|hindleg{k}|rearleg{k}" for k, f in enumerate(_ORDER, start=1)},
)  # fmt: skip
_ROOTS = ("hips", "hip", "pelvis", "body", "cog", "root")
_ENDS = ("end", "endsite", "leaf", "tip", "nub", "site")
"""How names of nodes end that only say where a bone does."""
_STILL = math.cos(math.radians(1.0) / 2)
"""Real part of a turn by one degree, less than which is no motion."""
_FEWEST = 4
"""Fewer bones than these make no motion."""


@dataclass(frozen=True)
class Spot:
    """A point of a rig that moves with it: on the way from one node to another."""

    node: int
    towards: int
    share: float

    def of(self, places: Float[Tensor, "*T N 3"]) -> Float[Tensor, "*T 3"]:
        """Where it is, given where the nodes are."""
        return torch.lerp(places[..., self.node, :], places[..., self.towards, :], self.share)


@dataclass(frozen=True)
class BoneMatch:
    """What one of our bones takes from a rig."""

    turner: int
    """The node whose turns since rest it takes."""
    chord: tuple[Spot, Spot] | None = None
    """Where its joint and its tip lie on the rig; None where only the turns are taken."""
    as_parent: bool = False
    """Whether a bone without chord rests in the rig's rest pose as its parent's does there, not as in our own."""


@dataclass(frozen=True)
class LegMatch:
    """One of our legs and the rig's."""

    joints: tuple[int, int]
    """Our joint at its top, and the one where its foot begins."""
    path: tuple[int, ...]
    """The rig's nodes between the same two."""


@dataclass(frozen=True)
class RigMatch:
    """How our skeleton lies in a rig."""

    bones: dict[int, BoneMatch]
    """Our joint -> what it takes; a joint that isn't named follows its parent."""
    legs: tuple[LegMatch, ...]


def match(motion: RigMotion, skeleton: Skeleton) -> RigMatch:
    """The bones of `skeleton` that a rig has too.

    Raises ValueError where hardly any joint's name is recognised.
    """
    matcher = _Matcher(_Rig(motion.names, motion.parents, motion.rest), skeleton)
    found = RigMatch(matcher.bones, tuple(matcher.legs))
    if sum(bone.chord is not None for bone in found.bones.values()) < _FEWEST:
        shown = ", ".join(motion.names[:12])
        raise ValueError(
            f"{motion.name}: too few of its {len(motion.names)} joints have names that are known ({shown}, ...); name "
            "them as VRM or Mixamo do, such as LeftUpperLeg, LeftLowerLeg, LeftFoot"
        )
    return found


def unmatched_notes(motion: RigMotion, skeleton: Skeleton, matched: RigMatch) -> list[str]:
    """What of the rig's motion is lost on the skeleton, and which joints of that stand still; none or one line each."""
    rig = _Rig(motion.names, motion.parents, motion.rest)
    used = {bone.turner for bone in matched.bones.values()} | {node for leg in matched.legs for node in leg.path}
    for bone in matched.bones.values():
        if bone.chord is not None:
            used.update(rig.path(bone.chord[0].node, bone.chord[1].towards))
    # What carries the pelvis has its share in where that is.
    used.update(rig.above(matched.bones[0].turner) if 0 in matched.bones else ())
    lost = [node for node in rig.order if node not in used and not rig.is_end(node) and _moves(motion, node)]
    still = [name for joint, name in enumerate(skeleton.names) if joint not in matched.bones]
    notes = []
    if lost:
        notes.append(f"joints of the file that move nothing here: {listed([motion.names[node] for node in lost])}")
    if still:
        notes.append(f"joints that the file does not move, which follow what they hang on: {listed(still)}")
    return notes


def _moves(motion: RigMotion, node: int) -> bool:
    """Whether a node is ever turned against its parent, since rest."""
    parent, turns = motion.parents[node], motion.turns[:, node]
    if parent >= 0:
        turns = multiply(conjugate(motion.turns[:, parent]), turns)
    return bool((turns[:, 0].abs() < _STILL).any())


class _Rig:
    """A rig's tree at rest, with names taken apart."""

    def __init__(self, names: Sequence[str], parents: Sequence[int], rest: Tensor) -> None:
        self.names = rig_joint_names(names)
        self.parents = parents
        self.rest = rest

    @cached_property
    def children(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.names]
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                found[parent].append(node)
        return found

    @cached_property
    def order(self) -> list[int]:
        """Parents before children."""
        found = [node for node, parent in enumerate(self.parents) if parent < 0]
        for node in found:  # grows while it is walked
            found += self.children[node]
        return found

    def find(self, side: Side, words: str, below: int | None = None) -> int | None:
        """The first node of a side with the likeliest of some words, and `below` a node where that is given."""
        for word in words.split("|"):
            for node in self.order:
                fits = self.names[node].side == side and self.names[node].matches(word)
                if fits and (below is None or below in self.above(node)):
                    return node
        return None

    def first(self, side: Side, begins: str) -> int | None:
        """The uppermost node of a side whose word begins so."""
        found = (n for n in self.order if self.names[n].side == side and self.names[n].word.startswith(begins))
        return next(found, None)

    def above(self, node: int) -> list[int]:
        """A node and all its ancestors, upward."""
        found = [node]
        while self.parents[found[-1]] >= 0:
            found.append(self.parents[found[-1]])
        return found

    def path(self, start: int, end: int) -> list[int]:
        """Nodes from one to another: down the tree, or straight where that isn't the way."""
        up = self.above(end)
        if start in up:
            return up[: up.index(start) + 1][::-1]
        return [start, end]

    def joining(self, nodes: Sequence[int]) -> int | None:
        """The lowest node that all of some hang on."""
        shared = [node for node in self.above(nodes[0]) if all(node in self.above(other) for other in nodes)]
        return shared[0] if shared else None

    def is_end(self, node: int) -> bool:
        return not self.children[node] and self.names[node].word.endswith(_ENDS)

    def onward(self, node: int) -> int | None:
        """The child at which a hand or an ear's bone points."""
        fit = [child for child in self.children[node] if "thumb" not in self.names[child].word]
        middle = [child for child in fit if "middle" in self.names[child].word]
        away = {child: float((self.rest[child] - self.rest[node]).norm()) for child in middle or fit}
        return max(away, key=lambda child: away[child], default=None)

    def lengths(self, path: Sequence[int]) -> Tensor:
        """Way along a path to each of its nodes."""
        return _way(self.rest[list(path)])


class _Matcher:
    """Finds limb after limb."""

    def __init__(self, rig: _Rig, skeleton: Skeleton) -> None:
        self.rig, self.skeleton = rig, skeleton
        self.bones: dict[int, BoneMatch] = {}
        self.legs: list[LegMatch] = []
        tops = [slots["top"] for side in ("left", "right") if "top" in (slots := self.slots(side, _HIND))]
        joined = rig.joining(tops) if len(tops) == 2 else None
        # A rig's root by name may lie on the ground; what both legs hang on is the pelvis.
        self.pelvis = (
            joined
            if joined is not None
            else next((node for word in _ROOTS if (node := rig.find("middle", word)) is not None), None)
        )
        self.trunk()
        self.tail()
        for side in ("left", "right"):
            self.limbs(side)
        self.alike()

    def slots(self, side: Side, tables: Sequence[_Slots]) -> dict[str, int]:
        """The limb's nodes by the table that recognises most."""
        best: dict[str, int] = {}
        for table in tables:
            found: dict[str, int] = {}
            for slot, words in table.items():
                # What only a foot's turns are taken from may be a control that hangs elsewhere.
                node = self.rig.find(side, words, below=None if slot == "sole" else found.get("top"))
                if node is None and slot == "top":
                    break
                # Where words of two parts fit one node, the upper part has it.
                if node is not None and (slot == "sole" or node not in found.values()):
                    found[slot] = node
            if len(found) > max(len(best), 1):
                best = found
        return best

    def trunk(self) -> None:
        rig, joints = self.rig, self.present("hips", "spine", "chest", "neck", "head")
        if self.pelvis is None:
            return
        anchors = {"hips": self.pelvis, "neck": rig.first("middle", "neck"), "head": rig.find("middle", "head")}
        if anchors["neck"] is None:
            anchors["neck"] = rig.find("middle", "lowerneck")
        below = {name: node for name, node in anchors.items() if node is not None}
        pairs = [(k, below[name]) for k, joint in enumerate(joints) if (name := self.skeleton.names[joint]) in below]
        self.lay(joints, pairs)
        # Where a pelvis has its joint and what a head looks along differ from rig to rig; their turns do not.
        for name in ("hips", "head"):
            if name in below and name in self.skeleton.names:
                self.bones[self.skeleton.index(name)] = BoneMatch(below[name])

    def tail(self) -> None:
        joints = self.present("tail", "tail_1", "tail_2", "tail_3")
        top = self.rig.first("middle", "tail")
        if not joints or top is None:
            return
        path = [top]
        while (below := self.rig.onward(path[-1])) is not None:
            path.append(below)
        if len(path) > 1:
            last = len(joints) if self.rig.is_end(path[-1]) or len(joints) == 1 else len(joints) - 1
            self.lay(joints, [(0, top), (last, path[-1])])
        self.close(joints, path[-1])

    def limbs(self, side: Side) -> None:
        plan = self.skeleton.plan
        if plan == "quadruped":
            fore = self.parts(side, "{}_shoulder", "{}_elbow", "{}_wrist", "{}_front_paw")
            hind = self.parts(side, "{}_hip", "{}_knee", "{}_hock", "{}_back_paw")
        elif plan == "biped":
            fore = self.parts(side, "{}UpperArm", "{}LowerArm", "{}Hand")
            hind = self.parts(side, "{}UpperLeg", "{}LowerLeg", "{}Foot")
        else:
            fore = self.parts(side, "{}_wing_upper", "{}_wing_lower", "{}_wing_tip")
            hind = self.parts(side, "{}_upper_leg", "{}_lower_leg", "", "{}_foot")
        self.limb(fore, self.slots(side, _FORE), foot=plan == "quadruped")
        self.limb(hind, self.slots(side, _HIND), foot=True)
        self.girdle(side)
        ear = self.rig.first(side, "ear")
        if ear is not None:
            for joint in self.present(f"{side}_ear"):
                self.bones[joint] = BoneMatch(ear)

    def girdle(self, side: Side) -> None:
        """Collar bones turn with the rig's; where that has its joints is its own affair."""
        top = self.slots(side, _FORE).get("top", -1)
        parent = self.rig.parents[top] if top >= 0 else -1
        if parent >= 0 and self.rig.names[parent].side == side:
            for joint in self.present(f"{side}Shoulder"):
                self.bones[joint] = BoneMatch(parent)

    def limb(self, parts: dict[str, int], slots: dict[str, int], *, foot: bool) -> None:
        """Lays a limb. `foot`: its last bone stands on the ground as it does at rest, wherever the rig's points."""
        theirs = [slots[slot] for slot in _ORDER if slot in slots]
        if not theirs or not parts:
            return
        joints, kinds = list(parts.values()), list(parts)
        last = len(joints) - 1
        anchors = [(k, slots[kind]) for k, kind in enumerate(kinds) if kind in slots]
        if kinds[-1] not in slots and len(theirs) > 1:
            # Rigs that have no ball of the foot end in what they call a hand or a foot.
            anchors = [(k, node) for k, node in anchors if node != theirs[-1]] + [(last, theirs[-1])]
        if not foot and anchors:
            # A hand points where the rig's fingers begin; a wing ends in its tip.
            after = theirs.index(anchors[-1][1]) + 1
            end = slots.get("end", theirs[after] if after < len(theirs) else self.rig.onward(anchors[-1][1]))
            anchors += [] if end is None else [(last + 1, end)]
        self.lay(joints, anchors)
        at = dict(anchors)
        if foot and last in at:
            sole = slots.get("sole", at[last]) if kinds[-1] == "foot" else at[last]
            self.bones[joints[last]] = BoneMatch(sole)
        elif last in at:
            self.close(joints, at[last])
        if foot and 0 in at and last in at:
            nodes = [at[k] for k in sorted(at) if k <= last]
            path = [nodes[0], *(node for a, b in pairwise(nodes) for node in self.rig.path(a, b)[1:])]
            self.legs.append(LegMatch((joints[0], joints[last]), tuple(path)))

    def alike(self) -> None:
        """What is left, such as a muzzle, goes with a node of the same name."""
        for joint, name in enumerate(self.skeleton.names):
            node = next((n for n in self.rig.order if self.rig.names[n] == joint_name(name)), None)
            if joint not in self.bones and node is not None:
                self.bones[joint] = BoneMatch(node, as_parent=True)

    def close(self, joints: list[int], node: int) -> None:
        """The last bone of a chain that the rig ends before it does: it goes on as the one above."""
        self.bones.setdefault(joints[-1], BoneMatch(node, as_parent=True))

    def lay(self, joints: list[int], anchors: list[tuple[int, int]]) -> None:
        """Chords of bones between anchors, which are pairs of a place in `joints`, its end for the tip, and a node."""
        points = torch.cat([self.skeleton.joints[joints], self.skeleton.tips[joints[-1:]]]).to(self.rig.rest)
        for (first, start), (last, end) in pairwise(anchors):
            path = self.rig.path(start, end)
            ours, theirs = _way(points[first : last + 1]), self.rig.lengths(path)
            if len(ours) == len(theirs):
                # As many joints as ours: each is one of ours, wherever it lies.
                ours = theirs
            if float(theirs[-1]) <= 0 or float(ours[-1]) <= 0:
                continue
            shares, steps = (ours / ours[-1]).tolist(), (theirs / theirs[-1]).tolist()
            for k in range(last - first):
                ends = (_spot(path, steps, shares[k]), _spot(path, steps, shares[k + 1]))
                turner = _spot(path, steps, 0.5 * (shares[k] + shares[k + 1])).node
                self.bones[joints[first + k]] = BoneMatch(turner, ends)

    def present(self, *names: str) -> list[int]:
        return [self.skeleton.index(name) for name in names if name in self.skeleton.names]

    def parts(self, side: str, *names: str) -> dict[str, int]:
        """Slot -> our joint, of those that there are."""
        named = {slot: name.format(side) for slot, name in zip(_ORDER, names, strict=False)}
        return {slot: self.skeleton.index(name) for slot, name in named.items() if name in self.skeleton.names}


def _way(points: Tensor) -> Tensor:
    steps = points.diff(dim=0).norm(dim=-1)
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])


def _spot(path: Sequence[int], steps: Sequence[float], share: float) -> Spot:
    """The point at a share of the way along a path whose nodes lie at `steps` of it."""
    after = next((k for k in range(1, len(steps)) if steps[k] > share), len(steps) - 1)
    length = steps[after] - steps[after - 1]
    within = (share - steps[after - 1]) / length if length > 0 else 1.0
    return Spot(path[after - 1], path[after], min(max(within, 0.0), 1.0))
