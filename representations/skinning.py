"""Linear blend skinning: every vertex follows the weighted mean of its joints' rigid maps."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def skin(
    vertices: Float[Tensor, "*N V 3"], weights: Float[Tensor, "V J"], transforms: Float[Tensor, "B J 3 4"]
) -> Float[Tensor, "B V 3"]:
    """Posed vertices. `vertices` are rest positions, (V, 3) shared or (B, V, 3); `transforms` rest-to-posed maps.

    v' = sum_j w_j (R_j v + t_j)  (Magnenat-Thalmann et al. 1988)
    """
    batch, joint_count = transforms.shape[:2]
    blended = (weights @ transforms.reshape(batch, joint_count, 12)).reshape(batch, -1, 3, 4)
    rest = vertices.expand(batch, *vertices.shape[-2:])
    return (blended[..., :3] * rest[..., None, :]).sum(-1) + blended[..., 3]
