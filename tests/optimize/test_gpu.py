"""Everything that a fit does runs on a GPU too, with nothing left behind on the CPU; on a pretended one, for real."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import torch

from zoetrope.optimize import output, plan
from zoetrope.optimize.animate.animate import animate
from zoetrope.optimize.animate.animate_config import AnimateConfig
from zoetrope.optimize.config import FitConfig, RuleName
from zoetrope.optimize.descent import Descent
from zoetrope.optimize.discover.discover import discover
from zoetrope.optimize.fit import first_scene, fit
from zoetrope.optimize.observe.clean_up import CleanUp, CleanUpConfig
from zoetrope.optimize.observe.estimated_masks import with_masks
from zoetrope.optimize.observe.observations import Observations
from zoetrope.optimize.observe.semantic_prior import load_semantic_prior
from zoetrope.optimize.paint import paint
from zoetrope.optimize.paint_config import PaintConfig
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.schedule.artic3d_preset import artic3d
from zoetrope.optimize.schedule.stage import Stage, full, quick, without
from zoetrope.optimize.start.starting_template import evidence
from zoetrope.optimize.texture import texture_scene
from zoetrope.optimize.texture.distill_texture import DistilConfig
from zoetrope.optimize.texture.distillation_rule import DistillationRule, RuleConfig
from zoetrope.optimize.texture.exploration import ExplorationConfig, draw_views, explore
from zoetrope.optimize.texture.novel_views import NovelViews, NovelViewsConfig
from zoetrope.optimize.texture.unseen_sides import UnseenSides
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.segmentation import segment
from zoetrope.representations.body.template import template
from zoetrope.representations.rendering.render import Material
from zoetrope.representations.surfaces import part_surface
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.preview.animation import AnimationConfig

BUILDS = ("standard", "compact")
_SIZE, _HYPOTHESES = 24, 2


def small(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """One step of each, on small pictures; two of the last."""
    made = [
        replace(stage, size=_SIZE, level=1, iterations=1, kept_hypotheses=min(stage.kept_hypotheses, _HYPOTHESES))
        for stage in stages
    ]
    return (*made[:-1], replace(made[-1], iterations=2))


def every_stage() -> tuple[Stage, ...]:
    """Of presets quick and full, which differ in their numbers; of a second fit without maps, its beginning and end."""
    stages = quick(BUILDS, contested=True)
    assert small(stages) == small(full(BUILDS, contested=True))
    return small(
        stage
        for stage in stages
        if stage.maps != "out" or stage.propose == "azimuths" or stage.name.startswith("detail")
    )


def every_kind_of_stage() -> tuple[Stage, ...]:
    """The first stage of each proposal, the united one, and the one with a diffusion prior, which artic3d has last."""
    proposals = {stage.propose: stage for stage in reversed(without(full(), ["strides"]))}
    return small([*proposals.values(), full()[-1], artic3d()[-1]])


@pytest.fixture(autouse=True)
def quick_union(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_surface, "_UNIFIED_FACES", 600)
    monkeypatch.setattr(part_surface, "_UNIFYING_LEVEL", 1)


@pytest.fixture(scope="module")
def priors(
    small_diffusion: Callable[[str], Path], pretended: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], DiffusionPrior]:
    """Diffusion models of random weights on the pretended GPU, by their kind."""

    @cache
    def load(kind: str) -> DiffusionPrior:
        with pretended.pretended_gpu() as gpu, pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "gpu_cache"))
            return load_diffusion_prior(str(small_diffusion(kind)), gpu)

    return load


@pytest.fixture(scope="module")
def photos(good_photos: Path, turnaround: Callable[..., object]) -> dict[str, Path]:
    return {"free": good_photos, "known": turnaround([20.0, 110.0, 230.0]).folder}  # type: ignore[attr-defined]


def observed(folder: Path, device: torch.device) -> Observations:
    """Two photos, and what the embedded network says of them."""
    collection = load_collection(folder)
    observations = Observations(replace(collection, photos=collection.photos[:2]), device)
    prior = load_semantic_prior(FitConfig(photos=folder, out=folder.parent / "out"), device)
    # An embedded network alone: what a cache of the machine holds is no part of this.
    observations = replace(observations, canonical=replace(prior, network=None).canonical_maps(observations))
    assert observations.canonical is not None
    observations = replace(observations, features=observations.canonical.descriptor)
    return observations


def begun(observations: Observations, stages: tuple[Stage, ...], prior: DiffusionPrior) -> Descent:
    scene = first_scene([template("quadruped", build) for build in BUILDS], observations)
    config = NovelViewsConfig(batch=1, exploration=ExplorationConfig(size=prior.picture_size))
    novel = NovelViews(DistillationRule(prior, "fox", RuleConfig(walk=1)), config)
    return Descent(scene, observations, stages, novel=novel)


@pytest.mark.parametrize(("cameras", "stages"), [("free", every_stage()), ("known", every_kind_of_stage())])
def test_every_stage_takes_a_step(
    cameras: str,
    stages: tuple[Stage, ...],
    photos: dict[str, Path],
    priors: Callable[[str], DiffusionPrior],
    small_prior: DiffusionPrior,
    pretended: ModuleType,
    tmp_path: Path,
) -> None:
    with pretended.pretended_gpu() as gpu:
        prior, observations = priors("sd_v"), observed(photos[cameras], gpu)
        descent, taken = begun(observations, stages, prior), []
        for place in descent.steps():
            assert math.isfinite(place.losses["loss"])
            taken.append(place.stage)
            if len(taken) == len(stages):
                save_checkpoint(tmp_path / "kept", descent.state(), StageStep("last", 1, place.step))
        assert sorted(set(taken)) == list(range(len(stages)))
        assert {tensor.device for tensor in descent.scene.state_dict().values()} == {gpu}
        goes_on = [begun(observations, stages, prior)]
        goes_on[0].restore(load_checkpoint(tmp_path / "kept", device=gpu).state)  # type: ignore[union-attr]
        assert len(list(goes_on[0].steps())) == 1
    # What a GPU has written goes on on the CPU, and comes to the same there.
    other = begun(observed(photos[cameras], torch.device("cpu")), stages, small_prior)
    other.restore(load_checkpoint(tmp_path / "kept").state)  # type: ignore[union-attr]
    assert len(list(other.steps())) == 1
    for one in (goes_on[0], other):
        assert one.progress.losses["loss"] == pytest.approx(descent.progress.losses["loss"], rel=2e-3)


@dataclass(frozen=True)
class Thumbnail(AnimationConfig):
    size: int = 32
    frames: int | None = 2


@contextmanager
def hurried() -> Iterator[None]:
    """Fits of single steps, small outputs, and few rounds of painting."""
    painted, rounds = UnseenSides.painted, DistilConfig(rounds=2, steps=1, batch=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "artic3d", lambda *given: small(artic3d(*given)))
        patch.setattr(UnseenSides, "painted", lambda self, *given: painted(replace(self, distil=rounds), *given))
        patch.setattr(texture_scene, "TEXTURE_SIZE", 48)
        patch.setattr(texture_scene, "_PAINTING_SIZE", 32)
        patch.setattr(output, "_SCORING_SIZE", 32)
        patch.setattr(output, "_SHEET_SIZE", 32)
        patch.setattr(part_surface, "_UNIFIED_FACES", 600)
        patch.setattr(part_surface, "_UNIFYING_LEVEL", 1)
        patch.setattr("zoetrope.scenes.export.write_subject.AnimationConfig", Thumbnail)
        yield


@pytest.fixture(scope="module")
def finished(
    photos: dict[str, Path],
    small_diffusion: Callable[[str], Path],
    pretended: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The run folder of a fit whose device nobody named, on a machine with a GPU."""
    out = tmp_path_factory.mktemp("gpu") / "run"
    config = FitConfig(
        photos=photos["free"], out=out, preset="artic3d", diffusion=str(small_diffusion("sd_v")), category="fox",
        semantic="embedded",
    )  # fmt: skip
    with pretended.pretended_gpu() as gpu, hurried(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out.parent / "cache"))
        result = fit(config)
        assert {tensor.device for tensor in result.scene.state_dict().values()} == {gpu}
    return out


