"""What a distillation rule needs of a diffusion prior beyond what every prior has, and what of it one prior lacks.

Every prior encodes pictures with a gradient, decodes latents, and predicts a prompt and with the empty one,
whatever it predicts. Rules that ask for more state that in their file (`vsd.VSD_REQUIREMENT`), so that they can be
refused before anything is loaded or fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..diffusion.noise_level import PredictionType

_PREDICTIONS: dict[PredictionType, str] = {
    "eps": "noise (epsilon)",
    "v": "v",
    "flow": "the velocity of a flow",
}


@dataclass(frozen=True)
class Capability:
    """What a prior has. Known from its configuration files alone (`diffusion.model_description`)."""

    prediction: PredictionType
    free_text: bool = True
    """Whether it understands any words. Where it does not, there are no negative prompts either."""
    attention: bool = True
    """Whether its denoiser has attention projections, to which low-rank additions can be made."""


@dataclass(frozen=True)
class Requirement:
    """What a rule needs; by default nothing that a prior may lack."""

    prediction: PredictionType | None = None
    """What the network must predict; None: anything."""
    negative_prompt: bool = False
    """A prompt for what bad pictures look like."""
    free_text: bool = False
    """Prompts in words of any kind."""
    attention: bool = False
    """Attention projections in the denoiser, which are trained."""

    def lacking(self, capability: Capability) -> tuple[str, ...]:
        """What is missing, each in words that follow "it needs"; () where the rule can work.

        >>> Requirement(prediction="flow").lacking(Capability("v"))
        ('a flow-matching model (this one predicts v)',)
        """
        found = []
        if self.prediction not in (None, capability.prediction):
            wanted = (
                "a flow-matching model" if self.prediction == "flow" else f"a model that predicts {self.prediction}"
            )
            found.append(f"{wanted} (this one predicts {_PREDICTIONS[capability.prediction]})")
        if self.negative_prompt and not capability.free_text:
            found.append("a negative prompt (this one has no words for bad pictures)")
        if self.free_text and not capability.free_text:
            found.append("prompts in any words (this one knows the words of its training alone)")
        if self.attention and not capability.attention:
            found.append("attention layers to train (this one has none)")
        return tuple(found)
