"""Where the body of a rig in motion is, frame by frame: where it heads, and whether it stands as ours does at rest."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.skeleton import Skeleton
from ..rotation import conjugate, multiply, quaternion_from_matrix, rotate, shortest
from ..tensor_structure import TensorStructure
from .rig_match import RigMatch, Spot
from .rig_motion import RigMotion

_UPRIGHT_DEG = 35.0
"""Most by which trunk and legs may be off a standing body's in the best frame, for the clip to tell what is up."""
_SPREAD_DEG = 10.0
"""How fast frames that are further off than the best one count less."""
_UP = (0.0, 1.0, 0.0)


class BodyFrame(TensorStructure):
    """How a standing body of ours would have to be turned to lie where a rig's is."""

    turns: Float[Tensor, "T 4"]
    """Its heading, while it stands; else as its trunk lies. Unit quaternions (w, x, y, z)."""
    weight: Float[Tensor, " T"]
    """How much each frame tells of a standing body; sums to 1."""
    stands: bool
    """Whether it ever stands."""


def body_frame(motion: RigMotion, skeleton: Skeleton, matched: RigMatch) -> BodyFrame | None:
    """Told by places of joints alone, whatever their rotations; None where the rig has no trunk, or no two sides."""
    joint, pairs = trunk_joint(skeleton, matched), _pairs(skeleton, matched)
    chord = None if joint is None else matched.bones[joint].chord
    if joint is None or chord is None or not pairs or 0 not in matched.bones:
        return None
    places = motion.places
    left = torch.stack([unit(a.of(places) - b.of(places)) for a, b in pairs]).sum(0)
    trunk = unit(chord[1].of(places) - places[:, matched.bones[0].turner])
    ours = unit((skeleton.tips[joint] - skeleton.joints[0]).to(trunk))
    off = [_elevation(trunk) - _elevation(ours)]
    if matched.legs:
        theirs = torch.stack([unit(places[:, leg.path[-1]] - places[:, leg.path[0]]) for leg in matched.legs]).mean(0)
        mine = torch.stack([unit(skeleton.joints[b] - skeleton.joints[a]) for a, b in (g.joints for g in matched.legs)])
        off.append(_elevation(theirs) - _elevation(mine.mean(0).to(trunk)))
    apart = torch.rad2deg(torch.stack(off).square().sum(0).sqrt())
    level = left * left.new_tensor([1.0, 0.0, 1.0])
    # Who lies on a side heads nowhere.
    apart = torch.where(level.norm(dim=-1) > 0.5 * left.norm(dim=-1), apart, torch.full_like(apart, 180.0))
    best = float(apart.amin())
    if best < _UPRIGHT_DEG:
        weight = (-(apart.square() - best**2) / (2 * _SPREAD_DEG**2)).exp()
        heading = torch.linalg.cross(level, level.new_tensor(_UP).expand_as(level))
        return BodyFrame(_heading(heading), weight / weight.sum(), True)
    side = ours.new_tensor([1.0, 0.0, 0.0])
    turns = multiply(two_axes(trunk, left), conjugate(two_axes(ours, side)).expand(len(trunk), 4))
    return BodyFrame(turns, torch.full_like(apart, 1 / len(apart)), False)


def trunk_joint(skeleton: Skeleton, matched: RigMatch) -> int | None:
    """The uppermost joint of the trunk whose bone is known."""
    for name in ("chest", "spine", "neck"):
        joint = skeleton.names.index(name) if name in skeleton.names else -1
        bone = matched.bones.get(joint)
        if bone is not None and bone.chord is not None:
            return joint
    return None


def unit(vectors: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """Vectors of length 1."""
    return torch.nn.functional.normalize(vectors, dim=-1)


def angle_deg(a: Float[Tensor, "*B 3"], b: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    """Between two directions, in degrees."""
    a, b = torch.broadcast_tensors(unit(a), unit(b))
    return torch.rad2deg(2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1)))


def mean_rotation(turns: Float[Tensor, "T 4"], weight: Float[Tensor, " T"]) -> Float[Tensor, " 4"]:
    """The rotation that is nearest to all, weighted: the first eigenvector of their outer products.

    F. L. Markley et al., "Averaging Quaternions" (2007), equation 12.
    """
    outer = torch.einsum("t,ta,tb->ab", weight, turns, turns)
    found = torch.linalg.eigh(outer).eigenvectors[:, -1]
    return found if float(found[0]) >= 0 else -found


def two_axes(first: Float[Tensor, "*B 3"], second: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 4"]:
    """The rotation that brings X to the first direction, and Y as near to the second as can be."""
    x = unit(first)
    z = unit(torch.linalg.cross(x, second.expand_as(x)))
    return quaternion_from_matrix(torch.stack([x, torch.linalg.cross(z, x), z], dim=-1))


def bringing(
    first: Float[Tensor, " 3"], second: Float[Tensor, " 3"], to: Float[Tensor, " 3"], near: Float[Tensor, " 3"]
) -> Float[Tensor, " 4"]:
    """The rotation that brings `first` to `to`, and `second` as near to `near` as can be."""
    return multiply(two_axes(to, near), conjugate(two_axes(first, second)))


def swung_to(turn: Float[Tensor, " 4"], own: Float[Tensor, " 3"], to: Float[Tensor, " 3"]) -> Float[Tensor, " 4"]:
    """A rotation changed by the least one after which it brings `own` to `to`."""
    return multiply(shortest(rotate(turn, own), to), turn)


def _pairs(skeleton: Skeleton, matched: RigMatch) -> list[tuple[Spot, Spot]]:
    """The tops of the rig's limbs, left and right."""
    found = []
    for joint, other in enumerate(skeleton.mirror):
        left, right = matched.bones.get(joint), matched.bones.get(other)
        above = matched.bones.get(skeleton.parents[joint])
        inner = above is not None and above.chord is not None and skeleton.mirror[skeleton.parents[joint]] != (
            skeleton.parents[joint]
        )  # fmt: skip
        if other == joint or inner or not skeleton.names[joint].startswith("left") or left is None or right is None:
            continue
        if left.chord is not None and right.chord is not None:
            found.append((left.chord[0], right.chord[0]))
    return found


def _elevation(directions: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B"]:
    return torch.asin(unit(directions)[..., 1].clamp(-1, 1))


def _heading(ahead: Float[Tensor, "T 3"]) -> Float[Tensor, "T 4"]:
    half = 0.5 * torch.atan2(ahead[:, 0], ahead[:, 2])
    none = torch.zeros_like(half)
    return torch.stack([half.cos(), none, half.sin(), none], dim=-1)
