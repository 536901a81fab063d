"""A prior gives what diffusers' own pipelines give: the same pictures, step for step, from every architecture."""

from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.distillation.critic import Critic

CLASSES = {
    "sd": diffusers.StableDiffusionPipeline,
    "sd_v": diffusers.StableDiffusionPipeline,
    "sdxl": diffusers.StableDiffusionXLPipeline,
    "sd3": diffusers.StableDiffusion3Pipeline,
    "flux": diffusers.FluxPipeline,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", CLASSES)
def test_sampling_gives_the_pipelines_own_pictures(kind: str, small_diffusion: Callable[[str], Path]) -> None:
    folder, steps = small_diffusion(kind), 3
    pipeline = CLASSES[kind].from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    start = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    more = {"latents": start, "height": 32, "width": 32, "num_inference_steps": steps, "output_type": "pt"}
    guided = kind != "flux"
    if guided:
        more |= {"guidance_scale": 4.0, "negative_prompt": "cow"}
    else:
        more["latents"] = pipeline._pack_latents(start, 1, 4, 4, 4)
    expected = pipeline("a fox", **more).images

    prior = load_diffusion_prior(str(folder))
    conditions = prior.embed(["a fox", "", "cow"])
    positive, empty, negative = (conditions.select(torch.tensor([k])) for k in range(3))
    critic = Critic(prior, positive, empty, negative if guided else None, GuidanceConfig(scale=4.0 if guided else 1.0))
    latents, schedule = start, prior.schedule
    # Where each of the pipeline's steps stands among the trained ones.
    trained, wanted = schedule.timestep.double().numpy(), pipeline.scheduler.timesteps.double().numpy()
    places = (np.interp(wanted, trained, np.arange(len(trained))) / (len(trained) - 1)).tolist()
    for k, place in enumerate(places):
        clean, noise = critic.pred_original_and_noise(latents, schedule.at(torch.tensor([place])))
        if k + 1 < steps:
            latents = schedule.at(torch.tensor([places[k + 1]])).add_noise(clean, noise)
    torch.testing.assert_close(prior.decode(clean).clamp(0, 1), expected, atol=2e-4, rtol=1e-3)


def test_encoding_is_the_mode_on_the_denoisers_scale(small_diffusion: Callable[[str], Path]) -> None:
    for kind in ("sd", "flux"):
        folder = small_diffusion(kind)
        vae = diffusers.AutoencoderKL.from_pretrained(folder, subfolder="vae")
        pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            mean = vae.encode(2 * pictures - 1).latent_dist.mean
        found = load_diffusion_prior(str(folder)).encode(pictures)
        expected = (mean - (vae.config.shift_factor or 0)) * vae.config.scaling_factor
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def test_answers_that_are_not_finite_stop_with_the_place(small_diffusion: Callable[[str], Path]) -> None:
    prior = load_diffusion_prior(str(small_diffusion("sd")))
    latents = torch.zeros(1, 4, 4, 4)
    latents[0, 0, 0, 0] = torch.inf
    with pytest.raises(FloatingPointError, match=r"model outputs are not finite at steps \[500\]"):
        prior.model_output(latents, prior.schedule.at(torch.tensor([0.5])), prior.embed(["a fox"]))


def test_pictures_of_odd_sizes_are_refused(small_diffusion: Callable[[str], Path]) -> None:
    prior = load_diffusion_prior(str(small_diffusion("sd")))
    with pytest.raises(ValueError, match="multiples of 8"):
        prior.encode(torch.zeros(1, 3, 32, 36))
