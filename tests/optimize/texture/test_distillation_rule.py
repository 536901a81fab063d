"""Rules by name: each pulls pictures somewhere, in latents or as they are, with prompts for where they are seen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from zoetrope.optimize.config import RuleName
from zoetrope.optimize.texture.distillation_rule import DistillationRule, RuleConfig
from zoetrope.optimize.texture.exploration import Exploration, ExplorationConfig, draw_views, explore
from zoetrope.priors.diffusion.guidance import GuidanceConfig
from zoetrope.priors.diffusion.load import load_diffusion_prior
from zoetrope.priors.diffusion.prior import DiffusionPrior
from zoetrope.priors.distillation.noise_range import NoiseRange
from zoetrope.representations.body.template import template
from zoetrope.representations.rendering.render import Material
from zoetrope.representations.surfaces.part_surface import PartSurfaces

NAMES: tuple[RuleName, ...] = ("dass", "sds", "sdi", "ism", "csd", "nfsd", "bridge", "vsd")


@pytest.fixture(scope="module")
def views() -> Exploration:
    parts = PartSurfaces(template("quadruped"), 1, level=1)
    with torch.no_grad():
        mesh, skeleton = parts.shared(), parts.skeleton()
        rest = torch.zeros(2, len(skeleton), 4)
        rest[..., 0] = 1
        config = ExplorationConfig(size=48)
        return explore(draw_views(2, 2, config, torch.Generator().manual_seed(0)), mesh, skeleton, rest, config)


def pictures_of(views: Exploration) -> torch.Tensor:
    colors = torch.rand(len(views.mesh.vertices), 3, generator=torch.Generator().manual_seed(1))
    return views.pictures(Material(colors=colors)).detach()


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_pulls(name: RuleName, small_prior: DiffusionPrior, views: Exploration) -> None:
    pictures = pictures_of(views)
    rule = DistillationRule(small_prior, "fox", RuleConfig(name=name), seed=3)
    pull = rule(pictures, views, 0.5)
    assert pull.shown().shape == (2, 3, 32, 32)
    assert float(pull.shown().min()) >= 0
    assert float(pull.shown().max()) <= 1
    free = pictures.clone().requires_grad_()
    loss = pull.loss(free)
    assert loss.shape == (2,)
    loss.sum().backward()
    assert free.grad is not None
    assert bool(torch.isfinite(free.grad).all())
    assert bool(free.grad.flatten(1).any(1).all())
    # Down along it the same target is nearer.
    assert float(pull.loss(pictures - 1e-3 * free.grad / free.grad.abs().max()).sum()) < float(loss.detach().sum())
    again = DistillationRule(small_prior, "fox", RuleConfig(name=name), seed=3)(pictures, views, 0.5)
    if name != "vsd":
        # A student's additions stay on the network that both share.
        torch.testing.assert_close(again.shown(), pull.shown())


@pytest.mark.parametrize("name", ["dass", "sds"])
def test_what_is_known_is_not_pulled(name: RuleName, small_prior: DiffusionPrior, views: Exploration) -> None:
    """The prior is asked about the whole picture all the same."""
    pictures, unknown = pictures_of(views), torch.zeros(2, 48, 48)
    unknown[:, :24] = 1
    pull = DistillationRule(small_prior, "fox", RuleConfig(name=name), seed=3)(
        pictures, replace(views, unknown=unknown), 0.5
    )
    with torch.no_grad():
        away = (pull.target.value - pull.look(pictures)).abs().amax(1)
    rows = away.shape[1]
    assert float(away[:, : rows // 2].amax()) > 1e-3
    assert float(away[:, rows // 2 + 1 :].amax()) < 1e-5
    nothing = replace(views, unknown=torch.zeros(2, 48, 48))
    still = DistillationRule(small_prior, "fox", RuleConfig(name=name), seed=3)(pictures, nothing, 0.5)
    assert float(still.loss(pictures).max()) < 1e-9


def test_flow_models_have_their_own(small_diffusion: Callable[[str], Path], views: Exploration) -> None:
    flow = load_diffusion_prior(str(small_diffusion("sd3")))
    for name in ("rectified_flow", "dass"):
        pull = DistillationRule(flow, "fox", RuleConfig(name=name))(pictures_of(views), views, 0.5)
        assert float(pull.loss(pictures_of(views)).min()) > 0


def test_prompts_and_noise_have_a_say(small_prior: DiffusionPrior, views: Exploration) -> None:
    pictures, config = pictures_of(views), RuleConfig()
    shown = DistillationRule(small_prior, "fox", config)(pictures, views, 0.5).shown()
    others = (
        DistillationRule(small_prior, "cow", config)(pictures, views, 0.5),
        DistillationRule(small_prior, "fox", replace(config, negatives=False))(pictures, views, 0.5),
        DistillationRule(small_prior, "fox", replace(config, guidance=GuidanceConfig(scale=2.0)))(pictures, views, 0.5),
        DistillationRule(small_prior, "fox", config)(pictures, views, 0.9),
        DistillationRule(small_prior, "fox", replace(config, noise=NoiseRange(first=0.9, last=0.6)))(
            pictures, views, 0.5
        ),
        DistillationRule(small_prior, "fox", replace(config, walk=1))(pictures, views, 0.5),
    )
    for other in others:
        assert not torch.equal(other.shown(), shown)
    turned = replace(views.camera, azimuth_deg=views.camera.azimuth_deg + 120)
    elsewhere = replace(views, camera=turned)
    assert not torch.equal(DistillationRule(small_prior, "fox", config)(pictures, elsewhere, 0.5).shown(), shown)


def test_gradients_through_the_encoder_are_clipped_where_asked(small_prior: DiffusionPrior, views: Exploration) -> None:
    pictures = pictures_of(views)
    lengths = []
    for clip in (None, 1e-4):
        free = pictures.clone().requires_grad_()
        rule = DistillationRule(small_prior, "fox", RuleConfig(name="sds", clip=clip), seed=1)
        rule(pictures, views, 0.5).loss(free).sum().backward()
        assert free.grad is not None
        lengths.append(float(free.grad.norm(dim=1).max()))
    assert lengths[1] < lengths[0]
