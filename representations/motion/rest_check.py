"""Whether the pose in which a rig's file rests is that of a standing body, in all its parts.

Legs hang, a trunk lies as ours does, left is at the left: told by places. Besides, over a whole clip no head looks
backward on the mean, no hand is twisted by 110 degrees against its forearm: where turns since rest say so, the part
rests otherwise than a body's does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import conjugate, multiply, vector_from_quaternion
from .body_frame import BodyFrame, angle_deg, body_frame, mean_rotation, trunk_joint, unit
from .rig_match import RigMatch, Spot
from .rig_motion import RigMotion

_LIMB_DEG = 60.0
"""Most by which legs as a whole and the trunk may rest off ours."""
_BONE_DEG = 85.0
"""And a single bone of a leg or an arm: T-poses are 45 off ours, and those whose arms hang as much."""
_FOOT_DEG = 65.0
"""And a foot."""
_CLOSE = 0.02
"""Joints of two sides that are nearer than that, in sizes of the rig, tell no left."""
_TURN_DEG = 75.0
"""Most by which pelvis, chest, head, collar bones and feet may be turned on the mean of a clip."""
_TWIST_DEG = 110.0
"""Most by which a bone of a limb may be twisted against the one above, on the mean of a clip."""


@dataclass(frozen=True)
class Doubts:
    """What does not rest as a standing body's does."""

    body: str
    """Why the rest pose as a whole is none; empty where it is one."""
    parts: dict[int, str]
    """The node where a part begins that rests otherwise -> why."""


def doubts(motion: RigMotion, skeleton: Skeleton, matched: RigMatch) -> Doubts:
    """Told by the rest pose and the clip; nothing is doubted of which there is nothing to tell."""
    checked = _Check(motion, skeleton, matched)
    body = checked.places() or checked.trunk()
    return Doubts(body, {} if body else checked.parts())


