"""Gaits: legs that carry the body in turn, for four-footed animals, people and birds.

A gait is data: when each foot touches down (footfall formulas after Hildebrand 1965 and 1977), how long it stays, how
far the ground passes in a cycle, and what trunk, neck and tail do in step. The angles come from the skeleton's own
proportions through `leg`, not from a recording. The root stays where it is, so standing feet slide backward at one
speed, all on one ground: nothing skates when the subject is moved forward by `stride_length` a cycle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import BodyPlan, Skeleton
from .arm import ArmSwing, hang_arms
from .body import finished, pivoted, plant, sink
from .clip import Clip
from .leg import Footing, Leg, hip_height, legs, require, rest_bones, rest_toe, standing
from .step import Hold, Stride, lower_pitch, toe_path
from .wave import Drift, Wave, drift, swing
from .wing import fold_wings

_DEEPEST = 0.1
"""Share of the hip height that a body may sink to make its stride; beyond it the stride is shortened."""


@dataclass(frozen=True)
class Gait:
    """One way of getting along. Lengths are in hip heights, times in cycles."""

    name: str
    plan: BodyPlan
    phases: tuple[float | None, ...]
    """Touchdown of each foot: left hind, left fore, right hind, right fore; or left, right. None is carried along."""
    duty: float
    """Share of the cycle that a foot is on the ground."""
    stride: float
    """Way per cycle, at most: short legs make less."""
    lift: float
    """Height of a toe in mid-swing."""
    seconds: float
    """One cycle: every foot steps once."""
    hind: Hold = field(default_factory=Hold)
    fore: Hold = field(default_factory=Hold)
    waves: tuple[Wave, ...] = ()
    """What joints other than the legs' do; waves of the root joint turn the whole body."""
    drifts: tuple[Drift, ...] = ()
    """Where the whole body goes besides: a bounce, a sway."""
    arms: ArmSwing | None = None
    kick: float = 1.0
    """Below 1 the toe is highest early in the swing."""
    keys: int = 32
    """Poses per cycle."""


def go(skeleton: Skeleton, gait: Gait, *, shorten: bool = False) -> Clip:
    """A looping clip of one cycle of the gait, by the skeleton's own joint names and proportions.

    With `shorten` of the gait as `fitted` to the skeleton. Raises ValueError where a joint of a leg is missing, a foot
    that should step is off the ground at rest or one that should not stands there, or the stride is too long for the
    legs.
    """
    walker = _Walker(skeleton, gait)
    footings = walker.steps(walker.longest() if shorten else gait.stride)
    shift = walker.shift - walker.sinking(footings)
    rotations = plant(skeleton, walker.rotations, shift, footings)
    return finished(gait.name, walker.time * gait.seconds, rotations, shift)


def fitted(skeleton: Skeleton, gait: Gait) -> Gait:
    """The gait with its stride shortened to what these legs can do with the body a tenth of its height lower.

    Raises ValueError where they cannot even mark time, and otherwise as `go`.
    """
    return replace(gait, stride=_Walker(skeleton, gait).longest())


def stride_length(skeleton: Skeleton, gait: Gait) -> float:
    """How far `go` gets in one cycle, in units of the rest frame, along +Z."""
    return gait.stride * hip_height(skeleton)


class _Walker:
    """What of a gait doesn't depend on the stride: the trunk, and who steps when."""

    def __init__(self, skeleton: Skeleton, gait: Gait) -> None:
        if skeleton.plan != gait.plan:
            raise ValueError(f"{gait.name} is a gait of a {gait.plan}, but this skeleton is a {skeleton.plan}")
        self.skeleton, self.gait = skeleton, gait
        every = legs(skeleton)
        self.legs = [(leg, phase) for leg, phase in zip(every, gait.phases, strict=True) if phase is not None]
        require(skeleton, [joint for leg, _ in self.legs for joint in leg.joints], gait.name)
        stand = standing(skeleton)
        for leg, phase in zip(every, gait.phases, strict=True):
            if phase is None and leg in stand:
                raise ValueError(f"{gait.name} carries {leg.joints[-1]}, which stands at rest; use 'half_bound'")
            if phase is not None and leg not in stand:
                raise ValueError(f"{gait.name} steps on {leg.joints[-1]}, which is off the ground at rest; use 'hop'")
        self.height = hip_height(skeleton)
        self.time = torch.arange(gait.keys + 1, dtype=torch.float64) / gait.keys
        self.rotations = swing(skeleton, gait.waves, self.time)
        if gait.arms is not None:
            self.rotations = hang_arms(skeleton, self.rotations, gait.arms, torch.cos(2 * math.pi * self.time))
        if skeleton.plan == "bird":
            self.rotations = fold_wings(skeleton, self.rotations)
        self.shift = pivoted(skeleton, self.rotations[:, 0], drift(gait.drifts, self.time, self.height), stand)
        self.since = [self._since(phase) for _, phase in self.legs]
        self.pitches = [self._pitch(leg, since) for (leg, _), since in zip(self.legs, self.since, strict=True)]

    def longest(self) -> float:
        """The gait's stride, or the longest for which the body sinks little enough."""
        # What marking time asks for, by trunk and bounce alone, is no fault of the stride.
        deepest = float(self.sinking(self.steps(0.0))[1]) + _DEEPEST * self.height

        def within(stride: float) -> bool:
            try:
                return float(self.sinking(self.steps(stride))[1]) <= deepest
            except ValueError:
                return False

        if within(self.gait.stride):
            return self.gait.stride
        short, long = 0.0, self.gait.stride
        for _ in range(10):
            middle = 0.5 * (short + long)
            short, long = (middle, long) if within(middle) else (short, middle)
        return short

    def steps(self, stride: float) -> list[Footing]:
        """Each foot's way over the cycle."""
        footings = []
        for (leg, _), since, pitch in zip(self.legs, self.since, self.pitches, strict=True):
            path = toe_path(self._pace(stride), since)
            foot = rest_bones(self.skeleton, leg)[-1]
            # Steps are centred on the middle of the foot; a long foot would otherwise walk ahead of its body.
            middle = rest_toe(self.skeleton, leg) - foot * foot.new_tensor([0.0, 0.0, 0.5])
            footings.append(Footing(leg, middle + torch.nn.functional.pad(path, (1, 0)), pitch))
        return footings

    def sinking(self, footings: list[Footing]) -> Float[Tensor, " 3"]:
        """How far the root must come down so that feet reach the ground while they stand on it."""
        down = [since < self.gait.duty for since in self.since]
        deep = sink(self.skeleton, self.rotations, self.shift, footings, down).amax()
        return torch.nn.functional.pad(deep[None], (1, 1))

    def _since(self, phase: float) -> Tensor:
        """Time since touchdown, in cycles."""
        since = torch.remainder(self.time - phase, 1.0)
        # Where a phase is one of the keys' times, rounding must not make it the end of the cycle before.
        return torch.where(since > 1 - 1e-9, torch.zeros_like(since), since)

    def _pitch(self, leg: Leg, since: Tensor) -> Tensor:
        hold = self.gait.fore if leg.fore else self.gait.hind
        return lower_pitch(self._pace(0.0), hold, len(leg.joints), since)

    def _pace(self, stride: float) -> Stride:
        gait = self.gait
        return Stride(gait.duty, stride * gait.duty * self.height / 2, gait.lift * self.height, gait.kick)
