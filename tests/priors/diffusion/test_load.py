"""Models of every architecture come from their folders, answer as diffusers' own calls do, and keep their prompts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from diffusers import AutoencoderTiny

from zoetrope.priors.diffusion.load import DiffusionConfig, load_diffusion_prior

KINDS = {"sd": "eps", "sd_v": "v", "sdxl": "eps", "sd3": "flow", "flux": "flow"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize(("kind", "parameterisation"), KINDS.items())
def test_every_architecture_answers(kind: str, parameterisation: str, small_diffusion: Callable[[str], Path]) -> None:
    prior = load_diffusion_prior(str(small_diffusion(kind)))
    assert prior.schedule.kind == parameterisation
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = prior.encode(pictures)
    assert latents.shape == (2, 4, 4, 4)
    assert prior.decode(latents).shape == pictures.shape
    conditions = prior.embed(["a fox", ""])
    assert (conditions.pooled is None) == (kind in ("sd", "sd_v"))
    level = prior.schedule.at(torch.tensor([0.25, 0.9]))
    answer = prior.answer(latents, level, conditions)
    assert answer.shape == latents.shape
    assert answer.dtype == torch.float32
    other = prior.answer(latents, level, prior.embed(["a cow"]))
    assert not torch.equal(answer, other), "the prompt has a say"
    # One prompt for all is that prompt for each.
    torch.testing.assert_close(other, prior.answer(latents, level, prior.embed(["a cow", "a cow"])))


def test_prompts_are_embedded_once_and_the_text_encoder_is_not_kept(
    small_diffusion: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(small_diffusion("sdxl"), folder)
    prior = load_diffusion_prior(str(folder))
    first = prior.embed(["a fox", ""])
    kept = sorted((tmp_path / "cache" / "zoetrope" / "prompts").iterdir())
    assert len(kept) == 2
    assert first.pooled is not None
    # SDXL was trained to go without a prompt by zeros.
    assert bool(first.context[0].any())
    assert not bool(first.context[1].any())
    assert not bool(first.pooled[1].any())
    again = load_diffusion_prior(str(folder))
    for encoder in ("text_encoder", "text_encoder_2"):
        (folder / encoder / "model.safetensors").rename(folder / encoder / "away")
        (folder / encoder / "model.safetensors").touch()
    found = again.embed(["", "a fox"])
    assert torch.equal(found.context, first.context[[1, 0]])
    assert found.pooled is not None
    assert torch.equal(found.pooled, first.pooled[[1, 0]])
    # Another encoder is another cache.
    with pytest.raises(OSError, match="a part of the model is missing or broken"):
        load_diffusion_prior(str(folder)).embed(["a fox"])


def test_prompts_between_two_are_mixed(small_diffusion: Callable[[str], Path]) -> None:
    conditions = load_diffusion_prior(str(small_diffusion("sd3"))).embed(["a fox", "a cow"])
    mixed = conditions.mixed(torch.tensor([[1.0, 0.0], [0.25, 0.75]]))
    torch.testing.assert_close(mixed.context[0], conditions.context[0])
    torch.testing.assert_close(mixed.context[1], 0.25 * conditions.context[0] + 0.75 * conditions.context[1])
    assert mixed.pooled is not None
    assert conditions.pooled is not None
    torch.testing.assert_close(mixed.pooled[1], 0.25 * conditions.pooled[0] + 0.75 * conditions.pooled[1])


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_weights_in_half_precision_leave_latents_in_full(
    precision: Literal["float16", "bfloat16"], small_diffusion: Callable[[str], Path]
) -> None:
    whole = load_diffusion_prior(str(small_diffusion("sd")))
    half = load_diffusion_prior(str(small_diffusion("sd")), config=DiffusionConfig(precision=precision))
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = half.encode(pictures)
    level = half.schedule.at(torch.tensor([0.4]))
    answer = half.answer(latents, level, half.embed(["a fox"]))
    assert latents.dtype == answer.dtype == half.decode(latents).dtype == torch.float32
    assert next(half.denoiser.module.parameters()).dtype == getattr(torch, precision)
    expected = whole.answer(latents, level, whole.embed(["a fox"]))
    torch.testing.assert_close(answer, expected, atol=0.05, rtol=0.05)


def test_an_encoder_that_says_it_overflows_stays_in_full_precision(small_diffusion: Callable[[str], Path]) -> None:
    prior = load_diffusion_prior(str(small_diffusion("sdxl")), config=DiffusionConfig(precision="float16"))
    assert prior.autoencoder.precision == torch.float32
    assert next(prior.denoiser.module.parameters()).dtype == torch.float16


def test_a_tiny_autoencoder_takes_the_place_of_the_models_own(
    small_diffusion: Callable[[str], Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    widths = (8, 8, 8, 8)
    tiny = AutoencoderTiny(encoder_block_out_channels=widths, decoder_block_out_channels=widths)
    tiny.save_pretrained(tmp_path / "tiny")
    config = DiffusionConfig(tiny_autoencoder=str(tmp_path / "tiny"))
    prior = load_diffusion_prior(str(small_diffusion("sd")), config=config)
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    latents = prior.encode(pictures)
    assert latents.shape == (2, 4, 4, 4)
    torch.testing.assert_close(latents, tiny.encode(2 * pictures - 1).latents)
    torch.testing.assert_close(prior.decode(latents), (tiny.decode(latents).sample + 1) / 2)


def test_memory_options_change_no_answer(small_diffusion: Callable[[str], Path]) -> None:
    plain = load_diffusion_prior(str(small_diffusion("sd")))
    careful = load_diffusion_prior(str(small_diffusion("sd")), config=DiffusionConfig(checkpointed=True, sliced=True))
    gradients = []
    for prior in (plain, careful):
        pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
        latents = prior.encode(pictures)
        level = prior.schedule.at(torch.tensor([0.2, 0.6]))
        answer = prior.answer(latents.detach(), level, prior.embed(["a fox"]))
        (latents * answer).sum().backward()
        assert pictures.grad is not None
        gradients.append(pictures.grad)
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-6, rtol=1e-4)
    assert careful.autoencoder.checkpointed
    assert not plain.autoencoder.checkpointed


def test_half_precision_files_are_found(small_diffusion: Callable[[str], Path], tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    whole = StableDiffusionPipeline.from_pretrained(small_diffusion("sd"), dtype=torch.float16)
    whole.save_pretrained(tmp_path / "halves", safe_serialization=True, variant="fp16")
    assert list((tmp_path / "halves" / "unet").glob("*.fp16.safetensors"))
    prior = load_diffusion_prior(str(tmp_path / "halves"))
    assert prior.embed(["a fox"]).context.shape[0] == 1


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (None, OSError, "neither a folder nor a model in the hub's cache"),
        (lambda folder: (folder / "model_index.json").unlink(), OSError, "no readable model_index.json"),
        (
            lambda folder: (folder / "model_index.json").write_text('{"_class_name": "KandinskyPipeline"}'),
            ValueError,
            "is a KandinskyPipeline; known are StableDiffusionPipeline",
        ),
        (
            lambda folder: (folder / "model_index.json").write_text("[" * 100_000),
            OSError,
            "no readable model_index.json",
        ),
        (lambda folder: (folder / "model_index.json").write_text("[]"), OSError, "is no object"),
        (lambda folder: shutil.rmtree(folder / "vae"), OSError, "a part of the model is missing"),
        (
            lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink(),
            OSError,
            "a part of the model is missing",
        ),
    ],
)
def test_a_model_that_cannot_be_had_is_said_in_one_line(
    spoil: Callable[[Path], Any] | None,
    error: type[Exception],
    message: str,
    small_diffusion: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    name = "somebody/some-model"
    if spoil is not None:
        shutil.copytree(small_diffusion("sd"), tmp_path / "model")
        name = str(tmp_path / "model")
        spoil(tmp_path / "model")
    with pytest.raises(error, match=message) as caught:
        load_diffusion_prior(name)
    assert "\n" not in str(caught.value)
