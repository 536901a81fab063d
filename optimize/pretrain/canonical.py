"""Training of the canonical prior on a pool of zoo photos, in pieces (`piece`) that go on from the averaged weights.

Pictures grow from piece to piece or within one. What is saved is in half precision, which is what everybody loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ...priors.canonical import CanonicalMeaning, CanonicalPrior, backbone_features, save_canonical
from ...priors.canonical_network import CanonicalLayout, CanonicalNetwork
from ...priors.semantic import SemanticNetwork, load_semantic
from ...representations.body.chart import PART_KINDS, VERSION
from ...scenes.atomic import atomic_write
from ...scenes.error import InputError
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.stream import StreamConfig
from ..device import choose_device
from .augment import AugmentConfig, draw_batch
from .bfloat16 import multiplies_bfloat16
from .canonical_objective import CanonicalObjective
from .card import write_canonical_card
from .config import PretrainConfig
from .mesh_pool import fill_mesh_pool, mesh_files
from .muon import Muon
from .optimizers import muon_and_adam
from .piece import PieceConfig, pictures_seen, run_piece
from .pool import fill_pool, read_pool, spoken
from .reference_key import reference_keys

AZIMUTH_COUNT = 36
ELEVATION_EDGES_DEG = (-30.0, -10.0, 10.0, 30.0, 50.0, 70.0, 90.0)
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
        report = spoken(stream.photo_count)
        fill_pool(config.pool, stream, config.photos, report, first_seed=config.first_seed)
        files = () if config.meshes is None else mesh_files(config.meshes)
        for file in files:
            print(f"photos of {file.name}", flush=True)
            fill_mesh_pool(_beside(config, file), file, stream, config.mesh_photos, report)
        _train(config, augment, files, weights, choose_device(config.device))
    elif not weights.is_file():
        raise InputError(f"{weights} is not there; train first, with --minutes above 0")
    prior, card = CanonicalPrior.load(weights, VERSION), config.out / "canonical.md"
    seen = pictures_seen(config.out)
    write_canonical_card(prior, card, config.out / "test", collections, pictures=seen, photos=config.photos, log=print)
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
        network, backbone, seen = prior.network.requires_grad_(True), prior.backbone, pictures_seen(config.out)
    else:
        backbone = load_semantic(config.backbone, device=device) if config.backbone else None
        torch.manual_seed(config.seed)
        network, seen = CanonicalNetwork(layout(says, _channels(backbone))), 0
    network = network.to(device).to(memory_format=torch.channels_last).train()
    objective = CanonicalObjective(
        reference_keys(network.layout.key_count).to(device),
        torch.tensor(ELEVATION_EDGES_DEG, device=device),
        torch.tensor([says.plans.index(kind.plan) for kind in SPECIES.values()], device=device),
    )
    generator = torch.Generator().manual_seed(config.seed + seen)
    brief, fresh = multiplies_bfloat16(device), seen == 0

    def losses(done: float) -> Mapping[str, Tensor]:
        index = _chosen(zoo_count, len(pool), config, generator)
        batch = draw_batch(pool, index, _size_at(done, config), augment, generator)
        picture = batch.picture.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=brief):
            out = network(picture, batch.mask, batch.given, backbone_features(backbone, batch.picture))
        return objective(out, network.keys, batch, not fresh or done > 0.1, generator)

    def save(averaged: nn.Module) -> None:
        assert isinstance(averaged, CanonicalNetwork)
        with atomic_write(weights) as temporary:
            save_canonical(averaged, says, temporary)

    piece = PieceConfig(minutes=config.minutes, batch=config.batch, warm_up=config.warm_up, averaging=config.averaging)
    run_piece("canonical", network, _optimizers(network, config), piece, config.out, losses, save)


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


def _channels(backbone: SemanticNetwork | None) -> int:
    """Of a backbone's features."""
    if backbone is None:
        return 0
    return backbone.features(torch.zeros(1, backbone.stride, backbone.stride, 3)).shape[1]


def _optimizers(network: CanonicalNetwork, config: PretrainConfig) -> tuple[Muon, torch.optim.AdamW]:
    return muon_and_adam(network, _ENDS, config.matrix_rate, config.learning_rate, config.weight_decay)


def _size_at(done: float, config: PretrainConfig) -> int:
    for size, share in zip(config.sizes, config.shares, strict=True):
        if done < share:
            return size
        done -= share
    return config.sizes[-1]
