"""Training of the canonical prior on a pool of zoo photos: in pieces, each going on from the averaged weights.

The optimiser's state is not kept: a piece warms up for a few hundred steps, then its learning rate falls along a cosine
to a twentieth over the minutes it has been given. Pictures grow from piece to piece or within one. What is saved is
the moving average of the weights (Polyak averaging), in half precision, which is what everybody loads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from ...priors.canonical import CanonicalMeaning, CanonicalPrior, backbone_features, save_canonical
from ...priors.canonical_network import CanonicalLayout, CanonicalNetwork
from ...priors.semantic import SemanticNetwork, load_semantic
from ...representations.chart import VERSION
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.photography.label import PART_KINDS
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.stream import StreamConfig
from ..device import choose_device
from ..journal import MetricsLog, read_metrics
from .augment import AugmentConfig, draw_batch
from .canonical_objective import Objective
from .card import write_card
from .config import PretrainConfig
from .mesh_pool import fill_mesh_pool, mesh_files
from .muon import Muon
from .pool import fill_pool, read_pool
from .reference_key import reference_keys

AZIMUTH_COUNT = 36
ELEVATION_EDGES_DEG = (-30.0, -10.0, 10.0, 30.0, 50.0, 70.0, 90.0)
_SAVE_MINUTES = 3.0
_LOG_STEPS = 50
_REPORT_PHOTOS = 400
_ENDS = ("stem", "whole", "keys", "descriptor", "maps", "sharpened", "about")
"""Weights next to pictures and labels, by the beginning of their names."""


def meaning(backbone: str = "") -> CanonicalMeaning:
    """What networks trained here say, with the features of that backbone."""
    return CanonicalMeaning(
        chart_version=VERSION,
        parts=PART_KINDS,
        plans=tuple(dict.fromkeys(kind.plan for kind in SPECIES.values())),
        species=tuple(SPECIES),
        azimuth_count=AZIMUTH_COUNT,
        elevation_edges_deg=ELEVATION_EDGES_DEG,
        backbone=backbone,
    )


def layout(of: CanonicalMeaning, backbone: int = 0) -> CanonicalLayout:
    """The network that has an output for everything it is to say, and room for so many channels of features."""
    return CanonicalLayout(
        part_count=len(of.parts),
        azimuth_count=of.azimuth_count,
        elevation_count=len(of.elevation_edges_deg) - 1,
        plan_count=len(of.plans),
        species_count=len(of.species),
        backbone=backbone,
    )


def pretrain_canonical(
    config: PretrainConfig,
    collections: Sequence[Path] = (),
    stream: StreamConfig | None = None,
    augment: AugmentConfig | None = None,
) -> Path:
    """Trains for one piece, scores what came out on the zoo's test split and on `collections`, and returns its card.

    The weights lie beside it, written every few minutes. `stream` says how the pool's photos are made, `augment` how
    they are changed. Raises InputError for weights in `config.out` that were trained on something else.
    """
    stream, augment = stream or StreamConfig(size=config.photo_side), augment or AugmentConfig()
    config.out.mkdir(parents=True, exist_ok=True)
    weights = config.out / "canonical.safetensors"
    if config.minutes > 0:
        made = time.monotonic()

        def report(done: int) -> None:
            if done % _REPORT_PHOTOS < stream.photo_count:
                print(f"{done} photos after {(time.monotonic() - made) / 60:.1f} min", flush=True)

        fill_pool(config.pool, stream, config.photos, report, first_seed=config.first_seed)
        files = () if config.meshes is None else mesh_files(config.meshes)
        for file in files:
            print(f"photos of {file.name}", flush=True)
            fill_mesh_pool(_beside(config, file), file, stream, config.mesh_photos, report)
        _train(config, augment, files, weights, choose_device(config.device))
    elif not weights.is_file():
        raise InputError(f"{weights} is not there; train first, with --minutes above 0")
    prior, card = CanonicalPrior.load(weights, VERSION), config.out / "canonical.md"
    seen = _pictures_seen(config.out)
    write_card(prior, card, config.out / "test", collections, pictures=seen, photos=config.photos, say=print)
    return card


def _train(
    config: PretrainConfig, augment: AugmentConfig, meshes: Sequence[Path], weights: Path, device: torch.device
) -> None:
    pool = read_pool(config.pool, config.photos, [_beside(config, file) for file in meshes]).to(device)
    zoo_count = int((pool.species >= 0).sum())
    says = replace(meaning(config.backbone), meshes=tuple(file.stem for file in meshes))
    if weights.is_file():
        prior = CanonicalPrior.load(weights, VERSION, device)
        # What it has once seen stays with it.
        says = replace(says, meshes=tuple(sorted({*prior.meaning.meshes, *says.meshes})))
        if replace(prior.meaning, meshes=says.meshes) != says:
            raise InputError(f"{weights} was trained with other options or by another version; choose another --out")
        network, backbone, seen = prior.network.requires_grad_(True), prior.backbone, _pictures_seen(config.out)
    else:
        backbone = load_semantic(config.backbone, device=device) if config.backbone else None
        torch.manual_seed(config.seed)
        network, seen = CanonicalNetwork(layout(says, _channels(backbone))), 0
    network = network.to(device).to(memory_format=torch.channels_last).train()
    averaged = AveragedModel(network, avg_fn=_Averaging(config.averaging), use_buffers=True)
    objective = Objective(
        reference_keys(network.layout.key_count).to(device),
        torch.tensor(ELEVATION_EDGES_DEG, device=device),
        torch.tensor([says.plans.index(kind.plan) for kind in SPECIES.values()], device=device),
    )
    optimizers = _optimizers(network, config)
    generator = torch.Generator().manual_seed(config.seed + seen)
    brief = multiplies_bfloat16(device)
    fresh, step, start = seen == 0, 0, time.monotonic()
    saved, logged, held = start, start, dict[str, torch.Tensor]()
    with MetricsLog(config.out, resume_at=seen) as log:
        while (done := (time.monotonic() - start) / (60 * config.minutes)) < 1:
            share = _rate_share(step, done, config)
            for group in _groups(optimizers):
                group["lr"] = group["highest"] * share
            size = _size_at(done, config)
            index = _chosen(zoo_count, len(pool), config, generator)
            batch = draw_batch(pool, index, size, augment, generator)
            picture = batch.picture.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=brief):
                out = network(picture, batch.mask, batch.given, backbone_features(backbone, batch.picture))
            terms = objective(out, network.keys, batch, not fresh or done > 0.1, generator)
            loss = torch.stack(list(terms.values())).sum()
            network.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0, error_if_nonfinite=True)
            for optimizer in optimizers:
                optimizer.step()
            averaged.update_parameters(network)
            step, seen = step + 1, seen + config.batch
            held = {name: held.get(name, 0) + value.detach() / _LOG_STEPS for name, value in terms.items()}
            if step % _LOG_STEPS == 0:
                now, means = time.monotonic(), {name: round(float(value), 5) for name, value in held.items()}
                pace = round(_LOG_STEPS * config.batch / (now - logged), 1)
                line = {"size": size, "rate": round(config.learning_rate * share, 6), "per_second": pace}
                log.log(seen, "canonical", step, {**line, **means})
                said = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
                print(f"{100 * done:.0f} %, {seen} pictures, {pace:.0f}/s at {size}: {said}", flush=True)
                held, logged = {}, now
            if time.monotonic() - saved > 60 * _SAVE_MINUTES:
                _save(averaged, says, weights)
                saved = time.monotonic()
    _save(averaged, says, weights)


def _beside(config: PretrainConfig, file: Path) -> Path:
    """Folder for the photos of a mesh."""
    return config.pool / "meshes" / file.stem


def _chosen(zoo_count: int, photo_count: int, config: PretrainConfig, generator: torch.Generator) -> torch.Tensor:
    """Photos for one step: of the zoo, which come first in the pool, and a share of meshes where it has any."""
    index = torch.randint(zoo_count, (config.batch,), generator=generator)
    if zoo_count == photo_count:
        return index
    other = torch.randint(zoo_count, photo_count, (config.batch,), generator=generator)
    return torch.where(torch.rand(config.batch, generator=generator) < config.mesh_share, other, index)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16; a CPU without them takes twice as long for it as for float32."""
    if device.type != "cpu":
        return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    # Older versions of PyTorch don't tell.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16"))


