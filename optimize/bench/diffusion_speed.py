"""What a step of a diffusion rule costs: time in the networks and outside them, and memory at its worst.

A step goes from a picture to a gradient in its pixels, with guidance, so that a denoiser answers two rows for one
picture. DASS encodes without gradient, walks some steps in latents, decodes, and pulls pixels; SDS encodes with
gradient, asks once, and goes back through the encoder, whose activations are kept or (checkpointed) computed again.

Each rule has a process of its own. Its memory is that of one step (`peak_memory`: the first on a CPU, the second on
CUDA), its time that of the median of some steps more, split by `network_clock`. Our overhead is what a step takes
beyond its calls of the bare networks, the encoder's backward pass among them, as a share of these calls.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from ...priors.diffusion.guidance import GuidanceConfig
from ...priors.diffusion.load import DiffusionConfig, Precision, load_diffusion_prior
from ...priors.diffusion.model_description import describe_model
from ...priors.diffusion.prior import DiffusionPrior
from ...priors.distillation.critic import Critic
from ...priors.distillation.dass import dass
from ...priors.distillation.sds import sds
from ...scenes.error import InputError
from .network_clock import MODEL_PARTS, ModelPart, NetworkCall, NetworkClock
from .peak_memory import PeakMemory, peak_memory
from .untrained_diffusion import UNTRAINED_NAME, untrained_diffusion_prior

RuleCase = Literal["dass", "sds", "sds checkpointed"]
CASES: tuple[RuleCase, ...] = get_args(RuleCase)
LARGEST_OVERHEAD = 0.05
"""Of the bare calls; what the project promises."""
_PROMPT = "a photo of a fox"
_PLACE, _SCALE = 0.25, 12.0
"""In the schedule, and of guidance: DASS's published settings."""


@dataclass(frozen=True, kw_only=True)
class DiffusionSpeedConfig:
    """Which model, where, and how often."""

    model: str = UNTRAINED_NAME
    """random (SD 1.5's architecture with random weights), or hub id or folder of a model on this machine."""
    device: str = "cpu"
    precision: Precision | None = None
    """Of the weights; by default float16 on CUDA and float32 elsewhere."""
    picture_size: int | None = None
    """Side in pixels; by default that of the pictures that the model was trained on."""
    walk: int = 3
    """Steps that DASS goes in latents."""
    repeats: int = 3
    """Steps that are timed."""

    def chosen_precision(self) -> Precision:
        """The one given, or the device's."""
        return self.precision or ("float16" if self.device.startswith("cuda") else "float32")


@dataclass(frozen=True)
class StepCost:
    """One step of one rule."""

    case: RuleCase
    picture_size: int
    seconds: float
    """All of it."""
    calls: tuple[NetworkCall, ...]
    """Of the bare networks, in their order."""
    weights: int
    """Bytes of the autoencoder and the denoiser."""
    memory: PeakMemory | None

    def part(self, part: ModelPart) -> float:
        """Seconds in it."""
        return sum(call.seconds for call in self.calls if call.part == part)

    @property
    def bare(self) -> float:
        """Seconds in the networks."""
        return sum(call.seconds for call in self.calls)

    @property
    def overhead(self) -> float:
        """Our own seconds, as a share of those in the networks."""
        return (self.seconds - self.bare) / self.bare


def measure_diffusion_speed(config: DiffusionSpeedConfig, cases: tuple[RuleCase, ...] = CASES) -> Iterator[StepCost]:
    """One after another, each in a process of its own; at full size minutes each on a CPU.

    Raises InputError where there is no such model, or where a process is ended from outside.
    """
    if config.model != UNTRAINED_NAME:
        try:
            describe_model(config.model)
        except (OSError, ValueError) as error:
            raise InputError(f"--diffusion: {error}; say {UNTRAINED_NAME} for a model of random weights") from error
    for case in cases:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            try:
                cost = pool.submit(_measured_alone, config, case).result()
            except BrokenProcessPool as error:
                raise InputError(f"the process that measured {case} was ended; its memory may be too little") from error
        yield cost


