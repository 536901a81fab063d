"""A standing body as a rig's rest pose, where the pose in which a file rests is none.

Turns since rest mean something only if the rest pose is a body that stands. A BVH whose joints have axes of their own
(X along each bone) has a heap at zero: bones point the right way in every frame, but "unturned" is no posture. So the
rotation C_j that brings joint j's own axes to where they are in a standing body is sought, and turns and rest places
are counted from there: R_j = W_j C_j^-1, W_j(t) what the file says. What tells C_j:

* trunk and head: how they are on the mean while the body stands, seen along its heading; the hips, collar bones or ears
  of both sides tell the left; the top of a head is up, and the pelvis' bones have their say in how it is tilted;
* limbs: a bone lies along ours; about itself it is turned so that elbow and knee bend the way that they can. A limb
  that hardly bends is taken to be untwisted on the mean;
* hands: untwisted on the mean, against the forearm, or as fingers tell;
* feet: toes lie flat and point ahead;
* what remains is, on the mean, at rest in its parent.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rig_name import listed, rig_joint_names
from ..rotation import conjugate, multiply, quaternion_from_vector, rotate, shortest
from .body_frame import BodyFrame, angle_deg, body_frame, bringing, mean_rotation, swung_to, trunk_joint, unit
from .rest_check import Doubts, doubts
from .rig_match import BoneMatch, RigMatch
from .rig_motion import RigMotion

_BENDS: dict[str, float] = {
    "LowerArm": 1.0, "LowerLeg": -1.0,
    "elbow": 1.0, "knee": -1.0, "hock": 1.0,
    "wing_lower": 1.0, "wing_tip": -1.0, "lower_leg": -1.0,
}  # fmt: skip
"""Joint of ours -> whether its bone swings ahead (1) or back (-1) when the joint bends."""
_LEAST_BEND = 0.1
"""Mean sine of a joint's bending, and ..."""
_LEAST_AGREEMENT = 0.7
"""... share of it in one plane, from which on it tells how the bones are turned about themselves."""
_HEAD_DEG = 40.0
"""Most by which the top of a head may be off upright on the mean, and be its top."""
_TILT_DEG = 20.0
"""Most by which bones of the pelvis may be off its mean posture, and have a say."""
_ANKLE_DEG = 25.0
"""How far below level a person's ankle looks at its toe."""
_SOLE_DEG = (3.0, 60.0)
"""Between the bone of a foot and that of its toes, if these lie flat."""


def stand(motion: RigMotion, skeleton: Skeleton, matched: RigMatch) -> RigMotion:
    """The motion counted from a standing body: itself where its rest pose is one, else with a note what was found.

    Only parts that don't rest as a body's do are changed, hands or feet alone too. Places of joints stay as they are
    but for their scale.
    """
    found = doubts(motion, skeleton, matched)
    if not found.body and not found.parts:
        return motion
    frame = body_frame(motion, skeleton, matched)
    if found.body and frame is None:
        note = f"the rest pose is no standing body ({found.body}), and nothing tells how its joints are turned in one"
        return replace(motion, notes=(*motion.notes, f"{note}; heads, hands and feet may be turned"))
    return _Estimate(motion, skeleton, matched, found, frame).motion()


