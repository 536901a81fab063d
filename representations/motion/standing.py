"""Standing about: feet that stay where they are while everything else is alive.

A stance is waves and drifts like a gait's, with every foot held on its place by `leg`: what sways shifts its weight.
"""

from __future__ import annotations

import torch

from ..body.skeleton import BodyPlan, Skeleton
from .arm import ArmSwing, hang_arms
from .body import finished, pivoted, plant, sink
from .clip import Clip
from .leg import Footing, hip_height, legs, require, rest_bones, rest_toe, standing
from .wave import Drift, Wave, drift, swing
from .wing import fold_wings

HANDS = (
    Wave("{side}_shoulder", "pitch", 3, -10, harmonic=2),
    Wave("{side}_elbow", "pitch", 0, -50),
    Wave("{side}_wrist", "pitch", 0, 45),
)
"""Fore limbs that don't stand are held before the chest; those that do aren't touched by this."""

_BREATH = (Wave("chest", "pitch", -0.7, harmonic=3), Wave("neck", "pitch", 0.7, harmonic=3))
_TAIL = tuple(Wave(f"tail_{link}", "yaw", 5 + 3.0 * link, harmonic=2, peak=0.07 * link) for link in (1, 2, 3))
_EARS = (
    Wave("{side}_ear", "yaw", 6, harmonic=2, peak=0.2, right_lag=0.13),
    Wave("{side}_ear", "pitch", 5, harmonic=3, peak=0.1, right_lag=0.29),
)
_WEIGHT = (Drift("x", 0.03, peak=0.2), Drift("y", 0.004, -0.006, harmonic=3))

_IDLE: dict[BodyPlan, tuple[Wave, ...]] = {
    "quadruped": (
        *_BREATH, *_TAIL, *_EARS, *HANDS, Wave("hips", "roll", -1.0, peak=0.2), Wave("neck", "yaw", 5, peak=0.6),
        Wave("neck", "pitch", 3, peak=0.35), Wave("head", "pitch", 3, 1, harmonic=2, peak=0.8),
    ),
    "biped": (
        *_BREATH, Wave("hips", "roll", -1.0, peak=0.2), Wave("spine", "roll", 1.2, peak=0.2),
        Wave("neck", "yaw", 6, peak=0.6), Wave("head", "pitch", 3, harmonic=2, peak=0.8),
    ),
    "bird": (
        *_BREATH, Wave("tail", "pitch", 4, harmonic=3), Wave("neck", "yaw", 14, peak=0.6),
        Wave("head", "yaw", 12, harmonic=2, peak=0.1), Wave("head", "roll", 8, harmonic=2, peak=0.4),
    ),
}  # fmt: skip

# The third harmonic flattens the swing: the head is turned, rests, and is turned back.
_LOOKING = (
    Wave("chest", "yaw", 4, peak=0.25),
    Wave("neck", "yaw", 34, peak=0.25),
    Wave("neck", "yaw", -4, harmonic=3, peak=0.25),
    Wave("head", "yaw", 24, peak=0.28),
    Wave("head", "yaw", -3, harmonic=3, peak=0.28),
    Wave("neck", "pitch", -6, -5, harmonic=2, peak=0.25),
    Wave("head", "pitch", 5, 3, harmonic=2, peak=0.1),
)


def idle(skeleton: Skeleton) -> Clip:
    """Standing: the weight goes from side to side, the chest breathes, head, ears and tail are never quite still.

    Raises ValueError where a leg joint is missing.
    """
    return _stand(skeleton, "idle", 5.0, _IDLE[skeleton.plan])


def look_around(skeleton: Skeleton) -> Clip:
    """Standing and looking left and right. Raises ValueError where a leg joint, the neck or head is missing."""
    require(skeleton, ("neck", "head"), "look_around")
    plain = tuple(wave for wave in _IDLE[skeleton.plan] if wave.joint not in ("neck", "head"))
    return _stand(skeleton, "look_around", 4.0, (*plain, *_LOOKING))


def _stand(skeleton: Skeleton, name: str, seconds: float, waves: tuple[Wave, ...], keys: int = 48) -> Clip:
    require(skeleton, [joint for leg in legs(skeleton) for joint in leg.joints], name)
    stand = standing(skeleton)
    time = torch.arange(keys + 1, dtype=torch.float64) / keys
    rotations = fold_wings(skeleton, hang_arms(skeleton, swing(skeleton, waves, time), ArmSwing(), 0 * time))
    shift = pivoted(skeleton, rotations[:, 0], drift(_WEIGHT, time, hip_height(skeleton)), stand)
    footings = []
    for leg in stand:
        straight = torch.zeros(keys + 1, len(rest_bones(skeleton, leg)) - 2, dtype=torch.float64)
        footings.append(Footing(leg, rest_toe(skeleton, leg).expand(keys + 1, 3), straight))
    shift[:, 1] -= sink(skeleton, rotations, shift, footings).amax()
    return finished(name, time * seconds, plant(skeleton, rotations, shift, footings), shift)
