"""What joints may do besides: random relaxed poses within a share of the joint limits, neighbours moving together.

A joint's angle about each axis is a share x in [-1, 1] of its limit on that side. Within a chain shares go together,

    x = free (c z_chain + sqrt(1 - c^2) z_joint),    z standard normal / 2, clamped to [-1, 1]

so that a neck turns with its head and a tail curls in one sweep, while ears go each its own way. `free` says how much
of its range a part uses in a relaxed animal: much in the neck, next to nothing in legs, which must stand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import BodyPlan, Skeleton, posed_joints
from ..body.template import pose_limits
from ..rotation import multiply, quaternion_from_matrix, quaternion_from_vector, vector_from_quaternion
from .body import maps, plant
from .leg import Footing, standing


class _Freedom(NamedTuple):
    free: float
    """Share of the limits that is used."""
    together: float
    """Correlation c with the rest of its chain."""


_MIDDLE = {
    "trunk": _Freedom(0.2, 0.7),
    "neck": _Freedom(0.9, 0.6),
    "head": _Freedom(0.7, 0.6),
    "muzzle": _Freedom(0.3, 0.0),
    "tail": _Freedom(0.8, 0.85),
    "proboscis": _Freedom(0.9, 0.8),
}
_CHAINS = ("trunk", "neck", "tail", "proboscis")
_EAR = _Freedom(0.8, 0.0)
_FORE: dict[BodyPlan, _Freedom] = {
    "quadruped": _Freedom(0.04, 0.0),
    "biped": _Freedom(0.14, 0.0),
    "bird": _Freedom(0.06, 0.0),
}
_HIND = _Freedom(0.04, 0.0)
_CURL_ONLY = ("trunk", "tail")
"""Parts that hardly twist about their own length."""
_TWIST = 0.3


def relaxed(skeleton: Skeleton, count: int, generator: torch.Generator, amount: float = 0.6) -> Float[Tensor, "B J 3"]:
    """Rotation vectors of `count` random poses within `amount` of the joint limits; the root's are zero.

    Raises ValueError where `amount` is not in [0, 1].
    """
    if not 0 <= amount <= 1:
        raise ValueError(f"amount is {amount}; it is a share of the joint limits, in [0, 1]")
    joints = len(skeleton)
    free, together, chain = _freedom(skeleton)
    shared = torch.randn(count, len(_CHAINS), 3, generator=generator).index_select(1, chain)
    own = torch.randn(count, joints, 3, generator=generator)
    share = 0.5 * (together * shared + (1 - together**2).sqrt() * own)
    share = amount * free * share.clamp(-1, 1)
    limits = pose_limits(skeleton).cpu()
    return share.clamp_min(0) * limits[..., 1].clamp_min(0) + share.clamp_max(0) * -limits[..., 0].clamp_max(0)


def overlay(
    skeleton: Skeleton, rotations: Float[Tensor, "B J 4"], generator: torch.Generator, amount: float = 0.6
) -> Float[Tensor, "B J 4"]:
    """Poses, such as moments of a gait, with a relaxed pose added to each: heads turn, tails curl, ears move.

    Legs that stand at rest keep their feet where they are. No joint leaves its limits, but for one that was beyond them
    already and then goes no farther.
    """
    extra = relaxed(skeleton, len(rotations), generator, amount).to(rotations)
    before = vector_from_quaternion(rotations)
    limits = pose_limits(skeleton).to(rotations)
    low, high = torch.minimum(limits[..., 0], before), torch.maximum(limits[..., 1], before)

    def within(poses: Tensor) -> Tensor:
        vectors = vector_from_quaternion(poses)
        return quaternion_from_vector(torch.minimum(torch.maximum(vectors, low), high))

    after = within(multiply(rotations, quaternion_from_vector(extra)))
    return within(_on_old_feet(skeleton, rotations, after))


def _on_old_feet(skeleton: Skeleton, before: Tensor, after: Tensor) -> Tensor:
    """The later poses with the earlier ones' footing: legs that the trunk has carried off reach back."""
    old, kept, footings = before.double(), after.double(), []
    carried = maps(skeleton, old)
    toes = posed_joints(carried, skeleton.tips.to(old))
    for leg in standing(skeleton):
        index = [skeleton.index(joint) for joint in leg.joints]
        if skeleton.parents[index[0]] == 0:
            kept[:, index] = old[:, index]
            continue
        world = quaternion_from_matrix(carried[:, index[2:], :, :3])
        footings.append(Footing(leg, toes[:, index[-1]], 2 * torch.atan2(world[..., 1], world[..., 0])))
    return plant(skeleton, kept, kept.new_zeros(len(kept), 3), footings).to(after)


def _freedom(skeleton: Skeleton) -> tuple[Tensor, Tensor, Tensor]:
    """Free share (J, 3), correlation (J, 1) and chain of each joint."""
    free, together, chain = torch.zeros(len(skeleton), 3), torch.zeros(len(skeleton), 1), []
    for joint, part in enumerate(skeleton.parts):
        if part.endswith("_ear"):
            kind, freedom = "ear", _EAR
        elif "_front_" in part:
            kind, freedom = "fore", _FORE[skeleton.plan]
        elif "_hind_" in part:
            kind, freedom = "hind", _HIND
        else:
            kind = part.split("_")[0]
            freedom = _MIDDLE[kind]
        free[joint], together[joint] = freedom.free, freedom.together
        if kind in _CURL_ONLY:
            free[joint, 2] *= _TWIST
        chain.append(_CHAINS.index("neck" if kind == "head" else kind) if freedom.together else 0)
    return free, together, torch.tensor(chain)
