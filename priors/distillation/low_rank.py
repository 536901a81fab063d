"""Low-rank additions to a frozen network's attention (LoRA, Hu et al., ICLR 2022), which can be switched on and off.

Each projection W x becomes W x + B A x with A (r x in) random and B (out x r) zero at first. They are added from
outside, by hooks, so that the network itself stays as it is and can be shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

_PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


class LowRank(nn.Module):
    """The additions to all attention projections of one network; off unless within `on`."""

    def __init__(self, network: nn.Module, rank: int = 4, generator: torch.Generator | None = None) -> None:
        """Raises ValueError for a network without attention projections by their usual names."""
        super().__init__()
        self._active = False
        self._down, self._up, self._hooks = nn.ParameterList(), nn.ParameterList(), []
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Linear) and name.endswith(_PROJECTIONS):
                start = torch.randn(rank, layer.in_features, generator=generator) / layer.in_features**0.5
                self._down.append(nn.Parameter(start.to(layer.weight.device)))
                self._up.append(nn.Parameter(torch.zeros(layer.out_features, rank, device=layer.weight.device)))
                self._hooks.append(layer.register_forward_hook(self._addition(len(self._down) - 1)))
        if not self._hooks:
            raise ValueError(f"{type(network).__name__} has no projections named {', '.join(_PROJECTIONS)}")

    @contextmanager
    def on(self) -> Iterator[None]:
        """Within it the network predicts the additions."""
        self._active = True
        try:
            yield
        finally:
            self._active = False

    def remove(self) -> None:
        """Takes the additions off the network for good."""
        for hook in self._hooks:
            hook.remove()

    def _addition(self, index: int) -> Callable[..., Tensor | None]:
        def add(_: nn.Module, inputs: tuple[Tensor, ...], output: Float[Tensor, "... F"]) -> Tensor | None:
            if not self._active:
                return None
            change = inputs[0].float() @ self._down[index].T @ self._up[index].T
            return output + change.to(output.dtype)

        return add
