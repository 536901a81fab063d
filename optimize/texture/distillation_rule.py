"""The rules of `priors.distillation` as a fit uses them: by name, with prompts for where each picture is seen from.

A rule in latents pulls the latents of pictures, through the encoder and with its gradient; DASS pulls pictures. What
comes of either is a `Pull`: a loss for pictures of these very views, as often as it is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ...priors.diffusion.guidance import GuidanceConfig
from ...priors.diffusion.noise_level import NoiseLevel
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.distillation.bridge import BRIDGE_REQUIREMENT, SOURCE, bridge
from ...priors.distillation.critic import Critic
from ...priors.distillation.csd import csd
from ...priors.distillation.dass import dass, free_cells
from ...priors.distillation.flow_distillation import FLOW_REQUIREMENT, flow_distillation
from ...priors.distillation.ism import ism
from ...priors.distillation.nfsd import NFSD_REQUIREMENT, nfsd
from ...priors.distillation.noise_range import NoiseRange
from ...priors.distillation.pixel_clip import clipped
from ...priors.distillation.requirement import Capability, Requirement
from ...priors.distillation.sdi import sdi
from ...priors.distillation.sds import sds
from ...priors.distillation.target import Target
from ...priors.distillation.vsd import VSD_REQUIREMENT, Student, vsd
from ...priors.prompts import ViewPrompts, view_weights
from ...representations.tensor_structure import TensorStructure
from ..config import DEFAULT_RULE, RuleName
from .exploration import Exploration

REQUIREMENTS: dict[RuleName, Requirement] = {
    "nfsd": NFSD_REQUIREMENT,
    "bridge": BRIDGE_REQUIREMENT,
    "vsd": VSD_REQUIREMENT,
    "rectified_flow": FLOW_REQUIREMENT,
}
"""Of those rules that need anything which a prior may lack."""
_INVERSION_STEPS = 6


@dataclass(frozen=True, kw_only=True)
class RuleConfig:
    """Which rule, and how it asks."""

    name: RuleName = DEFAULT_RULE
    guidance: GuidanceConfig = field(default_factory=lambda: GuidanceConfig(scale=7.5))
    noise: NoiseRange = field(default_factory=lambda: NoiseRange(first=0.4, last=0.15, kind="falling"))
    walk: int = 3
    """Steps that DASS goes in latents."""
    negatives: bool = True
    """Whether prompts say what is not to be seen."""
    clip: float | None = None
    """Longest gradient of a pixel that comes back through the encoder; None leaves it as it is."""


def lacks(rule: RuleName, capability: Capability) -> tuple[str, ...]:
    """What the rule needs of a prior and this one has not, in words; () where it can work."""
    return REQUIREMENTS.get(rule, Requirement()).lacking(capability)


class Pull(TensorStructure):
    """What a rule wants of the pictures of some views."""

    target: Target
    """Of what `look` makes of pictures: latents, or pictures again."""
    look: Callable[[Tensor], Tensor]
    picture: Callable[[Tensor], Tensor]
    """From what `look` makes back to pictures."""

    def shown(self) -> Float[Tensor, "B 3 s s"]:
        """Where the rule would have the pictures, to be looked at."""
        with torch.no_grad():
            return self.picture(self.target.value).clamp(0, 1)

    def loss(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, " B"]:
        """Of each picture, differentiable."""
        return self.target.pull(self.look(pictures))


class DistillationRule:
    """One rule with one subject's prompts; asks the prior with a generator of its own."""

    def __init__(self, prior: DiffusionPrior, category: str, config: RuleConfig, seed: int = 0) -> None:
        """Raises ValueError, in one line, where the prior lacks something that the rule needs."""
        if lacking := lacks(config.name, Capability(prior.schedule.kind, config.negatives)):
            raise ValueError(f"rule {config.name} cannot ask {prior.name}: it needs {' and '.join(lacking)}")
        self._prior, self._config = prior, config
        prompts = ViewPrompts.of(category)
        self._positive, self._empty = prior.embed(prompts.positive), prior.embed([""])
        self._negative = prior.embed(prompts.negative) if config.negatives else None
        self._source = None
        if config.name == "bridge":
            self._source = prior.embed([f"{prompt}, {SOURCE}" for prompt in prompts.positive])
        self._generator = torch.Generator().manual_seed(seed)
        self._student: Student | None = None

    def __call__(self, pictures: Float[Tensor, "B 3 S S"], views: Exploration, done: float) -> Pull:
        """Asks the prior about pictures of these views when that share of the work is over.

        Where the views are known, pictures are to stay as they are; the prior sees them all the same.
        """
        weights = view_weights(views.camera.azimuth_deg, views.camera.elevation_deg)
        critic = Critic(
            self._prior,
            self._positive.mixed(weights),
            self._empty,
            None if self._negative is None else self._negative.mixed(weights),
            self._config.guidance,
        )
        t = self._config.noise.at(done, len(pictures), self._generator).to(pictures.device)
        pictures = self._fitted(pictures.detach())
        unknown = None if views.unknown is None else self._fitted(views.unknown[:, None])[:, 0]
        if self._config.name == "dass":
            levels = [self._prior.schedule.at(t)] * self._config.walk
            return self.resumed(dass(critic, pictures, levels, self._generator, unknown=unknown))
        with torch.no_grad():
            latents = self._prior.encode(pictures)
            target = self._latent_target(critic, latents, t, weights)
            if unknown is not None:
                value = torch.lerp(latents, target.value, free_cells(unknown, latents))
                target = Target(value, target.weight)
        return self.resumed(target)

    def state(self) -> dict[str, Tensor]:
        """What later answers depend on besides the pictures; not what a student has learned (vsd)."""
        return {"generator": self._generator.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes back to what `state` returned."""
        self._generator.set_state(state["generator"].cpu())

    def resumed(self, target: Target) -> Pull:
        """The pull towards a target that this rule has given before."""
        if self._config.name == "dass":
            return Pull(target, self._fitted, lambda found: found)
        return Pull(target, self._encoded, self._prior.decode)

    def _latent_target(self, critic: Critic, latents: Tensor, t: Tensor, weights: Tensor) -> Target:
        level = self._prior.schedule.at(t)
        noise = torch.randn(latents.shape, generator=self._generator).to(latents)
        name = self._config.name
        if name in ("sdi", "ism"):
            return (sdi if name == "sdi" else ism)(critic, latents, self._rising(t))
        if name == "bridge":
            assert self._source is not None
            return bridge(critic, latents, level, noise, self._source.mixed(weights))
        if name == "vsd":
            return vsd(critic, self._taught(critic, latents), latents, level, noise)
        plain = {"sds": sds, "csd": csd, "nfsd": nfsd, "rectified_flow": flow_distillation}[name]
        return plain(critic, latents, level, noise)

    def _rising(self, t: Tensor) -> list[NoiseLevel]:
        """Levels on the way to that time t."""
        return [self._prior.schedule.at(t * (k + 1) / _INVERSION_STEPS) for k in range(_INVERSION_STEPS)]

    def _taught(self, critic: Critic, latents: Tensor) -> Student:
        """The student, which has seen these latents once more, through other noise than it is asked about."""
        if self._student is None:
            self._student = Student(self._prior)
        t = 0.02 + 0.96 * torch.rand(len(latents), generator=self._generator).to(latents)
        noise = torch.randn(latents.shape, generator=self._generator).to(latents)
        self._student.learn(critic.positive, latents, self._prior.schedule.at(t), noise)
        return self._student

    def _encoded(self, pictures: Tensor) -> Tensor:
        fitted = self._fitted(pictures)
        return self._prior.encode(fitted if self._config.clip is None else clipped(fitted, self._config.clip))

    def _fitted(self, pictures: Tensor) -> Tensor:
        """At the size that the prior was trained on."""
        side = self._prior.picture_size
        if pictures.shape[2] == side:
            return pictures
        return interpolate(pictures, (side, side), mode="bilinear", antialias=True)
