"""What the prior paints where no photo shows the subject: `distil` in a run, with its log, its pictures, its words.

The shared texture changes, and with it what each photo's own texture shows of it. The run keeps in distillation/ the
losses of all rounds, and for some of them the views as they were above what the prior would have made of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.canonical import CanonicalPrior
from ...priors.diffusion.guidance import GuidanceConfig
from ...priors.diffusion.prior import DiffusionPrior
from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh
from ...scenes.atomic import atomic_write
from ...scenes.photos.resample import to_bytes
from ...scenes.run_folder import RunFolder
from ..config import DEFAULT_RULE, FitConfig
from ..observe.observations import Observations
from ..run.metrics_log import MetricsLog
from ..run.progress import FitProgress, Work
from .backproject import Textures
from .diffusion_source import DiffusionSource, subject_words
from .distill_texture import DistilConfig, Round, distil_texture
from .distillation_rule import DistillationRule, RuleConfig
from .novel_views import NovelViews, NovelViewsConfig

EMBEDDED_GUIDANCE = 1.5
"""Of the embedded model, which overdoes colours with what suits a large one (docs/notes/diffusion.md)."""
_NAME = "unseen sides"
_PICTURES = 6
"""How many rounds leave a picture."""
_SHOWN = 192
"""Side in pixels of a view in it, at least."""


@dataclass(frozen=True, eq=False)
class UnseenSides:
    """A prior with a subject's name, ready to paint it."""

    prior: DiffusionPrior
    subject: str
    rule: RuleConfig = field(default_factory=RuleConfig)
    distil: DistilConfig = field(default_factory=DistilConfig)
    seed: int = 0

    @staticmethod
    def of(
        prior: DiffusionPrior,
        config: FitConfig,
        source: DiffusionSource,
        observations: Observations,
        canonical: CanonicalPrior | None,
        seed: int,
    ) -> tuple[UnseenSides, str]:
        """With the subject's name, and a line on who says it."""
        subject, words = subject_words(config, source, observations, canonical)
        # The embedded model's text has a few words, and none for what is not to be seen.
        rule = RuleConfig(name=config.rule or DEFAULT_RULE, negatives=not source.embedded)
        if source.embedded:
            rule = replace(rule, guidance=GuidanceConfig(scale=EMBEDDED_GUIDANCE))
        return UnseenSides(prior, subject, rule, seed=seed), words

    def novel_views(self) -> NovelViews:
        """The same prior's pull on shapes and poses, for those stages that give it weight."""
        exploration = replace(self.distil.exploration, size=self.prior.picture_size)
        rule = DistillationRule(self.prior, self.subject, self.rule, self.seed)
        return NovelViews(rule, NovelViewsConfig(exploration=exploration), self.seed)

    def painted(
        self,
        run: RunFolder,
        mesh: SkinnedMesh,
        skeleton: Skeleton,
        poses: Float[Tensor, "N J 4"],
        textures: Textures,
    ) -> Textures:
        """The textures as the prior would have them where photos say little; `mesh` must have texture coordinates."""
        exploration = replace(self.distil.exploration, size=self.prior.picture_size)
        config = replace(self.distil, exploration=exploration)
        rule = DistillationRule(self.prior, self.subject, self.rule, self.seed)
        generator = torch.Generator().manual_seed(self.seed)
        shared = textures.shared
        with FitProgress([Work(_NAME, config.rounds)]) as progress, MetricsLog(run.distillation) as log:
            progress.start(_NAME)
            for one in distil_texture(mesh, skeleton, poses, textures.shared, textures.seen, rule, config, generator):
                values = {"pull": one.pull, "changed": float((one.texture - textures.shared).abs().mean())}
                log.log(one.number + 1, _NAME, one.number + 1, values)
                progress.advance(values)
                if one.number % max(1, (config.rounds - 1) // (_PICTURES - 1)) == 0:
                    _write(run, one)
                shared = one.texture
        change = (1 - textures.trust)[..., None] * (shared - textures.shared)
        return replace(textures, shared=shared, own=(textures.own + change).clamp(0, 1))


def _write(run: RunFolder, one: Round) -> None:
    rows = [one.pictures, interpolate(one.wanted.shown(), one.pictures.shape[2:], mode="bilinear", antialias=True)]
    picture = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    times = -(-_SHOWN // one.pictures.shape[3])
    picture = picture.repeat_interleave(times, 1).repeat_interleave(times, 2)
    with atomic_write(run.distillation / f"round_{one.number:03d}.png") as temporary:
        Image.fromarray(to_bytes(picture.permute(1, 2, 0).cpu())).save(temporary, format="PNG")
