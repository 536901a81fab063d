"""Photos without masks: who estimates them, what is left out, and that a run keeps what it used."""

import shutil
import sys
import types
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from zoetrope.optimize.config import FitConfig
from zoetrope.optimize.fit import fit
from zoetrope.optimize.observe import estimated_masks
from zoetrope.optimize.observe.estimated_masks import (
    load_run_photos,
    mask_estimator,
    mask_source,
    with_masks,
    write_masks,
)
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import SemanticPrior, load_semantic_prior
from zoetrope.optimize.output import write_observations
from zoetrope.optimize.plan import plan
from zoetrope.scenes.error import InputError
from zoetrope.scenes.photos.collection import Collection, load_collection
from zoetrope.scenes.run_folder import RunFolder

NOTHING = SemanticPrior(None, None, "none")


@pytest.fixture
def photos(good_photos: Path, tmp_path: Path) -> Path:
    """A copy of the photos; 001 has no mask."""
    folder = tmp_path / "photos"
    shutil.copytree(good_photos, folder)
    (folder / "masks" / "001.png").unlink()
    return folder


@pytest.fixture
def config(photos: Path, tmp_path: Path) -> FitConfig:
    return FitConfig(photos=photos, out=tmp_path / "out")


@pytest.fixture
def prior(config: FitConfig) -> SemanticPrior:
    return load_semantic_prior(config, torch.device("cpu"))


def _foreground_of(collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the network see the truth for photos that have one in `folder`, and nothing in others."""
    true = {photo.stem: folder / f"{photo.stem}.png" for photo in collection.photos}
    pending = [true[photo.stem] for photo in collection.photos if photo.mask is None]

    def source(pictures: torch.Tensor) -> torch.Tensor:
        path = pending.pop(0)
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.is_file() else None
        size = pictures.shape[2], pictures.shape[1]
        share = np.zeros(size[::-1], np.float32) if mask is None else cv2.resize(mask, size).astype(np.float32) / 255
        return torch.from_numpy(share)[None]

    monkeypatch.setattr(estimated_masks, "canonical_foreground", lambda _: source)


def test_only_what_is_missing_is_estimated(
    config: FitConfig, prior: SemanticPrior, good_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = load_collection(config.photos)
    assert mask_estimator(given, config, prior) == "embedded network"
    _foreground_of(given, good_photos / "masks", monkeypatch)
    full, stems = with_masks(given, config, prior)
    assert stems == ("001",)
    assert any("masks estimated: 1 of 1 (embedded network)" in note for note in full.notes)
    for photo, before in zip(full.photos, given.photos, strict=True):
        assert photo.mask is not None
        assert photo.mask.shape == photo.pixels.shape[:2]
        assert (photo.mask is before.mask) == (photo.stem != "001")
    mask = next(photo.mask for photo in full.photos if photo.stem == "001")
    true = load_collection(good_photos).photos[1].mask
    assert mask is not None
    assert true is not None
    assert ((mask > 127) & (true > 127)).sum() / ((mask > 127) | (true > 127)).sum() > 0.8
    assert with_masks(load_collection(good_photos), config, prior)[1] == ()


def test_a_photo_in_which_nothing_is_found_is_left_out_and_named(
    config: FitConfig, prior: SemanticPrior, good_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = load_collection(config.photos)
    _foreground_of(given, tmp_path / "nowhere", monkeypatch)
    full, _ = with_masks(given, config, prior)
    assert "001" not in {photo.stem for photo in full.photos}
    assert any("001.jpg has no mask and none could be estimated" in str(one) for one in full.rejected)
    few = replace(given, photos=given.photos[:3])
    _foreground_of(few, tmp_path / "nowhere", monkeypatch)
    with pytest.raises(InputError, match=r"masks were found in 2 photos .* and 3 are needed"):
        with_masks(few, config, prior)


def test_a_run_keeps_its_masks_and_is_scored_with_them(
    config: FitConfig, prior: SemanticPrior, good_photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = load_collection(config.photos)
    _foreground_of(given, good_photos / "masks", monkeypatch)
    full, stems = with_masks(given, config, prior)
    write_masks(full, stems, RunFolder(config.out).masks)
    assert [path.name for path in sorted(RunFolder(config.out).masks.iterdir())] == ["001.png"]
    write_observations(RunFolder(config.out), Observations(full))
    again = load_run_photos(config, config.photos)
    for photo, kept in zip(full.photos, again.photos, strict=True):
        assert photo.stem == kept.stem
        assert photo.mask is not None
        assert kept.mask is not None
        assert np.abs(photo.mask.astype(int) - kept.mask).mean() < 1
    shutil.rmtree(RunFolder(config.out).masks)
    assert "001" not in {photo.stem for photo in load_run_photos(config, config.photos).photos}


def test_who_is_not_asked_does_not_estimate(config: FitConfig, prior: SemanticPrior) -> None:
    given = load_collection(config.photos)
    with pytest.raises(InputError, match=r"^001\.jpg: no mask, and --masks folder has none estimated"):
        with_masks(given, replace(config, masks="folder"), prior)
    with pytest.raises(InputError, match=r"^001\.jpg: no mask, and --semantic none has none estimated"):
        with_masks(given, replace(config, semantic="none"), NOTHING)
    everyone = load_collection(config.photos, mask_source(replace(config, masks="estimate")))
    assert all(photo.mask is None for photo in everyone.photos)
    assert mask_source(config) == "auto"


def test_rembg_is_asked_for_before_any_work(config: FitConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its library, and offline without its model; neither photos nor priors are read for that."""

    def unexpected(*_: object, **__: object) -> None:
        raise AssertionError("work was begun")

    for name in ("load_collection", "load_semantic_prior", "diffusion_source"):
        monkeypatch.setattr(f"zoetrope.optimize.prepare.{name}", unexpected)
    asked = replace(config, masks="rembg", offline=True)
    monkeypatch.setitem(sys.modules, "rembg", None)
    for start in (fit, plan):
        with pytest.raises(InputError, match=r"^--masks rembg: rembg is not installed"):
            start(asked)
    monkeypatch.setitem(sys.modules, "rembg", types.SimpleNamespace(new_session=unexpected, remove=unexpected))
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    for start in (fit, plan):
        with pytest.raises(InputError, match=r"^--masks rembg: .*u2net.onnx\) and --offline downloads nothing"):
            start(asked)
    assert not config.out.exists()


def test_offline_reaches_rembg(config: FitConfig, prior: SemanticPrior, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr("zoetrope.priors.rembg_foreground.require_rembg", lambda **_: None)

    def foreground(*, offline: bool) -> None:
        told.append(offline)
        raise OSError("that is all")

    monkeypatch.setattr("zoetrope.priors.rembg_foreground.rembg_foreground", foreground)
    for offline in (True, False):
        asked = replace(config, masks="rembg", offline=offline)
        given = load_collection(config.photos, mask_source(asked))
        # A plan downloads nothing.
        assert mask_estimator(given, asked, prior) == "rembg"
        with pytest.raises(InputError, match="that is all"):
            with_masks(given, asked, prior)
    assert told == [True, False]
