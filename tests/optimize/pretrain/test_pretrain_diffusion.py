"""Training the diffusion prior: pieces go on from what is there, and what is there is a model that diffusers loads."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from zoetrope.optimize.pretrain import diffusion_card
from zoetrope.optimize.pretrain.caption import Captions
from zoetrope.optimize.pretrain.diffusion import pretrain_diffusion
from zoetrope.optimize.pretrain.diffusion_autoencoder import divergence, edge_difference
from zoetrope.optimize.pretrain.diffusion_config import PretrainDiffusionConfig
from zoetrope.optimize.pretrain.diffusion_denoiser import encode_pool, scale_of
from zoetrope.optimize.pretrain.diffusion_picture import draw_pictures
from zoetrope.optimize.pretrain.piece import pictures_seen
from zoetrope.optimize.pretrain.pool import Pool
from zoetrope.optimize.pretrain.small_diffusion import MODEL, SmallDiffusion, make_tokenizer, small_diffusion
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.prompts import VIEWS, ViewPrompts
from zoetrope.scenes.error import InputError
from zoetrope.scenes.zoo.species import SPECIES
from zoetrope.scenes.zoo.stream import StreamConfig


def test_pieces_go_on_and_leave_a_model_that_diffusers_loads(
    pool_folder: Path, recipe: StreamConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Thousands of samples and photos are no test's business.
    monkeypatch.setattr(diffusion_card, "TEST", ("horse",))
    monkeypatch.setattr(diffusion_card, "BESIDE", ())
    monkeypatch.setattr(diffusion_card, "_TEST_PHOTOS", 4)
    monkeypatch.setattr(diffusion_card, "_STEPS", 1)
    monkeypatch.setattr(diffusion_card, "_ROUNDS", 1)
    monkeypatch.setattr("zoetrope.optimize.pretrain.piece._LOG_STEPS", 2)
    config = PretrainDiffusionConfig(
        part="autoencoder", out=tmp_path / "out", pool=pool_folder, photos=4, size=32, rounds=2, minutes=0.04, batch=2,
        device="cpu", photo_side=recipe.size,
    )  # fmt: skip
    with pytest.raises(InputError, match="train an autoencoder first"):
        pretrain_diffusion(replace(config, part="denoiser"), recipe)
    pretrain_diffusion(config, recipe)
    first = SmallDiffusion.load(config.out / MODEL)
    encoded = pictures_seen(config.out / "autoencoder")
    assert encoded >= 4
    assert first.vae.config.scaling_factor == 1
    card = pretrain_diffusion(replace(config, part="denoiser"), recipe)
    assert pictures_seen(config.out / "autoencoder") == encoded
    assert pictures_seen(config.out / "denoiser") >= 4
    second = SmallDiffusion.load(config.out / MODEL)
    for name, weight in first.vae.state_dict().items():
        assert torch.equal(weight, second.vae.state_dict()[name]), name
    assert any(not torch.equal(a, b) for a, b in zip(first.unet.parameters(), second.unet.parameters(), strict=True))
    assert second.vae.config.scaling_factor != 1
    text = card.read_text()
    assert f"{encoded:,} pictures for the" in " ".join(text.split())
    assert "dB" in text
    assert (config.out / "samples.png").is_file()
    # Plain diffusers and our own loader take the folder as it is.
    pipeline = StableDiffusionPipeline.from_pretrained(config.out / MODEL)
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a zebra, side view", num_inference_steps=1, output_type="pt").images
    assert picture.shape == (1, 3, 32, 32)
    prior = load_diffusion_prior(str(config.out / MODEL))
    assert (prior.picture_size, prior.schedule.kind) == (32, "v")
    assert {path.suffix for path in (config.out / MODEL / "unet").iterdir()} == {".json", ".safetensors"}


def test_pictures_are_cut_round_the_subject_many_of_them_on_a_plain_background(pool: Pool) -> None:
    index = torch.arange(len(pool)).repeat(40)
    drawn = draw_pictures(pool, index, 64, torch.Generator().manual_seed(0))
    assert drawn.picture.shape == (len(index), 3, 64, 64)
    assert 0.55 < float(drawn.plain.float().mean()) < 1
    # Along the upper edge a plain background hardly changes from pixel to pixel.
    rough = drawn.picture[:, :, 0].diff(dim=2).abs().mean((1, 2))
    assert float(rough[drawn.plain].median()) < 0.01
    assert float(rough[~drawn.plain].median()) > float(rough[drawn.plain].median())
    cover = drawn.layout[:, 0]
    assert drawn.layout.shape == (len(index), 5, 8, 8)
    assert 0.1 < float(cover.mean()) < 0.7
    assert float(cover.min()) >= 0
    assert float(cover.max()) <= 1
    assert bool((drawn.layout[:, 1:].abs().amax(1)[cover == 0] == 0).all()), "nothing is said where nothing is"
    # Where a plain background leaves the subject alone, it is what differs from the ground at the picture's edge.
    ground = drawn.picture[:, :, :4, :4].mean((2, 3))
    differs = (torch.nn.functional.avg_pool2d(drawn.picture, 8) - ground[..., None, None]).abs().amax(1)
    full, empty = cover > 0.95, cover == 0
    assert float(differs[drawn.plain][full[drawn.plain]].mean()) > 2 * float(
        differs[drawn.plain][empty[drawn.plain]].mean()
    )
    # Nothing from beyond a photo's frame, which would be black.
    black = (drawn.picture.amax(1) == 0).float().mean((1, 2))
    assert float(black[~drawn.plain].max()) < 0.02
    again = draw_pictures(pool, index, 64, torch.Generator().manual_seed(0))
    assert torch.equal(again.picture, drawn.picture)


def test_every_photo_is_encoded_as_often_as_asked(pool: Pool) -> None:
    small = small_diffusion(32, Captions.all().texts, seed=0)
    latents = encode_pool(small, pool, 32, rounds=3, seed=0)
    assert latents.latent.shape == (3 * len(pool), 8, 4, 4)
    assert torch.bincount(latents.species).tolist() == (3 * torch.bincount(pool.species)).tolist()
    torch.testing.assert_close(latents.views.sum(1), torch.ones(len(latents.views)))
    assert float((scale_of(latents) * latents.latent.float()).std()) == pytest.approx(1, rel=1e-3)


def test_captions_name_what_is_asked_for_in_the_words_of_prompts() -> None:
    captions = Captions.all()
    assert len(captions.texts) == len(SPECIES) * len(VIEWS) * 2 * captions.wordings
    whole = torch.arange(len(captions.texts))
    parts = [whole // 20 // len(VIEWS), whole // 20 % len(VIEWS), whole // 10 % 2, whole % 10]
    assert torch.equal(captions.index(*parts), whole)
    for species, name in enumerate(SPECIES):
        for view, prompt in enumerate(ViewPrompts.of(name.replace("_", " ")).positive):
            place = captions.index(*(torch.tensor([k]) for k in (species, view, 0, 1)))
            assert captions.texts[int(place)] == prompt


def test_the_tokenizer_writes_its_captions_in_few_tokens_and_anything_at_all() -> None:
    captions = Captions.all().texts
    tokenizer = make_tokenizer(captions)
    assert max(len(tokenizer(text).input_ids) for text in captions) <= tokenizer.model_max_length
    assert tokenizer.tokenize("a zebra") == ["a</w>", "zebra</w>"]
    strange = "Ünglaublich okapi 42!"
    assert tokenizer.unk_token_id not in tokenizer(strange).input_ids[1:-1]
    assert tokenizer.decode(tokenizer(strange).input_ids[1:-1]).replace(" ", "") == strange.lower().replace(" ", "")


def test_losses_are_zero_for_what_is_right_and_grow_with_blur() -> None:
    true = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert float(edge_difference(true, true)) == 0
    assert float(edge_difference(true + 0.2, true)) == pytest.approx(0, abs=1e-6)
    blurred = torch.nn.functional.avg_pool2d(true, 3, stride=1, padding=1)
    assert float(edge_difference(blurred, true)) > 0.05
    normal = torch.distributions.Normal(torch.tensor(0.7), torch.tensor(0.4))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    one = torch.ones(1, 1, 1, 1)
    torch.testing.assert_close(divergence(0.7 * one, torch.tensor(0.16).log() * one), expected)


@pytest.mark.parametrize(("option", "value"), [("size", 48), ("batch", 1), ("photo_side", 65), ("rounds", 0)])
def test_options_out_of_bounds_are_refused(option: str, value: int) -> None:
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')}"):
        replace(PretrainDiffusionConfig(part="autoencoder"), **{option: value})
