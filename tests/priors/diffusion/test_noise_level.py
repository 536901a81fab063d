"""Noise levels: what a network says in any parameterisation means the same latent and the same noise."""

import diffusers
import pytest
import torch

from zoetrope.priors.diffusion.noise_level import NoiseLevel, PredictionType
from zoetrope.priors.diffusion.noise_schedule import NoiseSchedule


def level_of(kind: PredictionType) -> NoiseLevel:
    sigma = torch.tensor([0.1, 0.5, 0.95], dtype=torch.float64)
    alpha = 1 - sigma if kind == "flow" else (1 - sigma.square()).sqrt()
    return NoiseLevel(alpha, sigma, 1000 * sigma)


@pytest.mark.parametrize("kind", ["eps", "v", "flow"])
def test_answers_are_taken_apart_into_latent_and_noise(kind: PredictionType) -> None:
    level = level_of(kind)
    latents, noise = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    noisy = level.add_noise(latents, noise)
    clean, seen = level.pred_original_and_noise(noisy, level.training_target(latents, noise, kind), kind)
    torch.testing.assert_close(clean, latents)
    torch.testing.assert_close(seen, noise)
    torch.testing.assert_close(level.noise_in(noisy, latents), noise)


@pytest.mark.parametrize("kind", ["v", "flow"])
def test_v_and_flow_agree_with_eps(kind: PredictionType) -> None:
    """A wrong answer, too: whatever noise a network believes in, the latent behind it is the one that eps gives."""
    level = level_of(kind)
    noisy, model_output = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    clean, noise = level.pred_original_and_noise(noisy, model_output, kind)
    torch.testing.assert_close(level.pred_original_and_noise(noisy, noise, "eps")[0], clean)
    torch.testing.assert_close(level.training_target(clean, noise, kind), model_output)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_levels_are_the_schedulers(prediction: str) -> None:
    scheduler = diffusers.DDPMScheduler(beta_schedule="scaled_linear", prediction_type=prediction)
    level = NoiseSchedule.of(scheduler).at(torch.tensor([0.0, 250 / 999, 1.0]))
    assert level.timestep.tolist() == [0, 250, 999]
    latents, noise = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = scheduler.add_noise(latents, noise, torch.tensor([0, 250, 999]))
    torch.testing.assert_close(level.add_noise(latents, noise), expected)
    if prediction == "v_prediction":
        velocity = scheduler.get_velocity(latents, noise, torch.tensor([0, 250, 999]))
        torch.testing.assert_close(level.training_target(latents, noise, "v"), velocity)


def test_a_schedule_without_any_signal_at_its_end_stops_before_it() -> None:
    scheduler = diffusers.DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    schedule = NoiseSchedule.of(scheduler)
    assert float(scheduler.alphas_cumprod[-1]) == 0
    assert float(schedule.alpha.min()) > 0
    assert float(schedule.timestep[-1]) == 998


def test_flow_levels_are_shifted_and_between_steps_too() -> None:
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    schedule = NoiseSchedule.of(scheduler)
    assert schedule.kind == "flow"
    level = schedule.at(torch.tensor([0.5, 0.50005, 1.0]))
    # In the middle of the way the shift leaves three quarters noise.
    torch.testing.assert_close(level.sigma, torch.tensor([0.75, 0.75, 1.0]), atol=1e-3, rtol=0)
    assert float(level.sigma[1]) > float(level.sigma[0])
    torch.testing.assert_close(level.timestep, 1000 * level.sigma)
    torch.testing.assert_close(level.alpha, 1 - level.sigma)


def test_what_is_no_such_scheduler_or_place_is_refused() -> None:
    with pytest.raises(ValueError, match="predicts 'sample'"):
        NoiseSchedule.of(diffusers.DDPMScheduler(prediction_type="sample"))
    with pytest.raises(ValueError, match="is no scheduler of a diffusion"):
        NoiseSchedule.of(diffusers.CMStochasticIterativeScheduler())
    with pytest.raises(ValueError, match="between 0 and 1"):
        NoiseSchedule.of(diffusers.DDPMScheduler()).at(torch.tensor([1.01]))
