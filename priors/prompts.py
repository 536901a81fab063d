"""What a subject is called from where it is seen: prompts for each kind of view, and how much each counts.

A text-to-picture model has seen more faces than backs of heads, and paints a second face where a face could be. So the
prompt says from where the subject is seen, and the negative prompt names what cannot be seen from there (the idea of
view-dependent prompts in DreamFusion, Poole et al., ICLR 2023, and of the negatives in StyleAvatar3D, Zhang et al.,
2023). Between two kinds of view both count, by weights that sum to one and change smoothly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

ViewName = Literal["front", "three-quarter", "side", "back", "overhead"]
VIEWS: tuple[ViewName, ...] = get_args(ViewName)
WORDS: dict[ViewName, str] = {
    "front": "front view",
    "three-quarter": "three-quarter view",
    "side": "side view",
    "back": "view from behind",
    "overhead": "view from above",
}
_CANNOT: dict[ViewName, str] = {
    "front": "view from behind, tail in front, two heads",
    "three-quarter": "view from behind, two heads",
    "side": "front view, both eyes, two heads",
    "back": "front view, face, eyes, nose, mouth, two heads",
    "overhead": "front view, seen from the ground, belly, two heads",
}
"""What is not to be seen, by view."""
FAULTS = "blurry, deformed, extra legs, missing legs, text, frame, oversaturated"
"""What is not wanted from anywhere."""
_AZIMUTHS_DEG = (0.0, 45.0, 90.0, 180.0)
"""Of front, three-quarter, side and back, either side."""
_HIGH_DEG = (40.0, 70.0)
"""Elevations from which a view begins to be one from above, and at which it is nothing else."""


@dataclass(frozen=True)
class ViewPrompts:
    """Prompts and negative prompts by view, in the order of `VIEWS`."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]

    @staticmethod
    def of(category: str, attributes: Sequence[str] = ()) -> ViewPrompts:
        """For a subject of that category (fox, girl with a red hat); `attributes` are words for every view.

        >>> ViewPrompts.of("fox", ["snow"]).positive[3]
        'a photo of a fox, view from behind, snow'
        """
        what = category.strip()
        article = "an" if what[:1].lower() in "aeiou" else "a"
        extra = "".join(f", {word}" for word in attributes)
        return ViewPrompts(
            tuple(f"a photo of {article} {what}, {WORDS[view]}{extra}" for view in VIEWS),
            tuple(f"{_CANNOT[view]}, {FAULTS}" for view in VIEWS),
        )


def view_weights(azimuth_deg: Float[Tensor, " B"], elevation_deg: Float[Tensor, " B"]) -> Float[Tensor, "B V"]:
    """How much each of `VIEWS` counts; rows sum to one. Azimuth 0 looks at the front, 90 at the subject's left side.

    >>> import torch
    >>> view_weights(torch.tensor([0.0, -90.0, 180.0]), torch.zeros(3)).argmax(1).tolist()
    [0, 2, 3]
    """
    aside = ((azimuth_deg + 180) % 360 - 180).abs()
    knots = aside.new_tensor(_AZIMUTHS_DEG)
    right = torch.searchsorted(knots, aside).clamp(1, len(knots) - 1)
    share = _smooth((aside - knots[right - 1]) / (knots[right] - knots[right - 1]))
    level = torch.zeros(len(aside), len(knots), device=aside.device, dtype=aside.dtype)
    level.scatter_(1, (right - 1)[:, None], (1 - share)[:, None]).scatter_(1, right[:, None], share[:, None])
    high = _smooth((elevation_deg - _HIGH_DEG[0]) / (_HIGH_DEG[1] - _HIGH_DEG[0]))[:, None]
    return torch.cat([level * (1 - high), high], dim=1)


def _smooth(share: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """0 up to 0, 1 from 1 on, and level at both."""
    share = share.clamp(0, 1)
    return share * share * (3 - 2 * share)
