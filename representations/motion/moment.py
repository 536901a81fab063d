"""Moments drawn from clips: a stream of poses with the motions they come from, for photographs and for pose priors.

Clips are made once for a skeleton; drawing then costs an interpolation, some hundred thousand poses a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton, mirrored_pose
from ..rotation import quaternion_from_vector, vector_from_quaternion
from ..tensor_structure import TensorStructure
from .clip import Clip, RootMotion


class Moments(TensorStructure):
    """B poses, each a moment of a clip."""

    rotations: Float[Tensor, "B J 4"]
    """The root unturned."""
    root: RootMotion
    """What the root does by itself: with it the ground is level."""
    names: tuple[str, ...]
    """The clips they come from."""

    def on_ground(self) -> Float[Tensor, "B J 4"]:
        """Rotations with the root's own turn at joint 0; add `root.shifts` to what `forward_kinematics` makes of it."""
        return torch.cat([self.root.turns[:, None], self.rotations[:, 1:]], dim=1)

    def mirrored(self, skeleton: Skeleton, chosen: Tensor) -> Moments:
        """The poses seen in a mirror where `chosen` (B,), a mask, says so: left and right exchanged."""
        turned = vector_from_quaternion(self.on_ground())
        seen = mirrored_pose(turned, torch.tensor(skeleton.mirror))
        turned = quaternion_from_vector(torch.where(chosen[:, None, None], seen, turned))
        shifts = torch.where(
            chosen[:, None], self.root.shifts * self.root.shifts.new_tensor([-1.0, 1, 1]), self.root.shifts
        )
        unturned = torch.cat([self.rotations[:, :1], turned[:, 1:]], dim=1)
        return Moments(unturned, RootMotion(turned[:, 0], shifts), self.names)


def draw_moment(
    clips: Sequence[Clip], count: int, generator: torch.Generator, shares: Sequence[float] | None = None
) -> Moments:
    """`count` moments at random times of clips chosen at random, in proportion to `shares` where they are given.

    Raises ValueError where there is no clip, or not one share for each.
    """
    if not clips or (shares is not None and (len(shares) != len(clips) or min(shares) < 0 or sum(shares) <= 0)):
        raise ValueError(f"found {len(clips)} clips with shares {shares}; give at least one clip, and a share for each")
    weights = torch.ones(len(clips)) if shares is None else torch.tensor(shares, dtype=torch.float32)
    chosen = torch.multinomial(weights, count, replacement=True, generator=generator)
    fraction = torch.rand(count, generator=generator)
    joints = clips[0].rotations.shape[1]
    rotations, turns, shifts = torch.empty(count, joints, 4), torch.empty(count, 4), torch.empty(count, 3)
    for k, clip in enumerate(clips):
        at = (chosen == k).nonzero()[:, 0]
        times = fraction[at] * clip.duration
        root = clip.sample_root(times)
        rotations[at], turns[at], shifts[at] = clip.sample(times), root.turns, root.shifts
    return Moments(rotations, RootMotion(turns, shifts), tuple(clips[k].name for k in chosen.tolist()))
