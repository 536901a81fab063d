"""Grazing and pecking: the mouth comes down to the ground as far as it takes, in the order animals do it.

One number, the effort, is raised until the tip of the muzzle is there or nothing is left to give: first neck and head
bend, then chest and spine, then the front of the body sinks between fore legs put apart, as giraffes do; a bird tips
over on its legs. Every step goes no farther than the joint limits, so a stiff neck may stop above the ground.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import multiply
from .body import finished, on_ground, pivoted, plant, sink
from .clip import Clip
from .leg import Footing, Leg, ground_level, hip_height, legs, require, require_hind, rest_bones, rest_toe, standing
from .standing import HANDS
from .wave import Wave, about, still, swing
from .wing import fold_wings

_CLEARANCE = 0.03
"""Height above ground, in hip heights, at which the tip of the mouth counts as down."""
_MOUTH_DOWN_DEG = 78.0
"""How far below the horizon the head points while it feeds."""
_SPINE_SHARE, _CHEST_SHARE = 0.3, 0.7
"""Of their limits; of the neck's all but a trace."""
_DEEPEST_FRONT = 0.24
"""Share of its height by which the front of a body can sink."""
_SPREAD_DEG = 30.0
_STAGGER = 0.12
"""How far one fore foot stands ahead and the other one behind, in hip heights."""
_EFFORTS = 241

_MOST_TIPPED_DEG = 55.0
"""Of a body that tips over on its legs."""

_FEEDS = (
    *HANDS,
    Wave("chest", "yaw", 2, peak=0.1),
    Wave("neck", "yaw", 9, peak=0.15),
    Wave("head", "yaw", 5, harmonic=2, peak=0.4),
    Wave("head", "pitch", 1.5, harmonic=8),
    *(Wave(f"tail_{link}", "yaw", 5 + 3.0 * link, harmonic=2, peak=0.07 * link) for link in (1, 2, 3)),
    Wave("{side}_ear", "yaw", 6, harmonic=2, peak=0.2, right_lag=0.13),
)
_BIRD_FEEDS = (Wave("neck", "yaw", 8, peak=0.15), Wave("head", "pitch", 8, -4, harmonic=4), Wave("tail", "pitch", 4))


def graze(skeleton: Skeleton) -> Clip:
    """A looping clip with the muzzle on the ground, or the beak of a bird: searching from side to side, chewing.

    Raises ValueError where a joint of a leg or neck, head or muzzle are missing, or hind feet don't stand.
    """
    mouth = "beak" if skeleton.plan == "bird" else "muzzle"
    waves = _BIRD_FEEDS if skeleton.plan == "bird" else _FEEDS
    needed = [joint for leg in legs(skeleton) for joint in leg.joints]
    require(skeleton, [*needed, "neck", "head", mouth], "graze")
    require_hind(standing(skeleton), "graze")
    effort = _enough(skeleton, mouth)
    keys = 48
    time = torch.arange(keys + 1, dtype=torch.float64) / keys
    rotations, shift = _trunk(skeleton, effort.expand(keys + 1), swing(skeleton, waves, time))
    footings = [_footing(skeleton, leg, effort.expand(keys + 1)) for leg in standing(skeleton)]
    shift[:, 1] -= sink(skeleton, rotations, shift, footings).amax()
    return finished("graze", 6.0 * time, plant(skeleton, rotations, shift, footings), shift)


def _enough(skeleton: Skeleton, mouth: str) -> Float[Tensor, ""]:
    """The least effort that brings the mouth down, or the one that brings it lowest."""
    efforts = torch.linspace(0, 3, _EFFORTS, dtype=torch.float64)
    rotations, shift = _trunk(skeleton, efforts, still(skeleton, efforts))
    tip = on_ground(skeleton, rotations, shift, skeleton.tips)[:, skeleton.index(mouth), 1]
    # Feet put apart lower the body as well.
    tip = tip - sink(skeleton, rotations, shift, [_footing(skeleton, leg, efforts) for leg in standing(skeleton)])
    down = tip <= ground_level(skeleton) + _CLEARANCE * hip_height(skeleton)
    return efforts[int(down.int().argmax()) if bool(down.any()) else int(tip.argmin())]


