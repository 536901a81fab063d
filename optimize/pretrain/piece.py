"""One piece of training, by the clock: learning rates, the average of the weights that is kept, logs and saves.

The optimisers' state is not kept between pieces: a piece warms up for some steps, then its learning rates fall along a
cosine to a twentieth over the minutes it has been given. What is saved is the moving average of the weights (Polyak).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..run.metrics_log import MetricsLog, read_metrics

_SAVE_MINUTES = 3.0
_LOG_STEPS = 50
_LAST_RATE = 0.05


@dataclass(frozen=True, kw_only=True)
class PieceConfig:
    """How long and how."""

    minutes: float
    batch: int
    """Pictures in a step."""
    warm_up: int = 150
    """Steps until the learning rates are there."""
    averaging: float = 0.999
    """Share of the old in the moving average of the weights."""


def run_piece(
    name: str,
    network: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    config: PieceConfig,
    folder: Path,
    losses: Callable[[float], Mapping[str, Tensor]],
    save: Callable[[nn.Module], None],
) -> int:
    """Trains `network` until the time is over; returns how many pictures `folder`'s log says it has seen by then.

    `losses` is told how much of the time is over, draws a batch and gives the terms whose sum is to be small; `save` is
    handed the averaged network every few minutes and at the end. Raises RuntimeError for gradients that are not finite.
    """
    averaged = AveragedModel(network, avg_fn=Averaging(config.averaging), use_buffers=True)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    highest = [group["lr"] for group in groups]
    seen, step, held = pictures_seen(folder), 0, dict[str, Tensor]()
    saved = logged = time.monotonic()
    with MetricsLog(folder, resume_at=seen) as log:
        for done in _clock(config.minutes):
            share = rate_share(step, done, config.warm_up)
            for group, rate in zip(groups, highest, strict=True):
                group["lr"] = rate * share
            terms = losses(done)
            loss = torch.stack(list(terms.values())).sum()
            network.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0, error_if_nonfinite=True)
            for optimizer in optimizers:
                optimizer.step()
            averaged.update_parameters(network)
            step, seen = step + 1, seen + config.batch
            held = {term: held.get(term, 0) + value.detach() / _LOG_STEPS for term, value in terms.items()}
            if step % _LOG_STEPS == 0:
                now, means = time.monotonic(), {term: round(float(value), 5) for term, value in held.items()}
                pace = round(_LOG_STEPS * config.batch / (now - logged), 1)
                log.log(seen, name, step, {"rate": round(share, 5), "per_second": pace, **means})
                said = ", ".join(f"{term} {value:.4f}" for term, value in means.items())
                print(f"{name} {100 * done:.0f} %, {seen} pictures, {pace:.0f}/s: {said}", flush=True)
                held, logged = {}, now
            if time.monotonic() - saved > 60 * _SAVE_MINUTES:
                save(averaged.module)
                saved = time.monotonic()
    save(averaged.module)
    return seen


def pictures_seen(folder: Path) -> int:
    """By the pieces that have logged into `folder`."""
    lines = read_metrics(folder / "metrics.jsonl")
    return lines[-1]["step"] if lines else 0


def rate_share(step: int, done: float, warm_up: int) -> float:
    """Of the highest rates: a short warm-up, since optimisers know nothing yet, and a cosine over the piece's time."""
    warm = min(1.0, (step + 1) / warm_up)
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done)))


class Averaging:
    """A moving average that forgets its beginning: until it is as long as it shall be, a mean of all so far."""

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def __call__(self, held: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        decay = min(self.decay, (1 + float(count)) / (10 + float(count)))
        return held * decay + new * (1 - decay)


def _clock(minutes: float) -> Iterator[float]:
    """Shares of the time that are over, until all of it is."""
    start = time.monotonic()
    while (done := (time.monotonic() - start) / (60 * minutes)) < 1:
        yield done
