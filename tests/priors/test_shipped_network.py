"""The canonical network that the package carries, on animals drawn on the spot: left is left, and up is up."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from zoetrope.eval.canonical_score import CanonicalScore, score_canonical
from zoetrope.eval.truth import Truth, load_truth
from zoetrope.priors.canonical import CanonicalMaps, CanonicalPrior
from zoetrope.priors.embedded import CANONICAL
from zoetrope.representations.body.chart import VERSION
from zoetrope.scenes.photography.label import Labels
from zoetrope.scenes.photography.write import read_maps
from zoetrope.scenes.photos.collection import Collection, load_collection
from zoetrope.scenes.zoo.zoo import write_zoo

Animals = list[tuple[Collection, Truth, dict[str, Labels]]]
"""Photos, what is known of them, and maps of their parts by stem."""


class Spoilt(CanonicalPrior):
    """The network with its maps changed on their way out."""

    def __init__(self, prior: CanonicalPrior, change: Callable[[CanonicalMaps], CanonicalMaps]) -> None:
        super().__init__(prior.network, prior.meaning)
        self.change = change

    def __call__(self, *seen: Any, **options: Any) -> CanonicalMaps:
        return self.change(super().__call__(*seen, **options))


@pytest.fixture(scope="module")
def prior() -> CanonicalPrior:
    return CanonicalPrior.load(CANONICAL, VERSION)


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Animals:
    made = []
    for species, seed in (("fox", 31), ("horse", 32)):
        folder = tmp_path_factory.mktemp("zoo") / species
        write_zoo(species, folder, photo_count=6, seed=seed, size=192)
        photos = load_collection(folder)
        labels = {photo.stem: read_maps(folder / "truth" / "maps" / f"{photo.stem}.npz") for photo in photos.photos}
        made.append((photos, load_truth(photos, folder), labels))
    return made


def score(prior: CanonicalPrior, animals: Animals, with_masks: bool = True) -> list[CanonicalScore]:
    return [score_canonical(prior, *known, with_masks=with_masks) for known in animals]


def missed(found: list[CanonicalScore]) -> set[str]:
    """Names of the bars that any of the collections misses."""
    bars = {
        "foreground": lambda one: one.foreground_iou > 0.9,
        "parts": lambda one: one.part_accuracy > 0.7,
        "sides": lambda one: one.side_accuracy > 0.85,
        "places": lambda one: one.place_error < 0.1,
        "azimuth": lambda one: one.azimuth_error_deg < 15 and one.azimuth_within_30 > 0.7,
        "keypoints": lambda one: one.keypoint_transfer > one.identity + 0.4,
    }
    return {name for name, holds in bars.items() if not all(holds(one) for one in found)}


def test_it_sees_made_up_animals_as_they_are(prior: CanonicalPrior, animals: Animals) -> None:
    assert missed(score(prior, animals)) == set()


def test_it_finds_the_subject_without_a_mask(prior: CanonicalPrior, animals: Animals) -> None:
    assert all(one.foreground_iou > 0.8 for one in score(prior, animals, with_masks=False))  # type: ignore[operator]


def _other_side(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, left=1 - maps.left)


def _rear_for_front(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, view=maps.view.roll(maps.view.shape[1] // 2, 1))


def _mirrored_views(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, view=maps.view.flip(1))


def _upside_down(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, canonical_xyz=maps.canonical_xyz * torch.tensor([1.0, -1.0, 1.0]))


def _head_for_tail(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, canonical_xyz=maps.canonical_xyz * torch.tensor([1.0, 1.0, -1.0]))


def _pictures_upside_down(maps: CanonicalMaps) -> CanonicalMaps:
    return replace(maps, foreground=maps.foreground.flip(1), part=maps.part.flip(2))


@pytest.mark.parametrize(
    ("change", "bar"),
    [
        (_other_side, "sides"),
        (_rear_for_front, "azimuth"),
        (_mirrored_views, "azimuth"),
        (_upside_down, "places"),
        (_head_for_tail, "places"),
        (_pictures_upside_down, "foreground"),
        (_pictures_upside_down, "parts"),
    ],
)
def test_a_network_that_mixes_them_up_misses_the_bars(
    change: Callable[[CanonicalMaps], CanonicalMaps], bar: str, prior: CanonicalPrior, animals: Animals
) -> None:
    assert bar in missed(score(Spoilt(prior, change), animals[:1]))
