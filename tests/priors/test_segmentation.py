from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from zoetrope.priors import segmentation
from zoetrope.priors.mask_refinement import cleaned, refine
from zoetrope.priors.segmentation import segment
from zoetrope.priors.semantic import load_semantic

COLLECTIONS = Path(__file__).parents[2].parent / "shared" / "assets" / "collections"


def disc(height, width, row, column, radius):
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def photo(mask, seed=0):
    """A brown subject on green grass, both grainy."""
    grain = 0.08 * torch.randn(*mask.shape, 1, generator=torch.Generator().manual_seed(seed))
    colours = torch.where(mask[..., None], torch.tensor([0.5, 0.3, 0.15]), torch.tensor([0.3, 0.5, 0.2]))
    return (colours + grain).clamp(0, 1)


def overlap(one, other):
    return float((one & other).sum() / (one | other).sum())


def test_refinement_finds_the_edges_that_a_coarse_map_misses():
    mask = disc(120, 160, 60, 80, 35)
    coarse = torch.nn.functional.avg_pool2d(disc(120, 160, 63, 84, 42)[None, None].float(), 8)[0, 0]
    blurred = torch.nn.functional.interpolate(coarse[None, None], size=(120, 160), mode="bilinear")[0, 0] > 0.5
    assert overlap(blurred, mask) < 0.8
    assert overlap(refine(photo(mask), coarse), mask) > 0.92


def test_refinement_gives_the_same_mask_again():
    mask = disc(120, 160, 60, 80, 35)
    coarse = mask[::8, ::8].float()
    first = refine(photo(mask), coarse)
    refine(photo(mask, seed=1), coarse)
    assert torch.equal(refine(photo(mask), coarse), first)


def test_a_map_that_is_sure_of_nothing_or_of_all_is_returned_as_it_is():
    picture = photo(disc(40, 40, 20, 20, 10))
    assert not refine(picture, torch.zeros(5, 5)).any()
    assert refine(picture, torch.ones(5, 5)).all()


def test_cleaning_keeps_the_subject_and_the_gap_between_its_legs():
    mask = disc(100, 100, 50, 50, 30)
    mask[45:60, 45:60] = False  # a large gap
    mask[35:37, 40:42] = False  # a speck
    mask[5:45, 85:100] = True  # something else, which the foreground does not hold
    kept = cleaned(mask, disc(100, 100, 50, 50, 25).float())
    assert not kept[:, 85:].any()
    assert not kept[45:60, 45:60].any()
    assert kept[35:37, 40:42].all()


def test_a_foreground_that_is_given_ends_in_good_masks():
    masks = [disc(96, 128, 48, 60 + 3 * shift, 28) for shift in range(3)]
    remaining = iter(masks)
    found = segment([photo(mask) for mask in masks], lambda pictures: next(remaining)[None].float())
    for mask, one in zip(masks, found, strict=True):
        assert overlap(one.mask, mask) > 0.95
        assert one.fault is None
        assert one.confidence > 0.9


def test_photos_that_fail_are_flagged_and_the_others_are_not():
    good = [disc(96, 128, 48, 64, 28) for _ in range(3)]
    filling, tiny = torch.ones(96, 128, dtype=torch.bool), disc(96, 128, 48, 64, 6)
    along = torch.zeros(96, 128, dtype=torch.bool)
    along[:, :60] = True
    along[:30] = True
    maps = [*good, torch.zeros(96, 128, dtype=torch.bool), filling, tiny, along]
    remaining = iter(maps)
    found = segment([photo(mask) for mask in maps], lambda pictures: next(remaining)[None].float())
    assert [one.fault is None for one in found] == [True] * 3 + [False] * 4
    for one, reason in zip(found[3:], ["no subject", "covers 100%", "median", "border"], strict=True):
        assert one.fault is not None
        assert reason in one.fault
        assert "\n" not in one.fault
        assert one.confidence < 0.5
    assert segment([], lambda pictures: pictures[..., 0]) == ()


def test_features_and_edges_that_disagree_are_flagged(monkeypatch):
    mask, elsewhere = disc(96, 128, 48, 64, 24), disc(96, 128, 30, 80, 24)
    monkeypatch.setattr(segmentation, "refine", lambda picture, foreground: elsewhere)
    (found,) = segment([photo(mask)], lambda pictures: mask[None].float())
    assert found.fault is not None
    assert "disagree" in found.fault
    # A map of two values can be cut between them or not at all.
    assert found.confidence == pytest.approx(max(overlap(mask, elsewhere), float(elsewhere.float().mean())), abs=0.01)


def test_real_dogs_are_found_without_their_masks(mobilenet, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = COLLECTIONS / "dogs_golden"
    files = sorted(folder.glob("*.jpg"))[:4]
    if not files:
        pytest.skip("needs the ready collections")
    pictures, masks = [], []
    for file in files:
        with Image.open(file) as image, Image.open(folder / "masks" / f"{file.stem}.png") as mask:
            size = image.width * 256 // max(image.size), image.height * 256 // max(image.size)
            pictures.append(torch.from_numpy(np.array(image.convert("RGB").resize(size))).float() / 255)
            masks.append(torch.from_numpy(np.array(mask.convert("L").resize(size)) > 127))
    found = segment(pictures, load_semantic(mobilenet))
    overlaps = [overlap(one.mask, mask) for one, mask in zip(found, masks, strict=True)]
    assert sum(overlaps) / len(overlaps) > 0.6
    assert [tuple(one.mask.shape) for one in found] == [tuple(picture.shape[:2]) for picture in pictures]
