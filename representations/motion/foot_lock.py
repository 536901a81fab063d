"""Feet that stand don't slide: contacts found in a clip, and legs bent so that feet keep to the ground meanwhile.

A clip goes on the spot, so a standing foot moves as the ground does, at one speed v for the whole clip: the one that
most low feet have. A foot stands while its toe is low and moves nearly so. In the ground's frame, q = p - v t, it is
held at its mean place, on the ground; before and after the hold what moved it fades out.

Retargeted legs turn out and twist as their rig's do, which the legs of `leg` cannot: those lie in one plane. So a leg
is moved from the pose that it has: the knee opens in the plane in which it is bent, the whole leg turns the shortest
way, and what hangs below, cannon and foot, keeps its rotation in the world.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..body.skeleton import Skeleton, posed_joints
from ..rotation import conjugate, multiply, quaternion_from_matrix, quaternion_from_vector, rotate, shortest
from ..tensor_structure import TensorStructure
from .body import maps, on_ground
from .clip import Clip
from .leg import Leg, ground_level, legs, rest_bones

_LOW = 0.1
"""Height above its lowest, in leg lengths, at which a foot may stand."""
_AIR = 0.15
"""A foot whose lowest is this much higher than the others' never stands."""
_SLOW = 0.6
"""Speed over the ground, as a share of the ground's own, at which a foot may stand."""
_STILL = 0.25
"""And the least such speed that is allowed, in leg lengths a second."""
_ALIKE = 0.1
"""Leg lengths a second by which speeds may differ and be one, and a share of the speed itself besides."""
_CREEP = 0.1
"""Leg lengths a second below which the ground doesn't move at all."""
_PAUSE = 0.1
"""Seconds for which a low foot may do otherwise without leaving the ground."""
_FADE = 0.12
"""Seconds in which a hold fades in and out."""
_STRAIGHT = 0.998
"""Share of its length to which a leg may be stretched."""


class Contacts(TensorStructure):
    """When the feet of a clip stand, at its keys."""

    legs: tuple[Leg, ...]
    standing: Bool[Tensor, "T L"]
    velocity: Float[Tensor, " 2"]
    """Of the ground along X and Z, in units of the rest frame a second."""


def find_contacts(clip: Clip, skeleton: Skeleton) -> Contacts:
    """When feet stand. Raises ValueError where the skeleton has no leg whose joints are all labelled."""
    feet = tuple(leg for leg in legs(skeleton) if all(joint in skeleton.names for joint in leg.joints))
    level = ground_level(skeleton)
    track = _Track(clip, _toes(clip, skeleton, feet))
    length = leg_length(skeleton, feet)
    lowest = track.toes[..., 1].amin(0)
    low = track.toes[..., 1] < lowest + _LOW * length
    low &= lowest < min(float(lowest.amin()), level) + _AIR * length
    step = track.velocity()
    both = low & track.rolled(low)
    velocity = _commonest(step[both], _ALIKE * length) if bool(both.any()) else step.new_zeros(2)
    if float(velocity.norm()) < _CREEP * length:
        velocity = torch.zeros_like(velocity)
    allowed = max(_SLOW * float(velocity.norm()), _STILL * length)
    slow = (step - velocity).norm(dim=-1) < allowed
    # A key between two intervals stands if its foot keeps to the ground in one of them.
    standing = low & (slow | track.rolled(slow, -1))
    standing |= low & track.bridged(standing, _PAUSE)
    return Contacts(feet, track.full(standing), velocity)


def foot_sliding(clip: Clip, skeleton: Skeleton, contacts: Contacts | None = None) -> float:
    """How far a standing foot slides over the ground from one key to the next, on the mean, in leg lengths.

    `contacts` are those of another clip with the same keys, to compare both; the clip's own else. 0 where nothing
    stands. Raises ValueError where the skeleton has no legs.
    """
    contacts = find_contacts(clip, skeleton) if contacts is None else contacts
    toes = _toes(clip, skeleton, contacts.legs)
    seconds = clip.times.double().diff()[:, None, None]
    slid = (toes.diff(dim=0)[..., [0, 2]] - contacts.velocity * seconds).norm(dim=-1)
    both = contacts.standing[1:] & contacts.standing[:-1]
    return float(slid[both].mean()) / leg_length(skeleton, contacts.legs) if bool(both.any()) else 0.0


