"""Photos cleaned up before a fit: a plain background, and what is hidden or cut off painted by a diffusion prior.

ARTIC3D (Yao et al., NeurIPS 2023) has DASS denoise and complete its photos. Here a photo is touched only where it may
hide something of the subject: behind things, where the canonical network believes the subject to go on, and beyond the
frame. The painting begins with the nearest colours of the subject where that network expects it, and with background
elsewhere, and is done several times. How many of the paintings show the subject in a pixel is what the mask has there
from then on, and the fit listens to it by how far they agree. Photos that hide nothing are kept as they are.

Colours that were made up count for nothing: textures and light are taken from what photos show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.canonical import CanonicalMaps
from ...priors.diffusion.guidance import GuidanceConfig
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.distillation.critic import Critic
from ...priors.distillation.dass import dass
from ...priors.distillation.noise_range import NoiseRange
from ...representations.tensor_structure import TensorStructure
from ...scenes.atomic import atomic_write
from ...scenes.photos.resample import to_bytes
from ...scenes.run_folder import RunFolder
from .observations import Completion, Observations, View
from .semantic_prior import SemanticPrior

ForegroundFunction = Callable[[Float[Tensor, "B S S 3"]], Float[Tensor, "B S S"]]
"""Odds of the subject in pictures of it alone on a plain background."""

_HIDDEN = 0.02
"""Area that is likely hidden, in parts of what is seen, from which on a photo is cleaned."""
_EXPECTED = 0.5
"""Odds of the subject being in a hidden pixel at which the painting begins with its colours."""
_TRUST = 0.6
"""How far a mask is listened to where all paintings agree; it is 1 where the photo shows what there is."""
_BACKGROUNDS = (0.2, 0.8)
_AT_ONCE = 8
_SHOWN = 192
"""Side in pixels of the pictures that compare."""


@dataclass(frozen=True)
class CleanUpConfig:
    """How photos are painted."""

    noise: NoiseRange = field(default_factory=lambda: NoiseRange(first=0.25, last=0.1, kind="falling"))
    steps: int = 12
    """Of the walk in latents."""
    paintings: int = 4
    guidance: GuidanceConfig = field(default_factory=lambda: GuidanceConfig(scale=7.5))
    negatives: bool = True
    """Whether prompts say what is not to be seen."""


def clean_up(
    observations: Observations,
    prior: DiffusionPrior,
    subject: str,
    foreground: ForegroundFunction,
    config: CleanUpConfig,
    generator: torch.Generator,
) -> tuple[Observations, Bool[Tensor, " N"]]:
    """The observations with a completion, where photos hide anything, and which of them were cleaned.

    Raises ValueError where there are no canonical maps."""
    maps = observations.canonical
    if maps is None:
        raise ValueError("nothing says what photos hide; clean-up needs the maps of a canonical network")
    view = observations.at(prior.picture_size)
    expected = interpolate(maps.amodal[:, None].to(view.mask), view.mask.shape[1:], mode="bilinear")[:, 0]
    hidden = (1 - view.valid) * (1 - view.mask)
    lost = (hidden * expected).sum((1, 2)) / view.mask.sum((1, 2)).clamp_min(1)
    chosen = lost > _HIDDEN
    if not bool(chosen.any()):
        return observations, chosen
    hidden = hidden * chosen[:, None, None]
    pixels, odds, sure = view.pixels.clone(), view.mask.clone(), torch.ones_like(view.mask)
    for index in chosen.nonzero()[:, 0].split(_AT_ONCE):
        start = _started(view, expected, hidden, index)
        critic = _critic(prior, subject, maps, index, config)
        walk = [config.noise.at(k / max(config.steps - 1, 1), len(index), generator) for k in range(config.steps)]
        levels = [prior.schedule.at(place.to(start.device)) for place in walk]
        unknown = hidden[index]
        paintings = [dass(critic, start, levels, generator, unknown=unknown) for _ in range(config.paintings)]
        pictures = torch.stack([one.value for one in paintings]).permute(0, 1, 3, 4, 2)
        pixels[index] = pictures[0]
        found = torch.stack([foreground(one) for one in pictures])
        odds[index] = found.mean(0)
        sure[index] = _TRUST * (2 * found.mean(0) - 1).abs()
    return replace(observations, completion=Completion(pixels, odds, sure, hidden)), chosen


def _started(
    view: View, expected: Float[Tensor, "N S S"], hidden: Float[Tensor, "N S S"], index: Tensor
) -> Float[Tensor, "B 3 S S"]:
    """The subjects on plain grounds that stand out against them, going on in their own colours where they should."""
    started = []
    for k in index.tolist():
        mask, pixels = view.mask[k], view.pixels[k]
        brightness = float((pixels.mean(-1) * mask).sum() / mask.sum().clamp_min(1e-6))
        ground = max(_BACKGROUNDS, key=lambda level: abs(level - brightness))
        _, nearest = distance_transform_edt((mask < 0.9).cpu().numpy(), return_indices=True)  # type: ignore[misc]
        rows, columns = (torch.from_numpy(places.astype(np.int64)).to(pixels.device) for places in nearest)
        continued = ((hidden[k] > 0.5) & (expected[k] > _EXPECTED)).to(mask)
        shown = torch.maximum(mask, continued)[..., None]
        own = torch.where((mask > 0.9)[..., None], pixels, pixels[rows, columns])
        started.append(torch.lerp(torch.full_like(pixels, ground), own, shown))
    return torch.stack(started).permute(0, 3, 1, 2)


def _critic(prior: DiffusionPrior, subject: str, maps: CanonicalMaps, index: Tensor, config: CleanUpConfig) -> Critic:
    """Asks for what the canonical network sees each photo from."""
    azimuths = maps.view.shape[1]
    azimuth = (maps.view[index].sum(2).argmax(1) + 0.5) * (360 / azimuths)
    return Critic.from_where(prior, subject, azimuth, torch.zeros_like(azimuth), config.guidance, config.negatives)


class CleanUp(TensorStructure):
    """What a run's clean-up has come to."""

    observations: Observations
    """What the fit is to look at."""
    before: View
    """The crops as they were, of `_SHOWN` pixels."""
    chosen: Bool[Tensor, " N"]
    line: str
    """For people."""

    @staticmethod
    def done(
        observations: Observations,
        prior: DiffusionPrior,
        subject: str,
        semantic: SemanticPrior,
        config: CleanUpConfig | None = None,
        seed: int = 0,
    ) -> CleanUp:
        """Cleans up, and has the semantic prior look at the photos again. Raises ValueError where that prior has no
        canonical network."""
        network, before = semantic.canonical, observations.at(_SHOWN)
        if network is None:
            raise ValueError("clean-up needs a canonical network")

        def foreground(pictures: Tensor) -> Tensor:
            odds = network(pictures).foreground
            return interpolate(odds[:, None], pictures.shape[1:3], mode="bilinear")[:, 0]

        generator = torch.Generator().manual_seed(seed)
        observations, chosen = clean_up(observations, prior, subject, foreground, config or CleanUpConfig(), generator)
        if bool(chosen.any()):
            observations = replace(observations, canonical=semantic.canonical_maps(observations))
        line = f"clean-up: {int(chosen.sum())} of {len(chosen)} photos hide something of the subject and were completed"
        return CleanUp(observations, before, chosen, line)

    def write(self, run: RunFolder) -> None:
        """A picture for each photo that was cleaned: it and its mask as they were, both as the fit has them, and how
        far the mask is trusted: white is the subject, red may be anything."""
        after = self.observations.at(_SHOWN)
        for k in self.chosen.nonzero()[:, 0].tolist():
            run.cleaned.mkdir(parents=True, exist_ok=True)
            masks = [one.mask[k][..., None].expand(-1, -1, 3) for one in (self.before, after)]
            trusted = after.mask[k] * after.valid[k]
            doubt = torch.stack([torch.maximum(1 - after.valid[k], trusted), trusted, trusted], dim=-1)
            row = torch.cat([self.before.pixels[k], masks[0], after.pixels[k], masks[1], doubt], dim=1)
            with atomic_write(run.cleaned / f"{self.observations.stems[k]}.png") as temporary:
                Image.fromarray(to_bytes(row.cpu())).save(temporary, format="PNG")
