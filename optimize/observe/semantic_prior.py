"""Which semantic prior a fit uses, and what it says of the observations.

`auto` is the embedded canonical network, and on a GPU besides it the features of a DINOv2 that is already in the local
cache; `embedded` is the network alone; `timm:NAME` adds the features of that network; a file is a canonical network of
one's own, with the features of its backbone if it has one. Nothing is downloaded but what an option names, and not even
that with `--offline`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.canonical import CanonicalMaps, CanonicalPrior
from ...priors.embedded import CANONICAL
from ...priors.feature_cache import cached_maps
from ...priors.semantic import SemanticNetwork, load_semantic
from ...representations.body.chart import VERSION
from ...scenes.error import InputError
from ..config import FitConfig
from .observations import Observations

_LARGE = "timm:vit_small_patch14_reg4_dinov2.lvd142m"
_LOOK = 256
"""Side in pixels of the crops that are handed to the canonical network."""
_LEAST_SURE = 0.6
"""Mean odds of the likeliest part over the subject, below which a canonical network may be wrong about all of them.
The embedded one's: .505 on a toy cow that it turns the wrong way, .479 and .538 on real dogs, .64 to .8 elsewhere."""
_CELLS = 32
"""Cells of a feature map along a side."""


@dataclass(frozen=True, eq=False)
class SemanticPrior:
    """What there is; all None for a fit by outlines and colours alone."""

    canonical: CanonicalPrior | None
    network: SemanticNetwork | None
    line: str
    """Which and why, for people."""
    models: dict[str, str] = field(default_factory=dict)
    """Ids by what they are for."""

    def canonical_maps(self, observations: Observations) -> CanonicalMaps | None:
        """Of the crops, the masks given."""
        if self.canonical is None:
            return None
        view = observations.at(_LOOK)
        return self.canonical(view.pixels, view.mask)

    def feature_maps(self, observations: Observations) -> Float[Tensor, "N C h w"] | None:
        """Of the crops."""
        if self.network is None:
            return None
        pixels = observations.at(_CELLS * self.network.stride).pixels
        return torch.cat([cached_maps(self.network, one[None]).features for one in pixels])


def doubt(observations: Observations) -> str:
    """Why a fit led by the canonical maps should be held against one without, in a few words; else "".

    A network that takes a subject for another drags cameras and shape along. Its own odds are low then, though so they
    are on much that it reads rightly.
    """
    maps = observations.canonical
    if maps is None:
        return ""
    masks = observations.at(_LOOK).mask
    subject = interpolate(masks[:, None], size=tuple(maps.foreground.shape[1:]), mode="area")[:, 0]
    sure = float((maps.part.amax(1) * subject).sum() / subject.sum())
    if sure >= _LEAST_SURE:
        return ""
    return f"is not sure of this subject (its likeliest parts have odds of {sure:.0%}, at least {_LEAST_SURE:.0%})"


def load_semantic_prior(config: FitConfig, device: torch.device) -> SemanticPrior:
    """The prior that `--semantic` asks for.

    Raises InputError, in one line, for a network that is named and cannot be had, and for a bad file. Only the one that
    `auto` looks for may be missing.
    """
    if config.semantic == "none":
        return SemanticPrior(None, None, "none (--semantic none)")
    if config.trained_prior is not None:
        return _trained(config.trained_prior, config, device)
    canonical, line = CanonicalPrior.load(CANONICAL, VERSION, device), "the embedded canonical network"
    alone = SemanticPrior(canonical, None, line, {"canonical": "embedded"})
    large = config.semantic == "auto" and device.type == "cuda"
    if not (large or config.semantic.startswith("timm:")):
        return alone
    name = _LARGE if large else config.semantic
    try:
        network = load_semantic(name, offline=large or config.offline, device=device)
    except ValueError as error:
        raise InputError(str(error)) from error
    except OSError as error:
        if not large:
            raise InputError(str(error)) from error
        return replace(alone, line=f"{line} alone: {error}")
    return SemanticPrior(
        canonical, network, f"{line} and features of {network.name}", {**alone.models, "features": network.name}
    )


def _trained(path: Path, config: FitConfig, device: torch.device) -> SemanticPrior:
    try:
        prior = CanonicalPrior.load(path, VERSION, device, offline=config.offline)
    except (ValueError, OSError) as error:
        raise InputError(f"--semantic {path}: {error}") from error
    models, line = {"canonical": str(path)}, f"the canonical network of {path}"
    if prior.backbone is not None:
        models["features"], line = prior.backbone.name, f"{line} on features of {prior.backbone.name}"
    return SemanticPrior(prior, prior.backbone, line, models)
