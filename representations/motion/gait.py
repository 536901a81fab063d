"""Walking: legs that carry each other's weight in turn, for four-footed animals, people and birds.

The root stays where it is (the camera, or whoever places the subject, moves it), so standing feet slide backward at one
speed, all on one ground: nothing skates when the subject is moved forward by `stride_length` a cycle. The angles come
from the skeleton's own proportions through `leg`, not from a recording.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..rotation import conjugate, multiply, quaternion_from_matrix, quaternion_from_vector
from ..skeleton import Skeleton, forward_kinematics
from .clip import Clip
from .leg import Leg, Stride, ground_rise, leg_pitches

_X, _Y, _Z = (0, 1, 2)


@dataclass(frozen=True)
class WalkConfig:
    """How a walk goes."""

    seconds: float = 1.0
    """One cycle: every foot steps once."""
    stride: float = 0.9
    """Way per cycle in hip heights; animals walk at about 1."""
    duty: float = 0.65
    """Share of the cycle that each foot is on the ground."""
    lift: float = 0.1
    """Height of a toe in mid-swing, in hip heights."""
    keys: int = 32
    """Poses per cycle."""


def walk(skeleton: Skeleton, config: WalkConfig | None = None, *, name: str = "walk") -> Clip:
    """A looping walk by the skeleton's own joint names.

    Quadruped: lateral sequence, touchdown of left hind, left fore, right hind, right fore a quarter cycle apart
    (Hildebrand 1965). Biped: legs half a cycle apart, arms swinging against them. Bird: the same legs, wings folded.
    Raises ValueError where a leg joint is missing, or the stride too long for the legs.
    """
    config = WalkConfig() if config is None else config
    legs = _legs(skeleton)
    missing = [joint for leg in legs for joint in leg.joints if joint not in skeleton.names]
    if missing:
        raise ValueError(
            f"walk needs joints that this skeleton has not: {', '.join(missing)}; label them, or use 'interpolate'"
        )
    time = torch.arange(config.keys + 1, dtype=torch.float64) / config.keys
    rotations = torch.zeros(config.keys + 1, len(skeleton), 4, dtype=torch.float64)
    rotations[..., 0] = 1
    _move_trunk(skeleton, rotations, time)
    stride = _stride(skeleton, legs, config)

    still = skeleton.with_rest(skeleton.joints.double(), skeleton.tips.double())
    above = forward_kinematics(still, rotations)
    phases = [torch.remainder(time - leg.phase, 1.0) for leg in legs]
    hips = [_carried(above, still, leg.joints[0]) for leg in legs]
    rise = max(ground_rise(still, leg, stride, p, h) for leg, p, h in zip(legs, phases, hips, strict=True))
    for leg, phase, hip in zip(legs, phases, hips, strict=True):
        pitches = leg_pitches(still, leg, stride, phase, hip, rise)
        world = quaternion_from_matrix(above[:, skeleton.parents[skeleton.index(leg.joints[0])], :, :3])
        for joint, pitch in zip(leg.joints, pitches.unbind(-1), strict=True):
            turned = about(_X, pitch)
            rotations[:, skeleton.index(joint)] = multiply(conjugate(world), turned)
            world = turned
    rotations[-1] = rotations[0]
    return Clip(name, (time * config.seconds).float(), rotations.float()).continuous()


def stride_length(skeleton: Skeleton, config: WalkConfig | None = None) -> float:
    """How far `walk` goes in one cycle, in units of the rest frame, along +Z."""
    config = WalkConfig() if config is None else config
    return 2 * _stride(skeleton, _legs(skeleton), config).reach / config.duty


def about(axis: int, angle: Float[Tensor, " T"]) -> Float[Tensor, "T 4"]:
    """Quaternions that turn by `angle` radians about one of the axes X, Y, Z (0, 1, 2)."""
    vector = angle.new_zeros(*angle.shape, 3)
    vector[..., axis] = angle
    return quaternion_from_vector(vector)


def _legs(skeleton: Skeleton) -> list[Leg]:
    if skeleton.plan == "quadruped":
        hind, fore = ("hip", "knee", "hock", "back_paw"), ("shoulder", "elbow", "wrist", "front_paw")
        return [
            Leg(tuple(f"{side}_{part}" for part in parts), phase, knee_forward, cannon_pitch_deg=cannon)
            for side, parts, phase, knee_forward, cannon in (
                ("left", hind, 0.0, True, (-12.0, 20.0, 35.0)),
                ("left", fore, 0.25, False, (-8.0, 20.0, 60.0)),
                ("right", hind, 0.5, True, (-12.0, 20.0, 35.0)),
                ("right", fore, 0.75, False, (-8.0, 20.0, 60.0)),
            )
        ]
    names = ("{}UpperLeg", "{}LowerLeg", "{}Foot") if skeleton.plan == "biped" else _BIRD_LEG
    return [
        Leg(tuple(part.format(side) for part in names), phase, True, foot_pitch_deg=(30.0, 45.0))
        for side, phase in (("left", 0.0), ("right", 0.5))
    ]


_BIRD_LEG = ("{}_upper_leg", "{}_lower_leg", "{}_foot")


def _stride(skeleton: Skeleton, legs: list[Leg], config: WalkConfig) -> Stride:
    tops = [skeleton.joints[skeleton.index(leg.joints[0]), 1] for leg in legs]
    toes = [skeleton.tips[skeleton.index(leg.joints[-1]), 1] for leg in legs]
    height = min(float(top - toe) for top, toe in zip(tops, toes, strict=True))
    if height <= 0:
        raise ValueError(f"a leg's toe lies {-height:.3g} above its hip; walk needs a rest pose with legs downward")
    return Stride(config.duty, config.stride * config.duty * height / 2, config.lift * height)


def _carried(transforms: Tensor, skeleton: Skeleton, joint: str) -> Tensor:
    """(y, z) over time of a joint that its parents carry along."""
    place = transforms[:, skeleton.index(joint)]
    return (place[..., :3] @ skeleton.joints[skeleton.index(joint)] + place[..., 3])[:, 1:]


def _move_trunk(skeleton: Skeleton, rotations: Tensor, time: Tensor) -> None:
    """Spine, neck, head, tail, arms and wings, where they are there: small motions in step with the legs.

    Written into `rotations`. The left hind foot (left foot) touches down at time 0, so the left hip is forward then.
    """
    cycle = 2 * math.pi * time

    def turn(joint: str, axis: int, amplitude_deg: float, harmonic: int = 1, delay: float = 0.0) -> None:
        if joint in skeleton.names:
            wave = math.radians(amplitude_deg) * torch.cos(harmonic * (cycle - 2 * math.pi * delay))
            index = skeleton.index(joint)
            rotations[:, index] = multiply(rotations[:, index], about(axis, wave))

    if skeleton.plan == "quadruped":
        turn("spine", _Y, 1.5)
        turn("chest", _Y, 1.0)
        turn("neck", _Y, -2.0)
        # The head nods once for every fore step: down when a forefoot takes the weight.
        turn("neck", _X, 3.0, harmonic=2, delay=0.3)
        turn("head", _X, -2.0, harmonic=2, delay=0.3)
        for link in range(1, 4):
            turn(f"tail_{link}", _Y, 3.0 + 2.0 * link, delay=0.08 * link)
    elif skeleton.plan == "biped":
        turn("spine", _Y, 3.0)
        turn("chest", _Y, 4.0)
        turn("neck", _Y, -5.0)
        turn("head", _X, 1.0, harmonic=2, delay=0.1)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            _swing_arm(skeleton, rotations, side, sign * torch.cos(cycle))
    else:
        turn("neck", _X, 8.0, harmonic=2, delay=0.1)
        turn("head", _X, -7.0, harmonic=2, delay=0.1)
        turn("tail", _Y, 4.0)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            for part, yaw_deg in (("wing_upper", 70.0), ("wing_lower", -130.0), ("wing_tip", 130.0)):
                joint = f"{side}_{part}"
                if joint in skeleton.names:
                    rotations[:, skeleton.index(joint)] = about(_Y, torch.full_like(time, sign * math.radians(yaw_deg)))


def _swing_arm(skeleton: Skeleton, rotations: Tensor, side: str, backward: Tensor) -> None:
    """Let an arm hang, whatever way it points at rest, and swing it by `backward` in [-1, 1]; the elbow bends ahead."""
    upper, lower = f"{side}UpperArm", f"{side}LowerArm"
    if upper not in skeleton.names or lower not in skeleton.names:
        return
    at_rest = (skeleton.joints[skeleton.index(lower)] - skeleton.joints[skeleton.index(upper)]).double()
    outward = 0.18 if side == "left" else -0.18
    hanging = _turn_between(at_rest, at_rest.new_tensor([outward, -1.0, 0.0]))
    swung = multiply(about(_X, math.radians(18) * backward), hanging.expand(len(backward), 4))
    bend = about(_X, -math.radians(1) * (18 - 8 * backward))
    rotations[:, skeleton.index(upper)] = swung
    rotations[:, skeleton.index(lower)] = multiply(conjugate(swung), multiply(bend, swung))


def _turn_between(a: Tensor, b: Tensor) -> Tensor:
    """The shortest rotation that takes direction `a` to direction `b`; a half turn is made about Z."""
    a, b = torch.nn.functional.normalize(a, dim=-1), torch.nn.functional.normalize(b, dim=-1)
    axis = torch.linalg.cross(a, b)
    sine, cosine = float(axis.norm()), float(a @ b)
    if sine < 1e-9:
        return a.new_tensor([1.0, 0, 0, 0]) if cosine > 0 else a.new_tensor([0, 0, 0, 1.0])
    return quaternion_from_vector(axis / sine * math.atan2(sine, cosine))
