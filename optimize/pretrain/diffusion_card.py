"""The card of the diffusion prior: samples to look at, and what they and the autoencoder are worth.

* reconstruction: PSNR of test pictures that went through the autoencoder;
* distance: Frechet's, between samples and test pictures, in the embedded canonical network's features of whole pictures
  (not Inception's: the figure compares models trained here and nothing else);
* species, view: share of samples that the canonical network takes for the species they were asked to be, and median
  distance of its azimuth from the middle of the kind of view they were asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ...eval.metrics.frechet import FeatureStatistics, frechet_distance
from ...eval.metrics.image_quality import psnr
from ...priors.canonical import CanonicalPrior
from ...priors.diffusion.autoencoder import Autoencoder
from ...priors.embedded import CANONICAL
from ...priors.prompts import VIEWS, ViewPrompts
from ...representations.body.chart import VERSION
from ...scenes.atomic import atomic_write
from ...scenes.hypotheses.free_cameras import wrapped_deg
from ...scenes.photography.photograph import PhotographyConfig
from ...scenes.zoo.sitting import take_photos
from ...scenes.zoo.species import SPECIES
from ...scenes.zoo.split import BESIDE, TEST, seed_of
from ...scenes.zoo.stream import StreamConfig
from .diffusion_config import PretrainDiffusionConfig
from .diffusion_picture import Pictures, draw_pictures
from .piece import pictures_seen
from .pool import Pool, pack
from .small_diffusion import SmallDiffusion, parameter_count

_STEPS, _ROUNDS = 25, 2
_GUIDANCE = 3.0
_MIDDLES_DEG = {"front": 0.0, "three-quarter": 45.0, "side": 90.0, "back": 180.0}
_TEST_PHOTOS = 28
"""Of each species."""
_LOOK = 160
"""Side of pictures in pixels as the canonical network looks at them."""
_SHOWN = 64
"""Side in pixels of a sample in the picture of all."""
_HEAD = """# Diffusion prior

Paints animals and characters of the zoo by words: a latent diffusion model in diffusers' own layout, which
`StableDiffusionPipeline.from_pretrained` loads.

* Autoencoder {vae:.2f} million parameters (8 channels at an eighth of the size), U-Net {unet:.2f}, text encoder
  {text:.2f}; half precision, in shards; pictures of {size} pixels; v-prediction on Stable Diffusion's schedule.
* Trained by `zoetrope pretrain diffusion` on nothing but the package's own zoo: {encoded:,} pictures for the
  autoencoder, {denoised:,} latents for the denoiser, drawn from {photos:,} rendered photos of seeds below one million.
* Licence: the package's.
* It has seen no photograph and knows the zoo's {species} kinds alone. It does not know people or breeds.
"""


@dataclass(frozen=True)
class DiffusionScore:
    """What a model is worth on the zoo's test pictures; see the top of the file."""

    psnr_db: float
    distance: float
    distance_of_truth: float
    """Between one half of the test pictures and the other: what a perfect model would be given."""
    species_accuracy: float
    view_error_deg: float


def write_diffusion_card(small: SmallDiffusion, config: PretrainDiffusionConfig, device: torch.device) -> Path:
    """Scores the model and writes `diffusion.md` with `samples.png` into `config.out`; returns the card."""
    samples = draw_samples(small, config.seed, device, _ROUNDS)
    score = score_model(small, samples, unseen_pictures(config.size, config.seed), device)
    with atomic_write(config.out / "samples.png") as temporary:
        Image.fromarray(_sheet(samples)).save(temporary, format="PNG")
    modules = (small.vae, small.unet, small.text_encoder)
    vae, unet, text = (parameter_count(module) / 1e6 for module in modules)
    lines = [
        _HEAD.format(
            vae=vae,
            unet=unet,
            text=text,
            size=config.size,
            encoded=pictures_seen(config.out / "autoencoder"),
            denoised=pictures_seen(config.out / "denoiser"),
            photos=config.photos,
            species=len(SPECIES),
        ),
        f"* Test pictures come back from the autoencoder with {score.psnr_db:.1f} dB.",
        f"* Frechet distance of samples to test pictures in the embedded canonical network's features"
        f" {score.distance:.2f} (halves of the test pictures to each other {score.distance_of_truth:.2f}).",
        f"* The canonical network takes {score.species_accuracy:.0%} of samples for the species they were asked to be,"
        f" and sees them {score.view_error_deg:.0f} degrees from the view they were asked for (median).",
        "",
        f"Samples: rows {', '.join(name.replace('_', ' ') for name in SPECIES)}; columns {', '.join(VIEWS)}, twice.",
        "",
        "![samples](samples.png)",
        "",
    ]
    card = config.out / "diffusion.md"
    with atomic_write(card) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
    return card


