"""A diffusion prior with its prompts, as rules ask it: what is noise in a noisy latent, with a prompt and without."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor

from ..diffusion.conditions import Conditions
from ..diffusion.guidance import GuidanceConfig, guide
from ..diffusion.noise_level import NoiseLevel
from ..diffusion.prior import DiffusionPrior
from ..prompts import ViewPrompts, view_weights


@dataclass(frozen=True, eq=False)
class Critic:
    """Judges a batch of B latents; each of the conditions is for one of them, or one for all."""

    prior: DiffusionPrior
    positive: Conditions
    empty: Conditions
    """Of the prompt that says nothing."""
    negative: Conditions | None = None
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)

    @staticmethod
    def from_where(
        prior: DiffusionPrior,
        subject: str,
        azimuth_deg: Float[Tensor, " B"],
        elevation_deg: Float[Tensor, " B"],
        guidance: GuidanceConfig,
        negatives: bool,
    ) -> Critic:
        """Of pictures of that subject, each asked about in words for where it is seen from; `negatives`: and for what
        cannot be seen from there."""
        prompts, weights = ViewPrompts.of(subject), view_weights(azimuth_deg, elevation_deg)
        positive = prior.embed(prompts.positive).mixed(weights)
        negative = prior.embed(prompts.negative).mixed(weights) if negatives else None
        return Critic(prior, positive, prior.embed([""]), negative, guidance)

    def pred_original_and_noise(
        self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel, guidance: GuidanceConfig | None = None
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B C h w"]]:
        """The latent and the noise that the prior sees, guided; by `guidance` where it is given."""
        guidance, kind = guidance or self.guidance, self.prior.schedule.kind
        wanted = [self.positive, self.empty]
        if self.negative is not None:
            wanted = [*wanted, self.negative] if guidance.kind == "perpendicular" else [self.positive, self.negative]
        model_outputs = self._model_outputs(noisy, level, wanted)
        if guidance.kind != "apg":
            return level.pred_original_and_noise(noisy, guide(guidance, *model_outputs), kind)
        latents = guide(
            guidance, *(level.pred_original_and_noise(noisy, model_output, kind)[0] for model_output in model_outputs)
        )
        return latents, level.noise_in(noisy, latents)

    def pred_noise(self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel) -> Float[Tensor, "B C h w"]:
        """The noise that the prior sees, guided."""
        return self.pred_original_and_noise(noisy, level)[1]

    def pred_original(self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel) -> Float[Tensor, "B C h w"]:
        """The latent that the prior sees behind the noise, guided."""
        return self.pred_original_and_noise(noisy, level)[0]

    def pred_unconditional(
        self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B C h w"]]:
        """The latent and the noise that the prior sees without any prompt."""
        return level.pred_original_and_noise(
            noisy, self._model_outputs(noisy, level, [self.empty])[0], self.prior.schedule.kind
        )

    def pred_noises(
        self, noisy: Float[Tensor, "B C h w"], level: NoiseLevel, *wanted: Conditions
    ) -> tuple[Float[Tensor, "B C h w"], ...]:
        """The noise that the prior sees under each of the conditions, unguided, in one call of the network."""
        kind = self.prior.schedule.kind
        return tuple(
            level.pred_original_and_noise(noisy, model_output, kind)[1]
            for model_output in self._model_outputs(noisy, level, wanted)
        )

    def _model_outputs(
        self, noisy: Tensor, level: NoiseLevel, wanted: list[Conditions] | tuple[Conditions, ...]
    ) -> list[Tensor]:
        count, batch = len(wanted), len(noisy)
        together = Conditions.joined([conditions.spread(batch) for conditions in wanted])
        repeated = NoiseLevel(level.alpha.repeat(count), level.sigma.repeat(count), level.timestep.repeat(count))
        model_output = self.prior.model_output(noisy.repeat(count, 1, 1, 1), repeated, together)
        return list(model_output.split(batch))
