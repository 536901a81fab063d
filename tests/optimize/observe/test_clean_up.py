"""Cleaning up: photos that hide nothing stay, hidden parts come back with reserve, made-up colours do not count."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.observe.clean_up import CleanUp, CleanUpConfig, clean_up
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import SemanticPrior, load_semantic_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.run_folder import RunFolder

CPU = torch.device("cpu")
SIZE = 32


@pytest.fixture(scope="module")
def covered(good_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same photos, a grey board in front of the middle of the first two."""
    folder = tmp_path_factory.mktemp("covered") / "photos"
    (folder / "masks").mkdir(parents=True)
    for k, path in enumerate(sorted(good_photos.glob("*.jpg"))):
        photo = np.array(Image.open(path))
        mask = np.array(Image.open(good_photos / "masks" / f"{path.stem}.png"))
        columns = np.nonzero(mask.max(0) > 127)[0]
        middle, width = int(columns.mean()), len(columns) // 5
        if k < 2:
            photo[:, middle - width : middle + width] = 128
            mask[:, middle - width : middle + width] = 0
        Image.fromarray(photo).save(folder / f"{path.stem}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{path.stem}.png")
    return folder


@pytest.fixture(scope="module")
def semantic(covered: Path) -> SemanticPrior:
    return load_semantic_prior(FitConfig(photos=covered, out=covered), CPU)


def looked_at(folder: Path, semantic: SemanticPrior) -> Observations:
    """With the truth in the place of what a network believes to be hidden: where the board stands."""
    observations = Observations(load_collection(folder))
    maps = semantic.canonical_maps(observations)
    assert maps is not None
    mask = observations.at(maps.amodal.shape[1]).mask
    amodal = mask.clone()
    for k in range(2):
        columns = (mask[k].amax(0) > 0.5).nonzero()[:, 0]
        rows = (mask[k].amax(1) > 0.5).nonzero()[:, 0]
        amodal[k, rows[len(rows) // 4] : rows[-1], columns[0] : columns[-1]] = 1.0
    observations = replace(observations, canonical=replace(maps, amodal=amodal))
    return observations


def test_hidden_parts_come_back_and_the_rest_stays(
    covered: Path, semantic: SemanticPrior, small_prior: DiffusionPrior
) -> None:
    observations = looked_at(covered, semantic)
    before = {size: observations.at(size) for size in (SIZE, 64)}
    seen: list[Tensor] = []

    def foreground(pictures: Tensor) -> Tensor:
        seen.append(pictures)
        # Two of four paintings show the subject everywhere, the others in the upper half.
        odds = torch.ones(pictures.shape[:3])
        if len(seen) % 2:
            odds[:, SIZE // 2 :] = 0
        return odds

    config = CleanUpConfig(steps=2)
    generator = torch.Generator().manual_seed(0)
    observations, chosen = clean_up(observations, small_prior, "fox", foreground, config, generator)
    assert chosen.tolist() == [True, True, False, False]
    assert len(seen) == config.paintings
    assert float((seen[0] - seen[1]).abs().max()) > 0, "each painting is another"
    for size in (SIZE, 64):
        was, now = before[size], observations.at(size)
        for name in ("pixels", "mask", "shown", "valid", "outside"):
            assert torch.equal(getattr(was, name)[2:], getattr(now, name)[2:]), f"{name} of a photo that hides nothing"
        assert torch.equal(was.shown, now.shown)
    was, now = before[SIZE], observations.at(SIZE)
    hidden = ((1 - was.valid) * (1 - was.mask))[:2] > 0.99
    assert int(hidden.sum()) > 20
    upper = torch.arange(SIZE)[None, :, None] < SIZE // 2
    assert float(now.mask[:2][hidden & upper].min()) > 0.95
    assert 0.5 < float(now.valid[:2][hidden & upper].min()) < 0.7, "listened to with reserve"
    assert float(now.valid[:2][hidden & ~upper].max()) < 0.05, "paintings that differ say nothing"
    clear = (was.valid[:2] > 0.999) & (was.mask[:2] > 0.999)
    torch.testing.assert_close(now.pixels[:2][clear], was.pixels[:2][clear])
    # Paintings begin with the subject's own colours on a ground that stands out.
    ground = seen[0][:, 0, 0]
    assert bool(((ground - 0.2).abs().amax(1) < 0.05).logical_or((ground - 0.8).abs().amax(1) < 0.05).all())


def test_the_network_looks_again_and_pictures_are_written(
    covered: Path, semantic: SemanticPrior, small_prior: DiffusionPrior, tmp_path: Path
) -> None:
    observations = looked_at(covered, semantic)
    first = observations.canonical
    assert first is not None
    done = CleanUp.done(observations, small_prior, "fox", semantic)
    assert "2 of 4 photos" in done.line
    assert observations.canonical is first, "what was given stays as it was"
    assert done.observations.canonical is not first
    done.write(RunFolder(tmp_path))
    names = sorted(path.name for path in (tmp_path / "cleaned").iterdir())
    assert names == ["000.png", "001.png"]
    with Image.open(tmp_path / "cleaned" / "000.png") as picture:
        assert picture.size == (5 * 192, 192)
    bare = replace(semantic, canonical=None)
    with pytest.raises(ValueError, match="needs a canonical network"):
        CleanUp.done(observations, small_prior, "fox", bare)


def test_photos_that_hide_nothing_are_left_alone(
    covered: Path, semantic: SemanticPrior, small_prior: DiffusionPrior
) -> None:
    observations = looked_at(covered, semantic)
    maps = observations.canonical
    assert maps is not None
    observations = replace(observations, canonical=replace(maps, amodal=torch.zeros_like(maps.amodal)))
    given = small_prior, "fox", lambda one: one[..., 0], CleanUpConfig(), torch.Generator()
    observations, chosen = clean_up(observations, *given)
    assert not bool(chosen.any())
    assert observations.completion is None


def test_without_maps_nothing_says_what_is_hidden(covered: Path, small_prior: DiffusionPrior) -> None:
    observations = Observations(load_collection(covered))
    with pytest.raises(ValueError, match="needs the maps"):
        clean_up(observations, small_prior, "fox", lambda one: one[..., 0], CleanUpConfig(), torch.Generator())
