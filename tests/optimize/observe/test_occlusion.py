"""What may be hidden is found beside what is seen, and outlines are left alone."""

from dataclasses import replace
from pathlib import Path

import torch

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.occlusion import hidden_share
from zoetrope.optimize.observe.semantic_prior import load_semantic_prior
from zoetrope.scenes.photos.collection import load_collection


def test_what_stands_behind_something_is_hidden_and_outlines_are_not() -> None:
    there = torch.zeros(1, 32, 32)
    there[:, 8:24, 4:28] = 1.0
    mask = there.clone()
    mask[:, :, 12:18] = 0.0  # a trunk of a tree in front
    # A network is in doubt about a pixel round every outline, and a little everywhere.
    unsure = torch.nn.functional.avg_pool2d(there[:, None], 3, stride=1, padding=1)[:, 0].clamp_min(0.05)
    hidden = hidden_share(unsure, mask, 64)
    assert hidden.shape == (1, 64, 64)
    assert bool((hidden[:, 20:44, 28:32] > 0.95).all())
    assert not bool(hidden[:, :, 40:].any())
    assert not bool(hidden[:, :12].any())
    assert float((hidden * torch.nn.functional.interpolate(mask[:, None], scale_factor=2.0)[:, 0]).max()) < 0.6


def test_nothing_is_hidden_without_a_word_for_it(good_photos: Path) -> None:
    observations = Observations(load_collection(good_photos))
    before = observations.at(64)
    maps = load_semantic_prior(FitConfig(photos=good_photos, out=good_photos), torch.device("cpu")).canonical_maps(
        observations
    )
    assert maps is not None
    maps.amodal.zero_()
    observations = replace(observations, canonical=maps)
    assert torch.equal(observations.at(64).valid, before.valid)
    # A whole photo that may hide the subject leaves only what the mask shows.
    maps.amodal.fill_(1.0)
    observations = replace(observations, canonical=maps)
    after = observations.at(64)
    assert float((after.valid * (1 - after.mask)).mean()) < 0.05 < float((before.valid * (1 - before.mask)).mean())
    shown = before.mask > 0.99
    assert torch.equal(after.mask[shown], before.mask[shown])
    assert float(after.outside.max()) <= 1 < float(before.outside.max())