def _trunk(skeleton: Skeleton, effort: Float[Tensor, " T"], base: Float[Tensor, "T J 4"]) -> tuple[Tensor, Tensor]:
    """Rotations with the root's own turn at joint 0, and the root's shift, at efforts in [0, 3] on top of `base`."""
    rotations = fold_wings(skeleton, base)
    first, second, third = effort.clamp(0, 1), (effort - 1).clamp(0, 1), (effort - 2).clamp(0, 1)
    bent = _tilt(skeleton) * third
    _pitch(skeleton, rotations, skeleton.names[0], bent)
    for joint, share in (("spine", _SPINE_SHARE * second), ("chest", _CHEST_SHARE * second), ("neck", 0.97 * first)):
        if joint in skeleton.names:
            angle = share * _limit(skeleton, joint, 1)
            _pitch(skeleton, rotations, joint, angle)
            bent = bent + angle
    head = skeleton.index("head")
    bone = (skeleton.tips[head] - skeleton.joints[head]).double()
    level = math.atan2(float(bone[1]), float(bone[2]))
    wanted = (1 - first) * level - first * math.radians(_MOUTH_DOWN_DEG)
    nod = (level - bent - wanted).clamp(0.97 * _limit(skeleton, "head", 0), 0.97 * _limit(skeleton, "head", 1))
    _pitch(skeleton, rotations, "head", nod * first)
    hind = [leg for leg in standing(skeleton) if not leg.fore]
    return rotations, pivoted(skeleton, rotations[:, 0], effort.new_zeros(len(effort), 3), hind)


def _tilt(skeleton: Skeleton) -> float:
    """Radians by which the whole body leans forward at most."""
    fore = [leg for leg in standing(skeleton) if leg.fore]
    hind = [leg for leg in standing(skeleton) if not leg.fore]
    if not fore:
        return math.radians(_MOST_TIPPED_DEG)
    shoulder, hip = (skeleton.joints[skeleton.index(some[0].joints[0])] for some in (fore, hind))
    height = float(shoulder[1]) - ground_level(skeleton)
    return math.asin(min(0.5, _DEEPEST_FRONT * height / max(1e-6, float(shoulder[2] - hip[2]))))


def _footing(skeleton: Skeleton, leg: Leg, effort: Float[Tensor, " T"]) -> Footing:
    toe = rest_toe(skeleton, leg).repeat(len(effort), 1)
    if leg.fore:
        top = skeleton.joints[skeleton.index(leg.joints[0])]
        side = math.copysign(1.0, float(top[0]))
        outward = skeleton.limits_deg[skeleton.index(leg.joints[0]), 2]
        spread = min(_SPREAD_DEG, float(outward[1] if side > 0 else -outward[0]))
        height = float(top[1]) - ground_level(skeleton)
        toe[:, 0] += side * (effort - 2).clamp(0, 1) * math.tan(math.radians(spread)) * height
        toe[:, 2] += side * _STAGGER * height
    pitch = torch.zeros(len(effort), len(rest_bones(skeleton, leg)) - 2, dtype=torch.float64)
    return Footing(leg, toe, pitch)


def _limit(skeleton: Skeleton, joint: str, end: int) -> float:
    """Radians that a joint can pitch: up (0) or down (1)."""
    return math.radians(float(skeleton.limits_deg[skeleton.index(joint), 0, end]))


def _pitch(skeleton: Skeleton, rotations: Tensor, joint: str, angle: Tensor) -> None:
    index = skeleton.index(joint)
    rotations[:, index] = multiply(rotations[:, index], about(0, angle))
