"""Every rule's gradient is the textbook's, worked out anew in float64 on a small network of the real architecture."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoetrope.priors.diffusion.conditions import Conditions
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.noise_level import NoiseLevel
from zoetrope.priors.diffusion.noise_schedule import NoiseSchedule
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.bridge import bridge
from zoetrope.priors.distillation.critic import Critic
from zoetrope.priors.distillation.csd import csd
from zoetrope.priors.distillation.flow_distillation import flow_distillation
from zoetrope.priors.distillation.ism import ism
from zoetrope.priors.distillation.nfsd import nfsd
from zoetrope.priors.distillation.sdi import sdi
from zoetrope.priors.distillation.sds import sds
from zoetrope.priors.distillation.target import Target
from zoetrope.priors.distillation.vsd import Student, vsd

SCALE, BATCH = 7.5, 2


class Reference:
    """The network asked directly: the noise in noisy latents under one prompt of those at hand."""

    def __init__(self, prior: DiffusionPrior, conditions: Conditions) -> None:
        self.prior, self.conditions = prior, conditions

    def noise(self, noisy: Tensor, level: NoiseLevel, which: int) -> Tensor:
        context = self.conditions.context[which].expand(BATCH, -1, -1)
        module = self.prior.denoiser.module
        alpha, sigma = level.alpha[:, None, None, None], level.sigma[:, None, None, None]
        with torch.no_grad():
            if self.prior.schedule.kind == "flow":
                assert self.conditions.pooled is not None
                velocity = module(
                    noisy, context, self.conditions.pooled[which].expand(BATCH, -1), level.timestep, return_dict=False
                )[0]
                return noisy + alpha * velocity
            model_output = module(noisy, level.timestep, context, return_dict=False)[0]
        return model_output if self.prior.schedule.kind == "eps" else alpha * model_output + sigma * noisy


class Case:
    """One small model in float64, latents, noise, and a critic over its prompts: wanted, empty, unwanted, source."""

    def __init__(self, folder: Path) -> None:
        prior = load_diffusion_prior(str(folder))
        prior.denoiser.module.double()
        old = prior.schedule
        schedule = NoiseSchedule(old.kind, old.alpha.double(), old.sigma.double(), old.timestep.double())
        # The tables are kept in float32; sums, of squares or not, are to be one to the last digit here.
        sigma = 1 - schedule.alpha if old.kind == "flow" else (1 - schedule.alpha.square()).sqrt()
        schedule = replace(schedule, sigma=sigma)
        self.prior = replace(prior, schedule=schedule)
        made = prior.embed(["a fox", "", "cow", "a fox blurry"])
        self.conditions = Conditions(made.context.double(), None if made.pooled is None else made.pooled.double())
        self.reference = Reference(self.prior, self.conditions)
        generator = torch.Generator().manual_seed(3)
        self.latents, self.noise = torch.randn(2, BATCH, 4, 4, 4, generator=generator, dtype=torch.float64)
        self.level = schedule.at(torch.tensor([0.3, 0.8], dtype=torch.float64))

    def prompt(self, which: int) -> Conditions:
        return self.conditions.select(torch.tensor([which]))

    def critic(self, *, negative: bool = False, scale: float = SCALE) -> Critic:
        unwanted = self.prompt(2) if negative else None
        return Critic(self.prior, self.prompt(0), self.prompt(1), unwanted, GuidanceConfig(scale=scale))

    def guided(self, noisy: Tensor, level: NoiseLevel, scale: float = SCALE) -> Tensor:
        positive, empty = (self.reference.noise(noisy, level, which) for which in (0, 1))
        return empty + scale * (positive - empty)


@pytest.fixture(scope="module", params=["sd", "sd_v", "sd3"])
def case(
    request: pytest.FixtureRequest, small_diffusion: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Case:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return Case(small_diffusion(request.param))


def gradient(target: Target, latents: Tensor) -> Tensor:
    """What the pull does to latents, by autograd; the mean's factor taken out."""
    free = latents.clone().requires_grad_()
    target.pull(free).sum().backward()
    assert free.grad is not None
    return free.grad * free[0].numel()


def wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def noisy_of(case: Case) -> Tensor:
    return wide(case.level.alpha) * case.latents + wide(case.level.sigma) * case.noise


def close(found: Tensor, expected: Tensor) -> None:
    assert float(expected.abs().max()) > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def test_sds(case: Case) -> None:
    found = gradient(sds(case.critic(), case.latents, case.level, case.noise), case.latents)
    close(found, wide(case.level.sigma**2) * (case.guided(noisy_of(case), case.level) - case.noise))


def test_csd(case: Case) -> None:
    noisy = noisy_of(case)
    positive, empty, negative = (case.reference.noise(noisy, case.level, which) for which in range(3))
    weight = wide(case.level.sigma**2)
    plain = csd(case.critic(negative=True), case.latents, case.level, case.noise)
    close(gradient(plain, case.latents), weight * (positive - empty))
    annealed = csd(case.critic(negative=True), case.latents, case.level, case.noise, negative_scale=0.4)
    close(gradient(annealed, case.latents), weight * ((positive - empty) - 0.4 * (negative - empty)))


