"""Where the network believes a photo was taken from: first views, and what others cost.

A distribution over views has several modes, above all front and rear of the same flank; and the network may be wrong.
So half of the first hypotheses stand at its modes, chosen one after the other,

    p(a) <- p(a) (1 - exp(-(|a - a*| / 40 deg)^2))    after each mode a*

(soft non-maximum suppression, Bodla et al., ICCV 2017), and the other half evenly all round, starting half a step
beside the strongest mode. Afterwards an azimuth costs how much less likely it is than the most likely one, the network
being wrong altogether with probability w:

    g(a) = log((1 - w) p(a) A / w + 1),    cost = k (1 - g(a) / max g),    k = 1 - mean g / max g.
"""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

_WRONG = 0.1


def view_loss(
    view: Float[Tensor, "N A E"], photo: Int[Tensor, " B"], azimuth_deg: Float[Tensor, " B"]
) -> Float[Tensor, " B"]:
    """Cost of each hypothesis's azimuth, 0 for its photo's best bin, 1 for what the network rules out; linear in
    between.

    A network that knows nothing makes all azimuths cost the same, nothing.
    """
    bins = view.shape[1]
    probability = view.detach().sum(2)
    gain = ((1 - _WRONG) * probability * bins / _WRONG + 1).log()
    top = gain.amax(1, keepdim=True)
    # What the best bin has above the mean says how much the network knows.
    known = 1 - gain.mean(1, keepdim=True) / top.clamp_min(1e-6)
    cost = known * (1 - gain / top.clamp_min(1e-6))
    place = azimuth_deg / (360 / bins) - 0.5
    low = place.detach().floor()
    share = place - low
    before, after = low.long() % bins, (low.long() + 1) % bins
    rows = cost.index_select(0, photo)
    return (1 - share) * rows.gather(1, before[:, None])[:, 0] + share * rows.gather(1, after[:, None])[:, 0]
