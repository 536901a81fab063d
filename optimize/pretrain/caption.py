"""What photos of the zoo are called, for a model that learns to paint by words: every way in which one can be put.

Species, kind of view and background are named in several wordings, each also left out in some, so that a prompt may say
as much or as little as it likes. Kinds of view are those of `priors.prompts`, in the same words.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from ...priors.prompts import VIEWS, WORDS
from ...scenes.zoo.species import SPECIES

_ARTICLES = {"elephant": "an"}
_WORDINGS = (
    "a photo of {a} {name}, {view}{ground}",
    "a photo of {a} {name}, {view}",
    "a picture of {a} {name}, {view}{ground}",
    "{view} of {a} {name}{ground}",
    "{a} {name}, {view}{ground}",
    "{name}, {view}",
    "a photo of {a} {name}{ground}",
    "a photo of {a} {name}",
    "{a} {name}",
    "a photo of an animal, {view}{ground}",
)
_GROUNDS = (", outdoors", ", plain background")


@dataclass(frozen=True)
class Captions:
    """All captions, in the order species, view, background (as it is, plain), wording."""

    texts: tuple[str, ...]
    wordings: int = len(_WORDINGS)

    @staticmethod
    def all() -> Captions:
        """Those of the zoo."""
        return Captions(
            tuple(
                wording.format(a=_ARTICLES.get(name, "a"), name=name.replace("_", " "), view=WORDS[view], ground=ground)
                for name in SPECIES
                for view in VIEWS
                for ground in _GROUNDS
                for wording in _WORDINGS
            )
        )

    def index(
        self, species: Int[Tensor, " B"], view: Int[Tensor, " B"], plain: Int[Tensor, " B"], wording: Int[Tensor, " B"]
    ) -> Int[Tensor, " B"]:
        """Places in `texts`."""
        return ((species * len(VIEWS) + view) * len(_GROUNDS) + plain) * self.wordings + wording
