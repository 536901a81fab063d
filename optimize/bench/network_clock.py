"""Time spent inside a diffusion prior's networks while something else runs them: every call of the bare modules.

The modules' own methods are timed, so that what is round them counts as ours: scaling, casts, prompts that are spread,
guidance, checks, targets. The backward pass of the encoder runs from the gradient of what it gave to that of what it
was given. Clocks wait for the device, which takes some of the overlap away that a GPU would have; that counts as ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...priors.diffusion.prior import DiffusionPrior

ModelPart = Literal["encode", "denoise", "decode", "backward"]
MODEL_PARTS: tuple[ModelPart, ...] = get_args(ModelPart)


@dataclass(frozen=True)
class NetworkCall:
    """One call of one network."""

    part: ModelPart
    rows: int
    """Of its batch."""
    seconds: float


class NetworkClock:
    """Lists the calls of a prior's networks while it is entered."""

    def __init__(self, prior: DiffusionPrior, device: torch.device) -> None:
        autoencoder, denoiser = prior.autoencoder.module, prior.denoiser.module
        self.calls: list[NetworkCall] = []
        self._device = device
        self._places: tuple[tuple[Any, str, ModelPart], ...] = (
            (autoencoder, "encode", "encode"),
            (autoencoder, "decode", "decode"),
            (denoiser, "forward", "denoise"),
        )

    def __enter__(self) -> NetworkClock:
        for module, method, part in self._places:
            vars(module)[method] = self._timed(part, getattr(module, method))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for module, method, _ in self._places:
            del vars(module)[method]

    def now(self) -> float:
        """Seconds, when the device has done what it was told."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def _timed(self, part: ModelPart, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            given = arguments[0] if arguments else options["hidden_states"]
            start = self.now()
            model_output = method(*arguments, **options)
            self.calls.append(NetworkCall(part, len(given), self.now() - start))
            if part == "encode":
                self._watch(given, model_output)
            return model_output

        return call

    def _watch(self, pictures: Tensor, coded: Any) -> None:
        """Times the encoder's backward pass, should there be one."""
        given = coded.latent_dist.parameters if hasattr(coded, "latent_dist") else coded.latents
        if not given.requires_grad:
            return
        begun: list[float] = []

        def end(gradient: Tensor) -> None:
            self.calls.append(NetworkCall("backward", len(gradient), self.now() - begun.pop()))

        given.register_hook(lambda gradient: begun.append(self.now()))
        pictures.register_hook(end)
