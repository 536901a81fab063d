"""A clip that passes through given poses, resting for a moment in each: how a set of photos comes alive."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..rotation import slerp
from .clip import Clip


def sway(
    poses: Float[Tensor, "P J 4"],
    *,
    name: str = "interpolate",
    seconds_per_pose: float = 1.0,
    keys_per_pose: int = 12,
) -> Clip:
    """A looping clip through P poses in the order given, and back from the last to the first.

    Between two poses every joint turns along its shorter arc, eased by 3 t^2 - 2 t^3, so that all joints stand
    still in the poses themselves. One pose alone sways between itself and the rest pose. Raises ValueError where
    there is none.
    """
    count = poses.shape[0]
    if count == 0:
        raise ValueError("sway needs at least one pose, found none")
    if seconds_per_pose <= 0 or keys_per_pose < 2:
        raise ValueError(
            f"seconds_per_pose must be positive and keys_per_pose at least 2, found {seconds_per_pose}, {keys_per_pose}"
        )
    poses = torch.nn.functional.normalize(poses.detach(), dim=-1)
    if count == 1:
        rest = torch.zeros_like(poses)
        rest[..., 0] = 1
        poses, count = torch.cat([poses, rest]), 2
    linear = torch.arange(keys_per_pose, dtype=poses.dtype, device=poses.device) / keys_per_pose
    eased = linear * linear * (3 - 2 * linear)
    here = poses[:, None].expand(-1, keys_per_pose, -1, -1)
    between = slerp(here, here.roll(-1, dims=0), eased[None, :, None, None])
    rotations = torch.cat([between.flatten(0, 1), poses[:1]])
    times = torch.arange(count * keys_per_pose + 1, dtype=poses.dtype, device=poses.device)
    return Clip(name, times * (seconds_per_pose / keys_per_pose), rotations).continuous()
