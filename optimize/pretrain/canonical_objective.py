"""What the canonical network is trained to say.

    L = 5 BCE(foreground) + 2 Dice(foreground) + 0.5 BCE(amodal) + 1.5 CE(part) + 0.5 BCE(left)
      + Laplace(place) + 0.2 CE(descriptor) + 0.15 CE(view) + 0.1 CE(plan) + 0.05 CE(species)

Foregrounds weigh much, since where they are nearly right their gradients are a tenth of the others'. Means over pixels
weigh each by one over the root of its part's share, so that ears and feet count. The side is a class of its own: the
best coordinate to say where left and right cannot be told apart would be the plane of symmetry, where nothing is.
Descriptors are compared with those of points all over the reference body, softly by their distance (as "Continuous
surface embeddings", Neverova et al., NeurIPS 2020); the view is a distribution, as in "Orient Anything" (Wang et al.
2024).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from ...priors.canonical_network import CanonicalOutput
from ...representations.tensor_structure import TensorStructure
from ...scenes.photography.label import NONE
from .augment import Batch

_LEAST_SPREAD = 0.01
_KEY_PIXELS = 192
_KEY_REACH = 0.05
_KEY_TEMPERATURE = 0.07
_AZIMUTH_SIGMA_DEG, _ELEVATION_SIGMA_DEG = 10.0, 7.0


class CanonicalObjective(TensorStructure):
    """The objective and what it needs to know."""

    key_places: Float[Tensor, "M 3"]
    """On the reference body, of the network's keys."""
    elevation_edges_deg: Float[Tensor, " F"]
    plan_of_species: Int[Tensor, " S"]

    def __call__(
        self,
        out: CanonicalOutput,
        keys: Float[Tensor, "M D"],
        batch: Batch,
        learns_spread: bool,
        generator: torch.Generator,
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms, to be added up. Before the spread is learned it counts as 0.1."""
        known = batch.part != NONE
        weight = _part_weights(batch.part, known)
        sided = weight * (batch.left != 0.5)
        part = functional.cross_entropy(
            out.part, torch.where(known, batch.part, 0), reduction="none", label_smoothing=0.05
        )
        left = functional.binary_cross_entropy_with_logits(out.left, 0.02 + 0.96 * batch.left, reduction="none")
        error = (out.canonical_xyz - batch.canonical_xyz).abs().mean(1)
        log_spread = out.log_spread.clamp(math.log(_LEAST_SPREAD), 1.0)
        laplace = error * (-log_spread).exp() + log_spread if learns_spread else 10 * error
        foreground = functional.binary_cross_entropy_with_logits(out.foreground, batch.visible)
        amodal = functional.binary_cross_entropy_with_logits(out.amodal, batch.amodal, reduction="none")
        named, species = batch.species >= 0, batch.species.clamp_min(0)
        return {
            "foreground": 5 * foreground,
            "dice": 2 * _dice(out.foreground.sigmoid(), batch.visible),
            "amodal": 0.5 * (amodal * batch.inside).sum() / batch.inside.sum(),
            "part": 1.5 * _mean(part, weight),
            "left": 0.5 * _mean(left, sided),
            "canonical_xyz": _mean(laplace, weight),
            "descriptor": 0.2 * self._descriptor(out, keys, batch, known, generator),
            "view": 0.15 * functional.cross_entropy(out.view.flatten(1), self.view_target(batch.view, out).flatten(1)),
            "plan": 0.1 * _named(out.plan, self.plan_of_species[species], named),
            "species": 0.05 * _named(out.species, species, named, smoothing=0.05),
        }

    def view_target(self, view_deg: Float[Tensor, "B 2"], out: CanonicalOutput) -> Float[Tensor, "B A E"]:
        """The bins round a view: a bell over the circle of azimuths times one over elevations."""
        azimuth_count = out.view.shape[1]
        centre = (torch.arange(azimuth_count, device=view_deg.device) + 0.5) * (360 / azimuth_count)
        gap = (view_deg[:, :1] - centre + 180) % 360 - 180
        azimuth = (-0.5 * (gap / _AZIMUTH_SIGMA_DEG) ** 2).softmax(1)
        edges = self.elevation_edges_deg
        middle = (edges[1:] + edges[:-1]) / 2
        elevation = view_deg[:, 1:].clamp(float(middle[0]), float(middle[-1]))
        return azimuth[:, :, None] * (-0.5 * ((elevation - middle) / _ELEVATION_SIGMA_DEG) ** 2).softmax(1)[:, None]

    def _descriptor(
        self, out: CanonicalOutput, keys: Tensor, batch: Batch, known: Tensor, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        chance = torch.rand(known.flatten(1).shape, generator=generator).to(known.device) + known.flatten(1)
        chosen = chance.topk(min(_KEY_PIXELS, chance.shape[1]), dim=1).indices
        counts = known.flatten(1).gather(1, chosen).float()

        def picked(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B n C"]:
            flat = maps.flatten(2).transpose(1, 2)
            # The same pixels in maps that are coarser, as descriptors are.
            width, coarser = known.shape[2], known.shape[2] // maps.shape[3]
            index = (chosen // width // coarser) * maps.shape[3] + chosen % width // coarser
            return flat.gather(1, index[..., None].expand(-1, -1, flat.shape[2]))

        canonical_xyz, left = picked(batch.canonical_xyz), picked(batch.left[:, None])
        sign = torch.where(left[..., 0] < 0.5, -1.0, 1.0)
        canonical_xyz = torch.cat([canonical_xyz[..., :1] * sign[..., None], canonical_xyz[..., 1:]], dim=-1)
        target = (-torch.cdist(canonical_xyz, self.key_places[None]) / _KEY_REACH).softmax(-1)
        alike = picked(out.descriptor) @ functional.normalize(keys.float(), dim=1).T / _KEY_TEMPERATURE
        loss = -(target * alike.log_softmax(-1)).sum(-1)
        return (loss * counts).sum() / counts.sum().clamp_min(1)


def _part_weights(part: Int[Tensor, "B h h"], known: Tensor) -> Float[Tensor, "B h h"]:
    """One over the root of how many pixels of the same picture show the same part; 0 beside the subject."""
    count = len(part)
    index = torch.where(known, part, 0).flatten(1)
    kinds = int(index.max()) + 1 if index.numel() else 1
    sizes = torch.zeros(count, kinds, device=part.device).scatter_add_(1, index, known.flatten(1).float())
    return (sizes.gather(1, index).clamp_min(1).rsqrt() * known.flatten(1)).view(part.shape)


def _named(
    logits: Float[Tensor, "B C"], target: Int[Tensor, " B"], known: Bool[Tensor, " B"], smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """Cross entropy of those whose class is known."""
    return _mean(functional.cross_entropy(logits, target, reduction="none", label_smoothing=smoothing), known.float())


def _mean(values: Tensor, weight: Tensor) -> Float[Tensor, ""]:
    return (values * weight).sum() / weight.sum().clamp_min(1e-6)


def _dice(share: Float[Tensor, "B h w"], target: Float[Tensor, "B h w"]) -> Float[Tensor, ""]:
    common, both = (share * target).sum((1, 2)), (share + target).sum((1, 2))
    return (1 - (2 * common + 1) / (both + 1)).mean()