def _channels(backbone: SemanticNetwork | None) -> int:
    """Of a backbone's features."""
    if backbone is None:
        return 0
    return backbone.features(torch.zeros(1, backbone.stride, backbone.stride, 3)).shape[1]


def _pictures_seen(folder: Path) -> int:
    lines = read_metrics(folder / "metrics.jsonl")
    return lines[-1]["step"] if lines else 0


def _rate_share(step: int, done: float, config: PretrainConfig) -> float:
    """Of the highest rates: a short warm-up, since optimisers know nothing yet, and a cosine over the piece's time."""
    warm = min(1.0, (step + 1) / config.warm_up)
    return warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


class _Averaging:
    """A moving average that forgets its beginning: until it is as long as it shall be, a mean of all so far."""

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def __call__(self, held: torch.Tensor, new: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        decay = min(self.decay, (1 + float(count)) / (10 + float(count)))
        return held * decay + new * (1 - decay)


def _optimizers(network: CanonicalNetwork, config: PretrainConfig) -> tuple[Muon, torch.optim.AdamW]:
    """Biases, norms and lone vectors are not decayed."""
    plain, ends, inner = [], [], []
    for name, weight in network.named_parameters():
        (plain if weight.ndim < 2 else ends if name.startswith(_ENDS) else inner).append(weight)
    decay = config.weight_decay * config.learning_rate / config.matrix_rate
    rest = [{"params": ends, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    optimizers = (
        Muon(inner, lr=config.matrix_rate, weight_decay=decay),
        torch.optim.AdamW(rest, lr=config.learning_rate, betas=(0.9, 0.98)),
    )
    for group in _groups(optimizers):
        group["highest"] = group["lr"]
    return optimizers


def _groups(optimizers: Sequence[torch.optim.Optimizer]) -> list[dict[str, Any]]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


def _size_at(done: float, config: PretrainConfig) -> int:
    for size, share in zip(config.sizes, config.shares, strict=True):
        if done < share:
            return size
        done -= share
    return config.sizes[-1]


def _save(averaged: AveragedModel, says: CanonicalMeaning, path: Path) -> None:
    network = averaged.module
    assert isinstance(network, CanonicalNetwork)
    with atomic_write(path) as temporary:
        save_canonical(network, says, temporary)