def step_cost(prior: DiffusionPrior, case: RuleCase, config: DiffusionSpeedConfig, device: torch.device) -> StepCost:
    """That of one rule, here and now."""
    size = config.picture_size or prior.picture_size
    step = _step(prior, case, size, config.walk, device)
    parameters = [*prior.autoencoder.module.parameters(), *prior.denoiser.module.parameters()]
    for parameter in parameters:
        # Weights that lie in a file and were never read are not in memory yet.
        parameter.sum()
    if device.type == "cuda":
        step()
    memory = peak_memory(step, device)
    runs = sorted((_timed(step, prior, device) for _ in range(config.repeats)), key=lambda run: run[0])
    seconds, calls = runs[(len(runs) - 1) // 2]
    weights = sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    return StepCost(case, size, seconds, calls, weights, memory)


def report_lines(config: DiffusionSpeedConfig, costs: Iterable[StepCost]) -> Iterator[str]:
    """A table, line by line as it is measured, and below it what is to be read from it."""
    found: dict[RuleCase, StepCost] = {}
    for cost in costs:
        if not found:
            yield from _heading(config, cost)
        found[cost.case] = cost
        yield _row(cost)
    yield ""
    for cost in found.values():
        verdict = "met" if cost.overhead <= LARGEST_OVERHEAD else "MISSED"
        share = f"{100 * cost.overhead:.2f} % of the bare network calls"
        yield f"{cost.case}: our overhead {share}; at most {100 * LARGEST_OVERHEAD:g} %: {verdict}"
    base = found["dass"].memory if "dass" in found else None
    for case, cost in found.items():
        if case != "dass" and base is not None and cost.memory is not None:
            shares = base.peak / cost.memory.peak, base.above / cost.memory.above
            yield f"dass over {case}: {shares[0]:.2f} of the peak, {shares[1]:.2f} of what is above the level before"


def _measured_alone(config: DiffusionSpeedConfig, case: RuleCase) -> StepCost:
    device = torch.device(config.device)
    how = DiffusionConfig(precision=config.chosen_precision(), checkpointed=case == "sds checkpointed")
    if config.model == UNTRAINED_NAME:
        return step_cost(untrained_diffusion_prior(device, how), case, config, device)
    try:
        prior = load_diffusion_prior(config.model, device, how)
    except (OSError, ValueError) as error:
        raise InputError(f"--diffusion: {error}") from error
    return step_cost(prior, case, config, device)


def _step(prior: DiffusionPrior, case: RuleCase, size: int, walk: int, device: torch.device) -> Callable[[], None]:
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(1, 3, size, size, generator=generator).to(device).requires_grad_()
    critic = Critic(prior, prior.embed([_PROMPT]), prior.embed([""]), guidance=GuidanceConfig(scale=_SCALE))
    place = torch.full((1,), _PLACE, device=device)

    def step() -> None:
        pictures.grad = None
        level = prior.schedule.at(place)
        if case == "dass":
            target, found = dass(critic, pictures.detach(), [level] * walk, generator), pictures
        else:
            found = prior.encode(pictures)
            noise = torch.randn(found.shape, generator=generator).to(device)
            target = sds(critic, found.detach(), level, noise)
        target.pull(found).sum().backward()

    return step


def _timed(
    step: Callable[[], None], prior: DiffusionPrior, device: torch.device
) -> tuple[float, tuple[NetworkCall, ...]]:
    with NetworkClock(prior, device) as clock:
        start = clock.now()
        step()
        return clock.now() - start, tuple(clock.calls)


def _heading(config: DiffusionSpeedConfig, cost: StepCost) -> Iterator[str]:
    where = config.device if config.device != "cpu" else f"cpu, {torch.get_num_threads()} threads"
    yield (
        f"{config.model}: one picture of {cost.picture_size} x {cost.picture_size}, {config.chosen_precision()}, "
        f"{where}; weights {_gib(cost.weights)}"
    )
    if cost.memory is None:
        yield "memory is not measured on this system"
    else:
        yield f"memory: {'allocated on the GPU' if config.device.startswith('cuda') else 'resident, of the process'}"
    times = "".join(f"{title:>10}" for title in ("seconds", *MODEL_PARTS, "ours"))
    yield f"{'rule':<18}{times}{'peak':>12}{'before':>12}{'above it':>12}"


def _row(cost: StepCost) -> str:
    ours = cost.seconds - cost.bare
    times = "".join(f"{value:>10.3f}" for value in (cost.seconds, *map(cost.part, MODEL_PARTS), ours))
    memory = cost.memory
    sizes = ("-",) * 3 if memory is None else map(_gib, (memory.peak, memory.before, memory.above))
    return f"{cost.case:<18}{times}" + "".join(f"{size:>12}" for size in sizes)


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
