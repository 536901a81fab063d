"""The photos as a fit looks at them: crops, and what the canonical network says of them."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...scenes.photos.collection import Collection
from .observations import Observations
from .semantic_prior import SemanticPrior


def observe(
    collection: Collection, prior: SemanticPrior, device: torch.device | str = "cpu", *, occlusion: bool = True
) -> Observations:
    """Crops of all photos, with canonical maps where the prior has a network for them.

    `occlusion`: whether what the maps take for hidden is unknown, or background. Raises InputError if a photo has no
    mask.
    """
    bare = Observations(collection, device, occlusion=occlusion)
    return replace(bare, canonical=prior.canonical_maps(bare))