def lock_feet(clip: Clip, skeleton: Skeleton) -> Clip:
    """The clip with standing feet held on the ground. Raises ValueError where the skeleton has no legs.

    Places out of a leg's reach are neared as far as it goes; the trunk stays as it is.
    """
    contacts = find_contacts(clip, skeleton)
    track = _Track(clip, _toes(clip, skeleton, contacts.legs))
    offset = track.full(_offsets(track, contacts, ground_level(skeleton)))
    rotations = _rooted(clip)[0]
    for number, leg in enumerate(contacts.legs):
        rotations = _moved(skeleton, rotations, leg, offset[:, number])
    if clip.loop:
        rotations[-1] = rotations[0]
    rotations[:, 0] = clip.rotations[:, 0].to(rotations)
    return replace(clip, rotations=rotations.to(clip.rotations)).continuous()


def leg_length(skeleton: Skeleton, feet: tuple[Leg, ...]) -> float:
    """From the top of a leg to its toe along its bones, on the mean."""
    return sum(float(rest_bones(skeleton, leg).norm(dim=-1).sum()) for leg in feet) / len(feet)


def _commonest(velocities: Float[Tensor, "S 2"], unit: float) -> Float[Tensor, " 2"]:
    """The mean of the velocities that lie closest together."""
    near = unit + _ALIKE * velocities.norm(dim=-1)
    alike = torch.cdist(velocities, velocities) < near[:, None]
    return velocities[alike[alike.sum(1).argmax()]].mean(0)


class _Track:
    """Where toes go; a loop without its last key, which is the first one again."""

    def __init__(self, clip: Clip, toes: Float[Tensor, "T L 3"]) -> None:
        self.loop = clip.loop and len(clip.times) > 1
        self.times = clip.times.double()[:-1] if self.loop else clip.times.double()
        self.period = clip.duration
        self.toes = toes[:-1] if self.loop else toes

    def velocity(self) -> Float[Tensor, "K L 2"]:
        """Along X and Z, from each key to the next one; after the last of no loop, as before it."""
        if len(self.times) == 1:
            return torch.zeros_like(self.toes[..., [0, 2]])
        after = torch.cat([self.toes[1:], self.toes[:1]])
        seconds = torch.cat([self.times.diff(), (self.period - self.times[-1:]).clamp_min(1e-9)])
        found = ((after - self.toes) / seconds[:, None, None])[..., [0, 2]]
        return found if self.loop else torch.cat([found[:-1], found[-2:-1]])

    def rolled(self, mask: Bool[Tensor, "K L"], by: int = 1) -> Bool[Tensor, "K L"]:
        """The mask of the next keys, or with -1 of those before."""
        found = mask.roll(-by, 0)
        if not self.loop:
            found[-1 if by > 0 else 0] = mask[-1 if by > 0 else 0]
        return found

    def bridged(self, mask: Bool[Tensor, "K L"], seconds: float) -> Bool[Tensor, "K L"]:
        """Which keys lie in a gap of the mask that is no longer than that."""
        count, laps = len(self.times), 3 if self.loop else 1
        times = torch.cat([self.times + lap * self.period for lap in range(laps)])
        found = torch.zeros(laps * count, mask.shape[1], dtype=torch.bool)
        for number in range(mask.shape[1]):
            runs = _runs(mask[:, number].repeat(laps))
            for (_, start), (stop, _) in pairwise(runs):
                found[start:stop, number] = bool(times[stop] - times[start - 1] <= seconds + 1e-6)
        return found[count : 2 * count] if self.loop else found

    def full(self, values: Tensor) -> Tensor:
        """Values at all keys of the clip."""
        return torch.cat([values, values[:1]]) if self.loop else values


def _toes(clip: Clip, skeleton: Skeleton, feet: tuple[Leg, ...]) -> Float[Tensor, "T L 3"]:
    """Over level ground."""
    turned, shifts = _rooted(clip)
    index = [skeleton.index(leg.joints[-1]) for leg in feet]
    return on_ground(skeleton, turned, shifts, skeleton.tips)[:, index]


def _rooted(clip: Clip) -> tuple[Float[Tensor, "T J 4"], Float[Tensor, "T 3"]]:
    """`Clip.rooted` in double precision."""
    rotations, shifts = clip.rooted()
    return torch.nn.functional.normalize(rotations.double(), dim=-1), shifts.double()


