"""Feet on the ground: what stands or walks on level ground has its feet at one height, but for those it lifts.

With heights h_i of the toes along the body's upward axis, above the lowest of them,

    ground = mean over feet  (h_i / s)^2 / (1 + (h_i / s)^2),

the kernel of Geman and McClure's estimator (1987): a lifted foot costs little more than one that is nearly lifted, and
hardly pulls. In an outline two feet at different depths can stand at any two heights; this says which are usual.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ...representations.body.skeleton import Skeleton, posed_joints
from ...representations.motion.leg import legs

_SCALE = 0.03
"""Height at which a foot counts as half lifted (rest frame units, subject about 1)."""


def ground_loss(skeleton: Skeleton, transforms: Float[Tensor, "B J 3 4"]) -> Float[Tensor, " B"]:
    """How far feet are from the lowest of them, 0 to 1; `transforms`: rest-to-posed maps of the `skeleton` at rest.

    0 where the skeleton has fewer than two feet by the names of its plan.
    """
    ends = [leg.joints[-1] for leg in legs(skeleton)]
    feet = [skeleton.index(name) for name in ends if name in skeleton.names]
    if len(feet) < 2:
        return transforms.new_zeros(len(transforms))
    height = posed_joints(transforms[:, feet], skeleton.tips[feet])[..., 1]
    above = ((height - height.amin(1, keepdim=True)) / _SCALE).square()
    return (above / (1 + above)).mean(1)
