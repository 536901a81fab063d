"""Where a subject may stand behind something: there a mask's "not here" says nothing, and a fit should not listen.

A canonical network says of every pixel how likely the subject is in view, and how likely it is there at all, in view or
not. Where the second is well above zero and the mask shows no subject, something hides it, by a share that rises with
those odds. At outlines the network is in doubt by a pixel, and that is no occlusion: what is thinner than three of its
pixels is opened away (Serra, Image Analysis and Mathematical Morphology, 1982).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate, max_pool2d

_DOUBTFUL, _SURE = 0.2, 0.45
"""Odds of the subject being there, hidden, at which a pixel begins to count as hidden and at which it does altogether.
On occluded photos of the zoo six tenths of what is hidden are found, and .02 of the visible area besides, most of it
within some pixels of what is hidden; on photos that hide nothing .001."""


def hidden_share(amodal: Float[Tensor, "N h w"], mask: Float[Tensor, "N h w"], size: int) -> Float[Tensor, "N S S"]:
    """How much of each of `size` x `size` pixels may hide the subject, in [0, 1]; 0 where the mask shows it.

    `amodal`: odds that the subject is there, in view or hidden; `mask`: share of the same pixels that shows it.
    """
    hidden = ((amodal - _DOUBTFUL) / (_SURE - _DOUBTFUL)).clamp(0, 1) * (1 - mask)
    eroded = -max_pool2d(-hidden[:, None], 3, stride=1, padding=1)
    opened = max_pool2d(eroded, 3, stride=1, padding=1) * (1 - mask[:, None])
    return interpolate(opened, size=(size, size), mode="bilinear", align_corners=False)[:, 0]