def _offsets(track: _Track, contacts: Contacts, level: float) -> Float[Tensor, "K L 3"]:
    """How far each toe is to be moved."""
    count = len(track.times)
    standing = contacts.standing[:count]
    # A loop is looked at three times in a row, so that holds run over its seam; the middle one counts.
    laps = 3 if track.loop else 1
    times = torch.cat([track.times + lap * track.period for lap in range(laps)])
    ground = torch.nn.functional.pad(contacts.velocity[:, None], (0, 0, 0, 1))[[0, 2, 1], 0]
    offset = torch.zeros(laps * count, len(contacts.legs), 3, dtype=torch.float64)
    for number in range(len(contacts.legs)):
        over = track.toes[:, number].repeat(laps, 1) - ground * times[:, None]
        runs = _runs(standing[:, number].repeat(laps))
        # A foot that never leaves a moving ground cannot be held on it.
        runs = [run for run in runs if run[1] - run[0] < count * laps or float(ground.norm()) == 0]
        for start, stop in runs:
            held = over[start:stop].mean(0)
            held[1] = level
            offset[start:stop, number] = held - over[start:stop]
        for (_, start), (stop, _) in zip([(0, 0), *runs], [*runs, (len(times), 0)], strict=True):
            _fade(offset[:, number], times, start, stop)
    return offset[count : 2 * count] if track.loop else offset


def _fade(offset: Float[Tensor, "K 3"], times: Float[Tensor, " K"], start: int, stop: int) -> None:
    """Fills keys between two holds, of which one ends before `start` and the next begins at `stop`."""
    if stop <= start:
        return
    before, after = start > 0, stop < len(times)
    gap = float(times[stop] - times[start - 1]) if before and after else 2 * _FADE
    fade = min(_FADE, 0.5 * gap)
    between = times[start:stop]
    if before:
        offset[start:stop] += _ease((between - times[start - 1]) / fade)[:, None] * offset[start - 1]
    if after:
        offset[start:stop] += _ease((times[stop] - between) / fade)[:, None] * offset[stop]


def _ease(share: Float[Tensor, " K"]) -> Float[Tensor, " K"]:
    """From 1 to 0, level at both ends."""
    share = share.clamp(0, 1)
    return 1 - share * share * (3 - 2 * share)


def _runs(mask: Bool[Tensor, " K"]) -> list[tuple[int, int]]:
    """First keys of stretches that are true, and the first ones after them."""
    edges = torch.nn.functional.pad(mask.int(), (1, 1)).diff()
    starts, stops = ((edges == sign).nonzero()[:, 0].tolist() for sign in (1, -1))
    return list(zip(starts, stops, strict=True))


def _moved(
    skeleton: Skeleton, rotations: Float[Tensor, "T J 4"], leg: Leg, offset: Float[Tensor, "T 3"]
) -> Float[Tensor, "T J 4"]:
    """The pose with a leg's foot moved by `offset`."""
    index = [skeleton.index(name) for name in leg.joints]
    carried = maps(skeleton, rotations)
    places = posed_joints(carried, skeleton.joints.to(rotations))
    world = [quaternion_from_matrix(carried[:, joint, :, :3]) for joint in index]
    hip, knee, ankle = (places[:, joint] for joint in index[:3])
    thigh, shin, way = knee - hip, ankle - knee, ankle + offset - hip
    long = thigh.norm(dim=-1), shin.norm(dim=-1)
    near, far = 1.02 * (long[0] - long[1]).abs(), _STRAIGHT * (long[0] + long[1])
    # A leg that is straighter than that already stays as straight as it is.
    far = torch.maximum(far, (ankle - hip).norm(dim=-1))
    reach = torch.minimum(torch.maximum(way.norm(dim=-1), near), far)
    rest = rest_bones(skeleton, leg).to(rotations)
    usual = rotate(world[0], torch.linalg.cross(rest[0], rest[1]).expand_as(thigh))
    bend = torch.linalg.cross(thigh, shin)
    # Nearly straight legs have no plane of their own and bend in the one in which they do at rest.
    axis = torch.nn.functional.normalize(bend + 0.02 * usual, dim=-1)
    now = torch.atan2((bend * axis).sum(-1), (thigh * shin).sum(-1))
    cosine = (reach**2 - long[0] ** 2 - long[1] ** 2) / (2 * long[0] * long[1])
    then = torch.acos(cosine.clamp(-1, 1))
    opened = quaternion_from_vector(axis * (then - now)[:, None])
    aimed = shortest(thigh + rotate(opened, shin), way)
    turned = [multiply(aimed, world[0]), multiply(aimed, multiply(opened, world[1])), *world[2:]]
    untouched = (offset.abs().amax(-1) == 0)[:, None]
    moved = rotations.clone()
    above = quaternion_from_matrix(carried[:, skeleton.parents[index[0]], :, :3])
    for joint, new in zip(index, turned, strict=True):
        moved[:, joint] = torch.where(untouched, rotations[:, joint], multiply(conjugate(above), new))
        above = new
    return moved
