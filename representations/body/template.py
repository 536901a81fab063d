"""Template skeletons: quadruped, biped (VRM 1.0 humanoid names) and bird, with starting radii.

Proportions are generic starting values (a medium-legged dog, an adult human in A-pose, a songbird); every fit changes
bone lengths and radii. A body plan may come in several builds, since gradients don't lead from every build to every
other: of a long body a short one looks like a view from the front. Rest frame: +Y up, front +Z, left +X; the bounding
box is centred, its longest side about 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..tensor_structure import TensorStructure
from .chart import part_index
from .skeleton import BodyPlan, Skeleton

_Point = tuple[float, float, float]


@dataclass(frozen=True)
class _Bone:
    """A joint and the bone that hangs on it. Lengths in the template's own unit, angles in degrees."""

    name: str
    parent: str | None
    part: str
    start: _Point
    tip: _Point
    radius: tuple[float, float, float, float]
    """Radii at start and tip: lateral, then the other way, (x0, z0, x1, z1)."""
    pitch: tuple[float, float] = (-30.0, 30.0)
    yaw: tuple[float, float] = (-25.0, 25.0)
    roll: tuple[float, float] = (-25.0, 25.0)


class Template(TensorStructure):
    """A skeleton and the radii of its bones."""

    skeleton: Skeleton
    radius: Float[Tensor, "J 4"]
    """Radii (x0, z0, x1, z1) in the bone frame: lateral and vertical/frontal, at the joint and at the tip."""
    build: str = "standard"


_QUADRUPED = (
    _Bone("hips", None, "trunk_rear", (0, 1.0, -0.48), (0, 1.02, -0.12), (0.16, 0.18, 0.18, 0.21)),
    _Bone("spine", "hips", "trunk_middle", (0, 1.02, -0.12), (0, 0.99, 0.25), (0.18, 0.21, 0.19, 0.24),
          (-25, 25), (-20, 20), (-15, 15)),
    _Bone("chest", "spine", "trunk_front", (0, 0.99, 0.25), (0, 1.05, 0.58), (0.19, 0.25, 0.13, 0.18),
          (-25, 25), (-20, 20), (-15, 15)),
    _Bone("neck", "chest", "neck", (0, 1.05, 0.58), (0, 1.33, 0.86), (0.12, 0.16, 0.1, 0.12),
          (-60, 70), (-50, 50), (-25, 25)),
    _Bone("head", "neck", "head", (0, 1.33, 0.86), (0, 1.36, 1.1), (0.12, 0.13, 0.1, 0.12),
          (-50, 60), (-50, 50), (-30, 30)),
    _Bone("muzzle", "head", "muzzle", (0, 1.36, 1.1), (0, 1.29, 1.36), (0.08, 0.09, 0.05, 0.05),
          (-15, 15), (-5, 5), (-5, 5)),
    _Bone("tail_1", "hips", "tail_1", (0, 1.05, -0.6), (0, 0.96, -0.84), (0.05, 0.05, 0.05, 0.05),
          (-80, 80), (-50, 50), (-20, 20)),
    _Bone("tail_2", "tail_1", "tail_2", (0, 0.96, -0.84), (0, 0.84, -1.06), (0.05, 0.05, 0.05, 0.05),
          (-50, 50), (-40, 40), (-20, 20)),
    _Bone("tail_3", "tail_2", "tail_3", (0, 0.84, -1.06), (0, 0.7, -1.26), (0.05, 0.05, 0.03, 0.03),
          (-50, 50), (-40, 40), (-20, 20)),
    _Bone("left_ear", "head", "left_ear", (0.08, 1.44, 0.9), (0.12, 1.63, 0.88), (0.05, 0.04, 0.03, 0.02),
          (-30, 30), (-20, 20), (-30, 30)),
    _Bone("left_shoulder", "chest", "left_front_upper", (0.14, 0.9, 0.5), (0.15, 0.62, 0.38), (0.07, 0.13, 0.06, 0.08),
          (-60, 60), (-15, 15), (-15, 25)),
    _Bone("left_elbow", "left_shoulder", "left_front_lower", (0.15, 0.62, 0.38), (0.15, 0.3, 0.42),
          (0.05, 0.07, 0.04, 0.045), (-110, 40), (-10, 10), (-10, 10)),
    _Bone("left_wrist", "left_elbow", "left_front_cannon", (0.15, 0.3, 0.42), (0.15, 0.07, 0.43),
          (0.04, 0.045, 0.035, 0.04), (-40, 110), (-10, 10), (-10, 10)),
    _Bone("left_front_paw", "left_wrist", "left_front_foot", (0.15, 0.07, 0.43), (0.15, 0.02, 0.54),
          (0.045, 0.04, 0.045, 0.035), (-60, 90), (-10, 10), (-10, 10)),
    _Bone("left_hip", "hips", "left_hind_upper", (0.12, 0.96, -0.5), (0.14, 0.64, -0.36), (0.08, 0.17, 0.06, 0.09),
          (-60, 60), (-15, 15), (-15, 25)),
    _Bone("left_knee", "left_hip", "left_hind_lower", (0.14, 0.64, -0.36), (0.14, 0.34, -0.58),
          (0.055, 0.08, 0.04, 0.045), (-50, 100), (-10, 10), (-10, 10)),
    _Bone("left_hock", "left_knee", "left_hind_cannon", (0.14, 0.34, -0.58), (0.14, 0.07, -0.53),
          (0.04, 0.05, 0.035, 0.04), (-110, 50), (-10, 10), (-10, 10)),
    _Bone("left_back_paw", "left_hock", "left_hind_foot", (0.14, 0.07, -0.53), (0.14, 0.02, -0.41),
          (0.045, 0.04, 0.045, 0.035), (-60, 90), (-10, 10), (-10, 10)),
)  # fmt: skip

