"""The species of the zoo: proportions, coat, and what they do all day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from . import bird_coats, humanoid_coats, quadruped_coats
from . import quadruped_species as mean
from .bird import BIRD, PENGUIN, BirdShape, bird
from .blueprint import Blueprint
from .body import Archetype
from .coat import Coat
from .humanoid import CHIBI, PERSON, humanoid
from .kangaroo import KangarooShape, kangaroo
from .quadruped import QuadrupedShape, quadruped
from .store import stored_archetype
from .vary import BodyShape


@dataclass(frozen=True)
class Species:
    """One kind of animal or character."""

    name: str
    shape: BodyShape
    """Of the mean adult."""
    coat: Callable[[Coat], None]
    motions: dict[str, float]
    """What it is photographed doing, with shares (see `representations.motion.library`)."""
    fur: tuple[float, float] = field(default=(0.05, 0.3))
    """Least and most that strands of hair show (see `photography.photograph.PhotographyConfig`)."""

    @property
    def plan(self) -> Literal["quadruped", "biped", "bird"]:
        """Of the body, as templates are named; a kangaroo has the joints of a quadruped."""
        if isinstance(self.shape, (QuadrupedShape, KangarooShape)):
            return "quadruped"
        return "bird" if isinstance(self.shape, BirdShape) else "biped"


_GRAZER = {"walk": 3.0, "trot": 1.0, "canter": 0.5, "idle": 2.0, "graze": 1.5, "look_around": 1.5}
_HUNTER = {"walk": 3.0, "trot": 1.0, "gallop": 0.5, "idle": 1.5, "look_around": 1.5, "sit": 0.7, "lie": 0.5}
_PERSON = {"walk": 3.0, "run": 1.0, "idle": 2.0, "look_around": 1.0}

SPECIES: dict[str, Species] = {
    kind.name: kind
    for kind in (
        Species("horse", mean.HORSE, quadruped_coats.horse, _GRAZER),
        Species("zebra", mean.ZEBRA, quadruped_coats.zebra, _GRAZER),
        Species("cow", mean.COW, quadruped_coats.cow, _GRAZER),
        Species("sheep", mean.SHEEP, quadruped_coats.sheep, _GRAZER, (0.2, 0.7)),
        Species("elephant", mean.ELEPHANT, quadruped_coats.elephant, {"walk": 3.0, "idle": 2.0, "look_around": 2.0},
            (0.0, 0.05)),
        Species("giraffe", mean.GIRAFFE, quadruped_coats.giraffe, {"walk": 3.0, "pace": 1.0, "idle": 2.0,
            "look_around": 2.0, "graze": 0.5}),
        Species("tiger", mean.TIGER, quadruped_coats.tiger, _HUNTER, (0.05, 0.3)),
        Species("cat", mean.CAT, quadruped_coats.cat, _HUNTER, (0.08, 0.4)),
        Species("dog", mean.DOG, quadruped_coats.dog, _HUNTER, (0.08, 0.4)),
        Species("fox", mean.FOX, quadruped_coats.fox, _HUNTER, (0.1, 0.45)),
        Species("deer", mean.DEER, quadruped_coats.deer, _GRAZER),
        Species("bear", mean.BEAR, quadruped_coats.bear, {"walk": 3.0, "idle": 1.5, "look_around": 1.5, "sit": 0.7},
            (0.2, 0.7)),
        Species("kangaroo", KangarooShape(), quadruped_coats.kangaroo_coat, {"hop": 2.0, "idle": 2.0,
            "look_around": 2.0, "sit": 1.0, "graze": 1.0}, (0.08, 0.4)),
        Species("penguin", PENGUIN, bird_coats.penguin, {"waddle": 3.0, "idle": 2.0, "look_around": 1.0}, (0.05, 0.2)),
        Species("bird", BIRD, bird_coats.bird_coat, {"walk": 2.0, "idle": 2.0, "look_around": 1.5, "flap": 1.5,
            "glide": 0.7}, (0.08, 0.4)),
        Species("humanoid", PERSON, humanoid_coats.humanoid_coat, _PERSON, (0.0, 0.0)),
        Species("chibi", CHIBI, humanoid_coats.chibi, {"rest": 3.0, **_PERSON}, (0.0, 0.0)),
    )
}  # fmt: skip


def draw_individual(shape: BodyShape) -> Blueprint:
    """The blueprint of any shape."""
    if isinstance(shape, QuadrupedShape):
        return quadruped(shape)
    if isinstance(shape, KangarooShape):
        return kangaroo(shape)
    return bird(shape) if isinstance(shape, BirdShape) else humanoid(shape)


@cache
def archetype(name: str) -> Archetype:
    """The mean body of a species; the first time on a machine it takes some seconds. Raises KeyError for a species that
    is not in `SPECIES`."""
    return stored_archetype(draw_individual(SPECIES[name].shape))


def species_key(words: str) -> str:
    """What a species of that name is called here, whether there is one or not.

    >>> species_key(" Polar Bear")
    'polar_bear'
    """
    return words.strip().lower().replace(" ", "_")