def test_a_fit_that_picks_the_gpu_leaves_a_whole_run(finished: Path) -> None:
    for name in ("rest.ply", "subject.glb", "contact_sheet.png", "turntable.mp4", "scores.json", "transforms.json"):
        assert (finished / name).stat().st_size > 0
    assert (finished / "distillation").is_dir()


def test_it_is_painted_anew(
    finished: Path,
    small_diffusion: Callable[[str], Path],
    gpu: torch.device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = PaintConfig(
        run_folder=finished, out=tmp_path / "out", diffusion=str(small_diffusion("sd_v")), rule="vsd", videos=False
    )
    with hurried():
        assert paint(config)["photos"] == 4
    assert (tmp_path / "out" / "subject.glb").is_file()


def test_its_animation_is_refined_and_baked(
    finished: Path,
    small_diffusion: Callable[[str], Path],
    gpu: torch.device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = AnimateConfig(
        run_folder=finished, motion="idle", refine="tdass", bake=True, size=32, fps=4, seconds=1,
        diffusion=str(small_diffusion("sd_v")),
    )  # fmt: skip
    assert all(path.stat().st_size > 0 for path in animate(config))


@pytest.mark.parametrize("name", get_args(RuleName))
def test_every_rule_pulls(name: RuleName, priors: Callable[[str], DiffusionPrior], gpu: torch.device) -> None:
    prior = priors("sd3" if name == "rectified_flow" else "sd_v")
    parts = PartSurfaces(template("quadruped"), 1, level=1).to(gpu)
    with torch.no_grad():
        mesh, skeleton = parts.shared(), parts.skeleton()
        rest = torch.zeros(2, len(skeleton), 4, device=gpu)
        rest[..., 0] = 1
        config = ExplorationConfig(size=32)
        views = explore(draw_views(2, 2, config, torch.Generator().manual_seed(0)), mesh, skeleton, rest, config)
        pictures = views.pictures(Material(colors=torch.ones_like(mesh.vertices)))
        rule = DistillationRule(prior, "fox", RuleConfig(name=name, walk=1))
        rule.restore({key: value.to(gpu) for key, value in rule.state().items()})
        views = views.knowing(Material(colors=torch.zeros_like(mesh.vertices)))
        pull = rule(pictures, views, 0.5)
    assert pull.shown().device == gpu
    free = pictures.clone().requires_grad_()
    pull.loss(free).sum().backward()
    assert free.grad is not None
    assert bool(torch.isfinite(free.grad).all())


@dataclass(frozen=True)
class Brief(CleanUpConfig):
    steps: int = 1
    paintings: int = 1


def test_priors_look_at_photos_there(
    photos: dict[str, Path],
    small_vit: Path,
    priors: Callable[[str], DiffusionPrior],
    gpu: torch.device,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Masks and skeletons are found, features are read, and what photos hide is painted."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("zoetrope.optimize.observe.clean_up._HIDDEN", -1.0)
    monkeypatch.setattr("zoetrope.optimize.observe.clean_up.CleanUpConfig", Brief)
    config = FitConfig(photos=photos["free"], out=tmp_path / "out", semantic=f"timm:{small_vit}", masks="estimate")
    semantic = load_semantic_prior(config, gpu)
    assert semantic.network is not None
    bare = load_collection(photos["free"], "none")
    found, _ = with_masks(bare, config, replace(semantic, network=None))
    assert len(found.photos) == 4
    pixels = [torch.from_numpy(photo.pixels.copy()).float() / 255 for photo in bare.photos]
    pictures = [one.repeat_interleave(4, 0).repeat_interleave(4, 1) for one in pixels]
    assert len(segment(pictures, semantic.network)) == 4
    observations = observed(photos["free"], gpu)
    observations = replace(observations, features=semantic.feature_maps(observations))
    assert observations.features is not None
    assert observations.features.device == gpu
    discover(evidence(observations))
    clean = CleanUp.done(observations, priors("sd_v"), "fox", semantic)
    assert bool(clean.chosen.all())
    assert observations.at(_SIZE).mask.device == gpu