_BIPED = (
    _Bone("hips", None, "trunk_rear", (0, 0.95, 0), (0, 1.08, 0), (0.16, 0.11, 0.14, 0.1)),
    _Bone("spine", "hips", "trunk_middle", (0, 1.08, 0), (0, 1.24, 0), (0.14, 0.1, 0.15, 0.11),
          (-30, 60), (-30, 30), (-25, 25)),
    _Bone("chest", "spine", "trunk_front", (0, 1.24, 0), (0, 1.46, 0), (0.16, 0.12, 0.13, 0.08),
          (-25, 40), (-30, 30), (-20, 20)),
    _Bone("neck", "chest", "neck", (0, 1.46, 0), (0, 1.56, 0.01), (0.055, 0.06, 0.055, 0.06),
          (-30, 40), (-40, 40), (-30, 30)),
    _Bone("head", "neck", "head", (0, 1.56, 0.01), (0, 1.78, 0.02), (0.07, 0.09, 0.08, 0.1),
          (-40, 40), (-50, 50), (-30, 30)),
    _Bone("leftShoulder", "chest", "left_front_girdle", (0.03, 1.43, 0), (0.17, 1.42, 0), (0.05, 0.06, 0.06, 0.06),
          (-10, 10), (-15, 15), (-15, 25)),
    _Bone("leftUpperArm", "leftShoulder", "left_front_upper", (0.17, 1.42, 0), (0.36, 1.23, 0),
          (0.06, 0.06, 0.05, 0.05), (-90, 90), (-90, 90), (-60, 110)),
    _Bone("leftLowerArm", "leftUpperArm", "left_front_lower", (0.36, 1.23, 0), (0.54, 1.05, 0.01),
          (0.045, 0.045, 0.035, 0.035), (-100, 60), (-120, 30), (-60, 90)),
    _Bone("leftHand", "leftLowerArm", "left_front_cannon", (0.54, 1.05, 0.01), (0.66, 0.93, 0.02),
          (0.03, 0.045, 0.025, 0.04), (-60, 60), (-40, 40), (-40, 40)),
    _Bone("leftUpperLeg", "hips", "left_hind_upper", (0.09, 0.93, 0), (0.11, 0.5, 0.01), (0.09, 0.1, 0.065, 0.07),
          (-120, 45), (-35, 35), (-30, 50)),
    _Bone("leftLowerLeg", "leftUpperLeg", "left_hind_lower", (0.11, 0.5, 0.01), (0.12, 0.09, -0.02),
          (0.06, 0.065, 0.04, 0.045), (-5, 140), (-10, 10), (-10, 10)),
    _Bone("leftFoot", "leftLowerLeg", "left_hind_foot", (0.12, 0.09, -0.02), (0.14, 0.03, 0.19),
          (0.045, 0.05, 0.045, 0.03), (-45, 45), (-25, 25), (-25, 25)),
)  # fmt: skip

