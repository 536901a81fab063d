"""What a canonical network says of pictures: which part, which side and which place of a reference body pixels show."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class CanonicalMaps:
    """What the canonical network says of B pictures; maps have the pictures' aspect at a lower resolution."""

    foreground: Float[Tensor, "B H W"]
    """Probability that a pixel shows the subject."""
    amodal: Float[Tensor, "B H W"]
    """Probability that the subject is there, in view or behind something."""
    part: Float[Tensor, "B K H W"]
    """Probabilities of parts without their side, given foreground."""
    left: Float[Tensor, "B H W"]
    """Probability that a pixel shows the subject's left half."""
    place: Float[Tensor, "B H W 3"]
    """On the reference body; x is the distance from the plane of symmetry, so never negative."""
    spread: Float[Tensor, "B H W"]
    """Laplace scale of the error of `place`, in its units."""
    descriptor: Float[Tensor, "B D H W"]
    """Unit vectors."""
    view: Float[Tensor, "B A E"]
    """Probabilities of azimuth (bin a spans [a, a+1) * 360/A deg) x elevation (edges stated with the network)."""
    plan: Float[Tensor, "B P"]
    """Body plans."""
    species: Float[Tensor, "B S"]