class _Estimate:
    """Goes through a rig's joints, parents first, and finds the rotation of each in a standing body."""

    def __init__(
        self, motion: RigMotion, skeleton: Skeleton, matched: RigMatch, found: Doubts, frame: BodyFrame | None
    ) -> None:
        self.rig, self.skeleton, self.matched, self.found, self.frame = motion, skeleton, matched, found, frame
        self.names = rig_joint_names(motion.names)
        self.untold: list[str] = []
        """Joints of which nothing tells how they are turned about themselves."""
        self.at: dict[int, Tensor] = {}
        """Node -> C above."""

    def motion(self) -> RigMotion:
        """The motion counted from the standing body."""
        for node in self.order:
            self.at[node] = self.identity if self.trusted(node) else self.rotation(node)
        stood = torch.stack([self.at[node] for node in range(len(self.rig.names))])
        turns = multiply(self.rig.turns, conjugate(stood).expand_as(self.rig.turns))
        rest = self.rig.rest.clone()
        for node in self.order:
            parent = self.rig.parents[node]
            if parent >= 0 and not (self.trusted(node) and self.trusted(parent)):
                rest[node] = rest[parent] + rotate(stood[parent], self.seen_from(parent, node))
        found = replace(self.rig, rest=rest, turns=turns, notes=(*self.rig.notes, *self.words()))
        if self.found.body:
            found = found.ahead(self.matched.bones[0].turner)
            rest = rest + self.away(found)
            size = float((rest.amax(0) - rest.amin(0)).amax())
            return replace(found, rest=rest / size, places=found.places / size)
        if self.feet.isdisjoint(self.found.parts):
            return found
        # A foot that rests otherwise is as high above the ground as it gets to be.
        return replace(found, rest=rest + self.away(found) * rest.new_tensor([0.0, 1.0, 0.0]))

    def words(self) -> list[str]:
        """What to tell the user."""
        how = "how each joint is turned in one was found from how the body stands in the clip"
        if not self.stands:
            how = "no frame of the clip stands either, so that trunk, head and feet may be tilted"
        words = [f"the rest pose is no standing body ({self.found.body}); {how}"]
        if not self.found.body:
            parts = [f"{self.rig.names[node]} ({why})" for node, why in self.found.parts.items()]
            words = [f"some joints don't rest as a body's do, their rest was found from the clip: {listed(parts)}"]
        if self.untold:
            words.append(
                f"nothing tells the twist of {listed(self.untold)}, which hardly bend; taken for none on the mean"
            )
        return words

    # What is known of the rig.

    @cached_property
    def order(self) -> list[int]:
        """Nodes, parents before children."""
        depth: list[int] = []
        for node in range(len(self.rig.parents)):
            up, steps = node, 0
            while (up := self.rig.parents[up]) >= 0:
                steps += 1
            depth.append(steps)
        return sorted(range(len(depth)), key=depth.__getitem__)

    @cached_property
    def identity(self) -> Tensor:
        return self.rig.turns.new_tensor([1.0, 0.0, 0.0, 0.0])

    @property
    def stands(self) -> bool:
        return self.frame is not None and self.frame.stands

    @cached_property
    def weight(self) -> Float[Tensor, " T"]:
        if self.found.body and self.frame is not None:
            return self.frame.weight
        count = len(self.rig.times)
        return self.rig.turns.new_full((count,), 1 / count)

    @cached_property
    def turner_of(self) -> dict[int, int]:
        """Node -> the uppermost joint of ours that takes its turns."""
        found: dict[int, int] = {}
        for joint in sorted(self.matched.bones):
            found.setdefault(self.matched.bones[joint].turner, joint)
        return found

    def trusted(self, node: int) -> bool:
        """Whether a node rests as it should: where the body does, all but what hangs on a doubtful part."""
        if self.found.body:
            return False
        while node >= 0:
            if node in self.found.parts:
                return False
            node = self.rig.parents[node]
        return True

    def seen_from(self, node: int, other: int) -> Float[Tensor, " 3"]:
        """Where another node is in a node's own axes, on the middle."""
        way = self.rig.places[:, other] - self.rig.places[:, node]
        return rotate(conjugate(self.rig.turns[:, node]), way).median(dim=0).values

    def local(self, node: int, way: Float[Tensor, "T 3"], *, standing: bool = True) -> Float[Tensor, " 3"]:
        """The mean of directions in a node's own axes."""
        seen = rotate(conjugate(self.rig.turns[:, node]), way)
        return (self.weight[:, None] * seen).sum(0) if standing else seen.mean(0)

    def turned(self, node: int) -> Float[Tensor, "T 4"]:
        """Turns of a node since the standing body; unturned above a root."""
        if node < 0:
            return self.identity.expand(len(self.rig.times), 4)
        return multiply(self.rig.turns[:, node], conjugate(self.at[node]).expand(len(self.rig.times), 4))

    def children(self, node: int) -> list[int]:
        return [child for child, parent in enumerate(self.rig.parents) if parent == node]

    def onward(self, node: int) -> int | None:
        """The child at which a bone points, if it has a length."""
        far = {
            child: float(self.seen_from(node, child).norm())
            for child in self.children(node)
            if "thumb" not in self.names[child].word
        }
        child = max(far, key=lambda one: far[one], default=None)
        return child if child is not None and far[child] > 1e-3 * self.size else None

    @cached_property
    def feet(self) -> set[int]:
        return {leg.path[-1] for leg in self.matched.legs}

    @cached_property
    def size(self) -> float:
        """A length to compare others with."""
        return float((self.rig.places[0].amax(0) - self.rig.places[0].amin(0)).amax())

    # The rotations.

    def rotation(self, node: int) -> Float[Tensor, " 4"]:
        """How a node is turned in a standing body."""
        joint = self.turner_of.get(node)
        if joint is None:
            return self.as_parent(node)
        bone, name = self.matched.bones[joint], self.skeleton.names[joint]
        sided = self.skeleton.mirror[joint] != joint
        if bone.chord is not None and sided:
            return self.limb_bone(node, joint, bone)
        if joint == 0:
            return self.pelvis(node)
        if sided and joint in {leg.joints[1] for leg in self.matched.legs}:
            return self.foot(node, joint)
        if name == "head":
            return self.head(node)
        if name in ("spine", "chest", "neck"):
            return self.squared(node, self.mean(node)) if self.found.body else self.as_parent(node)
        return self.as_parent(node)

    def mean(self, node: int) -> Float[Tensor, " 4"]:
        """How a node is turned while the body stands, on the mean, seen along its heading."""
        assert self.frame is not None
        return mean_rotation(multiply(conjugate(self.frame.turns), self.rig.turns[:, node]), self.weight)

    def as_parent(self, node: int) -> Float[Tensor, " 4"]:
        """At rest in its parent on the mean."""
        parent = self.rig.parents[node]
        if parent < 0:
            return self.mean(node) if self.found.body else self.identity
        return mean_rotation(multiply(conjugate(self.turned(parent)), self.rig.turns[:, node]), self.weight)

    def squared(self, node: int, turn: Float[Tensor, " 4"]) -> Float[Tensor, " 4"]:
        """With what it has at both sides, such as hips or ears, level at left and right."""
        sides: dict[tuple[str, int | None], dict[str, Tensor]] = {}
        below = [child for child in range(len(self.names)) if self.hangs_on(child, node)]
        for child in below:
            parsed = self.names[child]
            sides.setdefault((parsed.word, parsed.number), {}).setdefault(parsed.side, self.seen_from(node, child))
        left = sum((pair["left"] - pair["right"] for pair in sides.values() if {"left", "right"} <= set(pair)), start=0)
        if not isinstance(left, Tensor) or float(left.norm()) < 0.01 * self.size:
            return turn
        return swung_to(turn, left, left.new_tensor([1.0, 0.0, 0.0]))

    def hangs_on(self, child: int, node: int) -> bool:
        """Directly, or by joints that have no length."""
        parent = self.rig.parents[child]
        while parent >= 0 and parent != node and float(self.seen_from(self.rig.parents[parent], parent).norm()) < (
            1e-3 * self.size
        ):  # fmt: skip
            parent = self.rig.parents[parent]
        return parent == node

    def pelvis(self, node: int) -> Float[Tensor, " 4"]:
        turn = self.squared(node, self.mean(node))
        joint = trunk_joint(self.skeleton, self.matched)
        chord = None if joint is None else self.matched.bones[joint].chord
        if self.skeleton.plan != "biped" or len(self.matched.legs) < 2 or chord is None:
            return turn
        path = [chord[1].towards]
        while path[-1] >= 0 and path[-1] != node:
            path.append(self.rig.parents[path[-1]])
        ways = [self.seen_from(node, one) for one in reversed(path[:-1])] if path[-1] == node else []
        spine = next((way for way in ways if float(way.norm()) > 0.01 * self.size), None)
        if spine is None:
            return turn
        tops = torch.stack([self.seen_from(node, leg.path[0]) for leg in self.matched.legs]).mean(0)
        up = rotate(turn, spine - tops)
        tilt = math.atan2(float(up[2]), float(up[1]))
        # Of real people the spine lies behind the hips, so that bones alone are no measure.
        share = 1.0 if not self.stands else 0.5 if abs(tilt) < math.radians(_TILT_DEG) else 0.0
        back = quaternion_from_vector(turn.new_tensor([-share * tilt, 0.0, 0.0]))
        return multiply(back, turn)

    def head(self, node: int) -> Float[Tensor, " 4"]:
        turn = self.mean(node) if self.found.body else self.as_parent(node)
        top = self.onward(node)
        up = turn.new_tensor([0.0, 1.0, 0.0])
        if self.skeleton.plan == "biped" and top is not None and self.names[top].side == "middle":
            way = self.seen_from(node, top)
            if float(angle_deg(rotate(turn, way), up)) < _HEAD_DEG:
                turn = swung_to(turn, way, up)
        return self.squared(node, turn)

    def limb_bone(self, node: int, joint: int, bone: BoneMatch) -> Float[Tensor, " 4"]:
        ours = unit((self.skeleton.tips[joint] - self.skeleton.joints[joint]).to(self.identity))
        along = self.local(node, self.direction(joint), standing=False)
        palm = self.palm(node) if self.skeleton.names[joint].endswith("Hand") else None
        if palm is not None:
            ahead = ours.new_tensor([0.0, 0.0, 1.0])
            return bringing(along, palm, ours, ahead)
        hinges = [found for other in (joint, self.below(joint)) if (found := self.hinge(node, other)) is not None]
        if hinges:
            axis, wanted = (torch.stack(each).sum(0) for each in zip(*hinges, strict=True))
            return bringing(along, axis, ours, wanted)
        if self.below(joint) is not None or self.skeleton.names[joint].endswith(tuple(_BENDS)):
            self.untold.append(self.rig.names[node])
        return self.untwisted(node, along, ours)

    def untwisted(self, node: int, along: Tensor, ours: Tensor) -> Float[Tensor, " 4"]:
        """Not turned about its own bone against its parent on the mean; poses near to ours at rest count most."""
        seen = multiply(conjugate(self.turned(self.rig.parents[node])), self.rig.turns[:, node])
        now = rotate(seen, unit(along).expand(len(seen), 3))
        swung = shortest(ours.expand_as(now), now)
        return mean_rotation(multiply(conjugate(swung), seen), swung[:, 0].square() + 1e-9)

    def direction(self, joint: int) -> Float[Tensor, "T 3"]:
        chord = self.matched.bones[joint].chord
        assert chord is not None
        return unit(chord[1].of(self.rig.places) - chord[0].of(self.rig.places))

    def below(self, joint: int) -> int | None:
        """The next joint of a limb that bends one way only."""
        for child, parent in enumerate(self.skeleton.parents):
            if parent == joint and self.skeleton.names[child].endswith(tuple(_BENDS)):
                return child
        return None

    def hinge(self, node: int, joint: int | None) -> tuple[Tensor, Tensor] | None:
        """The axis about which a joint of ours bends: in a node's own axes, and where it is in our rest pose."""
        if joint is None:
            return None
        sign = next((sign for word, sign in _BENDS.items() if self.skeleton.names[joint].endswith(word)), None)
        above = self.skeleton.parents[joint]
        matched = [self.matched.bones.get(one) for one in (above, joint)]
        if sign is None or any(one is None or one.chord is None for one in matched):
            return None
        bend = torch.linalg.cross(self.direction(above), self.direction(joint))
        axis, most = self.local(node, bend, standing=False), float(bend.norm(dim=-1).mean())
        if most < _LEAST_BEND or float(axis.norm()) < _LEAST_AGREEMENT * most:
            return None
        ours = (self.skeleton.tips[above] - self.skeleton.joints[above]).to(axis)
        return sign * unit(axis), unit(torch.linalg.cross(ours, ours.new_tensor([0.0, 0.0, 1.0])))

    def palm(self, node: int) -> Float[Tensor, " 3"] | None:
        """From the little finger's side of a hand to that of the thumb."""
        places = {}
        for child in self.children(node):
            for word in ("thumb", "index", "middle", "ring", "pinky", "little"):
                if word in self.names[child].word:
                    places.setdefault(word, self.seen_from(node, child))
        near = next((places[word] for word in ("index", "thumb") if word in places), None)
        far = next((places[word] for word in ("pinky", "little", "ring", "middle") if word in places), None)
        return near - far if near is not None and far is not None and float((near - far).norm()) > 0 else None

    def foot(self, node: int, joint: int) -> Float[Tensor, " 4"]:
        toe = self.onward(node)
        shin = self.matched.bones.get(self.skeleton.parents[joint])
        if self.skeleton.plan != "biped" or toe is None or shin is None:
            return self.mean(node) if self.found.body and self.stands else self.as_parent(node)
        side = self.rig.turns.new_tensor([1.0, 0.0, 0.0])
        left = self.local(node, rotate(self.turned(shin.turner), side.expand(len(self.rig.times), 3)), standing=False)
        ankle, tip = self.seen_from(node, toe), self.onward(toe)
        level, drop = ankle, _ANKLE_DEG
        if tip is not None:
            sole = self.local(node, unit(self.rig.places[:, tip] - self.rig.places[:, toe]), standing=False)
            if _SOLE_DEG[0] < float(angle_deg(sole, ankle)) < _SOLE_DEG[1]:
                level, drop = sole, 0.0
        ahead = side.new_tensor([0.0, -math.sin(math.radians(drop)), math.cos(math.radians(drop))])
        return bringing(level, left, ahead, side)

    def away(self, motion: RigMotion) -> Float[Tensor, " 3"]:
        """From where a rest pose is to where its body moves: above its first place, its feet as low as they get."""
        pelvis = self.matched.bones[0].turner
        shift = motion.places[0, pelvis] - motion.rest[pelvis]
        feet = sorted(self.feet)
        feet += [child for child, parent in enumerate(motion.parents) if parent in feet and self.children(child)]
        if feet:
            shift[1] = motion.places[:, feet, 1].amin() - motion.rest[feet, 1].amin()
        return shift
