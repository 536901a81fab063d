"""The package's own network as a judge, where no other is at hand: whether a subject is recognised, and by how much
two pictures differ to it.

Its features (the stem and four stages of the canonical network, pictures at its own size) serve as `feature_distance`
says, under the name `canonical`. It has been trained on made-up animals for tasks of its own: figures compare fits of
one subject and mean nothing beside those of other networks.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..priors.canonical import CANONICAL_INPUT_SIZE, CanonicalPrior
from ..priors.embedded import CANONICAL
from ..representations.body.chart import VERSION
from ..scenes.zoo.species import species_key
from .metrics.feature_distance import FeatureNetwork

JUDGE_NAME = "canonical"


def load_embedded_judge(device: torch.device | str = "cpu") -> CanonicalPrior:
    """The network that the package carries."""
    return CanonicalPrior.load(CANONICAL, VERSION, device)


def embedded_features(prior: CanonicalPrior) -> FeatureNetwork:
    """Its stages, as `feature_distance` takes them."""

    def stages(pictures: Tensor) -> list[Tensor]:
        seen = torch.nn.functional.interpolate(
            pictures, (CANONICAL_INPUT_SIZE, CANONICAL_INPUT_SIZE), mode="bilinear", antialias=True
        )
        return prior.stages(seen)

    return FeatureNetwork(JUDGE_NAME, stages)


def likeliest_species(prior: CanonicalPrior, pictures: Float[Tensor, "B S S 3"]) -> tuple[str, float]:
    """The species that square pictures show by their mean odds, in words, and these odds."""
    odds = prior(pictures).species.mean(0)
    best = int(odds.argmax())
    return prior.meaning.species[best].replace("_", " "), float(odds[best])


def species_odds(prior: CanonicalPrior, pictures: Float[Tensor, "B S S 3"], species: str) -> float:
    """Mean odds that square pictures show that species of `CanonicalMeaning.species`. Raises ValueError for others."""
    name = species_key(species)
    if name not in prior.meaning.species:
        raise ValueError(f"{species!r} is no species that the network knows: {', '.join(prior.meaning.species)}")
    return float(prior(pictures).species[:, prior.meaning.species.index(name)].mean())
