"""Frames tied together: what agrees is the least-squares answer, what is hidden stays apart, T-DASS flickers less."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoetrope.priors.diffusion.autoencoder import Autoencoder
from zoetrope.priors.diffusion.conditions import Conditions
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.critic import Critic
from zoetrope.priors.distillation.dass import dass
from zoetrope.priors.distillation.t_dass import TDassConfig, t_dass
from zoetrope.priors.distillation.warp import Warp, agreed, warping_error


def moving(count: int, size: int, pixels: int) -> tuple[Warp, Warp]:
    """A video in which everything moves right by so many pixels from frame to frame: ties to the next and back."""
    frames = torch.arange(count)
    ties = []
    for there in (1, -1):
        other = (frames + there).clamp(0, count - 1)
        shift = torch.zeros(count, size, size, 2)
        shift[..., 0] = there * pixels
        column = torch.arange(size)[None, None].expand(count, size, size) + there * pixels
        seen = (column >= 0) & (column < size) & (other != frames)[:, None, None]
        ties.append(Warp.of(other, shift, seen.float()))
    return ties[0], ties[1]


def video(count: int, size: int, pixels: int) -> Tensor:
    """A random picture that moves right."""
    wide = torch.rand(1, 3, size, size + count * pixels, generator=torch.Generator().manual_seed(3))
    return torch.cat([wide[..., (count - k) * pixels :][..., :size] for k in range(count)])


def test_a_warp_finds_points_where_they_have_moved_to() -> None:
    frames = video(4, 16, 2)
    ahead, back = moving(4, 16, 2)
    for warp in (ahead, back):
        off = ((warp(frames) - frames).abs().amax(1) * warp.seen).max()
        assert float(off) < 1e-5
    assert warping_error(frames, (ahead, back)) < 1e-6
    still = Warp(ahead.frame, torch.zeros_like(ahead.place), ahead.seen)
    assert warping_error(frames, (still,)) > 0.1
    # A smaller warp moves by the same share of the picture.
    small = ahead.resized((8, 8))
    assert small.place.shape == (4, 8, 8, 2)
    inner = (slice(0, 3), slice(None), slice(0, 7))
    assert torch.allclose((small.place[..., 0] - small.place[:, :, :1, 0])[inner], torch.arange(7) / 4, atol=1e-5)


def test_tied_frames_come_to_the_least_squares_answer() -> None:
    count, size, weight = 3, 4, 1.5
    frames = torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ties = [Warp(one.frame, one.place.double(), one.seen.double()) for one in moving(count, size, 1)]
    found = agreed(frames, ties, weight, 200)
    unknown = frames.clone().requires_grad_()
    energy = (unknown - frames).square().sum()
    # Each pair of points is tied there and back, and the sum has it once from either side.
    for tie in ties:
        energy = energy + weight * 0.5 * ((unknown - tie(unknown)).square() * tie.seen[:, None]).sum()
    (slope,) = torch.autograd.grad(energy, unknown)
    assert slope.abs().max() > 0.1
    unknown = found.clone().requires_grad_()
    energy = (unknown - frames).square().sum()
    for tie in ties:
        energy = energy + weight * 0.5 * ((unknown - tie(unknown)).square() * tie.seen[:, None]).sum()
    (slope,) = torch.autograd.grad(energy, unknown)
    assert slope.abs().max() < 1e-9


def test_what_is_seen_once_is_left_alone() -> None:
    frames = video(3, 8, 1) + torch.rand(3, 1, 1, 1)
    ahead, back = moving(3, 8, 1)
    apart = [Warp(tie.frame, tie.place, torch.zeros_like(tie.seen)) for tie in (ahead, back)]
    assert torch.equal(agreed(frames, apart, 5.0, 10), frames)
    tied = agreed(frames, (ahead, back), 5.0, 10)
    # The first column of the last frame has just come in.
    assert torch.allclose(tied[-1, :, :, 0], frames[-1, :, :, 0], atol=1e-6)
    assert not torch.allclose(tied[-1, :, :, 4], frames[-1, :, :, 4], atol=1e-2)


def test_warps_look_nothing_up_beyond_what_is_covered() -> None:
    frames, covered = torch.zeros(2, 1, 8, 8), torch.zeros(2, 8, 8)
    covered[:, :, 2:5] = 1
    frames[:, :, :, 2:5], frames[1, :, :, 2:5] = 0.2, 0.6
    # Half a pixel beside the subject's rim lies something bright, which is not part of it.
    frames[:, :, :, 5:] = 9.0
    shift = torch.zeros(2, 8, 8, 2)
    shift[..., 0] = 0.5
    tie = Warp.of(torch.tensor([1, 0]), shift, covered)
    inside = (covered > 0)[:, None]
    tied = agreed(frames, (tie,), 50.0, 40, covered)[inside]
    assert float(tied.max()) < 0.61
    assert float(tied.std()) < 0.05
    assert float(agreed(frames, (tie,), 50.0, 40)[inside].max()) > 1


class Fickle:
    """Wants every latent of one colour, and another one each time it is asked."""

    module = None

    def __init__(self, prior: DiffusionPrior) -> None:
        self._schedule, self._generator = prior.schedule, torch.Generator().manual_seed(0)

    def __call__(self, noisy: Tensor, timestep: Tensor, conditions: Conditions) -> Tensor:
        level = self._schedule.at(timestep / 999)
        alpha, sigma = (one[:, None, None, None] for one in (level.alpha, level.sigma))
        wanted = 0.3 + 0.2 * torch.randn(len(noisy), 3, 1, 1, generator=self._generator)
        return (noisy - alpha * wanted) / sigma


@pytest.fixture
def critic(
    small_diffusion: Callable[[str], Path], blocks: Autoencoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Critic:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    prior = load_diffusion_prior(str(small_diffusion("sd")))
    words = prior.embed(["a fox"])
    changed = replace(prior, autoencoder=blocks, denoiser=Fickle(prior))
    return Critic(changed, words, words, guidance=GuidanceConfig(scale=1.0))


def test_tied_frames_go_where_the_prior_wants_them_together(critic: Critic) -> None:
    frames = video(6, 32, 2) * 0.2
    warps = moving(6, 32, 2)
    levels = [critic.prior.schedule.at(torch.tensor([0.5]))] * 6
    alone = t_dass(critic, frames, (), levels, torch.Generator().manual_seed(1), TDassConfig(batch=4))
    tied = t_dass(critic, frames, warps, levels, torch.Generator().manual_seed(1), TDassConfig(batch=4))
    assert float(alone.mean() - frames.mean()) > 0.2
    assert float(tied.mean()) == pytest.approx(float(alone.mean()), abs=0.05)
    flicker = [warping_error(one, warps) for one in (alone, tied)]
    assert flicker[1] < 0.5 * flicker[0]


def test_without_ties_it_is_dass_frame_by_frame(critic: Critic) -> None:
    frames = video(3, 32, 2)
    level = critic.prior.schedule.at(torch.tensor([0.5]))
    found = t_dass(critic, frames, (), [level] * 2, torch.Generator().manual_seed(1))
    again = replace(critic, prior=replace(critic.prior, denoiser=Fickle(critic.prior)))
    whole = [critic.prior.schedule.at(torch.full((3,), 0.5))] * 2
    assert torch.allclose(found, dass(again, frames, whole, torch.Generator().manual_seed(1)).value, atol=1e-6)