class _Check:
    def __init__(self, motion: RigMotion, skeleton: Skeleton, matched: RigMatch) -> None:
        self.rig, self.skeleton, self.matched = motion, skeleton, matched
        self.frame: BodyFrame | None = body_frame(motion, skeleton, matched)

    def places(self) -> str:
        """What is wrong with where joints rest."""
        rest, skeleton, names = self.rig.rest, self.skeleton, self.rig.names
        for leg in self.matched.legs:
            ours = skeleton.joints[leg.joints[1]] - skeleton.joints[leg.joints[0]]
            if self.off(rest[leg.path[-1]] - rest[leg.path[0]], ours) > _LIMB_DEG:
                return f"{names[leg.path[-1]]} is not below {names[leg.path[0]]}"
            joint = leg.joints[1]
            while (joint := skeleton.parents[joint]) >= 0 and skeleton.mirror[joint] != joint:
                if self.bone_off(joint) > _BONE_DEG:
                    return f"{names[self.matched.bones[joint].turner]} points elsewhere than a leg does"
        top = trunk_joint(skeleton, self.matched)
        if top is not None and 0 in self.matched.bones:
            chord, pelvis = self.chord(top), self.matched.bones[0].turner
            assert chord is not None
            if _off_sagittal_deg(chord[1].of(rest) - rest[pelvis]) > _LIMB_DEG:
                return f"the trunk does not go on from {names[pelvis]} as a body's does"
        for joint, other in enumerate(skeleton.mirror):
            chords = [self.chord(one) for one in (joint, other)]
            if joint == other or not skeleton.names[joint].startswith("left") or chords[0] is None or chords[1] is None:
                continue
            apart = chords[0][0].of(rest) - chords[1][0].of(rest)
            if float(apart.norm()) > _CLOSE and self.off(apart, rest.new_tensor([1.0, 0.0, 0.0])) > _TURN_DEG:
                return f"{names[chords[0][0].node]} is not at the left of {names[chords[1][0].node]}"
        return ""

    def trunk(self) -> str:
        """Whether pelvis and chest are turned elsewhere while the body stands."""
        frame = self.frame
        if frame is None or not frame.stands:
            return ""
        for name in ("hips", "chest"):
            bone = self.bone(name)
            if bone is not None:
                node = self.matched.bones[bone].turner
                seen = multiply(conjugate(frame.turns), self.rig.turns[:, node])
                if _size_deg(mean_rotation(seen, frame.weight)) > _TURN_DEG:
                    return f"{self.rig.names[node]} is turned elsewhere than the body heads"
        return ""

    def parts(self) -> dict[int, str]:
        """Parts of a body that else rests as it should."""
        found: dict[int, str] = {}
        top = trunk_joint(self.skeleton, self.matched)
        # A horse on a person's skeleton: its feet and arms rest as they should, though not as ours do.
        if top is not None and self.bone_off(top) > _LIMB_DEG:
            return found
        for joint, bone in sorted(self.matched.bones.items()):
            name, parent = self.skeleton.names[joint], self.skeleton.parents[joint]
            sided, node = self.skeleton.mirror[joint] != joint, bone.turner
            above = self.matched.bones.get(parent)
            if above is None or above.turner == node:
                continue
            turn = self.mean_turn(above.turner, node)
            if bone.chord is not None and sided:
                arm = name.endswith(("UpperArm", "LowerArm"))
                if arm and self.bone_off(joint) > _BONE_DEG:
                    found[node] = "points elsewhere than an arm does"
                elif name.endswith("Hand") and self.bent_off(parent, joint) > _TURN_DEG:
                    found[node] = "points elsewhere than its forearm does"
                elif self.twist_deg(turn, joint) > _TWIST_DEG:
                    found[node] = "is twisted against the bone above in the whole clip"
            elif name.endswith("Foot"):
                tip = self.farthest(node)
                ours = self.skeleton.tips[joint] - self.skeleton.joints[joint]
                if tip is not None and self.off(self.rig.rest[tip] - self.rig.rest[node], ours) > _FOOT_DEG:
                    found[node] = "points elsewhere than a foot does"
                elif _size_deg(turn) > _TURN_DEG:
                    found[node] = "is turned against its shin in the whole clip"
            elif (name == "head" or name.endswith("Shoulder")) and _size_deg(turn) > _TURN_DEG:
                found[node] = "is turned against the chest in the whole clip"
        return found

    def off(self, way: Float[Tensor, " 3"], ours: Float[Tensor, " 3"]) -> float:
        """Angle in degrees, 0 where the rig's has no length."""
        return float(angle_deg(way, ours.to(way))) if float(way.norm()) > 1e-6 else 0.0

    def chord(self, joint: int) -> tuple[Spot, Spot] | None:
        bone = self.matched.bones.get(joint)
        return None if bone is None else bone.chord

    def way(self, joint: int) -> Float[Tensor, " 3"]:
        """The rig's bone at rest that ours lies along; no length where there is none."""
        chord = self.chord(joint)
        return self.rig.rest.new_zeros(3) if chord is None else chord[1].of(self.rig.rest) - chord[0].of(self.rig.rest)

    def bone_off(self, joint: int) -> float:
        """Between a bone of ours and the rig's, at rest."""
        return self.off(self.way(joint), self.skeleton.tips[joint] - self.skeleton.joints[joint])

    def bent_off(self, above: int, joint: int) -> float:
        """Between two bones of the rig, at rest."""
        ways = self.way(above), self.way(joint)
        return self.off(*ways) if float(ways[1].norm()) > 1e-6 else 0.0

    def bone(self, name: str) -> int | None:
        joint = self.skeleton.names.index(name) if name in self.skeleton.names else -1
        return joint if joint in self.matched.bones else None

    def mean_turn(self, above: int, node: int) -> Float[Tensor, " 4"]:
        """Of a node against another since rest, on the mean."""
        turns = multiply(conjugate(self.rig.turns[:, above]), self.rig.turns[:, node])
        return mean_rotation(turns, turns.new_full((len(turns),), 1 / len(turns)))

    def twist_deg(self, turn: Float[Tensor, " 4"], joint: int) -> float:
        """How much a turn is one about the rig's bone."""
        half = torch.atan2((turn[1:] * unit(self.way(joint))).sum().abs(), turn[0].abs())
        return float(torch.rad2deg(2 * half))

    def farthest(self, node: int) -> int | None:
        away = {
            child: float((self.rig.rest[child] - self.rig.rest[node]).norm())
            for child, parent in enumerate(self.rig.parents)
            if parent == node
        }
        return max(away, key=lambda child: away[child], default=None)


def _off_sagittal_deg(way: Float[Tensor, " 3"]) -> float:
    """Angle between a trunk and the nearest direction from up to ahead, in which trunks of all kinds lie."""
    nearest = way.clamp_min(0) * way.new_tensor([0.0, 1.0, 1.0])
    return float(angle_deg(way, nearest)) if float(nearest.norm()) > 0 else 180.0


def _size_deg(turn: Float[Tensor, " 4"]) -> float:
    return float(torch.rad2deg(vector_from_quaternion(turn).norm()))