def draw_samples(small: SmallDiffusion, seed: int, device: torch.device, rounds: int) -> Float[Tensor, "K V R 3 S S"]:
    """Pictures of every species K from every kind of view V, `rounds` times, by diffusers' own pipeline."""
    pipeline, generator = small.pipeline().to(device), torch.Generator().manual_seed(seed)
    pipeline.set_progress_bar_config(disable=True)
    made = []
    for name in SPECIES:
        prompts = [prompt for prompt in ViewPrompts.of(name.replace("_", " ")).positive for _ in range(rounds)]
        options = {"num_inference_steps": _STEPS, "guidance_scale": _GUIDANCE, "output_type": "pt"}
        made.append(pipeline(prompts, generator=generator, **options).images.float().cpu())
    return torch.stack(made).unflatten(1, (len(VIEWS), rounds))


def unseen_pictures(size: int, seed: int) -> Pictures:
    """Pictures of the zoo's test individuals, which nothing is trained on, drawn as for training."""
    stream, parts = StreamConfig(), []
    for species in (*TEST, *BESIDE):
        generator = torch.Generator().manual_seed(seed_of(species))
        photography = PhotographyConfig(size=192, viewpoint=stream.viewpoint, fault=stream.fault)
        parts.append(pack(take_photos(species, _TEST_PHOTOS, generator, photography)))
    fields = {name: torch.from_numpy(np.concatenate([part[name] for part in parts])) for name in parts[0]}
    pool = Pool(**fields)
    return draw_pictures(pool, torch.arange(len(pool)), size, torch.Generator().manual_seed(seed))


def score_model(
    small: SmallDiffusion, samples: Float[Tensor, "K V R 3 S S"], true: Pictures, device: torch.device
) -> DiffusionScore:
    """See the top of the file."""
    autoencoder = Autoencoder(small.vae.to(device))
    with torch.no_grad():
        back = autoencoder.decode(autoencoder.encode(true.picture.to(device))).clamp(0, 1).cpu()
    flat = samples.flatten(0, 2)
    found, species, azimuth_deg = _looked_at(flat)
    known, _, _ = _looked_at(true.picture)
    # Frechet's distance depends on how many there are, so there are as many of each.
    one, other = known[0::2], known[1::2]
    count = min(len(found), len(other))
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
    asked = torch.arange(samples.shape[0]).repeat_interleave(samples.shape[1] * samples.shape[2])
    view = torch.arange(len(VIEWS)).repeat_interleave(samples.shape[2]).repeat(samples.shape[0])
    level = view < len(_MIDDLES_DEG)
    middles = torch.tensor([*_MIDDLES_DEG.values(), 0.0])[view]
    aside = wrapped_deg(azimuth_deg).abs()
    return DiffusionScore(
        psnr_db=float(psnr(back.permute(0, 2, 3, 1), true.picture.permute(0, 2, 3, 1)).mean()),
        distance=_distance(found[order][:count], one[:count]),
        distance_of_truth=_distance(other[:count], one[:count]),
        species_accuracy=float((species == asked).float().mean()),
        view_error_deg=float((aside - middles)[level].abs().median()),
    )


def _looked_at(pictures: Float[Tensor, "B 3 S S"]) -> tuple[Tensor, Tensor, Tensor]:
    """What the canonical network makes of whole pictures: features, likeliest species, likeliest azimuth in degrees."""
    network, features = CanonicalPrior.load(CANONICAL, VERSION).network, []
    network.about.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].float()))
    species, views = [], []
    with torch.no_grad():
        for some in pictures.split(32):
            seen = interpolate(some, (_LOOK, _LOOK), mode="bilinear", antialias=True)
            out = network(seen, torch.zeros_like(seen[:, 0]), torch.zeros(len(seen)))
            species.append(out.species.argmax(1))
            views.append(out.view.flatten(1).softmax(1).view_as(out.view).sum(2))
    view = torch.cat(views)
    return torch.cat(features), torch.cat(species), (view.argmax(1) + 0.5) * (360 / view.shape[1])


def _distance(a: Float[Tensor, "N D"], b: Float[Tensor, "N D"]) -> float:
    return frechet_distance(FeatureStatistics.of(a), FeatureStatistics.of(b))


def _sheet(samples: Float[Tensor, "K V R 3 S S"]) -> np.ndarray:
    """Species from top to bottom, views from left to right, one round beside the other."""
    species, views, rounds = samples.shape[:3]
    small = interpolate(samples.flatten(0, 2), (_SHOWN, _SHOWN), mode="bilinear", antialias=True)
    grid = small.reshape(species, views, rounds, 3, _SHOWN, _SHOWN).permute(0, 4, 2, 1, 5, 3)
    return (255 * grid.reshape(species * _SHOWN, rounds * views * _SHOWN, 3)).round().byte().numpy()
