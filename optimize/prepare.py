"""The set-up that fit, plan and paint share: options are checked, photos read, priors loaded, photos looked at.

`prepare` itself reads the photos and loads the semantic prior, and refuses what a fit would refuse; all that costs more
is made when it is first asked for, so that a plan costs nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from ..priors.diffusion.prior import DiffusionPrior
from ..representations.body.template import Template
from ..scenes.photos.collection import Collection, load_collection
from .config import FitConfig
from .device import choose_device
from .idle_option import refuse_idle_options
from .observe.clean_up import CleanUp, CleanUpConfig
from .observe.estimated_masks import check_mask_source, mask_source, with_masks
from .observe.observations import Observations
from .observe.observe import observe
from .observe.semantic_prior import SemanticPrior, load_semantic_prior
from .start.starting_template import starting_templates
from .texture.diffusion_source import DiffusionSource, diffusion_source
from .texture.unseen_sides import UnseenSides


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that a fit starts from."""

    config: FitConfig
    painting: FitConfig
    """The options of the diffusion prior."""
    device: torch.device
    photos: Collection
    """As they lie in their folder, some perhaps without a mask."""
    semantic: SemanticPrior
    source: DiffusionSource
    """Which diffusion prior, before it is loaded."""

    @property
    def models(self) -> dict[str, str]:
        """Ids of the networks, by what they are for."""
        return self.semantic.models | self.source.models

    @cached_property
    def diffusion(self) -> DiffusionPrior | None:
        """The diffusion prior, if one is asked for."""
        return self.source.load(self.painting, self.device)

    @cached_property
    def _masked(self) -> tuple[Collection, tuple[str, ...]]:
        return with_masks(self.photos, self.config, self.semantic)

    @property
    def collection(self) -> Collection:
        """The photos with a mask each."""
        return self._masked[0]

    @property
    def estimated(self) -> tuple[str, ...]:
        """Stems of the photos whose mask was estimated."""
        return self._masked[1]

    @cached_property
    def _first_look(self) -> Observations:
        occlusion = "occlusion" not in self.config.without
        return observe(self.collection, self.semantic, self.device, occlusion=occlusion)

    @cached_property
    def _unseen(self) -> tuple[UnseenSides, str] | None:
        if self.diffusion is None:
            return None
        given = self.painting, self.source, self._first_look, self.semantic.canonical, self.painting.seed
        return UnseenSides.of(self.diffusion, *given)

    @property
    def unseen(self) -> UnseenSides | None:
        """What paints the sides that no photo shows."""
        return None if self._unseen is None else self._unseen[0]

    @property
    def diffusion_line(self) -> str | None:
        """Which diffusion prior is used, and what it calls the subject, for people."""
        return None if self._unseen is None else f"diffusion prior: {self.source.line}; {self._unseen[1]}"

    @cached_property
    def clean(self) -> CleanUp | None:
        """What photos hide, painted, where that is asked for."""
        if self.unseen is None or self.diffusion is None or not self.config.clean_up:
            return None
        rule = self.unseen.rule
        asked = CleanUpConfig(guidance=rule.guidance, negatives=rule.negatives)
        subject, seed = self.unseen.subject, self.config.seed
        return CleanUp.done(self._first_look, self.diffusion, subject, self.semantic, asked, seed)

    @cached_property
    def observations(self) -> Observations:
        """The photos as the fit looks at them, with what priors say of them."""
        seen = self._first_look if self.clean is None else self.clean.observations
        features = self.semantic.feature_maps(seen)
        if self.config.preset == "artic3d" and features is None and seen.canonical is not None:
            features = seen.canonical.descriptor
        return seen if features is None else replace(seen, features=features)

    @cached_property
    def _templates(self) -> tuple[tuple[Template, ...], str]:
        templates, reason = starting_templates(self.config, self.observations, self.semantic)
        return tuple(templates), reason

    @property
    def templates(self) -> tuple[Template, ...]:
        """Bodies to start from; several compete."""
        return self._templates[0]

    @property
    def reason(self) -> str:
        """Why these templates, for people."""
        return self._templates[1]


def prepare(
    config: FitConfig,
    *,
    photos: Collection | None = None,
    painting: FitConfig | None = None,
    source: DiffusionSource | None = None,
    show_progress: bool = False,
) -> Prepared:
    """What a fit with these options starts from.

    `photos`: those of a finished run, masks and all, in place of what lies in the folder; `painting` and `source`:
    options of the diffusion prior, and which it is, where they are not the fit's own; `show_progress`: a bar while
    photos are read.

    Raises InputError for photos, options and networks that cannot be used.
    """
    check_mask_source(config)
    painting = painting or config
    device = choose_device(painting.device)
    source = source or diffusion_source(painting, device)
    given = photos
    if photos is None:
        photos = load_collection(config.photos, mask_source(config), config.cameras, show_progress=show_progress)
    semantic = load_semantic_prior(config, device)
    if given is None:  # a finished run's options were looked at when it was fitted
        refuse_idle_options(config, photos, semantic)
    return Prepared(config, painting, device, photos, semantic, source)
