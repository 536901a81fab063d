"""Which seeds of the zoo are for training and which for tests.

Whoever trains on the zoo draws seeds below `FIRST_TEST_SEED`; what is tested on begins there. So no individual, coat,
pose or photo of a test is ever seen in training.
"""

from __future__ import annotations

FIRST_TEST_SEED = 1_000_000

TEST = ("horse", "zebra", "elephant", "giraffe", "tiger", "dog", "deer", "bear")
"""Species of the test split, each a collection of `TEST_PHOTOS` photos."""

BESIDE = ("kangaroo", "penguin", "humanoid", "chibi")
"""Bodies of other plans, tested beside it."""

TEST_PHOTOS = 12


def seed_of(species: str) -> int:
    """The seed of a species' test collection. Raises ValueError where it has none.

    >>> seed_of("horse") >= FIRST_TEST_SEED
    True
    """
    return FIRST_TEST_SEED + (*TEST, *BESIDE).index(species)
