"""Every rule with every kind of prior: it works for a step, or it is refused before any work, in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from zoetrope.cli import main
from zoetrope.optimize.config import FitConfig, RuleName
from zoetrope.optimize.texture.diffusion_source import diffusion_source
from zoetrope.optimize.texture.distillation_rule import DistillationRule, RuleConfig
from zoetrope.optimize.texture.exploration import Exploration, ExplorationConfig, draw_views, explore
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.requirement import Capability, Requirement
from zoetrope.representations.body.template import template
from zoetrope.representations.rendering.render import Material
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.error import InputError

CPU = torch.device("cpu")
KINDS = ("embedded", "sd", "sd_v", "sdxl", "sd3", "flux")
RULES: tuple[RuleName, ...] = get_args(RuleName)
REFUSED: dict[str, set[str]] = {
    "embedded": {"nfsd", "bridge", "rectified_flow"},
    "sd": {"rectified_flow"},
    "sd_v": {"rectified_flow"},
    "sdxl": {"rectified_flow"},
    "sd3": set(),
    "flux": set(),
}
"""What cannot work: no flow model, or no words for what is not to be seen."""

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def views() -> Exploration:
    parts = PartSurfaces(template("quadruped"), 1, level=0)
    with torch.no_grad():
        mesh, skeleton = parts.shared(), parts.skeleton()
        rest = torch.zeros(1, len(skeleton), 4)
        rest[..., 0] = 1
        config = ExplorationConfig(size=32)
        return explore(draw_views(1, 1, config, torch.Generator().manual_seed(0)), mesh, skeleton, rest, config)


def asked(diffusion: str, rule: RuleName | None = None) -> FitConfig:
    return FitConfig(photos=Path("photos"), out=Path("out"), diffusion=diffusion, rule=rule)


@pytest.fixture(scope="module")
def prior_of(small_diffusion: Callable[[str], Path]) -> Callable[[str], tuple[str, DiffusionPrior]]:
    """The name of a prior of that kind, and the prior, loaded once, for pictures of 32 pixels at most."""
    loaded: dict[str, tuple[str, DiffusionPrior]] = {}

    def prior(kind: str) -> tuple[str, DiffusionPrior]:
        if kind not in loaded:
            name = kind if kind == "embedded" else str(small_diffusion(kind))
            found = diffusion_source(asked(name), CPU).load(asked(name), CPU)
            assert found is not None
            loaded[kind] = name, replace(found, picture_size=32)
        return loaded[kind]

    return prior


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", RULES)
def test_it_works_for_a_step_or_is_refused(
    kind: str, rule: RuleName, prior_of: Callable[[str], tuple[str, DiffusionPrior]], views: Exploration
) -> None:
    name, prior = prior_of(kind)
    how = RuleConfig(name=rule, negatives=kind != "embedded")
    if rule in REFUSED[kind]:
        with pytest.raises(InputError, match=f"rule {rule} cannot ask .* it needs ") as caught:
            diffusion_source(asked(name, rule), CPU)
        (line,) = str(caught.value).splitlines()
        others = line.rpartition("--rule may be ")[2].split(", ")
        assert set(others) == set(RULES) - REFUSED[kind]
        if rule != "bridge":  # which works with words that mean nothing, to no good
            with pytest.raises(ValueError, match=f"rule {rule} cannot ask"):
                DistillationRule(prior, "fox", how)
        return
    assert diffusion_source(asked(name, rule), CPU).name is not None
    colors = torch.rand(len(views.mesh.vertices), 3, generator=torch.Generator().manual_seed(1))
    pictures = views.pictures(Material(colors=colors)).detach().requires_grad_()
    DistillationRule(prior, "fox", how, seed=3)(pictures.detach(), views, 0.5).loss(pictures).sum().backward()
    assert pictures.grad is not None
    assert bool(torch.isfinite(pictures.grad).all())
    assert bool(pictures.grad.any())


def test_what_is_missing_is_named() -> None:
    requirement = Requirement(prediction="flow", negative_prompt=True, attention=True)
    words = requirement.lacking(Capability("eps", free_text=False, attention=False))
    assert [word.split(" (")[0] for word in words] == [
        "a flow-matching model", "a negative prompt", "attention layers to train",
    ]  # fmt: skip
    assert requirement.lacking(Capability("flow")) == ()
    assert Requirement().lacking(Capability("v", free_text=False, attention=False)) == ()


def test_vsd_needs_something_to_train(small_diffusion: Callable[[str], Path], tmp_path: Path) -> None:
    """A U-Net without attention, by its own configuration."""
    import json
    import shutil

    folder = tmp_path / "bare"
    shutil.copytree(small_diffusion("sd"), folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    config |= {"down_block_types": ["DownBlock2D"] * 2, "up_block_types": ["UpBlock2D"] * 2, "mid_block_type": None}
    (folder / "unet" / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match="attention layers to train"):
        diffusion_source(asked(str(folder), "vsd"), CPU)
    diffusion_source(asked(str(folder), "sds"), CPU)


@pytest.mark.parametrize("rule", ["nfsd", "rectified_flow", "bridge"])
def test_a_fit_is_refused_before_photos_are_read(
    rule: str, good_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[str] = []
    monkeypatch.setattr("zoetrope.optimize.prepare.load_collection", lambda *_, **__: worked.append("photos"))
    told = ["fit", str(good_photos), "--out", str(tmp_path / "run"), "--device", "cpu"]
    for more in ([], ["--plan"], ["--preset", "artic3d"]):
        assert main([*told, "--diffusion", "embedded", "--rule", rule, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"zoetrope: rule {rule} cannot ask the embedded one: it needs ")
    assert not worked
    assert not (tmp_path / "run").exists()


def test_a_painting_is_refused_before_the_run_is_opened(
    good_photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "subject.safetensors").touch()
    (run / "config.json").write_text(json.dumps(FitConfig(photos=good_photos, out=run).to_json()))
    told = ["paint", str(run), "--out", str(tmp_path / "new"), "--device", "cpu"]
    for options, words in (
        (["--rule", "nfsd"], "a negative prompt"),
        (["--rule", "rectified_flow"], "a flow-matching model"),
        (["--diffusion", "none", "--rule", "sds"], "--rule sds needs a diffusion prior"),
        (["--diffusion", "none", "--seed", "3"], "--seed 3 is of what a prior is asked with"),
        (["--diffusion", "none", "--category", "fox"], "--category fox needs a diffusion prior"),
        (["--category", "unicorn"], "--category unicorn says nothing to the embedded model"),
    ):
        assert main([*told, *options]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
    assert not (tmp_path / "new").exists()


def test_a_tiny_autoencoder_must_be_one_and_have_the_models_latents(
    small_diffusion: Callable[[str], Path], tmp_path: Path
) -> None:
    import diffusers

    sd = str(small_diffusion("sd"))
    for channels, words in ((4, None), (8, "latents of 8 channels, those of .* have 4")):
        tiny = diffusers.AutoencoderTiny(
            latent_channels=channels, encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
            num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
        )  # fmt: skip
        folder = tmp_path / str(channels)
        tiny.save_pretrained(folder)
        config = replace(asked(sd), tiny_autoencoder=str(folder))
        if words is None:
            prior = diffusion_source(config, CPU).load(config, CPU)
            assert prior is not None
            assert type(prior.autoencoder.module).__name__ == "AutoencoderTiny"
            continue
        with pytest.raises(InputError, match=f"--tiny-autoencoder .*: .*{words}"):
            diffusion_source(config, CPU)
    for other, words in (
        (f"{sd}/vae", "is a AutoencoderKL"),
        ("nobody/no-taesd", "neither a folder nor a model"),
    ):
        with pytest.raises(InputError, match=f"--tiny-autoencoder {other}: .*{words}"):
            diffusion_source(replace(asked(sd), tiny_autoencoder=other), CPU)
