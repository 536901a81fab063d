"""The noise levels that a model was trained on, taken from its scheduler: a time t from 0 to 1 gives the level
there."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.tensor_structure import TensorStructure
from .noise_level import NoiseLevel, PredictionType

_KINDS: dict[str, PredictionType] = {"epsilon": "eps", "v_prediction": "v"}


class NoiseSchedule(TensorStructure):
    """Levels by training step, from the least noise to the most."""

    kind: PredictionType
    alpha: Float[Tensor, " T"]
    sigma: Float[Tensor, " T"]
    timestep: Float[Tensor, " T"]

    @staticmethod
    def of(scheduler: Any) -> NoiseSchedule:
        """That of a scheduler of diffusers: any with `alphas_cumprod`, or a flow-matching one with its shift.

        Raises ValueError for a scheduler whose model predicts something else than noise, v or flow.
        """
        config = scheduler.config
        if hasattr(scheduler, "alphas_cumprod"):
            if config.prediction_type not in _KINDS:
                raise ValueError(
                    f"the model predicts {config.prediction_type!r}; {', '.join(_KINDS)} or flow is needed"
                )
            kept = scheduler.alphas_cumprod.double()
            # A schedule of zero terminal signal-to-noise ends where nothing is left to divide by.
            usable = kept > 0
            steps = torch.arange(len(kept), dtype=torch.float32)[usable]
            return NoiseSchedule(
                _KINDS[config.prediction_type], kept[usable].sqrt().float(), (1 - kept[usable]).sqrt().float(), steps
            )
        if "FlowMatch" not in type(scheduler).__name__:
            raise ValueError(f"{type(scheduler).__name__} is no scheduler of a diffusion or a flow-matching model")
        count = config.num_train_timesteps
        even = torch.arange(1, count + 1, dtype=torch.float64) / count
        # A resolution-dependent shift is set by each pipeline; its configured one, at the base resolution, serves here.
        shift = float(config.shift)
        sigma = shift * even / (1 + (shift - 1) * even)
        return NoiseSchedule("flow", (1 - sigma).float(), sigma.float(), (count * sigma).float())

    def at(self, t: Float[Tensor, " B"]) -> NoiseLevel:
        """The levels at places from 0 (hardly any noise) to 1 (nothing but noise).

        Diffusion models know the steps that they were trained on, and the nearest one counts; flow models know what is
        between as well. Raises ValueError for places beyond.
        """
        if bool(((t < 0) | (t > 1)).any()):
            raise ValueError(f"times t lie between 0 and 1, and one is {t.tolist()}")
        step = t * (len(self.timestep) - 1)
        if self.kind != "flow":
            step = step.round()
        lower = step.long().clamp_max(len(self.timestep) - 2)
        share = step - lower
        return NoiseLevel(
            *(torch.lerp(one[lower], one[lower + 1], share.to(one)) for one in (self.alpha, self.sigma, self.timestep))
        )
