"""Dual quaternion skinning: every vertex follows a rigid motion that is a blend of its joints' (Kavan et al., SIGGRAPH
2007), so that a twisted limb keeps its radius, where a mean of matrices wraps it up like a candy.

A rigid motion x -> R x + t is the pair (q, d), q the rotation and d = 1/2 (0, t) q. A vertex takes

    (q, d) = sum_j s_j w_j (q_j, d_j),    divided by |q|,

s_j = +-1 bringing q_j to the side of the vertex's strongest joint, since q and -q are one rotation.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..rotation import conjugate, multiply, quaternion_from_matrix, rotate


def skin_dual(
    vertices: Float[Tensor, "V 3"], weights: Float[Tensor, "V J"], transforms: Float[Tensor, "B J 3 4"]
) -> Float[Tensor, "B V 3"]:
    """Posed vertices from rest positions and rest-to-posed rigid maps, as `skinning.skin` has them."""
    turns = quaternion_from_matrix(transforms[..., :3])
    shifts = torch.cat([torch.zeros_like(turns[..., :1]), transforms[..., 3]], dim=-1)
    both = torch.cat([turns, 0.5 * multiply(shifts, turns)], dim=-1)
    strongest = weights.argmax(1)
    blended = both.new_empty(len(both), len(vertices), 8)
    for joint in strongest.unique().tolist():
        rows = (strongest == joint).nonzero()[:, 0]
        side = torch.where((turns * turns[:, joint, None]).sum(-1, keepdim=True) < 0, -1.0, 1.0)
        blended[:, rows] = weights[rows] @ (side * both)
    blended = blended / blended[..., :4].norm(dim=-1, keepdim=True)
    turn, dual = blended[..., :4], blended[..., 4:]
    moved = rotate(turn, vertices.expand(len(both), *vertices.shape))
    return moved + 2 * multiply(dual, conjugate(turn))[..., 1:]
