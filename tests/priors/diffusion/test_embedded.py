"""The diffusion model that the package carries: what it weighs, that it loads anywhere, and that it has learned."""

from pathlib import Path

import pytest
import torch

import zoetrope
from zoetrope.optimize.pretrain.diffusion_picture import Pictures, draw_pictures
from zoetrope.optimize.pretrain.pool import Pool, pack
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.embedded import DIFFUSION
from zoetrope.priors.prompts import ViewPrompts, view_weights
from zoetrope.scenes.photography.photograph import PhotographyConfig
from zoetrope.scenes.zoo.sitting import take_photos
from zoetrope.scenes.zoo.species import SPECIES
from zoetrope.scenes.zoo.stream import StreamConfig

MOST_BYTES = 16 * 2**20
KINDS = ("elephant", "zebra", "fox")


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Of individuals that it was not trained on."""
    parts = []
    for name in KINDS:
        photography = PhotographyConfig(size=192, viewpoint=StreamConfig().viewpoint)
        sitting = take_photos(name, 6, torch.Generator().manual_seed(7_000_001), photography)
        parts.append(pack(sitting))
    fields = {name: torch.cat([torch.from_numpy(part[name]) for part in parts]) for name in parts[0]}
    pool = Pool(**fields)
    return draw_pictures(pool, torch.arange(len(pool)), 128, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def prior(tmp_path_factory: pytest.TempPathFactory) -> DiffusionPrior:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        prior = load_diffusion_prior(str(DIFFUSION))
        prior.embed([*(text for kind in KINDS for text in ViewPrompts.of(kind).positive), ""])
    return prior


def test_it_is_small_and_says_what_it_is() -> None:
    weights = Path(zoetrope.__file__).parent / "priors" / "weights"
    files = [path for path in weights.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < MOST_BYTES
    assert sum(path.stat().st_size for path in files) < 3 * MOST_BYTES
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt", ".md", ".png"}
    card = (DIFFUSION / "diffusion.md").read_text(encoding="utf-8")
    for word in ("zoetrope pretrain diffusion", "dB", "Frechet", "Licence", "samples.png"):
        assert word in card
    assert (DIFFUSION / "samples.png").is_file()


def test_it_brings_pictures_back(pictures: Pictures, prior: DiffusionPrior) -> None:
    with torch.no_grad():
        back = prior.decode(prior.encode(pictures.picture)).clamp(0, 1)
    errors = (back - pictures.picture).square().mean((1, 2, 3))
    assert float(-10 * errors.log10().mean()) > 24
    spread = float(prior.encode(pictures.picture).std())
    assert 0.7 < spread < 1.4, "latents are on the denoiser's scale"


def test_it_sees_pictures_through_noise_and_knows_its_words(pictures: Pictures, prior: DiffusionPrior) -> None:
    latents = prior.encode(pictures.picture)
    generator = torch.Generator().manual_seed(3)
    weights = view_weights(pictures.view[:, 0], pictures.view[:, 1])
    names = [list(SPECIES)[k] for k in pictures.species.tolist()]
    words = {kind: prior.embed(ViewPrompts.of(kind).positive) for kind in KINDS}
    best = {kind: words[kind].mixed(weights) for kind in KINDS}
    right, wrong, nothing = 0.0, 0.0, 0.0
    for place in (0.3, 0.5, 0.7):
        level = prior.schedule.at(torch.full((len(latents),), place))
        noise = torch.randn(latents.shape, generator=generator)
        noisy = level.add_noise(latents, noise)
        alpha = level.alpha[:, None, None, None]
        nothing += float((noisy * alpha - latents).square().mean())
        for kind in KINDS:
            found = level.pred_original_and_noise(
                noisy, prior.model_output(noisy, level, best[kind]), prior.schedule.kind
            )[0]
            errors = (found - latents).square().mean((1, 2, 3))
            mine = torch.tensor([name == kind for name in names])
            right += float(errors[mine].sum()) / len(latents)
            wrong += float(errors[~mine].sum()) / len(latents) / (len(KINDS) - 1)
    assert right < 0.6 * nothing, "better than the linear guess"
    assert right < 0.99 * wrong, "the right species helps"


def test_plain_diffusers_draws_with_it() -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(str(DIFFUSION), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    options = {"num_inference_steps": 4, "output_type": "pt", "generator": torch.Generator().manual_seed(0)}
    drawn = pipeline("a photo of an elephant, side view", **options).images
    assert tuple(drawn.shape) == (1, 3, 128, 128)
    assert float(drawn.std()) > 0.05
