"""Training goes down, goes on where it was left, and what it saves is what everybody loads."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from zoetrope.optimize.pretrain.canonical import pretrain_canonical
from zoetrope.optimize.pretrain.config import PretrainConfig
from zoetrope.optimize.pretrain.pool import Pool
from zoetrope.priors.canonical import CanonicalPrior
from zoetrope.priors.canonical_network import CanonicalLayout
from zoetrope.representations.body.chart import VERSION
from zoetrope.scenes.error import InputError
from zoetrope.scenes.zoo.species import SPECIES
from zoetrope.scenes.zoo.stream import StreamConfig


@pytest.fixture
def config(pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("zoetrope.optimize.pretrain.piece._LOG_STEPS", 5)
    # Scoring twelve collections is no test's business, nor is a network of full size.
    small = partial(CanonicalLayout, widths=(16, 24, 32, 48), token_width=64, key_count=32)
    monkeypatch.setattr("zoetrope.optimize.pretrain.canonical.CanonicalLayout", small)
    monkeypatch.setattr("zoetrope.optimize.pretrain.card.TEST", ("horse",))
    monkeypatch.setattr("zoetrope.optimize.pretrain.card.BESIDE", ())
    monkeypatch.setattr("zoetrope.scenes.zoo.zoo.TEST_PHOTOS", 3)
    return PretrainConfig(
        out=tmp_path / "out", pool=pool_folder, photos=8, minutes=0.3, sizes=(64,), shares=(1.0,), batch=4,
        warm_up=5, device="cpu",
    )  # fmt: skip


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_piece_of_training(config: PretrainConfig, pool: Pool, recipe: StreamConfig) -> None:
    card = pretrain_canonical(config, stream=recipe)
    first = lines(config.out)
    terms = ("foreground", "part", "canonical_xyz")
    assert sum(first[-1][name] for name in terms) < sum(first[0][name] for name in terms)
    prior = CanonicalPrior.load(config.out / "canonical.safetensors", VERSION)
    assert prior.meaning.species == tuple(SPECIES)
    # The weights are an average of many, with the norms' statistics.
    assert float(prior.network.stem[1].running_var.sub(1).abs().max()) > 1e-3
    assert torch.isfinite(prior(pool.photo.float() / 255, size=64).foreground).all()
    text = card.read_text()
    assert f"{first[-1]['step']:,} pictures drawn from 8 rendered photos" in " ".join(text.split())
    scores = json.loads(card.with_suffix(".json").read_text())
    for table in scores.values():
        assert set(table) == {"zoo test split", "zoo horse"}
        assert 0 <= table["zoo horse"]["part_accuracy"] <= 1
        assert 0 <= table["zoo horse"]["azimuth_error_deg"] <= 180
    # The next piece goes on from there.
    pretrain_canonical(replace(config, minutes=0.1), stream=recipe)
    second = lines(config.out)
    assert second[: len(first)] == first
    assert second[len(first)]["step"] == first[-1]["step"] + 20


def test_a_head_on_a_frozen_backbone_is_trained_by_the_same_script(
    config: PretrainConfig, pool: Pool, recipe: StreamConfig, small_vit: Path
) -> None:
    config = replace(config, backbone=f"timm:{small_vit}", minutes=0.04)
    pretrain_canonical(config, stream=recipe)
    prior = CanonicalPrior.load(config.out / "canonical.safetensors", VERSION)
    assert prior.backbone is not None
    assert prior.meaning.backbone == f"timm:{small_vit}"
    assert prior.network.adapt is not None
    # The adapter has learned, the backbone is not among the weights.
    assert int(prior.network.adapt[1].num_batches_tracked) > 0
    assert not any("blocks" in name for name in prior.network.state_dict())
    with pytest.raises(InputError, match="was trained with other options"):
        pretrain_canonical(replace(config, backbone=""), stream=recipe)


def test_meshes_teach_outlines_and_views(config: PretrainConfig, recipe: StreamConfig, rigged_folder: Path) -> None:
    config = replace(config, meshes=rigged_folder, mesh_photos=4, mesh_share=0.5, minutes=0.04)
    card = pretrain_canonical(config, stream=recipe)
    assert CanonicalPrior.load(config.out / "canonical.safetensors", VERSION).meaning.meshes == ("walker",)
    assert "outlines and views of the rigged meshes walker" in " ".join(card.read_text().split())
    assert all(math.isfinite(value) for line in lines(config.out) for value in line.values() if type(value) is float)
    # What was once learned from stays on the card.
    pretrain_canonical(replace(config, meshes=None, minutes=0.02), stream=recipe)
    assert CanonicalPrior.load(config.out / "canonical.safetensors", VERSION).meaning.meshes == ("walker",)


def test_what_cannot_be_trained(config: PretrainConfig, recipe: StreamConfig) -> None:
    with pytest.raises(InputError, match="train first, with --minutes above 0"):
        pretrain_canonical(replace(config, minutes=0))
    with pytest.raises(InputError, match="one share for each size"):
        replace(config, sizes=(64, 96))
    with pytest.raises(InputError, match="each must be a multiple of 32, 64 or more"):
        replace(config, sizes=(100,))
    with pytest.raises(InputError, match=r"holds no \.glb or \.gltf file"):
        pretrain_canonical(replace(config, meshes=config.pool), stream=recipe)
    with pytest.raises(InputError, match="a share between 0 and 1"):
        replace(config, mesh_share=1.0)
    with pytest.raises(InputError, match="an even side from 64 pixels on"):
        replace(config, photo_side=101)
    with pytest.raises(InputError, match="two photos a step"):
        replace(config, photos=2)
