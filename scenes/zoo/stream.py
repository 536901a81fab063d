"""A stream of sittings for training: each seed another individual, made by several processes at once.

One process with several threads leaves cores idle between its parallel stretches, several processes of one thread each
do not. What comes out depends on the seeds alone, not on how many processes there are or which is faster.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import torch

from ..photography.fault import FaultConfig
from ..photography.photograph import PhotographyConfig
from ..photography.viewpoint import ViewpointConfig
from .sitting import Sitting, take_photos
from .species import SPECIES, archetype
from .split import FIRST_TEST_SEED

Made = TypeVar("Made")

_AHEAD = 3
"""Sittings under way or waiting to be asked for, for each process."""


@dataclass(frozen=True)
class StreamConfig:
    """What is photographed for training."""

    size: int = 160
    """Side of the photos, which are square, in pixels."""
    photo_count: int = 16
    """Photos of one individual, from all round."""
    noisy_share: float = 0.5
    """Sittings whose photos are covered or cut off in part."""
    species: tuple[str, ...] = tuple(SPECIES)
    """Each as often as it is named here."""
    viewpoint: ViewpointConfig = field(
        default_factory=lambda: ViewpointConfig(
            elevation_deg=(-8.0, 30.0), high_elevation_deg=(25.0, 65.0), roll_deg=4.0, fill=(0.4, 0.97), square=True
        )
    )
    """Wider than what people do, so that nothing they do is new."""
    fault: FaultConfig = field(default_factory=lambda: FaultConfig(jpeg_quality=(40, 95), cast=0.1))

    def __post_init__(self) -> None:
        odd = sorted(set(self.species) - set(SPECIES))
        if odd or not self.species:
            raise ValueError(f"species are {self.species}; expected some of {', '.join(SPECIES)}")

    def photography(self, chance: float) -> PhotographyConfig:
        """How one sitting is photographed; `chance` in [0, 1) decides whether things stand in the way."""
        noisy = chance < self.noisy_share
        return PhotographyConfig(size=self.size, noisy=noisy, viewpoint=self.viewpoint, fault=self.fault)


def training_sitting(seed: int, config: StreamConfig) -> Sitting:
    """The sitting of a seed. Raises ValueError for seeds that belong to tests."""
    if not 0 <= seed < FIRST_TEST_SEED:
        raise ValueError(f"seed {seed} is not for training; those lie between 0 and {FIRST_TEST_SEED - 1}")
    generator = torch.Generator().manual_seed(seed)
    chosen, chance = torch.rand(2, generator=generator).tolist()
    species = config.species[int(chosen * len(config.species))]
    return take_photos(species, config.photo_count, generator, config.photography(chance))


def stream(
    seeds: Iterable[int], config: StreamConfig, pack: Callable[[Sitting], Made], process_count: int | None = None
) -> Iterator[Made]:
    """What `pack` makes of the sitting of each seed, in the order of the seeds.

    `pack` runs where the sitting is made, so that little travels; it must be a function of a module. `process_count` is
    the number of cores unless given; 1 works here and now, with the threads that PyTorch has been given.
    """
    count = (os.cpu_count() or 1) if process_count is None else process_count
    if count <= 1:
        for seed in seeds:
            yield pack(training_sitting(seed, config))
        return
    _warm(config.species)
    # Unlike multiprocessing's pool this one says so when a process dies.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin) as pool:
        ahead: deque[Future[Made]] = deque()
        for seed in seeds:
            ahead.append(pool.submit(_make, seed, config, pack))
            if len(ahead) > _AHEAD * count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _warm(species: Sequence[str]) -> None:
    """Makes the bodies that are not in the cache yet, once instead of in every process at the same time."""
    for name in dict.fromkeys(species):
        archetype(name)


def _begin() -> None:
    """One thread in each process: the processes are as many as the cores."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _make(seed: int, config: StreamConfig, pack: Callable[[Sitting], Made]) -> Made:
    return pack(training_sitting(seed, config))
