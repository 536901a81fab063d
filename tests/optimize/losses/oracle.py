"""An oracle in the canonical network's place: the true maps of a collection of the zoo, as good or as bad as asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from zoetrope.optimize.observe.observations import Observations
from zoetrope.priors.canonical import CanonicalMaps
from zoetrope.representations.body.chart import PART_KINDS
from zoetrope.scenes.photography.label import LEFT, MIDDLE, NONE
from zoetrope.scenes.photography.write import read_maps


@dataclass(frozen=True)
class Flaws:
    """What is wrong with the maps; the default is nothing."""

    noise: float = 0.0
    """Laplace scale of an error of `canonical_xyz`, alike over patches of an eighth of the picture."""
    flipped_photos: float = 0.0
    """Share of the photos whose sides are exchanged, the view's with them."""
    flipped_pixels: float = 0.0
    """Share of the patches whose sides are exchanged."""
    garbage: float = 0.0
    """Share of the pixels that name any place at all."""
    confidence: float = 0.98
    """What the maps say of the side that they believe in."""
    view_spread_deg: float = 10.0
    mirrored_view: float = 0.0
    """Share of the view's probability that stands at 180 - azimuth."""


class Oracle:
    """Canonical maps of the observations of a folder that `scenes.photography` wrote."""

    def __init__(self, folder: Path, flaws: Flaws | None = None, size: int = 64, seed: int = 0) -> None:
        self.folder, self.flaws, self.size, self.seed = folder, flaws or Flaws(), size, seed

    def __call__(self, observations: Observations) -> CanonicalMaps:
        flaws, size = self.flaws, self.size
        generator = torch.Generator().manual_seed(self.seed)
        count = len(observations)
        kind, side, canonical_xyz = (torch.stack(column) for column in zip(*self._true_maps(observations), strict=True))
        real = kind != NONE

        def noise(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator)

        def patches(*shape: int) -> Tensor:
            coarse = torch.randn(count, int(np.prod(shape or (1,))), 8, 8, generator=generator)
            fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
            return fine.permute(0, 2, 3, 1) / fine.std()

        canonical_xyz = canonical_xyz + flaws.noise * 2**0.5 * patches(3)
        garbage = noise(count, size, size) < flaws.garbage
        canonical_xyz = torch.where(garbage[..., None], 2 * noise(count, size, size, 3) - 1, canonical_xyz)
        canonical_xyz[..., 0] = canonical_xyz[..., 0].abs()
        wrong = noise(count, size, size) < 0
        if flaws.flipped_pixels > 0:
            field = patches()[..., 0]
            wrong = field > field.flatten().quantile(1 - flaws.flipped_pixels)
        flipped = torch.randperm(count, generator=generator) < round(flaws.flipped_photos * count)
        wrong = wrong ^ flipped[:, None, None]
        left = torch.where((side == LEFT) ^ wrong, flaws.confidence, 1 - flaws.confidence)
        left = torch.where(side == MIDDLE, 0.5, left)
        mask = observations.at(size).mask
        part = torch.nn.functional.one_hot(kind.clamp_max(len(PART_KINDS) - 1), len(PART_KINDS)).permute(0, 3, 1, 2)
        return CanonicalMaps(
            foreground=real * mask,
            amodal=(mask > 0.99).to(mask),
            part=part.float(),
            left=left,
            canonical_xyz=canonical_xyz,
            spread=torch.full((count, size, size), max(flaws.noise, 0.01)),
            descriptor=torch.nn.functional.normalize(canonical_xyz, dim=-1).permute(0, 3, 1, 2),
            view=self._views(observations, flipped),
            plan=torch.ones(count, 1),
            species=torch.full((count, 17), 1 / 17),
        )

    def _true_maps(self, observations: Observations) -> list[tuple[Tensor, Tensor, Tensor]]:
        grid = (np.stack(np.meshgrid(np.arange(self.size), np.arange(self.size)), axis=-1) + 0.5).reshape(-1, 2)
        found = []
        for stem, crop in zip(observations.stems, observations.crops, strict=True):
            labels = read_maps(self.folder / "truth" / "maps" / f"{stem}.npz")
            assert labels.part is not None
            assert labels.side is not None
            assert labels.reference is not None
            height, width = labels.part.shape
            column, row = np.floor(crop.to_original(grid, self.size)).astype(int).T
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            column, row = column.clip(0, width - 1), row.clip(0, height - 1)
            shape = (self.size, self.size)
            kind = np.where(inside, labels.part[row, column], NONE).reshape(shape)
            side = np.where(inside, labels.side[row, column], NONE).reshape(shape)
            canonical_xyz = labels.reference[row, column].astype(np.float32).reshape(*shape, 3)
            found.append(
                (
                    torch.from_numpy(kind).long(),
                    torch.from_numpy(side),
                    torch.from_numpy(np.abs(canonical_xyz) * [1, 0, 0] + canonical_xyz * [0, 1, 1]).float(),
                )
            )
        return found

    def _views(self, observations: Observations, flipped: Tensor) -> Tensor:
        azimuth = true_azimuths(self.folder, observations.stems)
        azimuth = torch.where(flipped, -azimuth, azimuth)[:, None]
        centre = (torch.arange(36) + 0.5) * 10

        def bump(at: Tensor) -> Tensor:
            gap = (centre - at + 180) % 360 - 180
            return torch.softmax(-0.5 * (gap / self.flaws.view_spread_deg) ** 2, dim=1)

        share = self.flaws.mirrored_view
        return ((1 - share) * bump(azimuth) + share * bump(180 - azimuth))[..., None]


def true_azimuths(folder: Path, stems: Sequence[str]) -> Tensor:
    """Azimuths of the photos' cameras in degrees."""
    truth = json.loads((folder / "truth" / "transforms.json").read_text())
    azimuths = {photo["stem"]: photo["azimuth"] for photo in truth["photos"]}
    return torch.tensor([azimuths[stem] for stem in stems])
