"""Parts that do not run into each other: a penalty of how deep balls inside one limb reach into those of another.

In each bone stand balls at `_PLACES` of its length, as thick as its skin is there. Balls of bones that hang together do
not count, nor does as much as balls overlap at rest, so that

    collision = sum over pairs  max(0, r_a + r_b - |c_a - c_b| - overlap at rest)^2

is 0 for the body at rest. Its gradient goes through the joints' maps alone, not into the skin, and pushes two limbs
apart along the line between them.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton, posed_joints
from ...representations.geometry.mesh import SkinnedMesh

_PLACES = (1 / 6, 1 / 2, 5 / 6)


def collision_loss(mesh: SkinnedMesh, skeleton: Skeleton, transforms: Float[Tensor, "B J 3 4"]) -> Float[Tensor, " B"]:
    """Squared depths of all collisions of each hypothesis, summed.

    `mesh` and `skeleton` are the shared ones at rest, `transforms` the hypotheses' rest-to-posed maps.
    """
    joints, tips = skeleton.joints.detach(), skeleton.tips.detach()
    with torch.no_grad():
        radius = _radii(mesh, joints, tips).reshape(-1)
        reach = torch.minimum(radius[:, None] + radius[None], _squared_distances(_balls(joints, tips)[None])[0].sqrt())
        reach = reach.masked_fill(_related(skeleton.parents, reach.device), 0)
    centre = _balls(posed_joints(transforms, joints), posed_joints(transforms, tips))
    depth = (reach - _squared_distances(centre).sqrt()).clamp_min(0)
    return depth.square().sum((1, 2)) / 2


def _squared_distances(points: Float[Tensor, "B S 3"]) -> Float[Tensor, "B S S"]:
    """Of all pairs, never quite 0, where a square root has no slope."""
    points = points - points.mean(1, keepdim=True)
    size = points.square().sum(-1)
    return (size[:, :, None] + size[:, None] - 2 * points @ points.transpose(1, 2)).clamp_min(1e-8)


def _balls(joints: Float[Tensor, "*B J 3"], tips: Float[Tensor, "*B J 3"]) -> Float[Tensor, "*B S 3"]:
    """Centres, bone by bone."""
    share = joints.new_tensor(_PLACES)[:, None]
    centres = joints[..., None, :] + share * (tips - joints)[..., None, :]
    return centres.flatten(-3, -2)


def _radii(mesh: SkinnedMesh, joints: Float[Tensor, "J 3"], tips: Float[Tensor, "J 3"]) -> Float[Tensor, "J P"]:
    """Mean distance from the bone of the vertices that follow it most, by how near they are to each place along it."""
    owner = mesh.weights.argmax(1)
    bone = tips - joints
    length = bone.norm(dim=1).clamp_min(1e-9)
    axis = (bone / length[:, None]).index_select(0, owner)
    off = mesh.vertices - joints.index_select(0, owner)
    along = (off * axis).sum(1)
    across = (off - along[:, None] * axis).norm(dim=1)
    share = (along / length.index_select(0, owner)).clamp(_PLACES[0], _PLACES[-1])
    near = (1 - (share[:, None] - share.new_tensor(_PLACES)).abs() / (_PLACES[1] - _PLACES[0])).clamp_min(0)
    none = near.new_zeros(len(joints), len(_PLACES))
    total = none.index_add(0, owner, near * across[:, None])
    return total / none.index_add(0, owner, near).clamp_min(1e-9)


@cache
def _related(parents: tuple[int, ...], device: torch.device) -> Bool[Tensor, "S S"]:
    """Balls of bones that hang together: a bone and itself, its parent, and those that share one."""
    parent, joint = torch.tensor(parents, device=device), torch.arange(len(parents), device=device)
    child = parent[:, None] == joint[None]
    related = child | child.T | (parent[:, None] == parent[None]) | (joint[:, None] == joint[None])
    return related.repeat_interleave(len(_PLACES), 0).repeat_interleave(len(_PLACES), 1)