def test_nfsd(case: Case) -> None:
    # One latent below a fifth of the schedule, one above.
    level = case.prior.schedule.at(torch.tensor([0.1, 0.6], dtype=torch.float64))
    noisy = wide(level.alpha) * case.latents + wide(level.sigma) * case.noise
    positive, empty, negative = (case.reference.noise(noisy, level, which) for which in range(3))
    flow = case.prior.schedule.kind == "flow"
    # Under a shifted flow a tenth of the way is more noise than that: what the network is told decides.
    little = torch.tensor([not flow or float(level.timestep[0]) < 200, False])
    direction = torch.where(wide(little), empty, empty - negative)
    found = nfsd(case.critic(negative=True), case.latents, level, case.noise)
    close(gradient(found, case.latents), wide(level.sigma**2) * (direction + SCALE * (positive - empty)))
    with pytest.raises(ValueError, match="needs a negative prompt"):
        nfsd(case.critic(), case.latents, level, case.noise)


def test_bridge(case: Case) -> None:
    noisy = noisy_of(case)
    positive, source = (case.reference.noise(noisy, case.level, which) for which in (0, 3))
    found = bridge(case.critic(), case.latents, case.level, case.noise, case.prompt(3))
    close(gradient(found, case.latents), wide(case.level.sigma**2) * SCALE * (positive - source))


def inverted(case: Case, levels: list[NoiseLevel], see: Callable[[Tensor, NoiseLevel], Tensor]) -> list[Tensor]:
    """Euler steps of the probability flow from the latents, written out."""
    now, found = case.latents, []
    for k, level in enumerate(levels):
        asked = levels[k - 1] if k else level
        noise = see(now, asked)
        clean = (now - wide(asked.sigma) * noise) / wide(asked.alpha) if k else now
        now = wide(level.alpha) * clean + wide(level.sigma) * noise
        found.append(now)
    return found


def levels_of(case: Case) -> list[NoiseLevel]:
    return [case.prior.schedule.at(torch.full((BATCH,), place, dtype=torch.float64)) for place in (0.2, 0.4, 0.6)]


def test_sdi(case: Case) -> None:
    levels = levels_of(case)
    noisy = inverted(case, levels, lambda now, level: case.guided(now, level, -SCALE))[-1]
    clean = (noisy - wide(levels[-1].sigma) * case.guided(noisy, levels[-1])) / wide(levels[-1].alpha)
    found = sdi(case.critic(), case.latents, levels)
    torch.testing.assert_close(found.value, clean, atol=1e-8, rtol=1e-8)
    assert found.weight.tolist() == [1, 1]


def test_ism(case: Case) -> None:
    levels = levels_of(case)
    *_, lower, upper = inverted(case, levels, lambda now, level: case.reference.noise(now, level, 1))
    difference = case.guided(upper, levels[-1]) - case.reference.noise(lower, levels[-2], 1)
    found = ism(case.critic(), case.latents, levels)
    close(gradient(found, case.latents), wide(levels[-1].sigma / levels[-1].alpha) * difference)
    with pytest.raises(ValueError, match="an interval needs two"):
        ism(case.critic(), case.latents, levels[:1])


def test_flow_distillation(case: Case) -> None:
    if case.prior.schedule.kind != "flow":
        with pytest.raises(ValueError, match="needs a flow model"):
            flow_distillation(case.critic(), case.latents, case.level, case.noise)
        return
    noisy = noisy_of(case)
    noise = case.guided(noisy, case.level)
    velocity = (noise - noisy) / wide(case.level.alpha)
    found = gradient(flow_distillation(case.critic(), case.latents, case.level, case.noise), case.latents)
    close(found, velocity - (case.noise - case.latents))


def test_vsd_starts_as_the_guidance_alone_and_follows_its_student(case: Case) -> None:
    critic = case.critic()
    noisy = noisy_of(case)
    weight, positive = wide(case.level.sigma**2), case.reference.noise(noisy, case.level, 0)
    student = Student(case.prior, rate=1e-2)
    try:
        start = gradient(vsd(critic, student, case.latents, case.level, case.noise), case.latents)
        close(start, weight * (case.guided(noisy, case.level) - positive))
        losses = [student.learn(critic.positive, case.latents, case.level, case.noise) for _ in range(12)]
        assert losses[-1] < 0.98 * losses[0]
        # The prior itself is what it was; what has learned is subtracted now.
        torch.testing.assert_close(case.reference.noise(noisy, case.level, 0), positive, rtol=0, atol=0)
        learned = student.noise(critic, noisy, case.level)
        assert not torch.equal(learned, positive)
        after = gradient(vsd(critic, student, case.latents, case.level, case.noise), case.latents)
        close(after, weight * (case.guided(noisy, case.level) - learned))
    finally:
        student.remove()
    torch.testing.assert_close(
        critic.pred_noises(noisy, case.level, critic.positive)[0], positive, atol=1e-9, rtol=1e-9
    )