_BIRD = (
    _Bone("hips", None, "trunk_rear", (0, 0.5, -0.22), (0, 0.55, 0.0), (0.14, 0.14, 0.18, 0.18)),
    _Bone("spine", "hips", "trunk_middle", (0, 0.55, 0.0), (0, 0.62, 0.16), (0.18, 0.18, 0.18, 0.18),
          (-20, 20), (-15, 15), (-15, 15)),
    _Bone("chest", "spine", "trunk_front", (0, 0.62, 0.16), (0, 0.74, 0.3), (0.18, 0.18, 0.12, 0.13),
          (-20, 20), (-15, 15), (-15, 15)),
    _Bone("neck", "chest", "neck", (0, 0.74, 0.3), (0, 0.9, 0.38), (0.1, 0.11, 0.09, 0.1),
          (-60, 60), (-70, 70), (-30, 30)),
    _Bone("head", "neck", "head", (0, 0.9, 0.38), (0, 0.92, 0.54), (0.09, 0.1, 0.07, 0.08),
          (-50, 60), (-70, 70), (-30, 30)),
    _Bone("beak", "head", "muzzle", (0, 0.92, 0.54), (0, 0.89, 0.68), (0.035, 0.035, 0.01, 0.01),
          (-10, 10), (-5, 5), (-5, 5)),
    _Bone("tail", "hips", "tail_1", (0, 0.48, -0.32), (0, 0.4, -0.7), (0.07, 0.03, 0.09, 0.02),
          (-40, 40), (-30, 30), (-20, 20)),
    _Bone("left_wing_upper", "chest", "left_front_upper", (0.14, 0.68, 0.18), (0.42, 0.7, 0.12),
          (0.04, 0.11, 0.03, 0.13), (-60, 60), (-80, 80), (-90, 80)),
    _Bone("left_wing_lower", "left_wing_upper", "left_front_lower", (0.42, 0.7, 0.12), (0.72, 0.7, 0.14),
          (0.025, 0.13, 0.02, 0.13), (-40, 40), (-140, 20), (-40, 40)),
    _Bone("left_wing_tip", "left_wing_lower", "left_front_cannon", (0.72, 0.7, 0.14), (1.1, 0.7, 0.02),
          (0.02, 0.12, 0.01, 0.05), (-40, 40), (-20, 140), (-40, 40)),
    _Bone("left_upper_leg", "hips", "left_hind_upper", (0.1, 0.48, -0.08), (0.12, 0.32, 0.0), (0.06, 0.08, 0.035, 0.04),
          (-60, 60), (-20, 20), (-20, 30)),
    _Bone("left_lower_leg", "left_upper_leg", "left_hind_lower", (0.12, 0.32, 0.0), (0.12, 0.05, -0.06),
          (0.025, 0.03, 0.018, 0.02), (-60, 90), (-10, 10), (-10, 10)),
    _Bone("left_foot", "left_lower_leg", "left_hind_foot", (0.12, 0.05, -0.06), (0.12, 0.02, 0.1),
          (0.035, 0.02, 0.04, 0.015), (-60, 60), (-20, 20), (-20, 20)),
)  # fmt: skip

_BELLY = 0.78
"""Height below which a quadruped is nothing but legs."""
_COMPACT_TRUNK, _COMPACT_LEGS, _COMPACT_HEAD = 0.55, 0.6, 1.08
_COMPACT_RADIUS, _COMPACT_SKULL = 1.1, 1.5

_LANDMARKS: dict[BodyPlan, dict[str, tuple[str, bool]]] = {
    "quadruped": {
        "nose": ("muzzle", True), "neck": ("neck", False), "tail_base": ("tail_1", False), "tail_tip": ("tail_3", True),
        **{f"{s}_{to}": (f"{s}_{of}", tip) for s in ("left", "right") for to, of, tip in (
            ("ear", "ear", True), ("front_shoulder", "shoulder", False), ("front_elbow", "elbow", False),
            ("front_paw", "front_paw", True), ("back_hip", "hip", False), ("back_knee", "knee", False),
            ("back_paw", "back_paw", True))},
    },
    "biped": {
        "nose": ("head", False), "head_top": ("head", True), "neck": ("neck", False),
        **{f"{s}_{to}": (f"{s}{of}", False) for s in ("left", "right") for to, of in (
            ("shoulder", "UpperArm"), ("elbow", "LowerArm"), ("wrist", "Hand"), ("hip", "UpperLeg"),
            ("knee", "LowerLeg"), ("ankle", "Foot"))},
    },
    "bird": {
        "nose": ("beak", True), "neck": ("neck", False), "tail_base": ("tail", False), "tail_tip": ("tail", True),
    },
}  # fmt: skip


BUILDS: dict[BodyPlan, tuple[str, ...]] = {
    "quadruped": ("standard", "compact"),
    "biped": ("standard",),
    "bird": ("standard",),
}
"""Builds that each body plan comes in."""


