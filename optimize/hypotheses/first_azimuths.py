"""First azimuths of each photo, from the network's distribution over views.

A distribution over views has several modes, above all front and rear of the same flank; and the network may be wrong.
So half of the first hypotheses stand at its modes, chosen one after the other,

    p(a) <- p(a) (1 - exp(-(|a - a*| / 40 deg)^2))    after each mode a*

(soft non-maximum suppression, Bodla et al., ICCV 2017), and the other half evenly all round, starting half a step
beside the strongest mode.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_APART_DEG = 40.0


_FLOOR = 0.5
"""Share of the hypotheses that stand all round, whatever the network says."""


_DOUBT = 1e-3
"""Added to the probability of every bin: where the network rules out the rest, the rest is still ordered."""


def first_azimuths(view: Float[Tensor, "N A E"], count: int) -> Float[Tensor, "N {count}"]:
    """`count` azimuths in degrees for each photo from its distribution over azimuth x elevation, best modes first.

    Bin a spans [a, a + 1) * 360 / A degrees. Elevations are left to the fit, which finds them from the usual one.
    """
    photos, bins = view.shape[:2]
    probability = view.detach().sum(2) + _DOUBT
    # A mode on the border of two bins must not lose to one inside a bin.
    around = torch.stack([probability.roll(1, 1), probability, probability.roll(-1, 1)])
    left = (around[0] + 2 * around[1] + around[2]) / 4
    width = 360 / bins
    centre = (torch.arange(bins, device=view.device) + 0.5) * width
    offset = (around[2] - around[0]) / around.sum(0) * width
    each = torch.arange(photos, device=view.device)
    round_count = int(_FLOOR * count)
    chosen = []
    for _ in range(count - round_count):
        best = left.argmax(1)
        mode = centre[best] + offset[each, best]
        gap = ((centre - mode[:, None] + 180) % 360 - 180).abs()
        left = left * (1 - torch.exp(-((gap / _APART_DEG) ** 2)))
        chosen.append(mode)
    step = 360 / max(round_count, 1)
    evenly = (torch.arange(round_count, device=view.device) + 0.5) * step
    return torch.cat([torch.stack(chosen, dim=1), chosen[0][:, None] + evenly], dim=1) % 360
