"""A prior's pull from novel views: on shape, on pose, on cameras where it looks through them, on colours first."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zoetrope.optimize.descent import Descent
from zoetrope.optimize.observe.observations import Observations, View
from zoetrope.optimize.run.checkpoint import StageStep, load_checkpoint, save_checkpoint
from zoetrope.optimize.schedule.stage import Free, Stage, Weights
from zoetrope.optimize.texture.distillation_rule import Pull
from zoetrope.optimize.texture.exploration import Exploration, ExplorationConfig
from zoetrope.optimize.texture.novel_views import NovelViews, NovelViewsConfig
from zoetrope.priors.distillation.target import Target
from zoetrope.representations.body.template import template
from zoetrope.representations.camera import OrbitCamera
from zoetrope.representations.rendering.render import Material
from zoetrope.representations.surfaces.part_surface import PartSurfaces
from zoetrope.representations.surfaces.united_surface import UnitedSurface
from zoetrope.scenes.hypotheses.free_cameras import FreeCameras
from zoetrope.scenes.photos.collection import load_collection
from zoetrope.scenes.scene import Scene

SIZE = 48
Wish = Callable[[Tensor, Exploration], Tensor]


class Wishes:
    """A rule that wants pictures made by a function of the views, and counts what it is asked."""

    def __init__(self, wish: Wish) -> None:
        self.wish, self.asked = wish, list[tuple[Tensor, Exploration, float]]()
        self.generator = torch.Generator().manual_seed(5)

    def __call__(self, pictures: Tensor, views: Exploration, done: float) -> Pull:
        self.asked.append((pictures, views, done))
        # As real rules, it is never quite of the same opinion.
        weight = 0.9 + 0.1 * torch.rand(len(pictures), generator=self.generator)
        return self.resumed(Target(self.wish(pictures, views), weight))

    def resumed(self, target: Target) -> Pull:
        return Pull(target, lambda found: found, lambda found: found)

    def state(self) -> dict[str, Tensor]:
        return {"generator": self.generator.get_state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.generator.set_state(state["generator"])


def wider(pictures: Tensor, views: Exploration) -> Tensor:
    """The same body half as wide again from left to right, of one dark colour."""
    wide = replace(views, vertices=views.vertices * torch.tensor([1.5, 1.0, 1.0]))
    return wide.pictures(Material(colors=torch.zeros(len(views.mesh.vertices), 3)))


def red(pictures: Tensor, views: Exploration) -> Tensor:
    return views.pictures(Material(colors=torch.tensor([1.0, 0, 0]).expand(len(views.mesh.vertices), 3)))


@pytest.fixture(scope="module")
def observations(good_photos: Path) -> Observations:
    return Observations(load_collection(good_photos))


def scene_of(count: int) -> Scene:
    start = template("quadruped")
    zero = torch.zeros(count)
    camera = OrbitCamera(90 * torch.arange(count).float(), zero + 10, zero, zero + 3, torch.zeros(count, 2))
    hypotheses = FreeCameras(torch.arange(count), camera, len(start.skeleton))
    parts = PartSurfaces(start, count, level=1)
    united = UnitedSurface.begin(parts.shared(), parts.skeleton(), parts.mirror, count, mode_count=20)
    return Scene(united, hypotheses)


def novel(wish: Wish, *, through_photos: bool = True) -> tuple[NovelViews, Wishes]:
    rule = Wishes(wish)
    config = NovelViewsConfig(through_photos=through_photos, exploration=ExplorationConfig(size=SIZE))
    return NovelViews(rule, config, seed=1), rule


def stage(iterations: int, *free: Free, diffusion: float = 1.0) -> Stage:
    weights = Weights(**{**dict.fromkeys(vars(Weights()), 0.0), "canonical_reach": 0.06, "diffusion": diffusion})
    return Stage("novel", iterations, SIZE, frozenset(free), united=True, weights=weights)


def seen_through(observations: Observations, scene: Scene) -> View:
    return observations.at(SIZE).through(scene.hypotheses)


def test_the_shape_follows_what_is_wanted_from_all_round(observations: Observations) -> None:
    scene = scene_of(len(observations))
    views, rule = novel(wider, through_photos=False)
    before = scene.surface.shared().vertices.detach().std(0)
    descent = Descent(scene, observations, [stage(40, "deformation")], novel=views)
    told = [place.losses["diffusion"] for place in descent.steps()]
    after = scene.surface.shared().vertices.detach().std(0)
    assert min(told[:3]) > 0
    assert float(after[0] / before[0]) > 1.08
    assert float((after / before)[1:].sub(1).abs().max()) < 0.5 * (float(after[0] / before[0]) - 1)
    shares = [done for _, _, done in rule.asked]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 < shares[-1] < 1
    assert len(shares) == 4, "an answer serves ten steps"


def test_without_weight_nothing_is_asked(observations: Observations) -> None:
    views, rule = novel(wider)
    plain = Stage("plain", 3, SIZE, frozenset({"deformation"}), united=True)
    list(Descent(scene_of(len(observations)), observations, [plain], novel=views).steps())
    assert not rule.asked


def test_cameras_are_pulled_where_it_is_looked_through_them(observations: Observations) -> None:
    scene = scene_of(len(observations))
    view, responsibility = seen_through(observations, scene), torch.ones(len(observations))
    views, rule = novel(wider)
    cameras = [scene.hypotheses.offset, scene.hypotheses.pose, next(scene.surface.parameters())]
    moved = []
    for _ in range(2):
        views.renew(scene, view, responsibility, 0.0)
        loss = views.loss(scene, scene.surface.shared(), view)
        grads = torch.autograd.grad(loss, cameras, allow_unused=True)
        moved.append([grad is not None and bool(grad.any()) for grad in grads])
    assert not moved[0][0], "cameras of views from anywhere are nobody's"
    assert moved[1][0]
    assert moved[0][1:] == [True, True]
    assert moved[1][1:] == [True, True]
    azimuths = rule.asked[1][1].camera.azimuth_deg
    assert set(azimuths.round().tolist()) <= set(scene.hypotheses.camera().azimuth_deg.round().tolist())


def test_colours_explain_what_they_can(observations: Observations) -> None:
    scene = scene_of(len(observations))
    view = seen_through(observations, scene)

    def left(responsibility: float) -> float:
        """Share of the difference that is left to the shape where photos are believed so far."""
        views, rule = novel(red, through_photos=False)
        views.renew(scene, view, torch.full((len(observations),), responsibility), 0.0)
        pictures, explored, _ = rule.asked[0]
        first = float(0.5 * (pictures - red(pictures, explored)).square().mean())
        return float(views.loss(scene, scene.surface.shared(), view).detach()) / first

    assert left(0.0) < 0.25
    assert left(50.0) > left(0.0) + 0.15, "the photos' own colours are held"


def test_any_step_goes_on_to_the_bit(observations: Observations, tmp_path: Path) -> None:
    def begun() -> Descent:
        stages = [stage(13, "deformation", "pose", "camera"), stage(4, "deformation")]
        return Descent(scene_of(len(observations)), observations, stages, novel=novel(wider)[0])

    whole, losses = begun(), []
    for place in whole.steps():
        losses.append(dict(place.losses))
        if place.step in (4, 12, 13):
            here = StageStep("novel", place.iteration, place.step)
            save_checkpoint(tmp_path, whole.state(), here, name=str(place.step))
    for step in (4, 12, 13):
        checkpoint = load_checkpoint(tmp_path, name=str(step))
        assert checkpoint is not None
        again = begun()
        again.restore(checkpoint.state)
        assert [dict(place.losses) for place in again.steps()] == losses[step:], f"differs after step {step}"