def template(plan: BodyPlan, build: str = "standard") -> Template:
    """The template of a body plan, in one of its `BUILDS`. Raises ValueError naming them on any other.

    >>> template("quadruped").skeleton.names[:3]
    ('hips', 'spine', 'chest')
    """
    if build not in BUILDS[plan]:
        raise ValueError(f"build is {build!r}; a {plan} comes as {', '.join(BUILDS[plan])}")
    tables: dict[BodyPlan, tuple[_Bone, ...]] = {"quadruped": _QUADRUPED, "biped": _BIPED, "bird": _BIRD}
    table = _compact(tables[plan]) if build == "compact" else tables[plan]
    bones = [bone for left in table for bone in ((left, _mirror(left)) if _is_left(left.name) else (left,))]
    # A right chain's joints come right after their left twins, so parents still precede children.
    names = tuple(bone.name for bone in bones)
    joints = torch.tensor([bone.start for bone in bones], dtype=torch.float32)
    tips = torch.tensor([bone.tip for bone in bones], dtype=torch.float32)
    radius = torch.tensor([bone.radius for bone in bones], dtype=torch.float32)
    ends = torch.cat([joints - radius[:, :1], joints + radius[:, :1], tips - radius[:, 2:3], tips + radius[:, 2:3]])
    low, high = ends.amin(0), ends.amax(0)
    scale = 1 / float((high - low).max())
    centre = (low + high) / 2
    skeleton = Skeleton(
        names=names,
        parents=tuple(-1 if bone.parent is None else names.index(bone.parent) for bone in bones),
        joints=(joints - centre) * scale,
        tips=(tips - centre) * scale,
        mirror=tuple(names.index(mirror_name(name)) for name in names),
        limits_deg=torch.tensor([[bone.pitch, bone.yaw, bone.roll] for bone in bones]),
        parts=tuple(bone.part for bone in bones),
        plan=plan,
        landmarks={key: (names.index(joint), tip) for key, (joint, tip) in _LANDMARKS[plan].items()},
    )
    for part in skeleton.parts:
        part_index(part)
    return Template(skeleton, radius * scale, build)


def _compact(bones: tuple[_Bone, ...]) -> tuple[_Bone, ...]:
    """A quadruped with a short trunk, short legs and a large head: a piglet, a pug, a toy."""
    by_name = {bone.name: bone for bone in bones}
    head = by_name["head"].start

    def squeezed(point: _Point) -> _Point:
        x, y, z = point
        return x, y if y > _BELLY else _BELLY + _COMPACT_LEGS * (y - _BELLY), _COMPACT_TRUNK * z

    top = squeezed(head)

    def placed(point: _Point, *, in_head: bool) -> _Point:
        if not in_head:
            return squeezed(point)
        x, y, z = (t + _COMPACT_HEAD * (p - h) for t, p, h in zip(top, point, head, strict=True))
        return x, y, z

    def of_head(bone: _Bone) -> bool:
        return bone.name == "head" or bone.parent == "head"

    def widened(bone: _Bone) -> tuple[float, float, float, float]:
        a, b, c, d = (radius * (_COMPACT_SKULL if of_head(bone) else _COMPACT_RADIUS) for radius in bone.radius)
        return a, b, c, d

    return tuple(
        replace(
            bone,
            start=placed(bone.start, in_head=of_head(bone)),
            tip=placed(bone.tip, in_head=of_head(bone)),
            radius=widened(bone),
        )
        for bone in bones
    )


def _is_left(name: str) -> bool:
    return name.startswith("left")


def mirror_name(name: str) -> str:
    """The same name on the other side; names in the middle stay.

    >>> mirror_name("left_ear"), mirror_name("rightHand"), mirror_name("neck")
    ('right_ear', 'leftHand', 'neck')
    """
    if name.startswith("left"):
        return "right" + name[4:]
    return "left" + name[5:] if name.startswith("right") else name


def _mirror(bone: _Bone) -> _Bone:
    """The right twin of a left bone: x negated, yaw and roll ranges negated."""

    def flip(point: _Point) -> _Point:
        return (-point[0], point[1], point[2])

    def negate(bounds: tuple[float, float]) -> tuple[float, float]:
        return (-bounds[1], -bounds[0])

    parent = bone.parent if bone.parent is None else mirror_name(bone.parent)
    return _Bone(
        mirror_name(bone.name), parent, mirror_name(bone.part), flip(bone.start), flip(bone.tip), bone.radius,
        bone.pitch, negate(bone.yaw), negate(bone.roll),
    )  # fmt: skip


def pose_limits(skeleton: Skeleton) -> Float[Tensor, "J 3 2"]:
    """Joint limits in radians; the root's are zero (its motion is the camera's)."""
    limits = skeleton.limits_deg * (math.pi / 180)
    return torch.cat([torch.zeros_like(limits[:1]), limits[1:]])
