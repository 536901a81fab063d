"""Both priors are trained on a GPU too, and are judged on the CPU afterwards; on a pretended one."""

from pathlib import Path

import pytest
import torch

from zoetrope.optimize.pretrain import diffusion_card
from zoetrope.optimize.pretrain.augment import AugmentConfig, draw_batch
from zoetrope.optimize.pretrain.canonical import ELEVATION_EDGES_DEG, layout, meaning
from zoetrope.optimize.pretrain.canonical_objective import CanonicalObjective
from zoetrope.optimize.pretrain.diffusion import pretrain_diffusion
from zoetrope.optimize.pretrain.diffusion_config import PretrainDiffusionConfig
from zoetrope.optimize.pretrain.optimizers import muon_and_adam
from zoetrope.optimize.pretrain.pool import Pool
from zoetrope.optimize.pretrain.reference_key import reference_keys
from zoetrope.priors.canonical import CanonicalPrior, save_canonical
from zoetrope.priors.canonical_network import CanonicalNetwork
from zoetrope.representations.body.chart import VERSION
from zoetrope.scenes.zoo.stream import StreamConfig


def test_the_canonical_network_takes_a_step(pool: Pool, gpu: torch.device, tmp_path: Path) -> None:
    pool, says = pool.to(gpu), meaning("")
    network = CanonicalNetwork(layout(says)).to(gpu).train()
    objective = CanonicalObjective(
        reference_keys(network.layout.key_count),
        torch.tensor(ELEVATION_EDGES_DEG),
        torch.zeros(len(says.species), dtype=torch.int64),
    ).to(gpu)
    generator = torch.Generator().manual_seed(0)
    # Every kind of change that photos may get.
    batch = draw_batch(pool, torch.arange(4), 64, AugmentConfig(strength=3.0, closer_share=0.5), generator)
    out = network(batch.picture, batch.mask, batch.given)
    terms = objective(out, network.keys, batch, True, generator)
    sum(terms.values()).backward()  # type: ignore[union-attr]
    for optimizer in muon_and_adam(network, ("stem",), 0.01, 0.001, 0.01):
        optimizer.step()
    assert {value.device for value in (*terms.values(), *vars(batch).values(), *vars(out).values())} == {gpu}
    save_canonical(network, says, tmp_path / "weights.safetensors")
    for device in ("cpu", gpu):
        prior = CanonicalPrior.load(tmp_path / "weights.safetensors", VERSION, device)
        assert prior(torch.zeros(1, 64, 64, 3), size=64, mirror=False).view.device == torch.device(device)


def test_the_diffusion_model_is_trained_and_judged(
    pool_folder: Path, recipe: StreamConfig, gpu: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(diffusion_card, "TEST", ("horse",))
    monkeypatch.setattr(diffusion_card, "BESIDE", ())
    monkeypatch.setattr(diffusion_card, "SPECIES", ("horse", "fox"))
    monkeypatch.setattr(diffusion_card, "_TEST_PHOTOS", 4)
    monkeypatch.setattr(diffusion_card, "_STEPS", 1)
    monkeypatch.setattr(diffusion_card, "_ROUNDS", 1)
    for part in ("autoencoder", "denoiser"):
        config = PretrainDiffusionConfig(
            part=part, out=tmp_path / "out", pool=pool_folder, photos=4, size=32, rounds=1, minutes=1e-3, batch=2,
            photo_side=recipe.size,
        )  # fmt: skip
        card = pretrain_diffusion(config, recipe)
    assert "dB" in card.read_text()
