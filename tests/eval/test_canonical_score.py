"""Scores of canonical maps: true maps score as the truth, and each known mistake shows in its own column."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from zoetrope.eval.canonical_score import CanonicalScore, best_azimuth_deg, score_canonical
from zoetrope.eval.truth import Truth, load_truth
from zoetrope.priors.canonical import CanonicalMaps, CanonicalPrior
from zoetrope.representations.body.chart import PART_KINDS
from zoetrope.scenes.photography.label import LEFT, NONE, Labels
from zoetrope.scenes.photography.write import read_maps
from zoetrope.scenes.photos.collection import Collection, load_collection
from zoetrope.scenes.photos.crop import crop_for_photo
from zoetrope.scenes.zoo.zoo import write_zoo

SIDE = 128
BINS = 36


@dataclass(frozen=True)
class Shown:
    """A collection with all that is known of it."""

    photos: Collection
    truth: Truth
    labels: dict[str, Labels]

    def score(self, prior: CanonicalPrior) -> CanonicalScore:
        return score_canonical(prior, self.photos, self.truth, self.labels, with_masks=True)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("zoo") / "fox"
    write_zoo("fox", folder, photo_count=4, seed=5, size=192)
    photos = load_collection(folder)
    labels = {photo.stem: read_maps(folder / "truth" / "maps" / f"{photo.stem}.npz") for photo in photos.photos}
    return Shown(photos, load_truth(photos, folder), labels)


@pytest.fixture(scope="module")
def true_maps(shown: Shown) -> CanonicalMaps:
    """What a perfect network would say of the crops with their masks."""
    ticks = (np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1) + 0.5).reshape(-1, 2)
    part, left, canonical_xyz, view = [], [], [], []
    for photo in shown.photos.photos:
        label = shown.labels[photo.stem]
        assert label.part is not None
        assert label.side is not None
        assert label.reference is not None
        height, width = label.part.shape
        at = np.floor(crop_for_photo(photo, 0.2).to_original(ticks, SIDE) * np.array(photo.scale)).astype(int)
        column, row = at.clip(0, [width - 1, height - 1]).T
        kind = torch.from_numpy(label.part[row, column].astype(np.int64))
        one_hot = torch.nn.functional.one_hot(kind.where(kind != NONE, torch.tensor(0)), len(PART_KINDS)).float()
        part.append(one_hot.T.reshape(-1, SIDE, SIDE))
        left.append(torch.from_numpy((label.side[row, column] == LEFT).astype(np.float32)).view(SIDE, SIDE))
        reference = torch.from_numpy(label.reference[row, column].astype(np.float32))
        canonical_xyz.append(torch.cat([reference[:, :1].abs(), reference[:, 1:]], 1).view(SIDE, SIDE, 3))
        towards = shown.truth.cameras[photo.stem].camera_to_world[:3, 2]
        azimuth = np.degrees(np.arctan2(towards[0], towards[2])) % 360
        view.append(torch.nn.functional.one_hot(torch.tensor(int(azimuth / (360 / BINS))), BINS).float()[:, None])
    blank = torch.zeros(len(part), SIDE, SIDE)
    return CanonicalMaps(
        blank, blank, torch.stack(part), torch.stack(left), torch.stack(canonical_xyz), blank, blank[:, None],
        torch.stack(view), blank[:, 0], blank[:, 0],
    )  # fmt: skip


class Knowing(CanonicalPrior):
    """A prior that knows; the foreground is the mask that it is given."""

    def __init__(self, maps: CanonicalMaps) -> None:
        self.maps = maps

    def __call__(
        self, pictures: Tensor, masks: Tensor | None = None, size: int = SIDE, mirror: bool = True
    ) -> CanonicalMaps:
        assert len(pictures) == len(self.maps.part)
        assert masks is not None
        foreground = torch.nn.functional.interpolate(masks[:, None], (size, size), mode="area")[:, 0]
        return replace(self.maps, foreground=foreground)


def test_true_maps_score_as_the_truth(shown: Shown, true_maps: CanonicalMaps) -> None:
    score = shown.score(Knowing(true_maps))
    assert score.foreground_iou == pytest.approx(1)
    assert score.refined_iou is None
    assert score.part_accuracy == pytest.approx(1)
    assert score.side_accuracy == pytest.approx(1)
    assert score.place_error is not None
    assert score.place_error < 0.01
    assert score.azimuth_error_deg is not None
    assert score.azimuth_error_deg <= 180 / BINS
    assert score.keypoint_transfer is not None
    assert score.identity is not None
    assert score.keypoint_transfer > max(0.8, score.identity)


def test_each_mistake_shows_in_its_own_column(shown: Shown, true_maps: CanonicalMaps) -> None:
    true = shown.score(Knowing(true_maps))
    swapped = shown.score(Knowing(replace(true_maps, left=1 - true_maps.left)))
    assert swapped.side_accuracy == pytest.approx(0)
    assert swapped.part_accuracy == true.part_accuracy
    turned = shown.score(Knowing(replace(true_maps, view=true_maps.view.roll(BINS // 2, 1))))
    assert turned.azimuth_error_deg == pytest.approx(180, abs=180 / BINS)
    assert turned.azimuth_within_30 == 0
    moved = shown.score(
        Knowing(replace(true_maps, canonical_xyz=true_maps.canonical_xyz + torch.tensor([0.3, 0.0, 0.4])))
    )
    assert moved.place_error == pytest.approx(0.5, abs=0.02)
    # Errors of .3, 0 and .4 are .7 / 3 in the mean.
    doubtful = replace(true_maps, canonical_xyz=true_maps.canonical_xyz + torch.tensor([0.3, 0.0, 0.4]))
    doubtful = replace(doubtful, spread=torch.full_like(true_maps.spread, 0.35 / 3))
    assert shown.score(Knowing(doubtful)).calibration == pytest.approx(0.5, abs=0.02)
    blurred = shown.score(Knowing(replace(true_maps, part=true_maps.part.roll(1, 1))))
    assert blurred.part_accuracy == 0


def test_the_best_azimuth_is_a_mean_of_neighbours_round_the_circle(true_maps: CanonicalMaps) -> None:
    view = torch.zeros(4, BINS, 1)
    view[0, [35, 0]] = torch.tensor([[0.5], [0.5]])
    view[1:, [3, 4, 5]] = torch.tensor([[0.2], [0.6], [0.2]])
    best = best_azimuth_deg(replace(true_maps, view=view))
    assert (best + 180).fmod(360).tolist() == pytest.approx([180, 225, 225, 225], abs=1e-3)
