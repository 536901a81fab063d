"""Gradient descent through the stages of a fit: one state, one step, resumable between any two steps."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..representations.geometry.mesh import SkinnedMesh
from ..representations.rendering.vertex_sampling import VertexSamples, fold_mirror_images, sample_at_vertices
from ..scenes.hypotheses.hypotheses import Hypotheses
from ..scenes.hypotheses.selection import OUTLIER, least_by_photo, robust_weight, times_usual
from ..scenes.scene import Scene
from .draws import Draws
from .hypotheses.color_consistency import (
    SampledColors,
    color_confidence,
    distance_to_expected,
    expected_colors,
    vertex_sums,
)
from .hypotheses.expectation import Expectation
from .hypotheses.first_azimuths import first_azimuths
from .losses.loss_term import Term
from .objective import Losses, Objective
from .observe.observations import Observations, View
from .schedule.mini_batch import step_rows
from .schedule.parameter_groups import parameter_groups
from .schedule.stage import LIMB_SWAPS, Stage, Weights
from .schedule.tournament import Contender, Tournament
from .texture.novel_views import NovelViews

_OUTLINE_TERMS = ("pyramid", "silhouette", "outside")
_JUDGING_INTERVAL = 20
_JUDGING_SIZE = 96
"""Side in pixels at which colours are compared: coarse enough to forgive a pose that is a little off."""
EXPECTED_COLORS_INTERVAL = 10
"""Steps after which expected colours are looked up anew."""
_WARM_UP = 15
"""Steps over which learning rates grow to their full size: Adam's first steps go full length into every direction, the
useless ones too, before it has seen which gradients are noise."""


@dataclass
class Progress:
    """Where a fit stands."""

    stage: int = 0
    iteration: int = 0
    """Within the stage; 0 means that the stage has not been prepared yet."""
    step: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    """`loss`: of all photos, each as it was when it had its turn; all else is about the photos of the last step."""


class Descent:
    """Runs stages over a scene. The scene holds every hypothesis of every photo that is still alive."""

    def __init__(
        self,
        scene: Scene,
        observations: Observations,
        stages: Sequence[Stage],
        terms: Sequence[Term] = (),
        *,
        without: Collection[str] = (),
        batch: int | None = None,
        novel: NovelViews | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """`batch`: most photos that one step looks at; all by default. `novel`: what a diffusion prior says.
        `generator`: moves first hypotheses and draws the order of photos, see `Draws`.
        `without`: "outliers" where photos that nothing explains are to have as much say as any in what all share,
        "gaits" where joint limits alone are to say which poses are usual; other names are passed over.
        """
        self.scene = scene
        self.observations = observations
        self.stages = tuple(stages)
        self._outliers = "outliers" not in without
        self._draws = Draws(len(observations), batch, generator)
        self.objective = Objective(observations, terms, gaits="gaits" not in without, novel=novel)
        self.progress = Progress()
        self.tournament = Tournament()
        photo = scene.hypotheses.photo
        self.scores: Tensor = torch.zeros(len(photo), device=photo.device)
        """Loss of each hypothesis at the last step that has looked at it; 0 before there was one."""
        self.expectation = Expectation.uniform(photo, len(observations))
        """Renewed every few steps."""
        self.optimizer = self._new_optimizer()

    @property
    def stage(self) -> Stage:
        """The stage in progress, or the last one when all are done."""
        return self.stages[min(self.progress.stage, len(self.stages) - 1)]

    @property
    def done(self) -> bool:
        """True after the last step of the last stage."""
        return self.progress.stage >= len(self.stages)

    def steps(self) -> Iterator[Progress]:
        """Steps until all stages are done; yields after each, a good moment to log, to save or to stop."""
        while True:
            if self.progress.iteration >= self.stage.iterations:
                self.progress.stage += 1
                self.progress.iteration = 0
            if self.done:
                return
            if self.progress.iteration == 0:
                self.prepare()
            self._step(self.stage)
            self.progress.iteration += 1
            self.progress.step += 1
            yield self.progress

    def prepare(self) -> None:
        """Brings the scene into the form that the stage in progress starts from."""
        stage, scene = self.stage, self.scene
        before = self.stages[self.progress.stage - 1] if self.progress.stage else None
        if stage.maps == "out" and self.tournament.uses_maps:
            self.tournament.leave_maps(self._contender(self._outline_loss()))
        elif stage.maps == "best" and self.tournament.with_maps is not None:
            self._go_on_with(self.tournament.decide(self.tournament.with_maps, self._outline_loss()))
        if stage.build and stage.propose == "azimuths":
            self._begin(stage.build, tried=before is not None and bool(before.build))
        elif self.tournament.builds and not stage.build:
            self.tournament.builds.append(self._contender(self._merit()))
            self._go_on_with(self.tournament.best_build())
        if stage.propose == "azimuths":
            scene.hypotheses = self._all_round(stage)
        else:
            if self.progress.step == 0:
                self.score()
            count = stage.kept_hypotheses if stage.propose == "keep" else 1
            scene.keep(scene.hypotheses.best(self.judge(), count))
            if stage.propose == "mirror images":
                mirror = torch.tensor(scene.surface.skeleton().mirror, device=self.scores.device)
                scene.hypotheses = scene.hypotheses.mirrored(mirror)
            elif stage.propose == "neighbours":
                scene.hypotheses = scene.hypotheses.neighbours()
            elif stage.propose in LIMB_SWAPS:
                pair = LIMB_SWAPS[stage.propose]
                scene.hypotheses = scene.hypotheses.limb_swaps(scene.surface.skeleton(), pair)
        if stage.united:
            scene.surface = scene.surface.unified()
        confidence = self.expectation.color_confidence
        self.expectation = Expectation.uniform(scene.hypotheses.photo, len(self.observations), confidence)
        self.objective.leave()
        self.attach()

    def _all_round(self, stage: Stage) -> Hypotheses:
        """Hypotheses all round the subject, whatever the present ones are. Raises ValueError for a united subject."""
        if self.scene.surface.united:
            raise ValueError(f"stage {stage.name!r} proposes views, which needs parts that are not yet united")
        self.scene.surface.set_level(stage.level)
        view = self.observations.at(stage.size)
        maps = self.observations.canonical if self.tournament.uses_maps else None
        count = stage.kept_hypotheses
        azimuth_deg = None if maps is None else first_azimuths(maps.view, count)
        mesh, starts = self.scene.surface.shared(), self._draws.starts()
        return self.scene.hypotheses.all_round(mesh, view.intrinsics, view.boxes, count, azimuth_deg, starts)

    def _begin(self, build: str, *, tried: bool) -> None:
        """Puts away what has come of the build before, if one was being tried, and starts with the next one."""
        if tried:
            self.tournament.builds.append(self._contender(self._merit()))
        self.objective.leave(forget=True)
        self.scene.begin(build)
        with torch.no_grad():
            self.scene.rest_pose.zero_()

    def _contender(self, loss: float) -> Contender:
        """The fit as it stands."""
        return Contender(loss, self.scores, copy.deepcopy(self.scene.state()))

    def _go_on_with(self, contender: Contender | None) -> None:
        """Takes up a fit that was put away; None: the present one goes on."""
        if contender is None:
            return
        self.scene.restore(contender.scene)
        self.scores = contender.scores
        self.objective.leave(forget=True)
        self.attach()

    def _merit(self) -> float:
        """Mean loss of each photo's best hypothesis, and what all photos share; by which builds compete."""
        least = least_by_photo(self.scene.hypotheses.photo, self.scores)
        shared = self.objective.shared(self.scene, self.stage.weights, self.scene.surface.shared())[0]
        return float((least.mean() + shared).detach())

    def _outline_loss(self) -> float:
        """As the stage that has just ended leaves them, of those terms that are switched on."""
        with torch.no_grad():
            logged = self._look(stage=self.stages[self.progress.stage - 1]).logged
        return sum(logged.get(name, 0.0) for name in _OUTLINE_TERMS)

    def attach(self) -> None:
        """Sets up what depends on the stage alone: mesh level, topology, optimiser."""
        self.scene.surface.set_level(self.stage.level)
        self._set_up()

    def _set_up(self) -> None:
        surface = self.scene.surface
        self._set_cutoff()
        self.objective.attach(surface.shared(), surface.skeleton())
        self.optimizer = self._new_optimizer()

    def _new_optimizer(self) -> torch.optim.Adam:
        groups = parameter_groups(self.scene, self.stage.free, self.stage.rates)
        return torch.optim.Adam(groups, betas=(0.9, 0.99))

    def score(self) -> Float[Tensor, " B"]:
        """Loss of every hypothesis as things stand, kept in `scores`."""
        if not self.objective.attached:
            self.attach()
        with torch.no_grad():
            self.scores = self._look().per_hypothesis
        return self.scores

    def judge(self) -> Float[Tensor, " B"]:
        """Scores of all hypotheses joined with what colours say, by which hypotheses of a photo are told apart."""
        scene, hypotheses = self.scene, self.scene.hypotheses
        weight = self.stage.weights.color
        if weight == 0 or len(hypotheses) == len(self.observations):
            return self.scores
        with torch.no_grad():
            samples = self._sample(scene.surface.shared(), _JUDGING_SIZE, own_shape=False)
            alone = self.observations.canonical is None or not self.tournament.uses_maps
            colors = SampledColors(samples, fold_mirror_images(scene.surface.mirror), alone)
            return hypotheses.joint_loss(self.scores, colors, weight)

    def _sample(self, mesh: SkinnedMesh, size: int, *, own_shape: bool) -> VertexSamples:
        """Colours that every hypothesis puts onto the surface, looked up in crops of `size` pixels."""
        scene, view = self.scene, self._view(size)
        photo = scene.hypotheses.photo
        return sample_at_vertices(
            scene.posed(mesh, own_shape=own_shape),
            mesh.faces,
            scene.hypotheses.camera(),
            view.intrinsics.select(photo),
            view.opponent.index_select(0, photo),
            view.shown.index_select(0, photo),
        )

    def update_expected_colors(self) -> None:
        """Looks anew which colours each photo expects from all others."""
        scene, photo = self.scene, self.scene.hypotheses.photo
        responsibility = self.expectation.responsibility
        with torch.no_grad():
            samples = self._sample(scene.surface.shared(), self.stage.size, own_shape=_has_own_shapes(self.stage))
            sums = vertex_sums(samples, fold_mirror_images(scene.surface.mirror))
            colors = expected_colors(sums, photo, responsibility)
            distance = distance_to_expected(samples, photo, colors)
            confidence = float(color_confidence(samples, photo, responsibility, distance))
        self.expectation = replace(self.expectation, expected_colors=colors, color_confidence=confidence)

    def _set_cutoff(self) -> None:
        low, high = self.stage.cutoff
        share = self.progress.iteration / max(self.stage.iterations - 1, 1)
        self.scene.surface.set_cutoff(low + (high - low) * min(1.0, 1.5 * share))

    def _step(self, stage: Stage) -> None:
        self._set_cutoff()
        iteration = self.progress.iteration
        # A cosine to a tenth: bold first, exact at the end.
        decay = 0.55 + 0.45 * math.cos(math.pi * iteration / max(stage.iterations, 1))
        decay *= min(1.0, (iteration + 1) / _WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * decay
        if iteration == 0:
            self.score()
        if iteration % _JUDGING_INTERVAL == 0:
            responsibility = self.scene.hypotheses.responsibilities(self.judge())
            weight = robust_weight(self.scene.hypotheses.photo, self.scores)
            weight = weight if self._outliers else torch.ones_like(weight)
            self.expectation = replace(self.expectation, responsibility=responsibility, robust_weight=weight)
        # One photo has no other to expect colours from.
        if stage.weights.texture > 0 and iteration % EXPECTED_COLORS_INTERVAL == 0 and len(self.observations) > 1:
            self.update_expected_colors()
        believed = self.expectation
        if iteration % EXPECTED_COLORS_INTERVAL == 0:
            scene, view, weights = self.scene, self._view(stage.size), self._weights_of(stage)
            done, own_shape = iteration / stage.iterations, _has_own_shapes(stage)
            self.objective.renew(scene, view, believed.responsibility, weights, done, own_shape=own_shape)
        self.optimizer.zero_grad(set_to_none=True)
        hypotheses, photo_count = self.scene.hypotheses, len(self.observations)
        photos = self._draws.turn(self.progress.step).to(hypotheses.photo.device)
        rows = photos[hypotheses.photo]
        losses = self._look(None if bool(rows.all()) else rows.nonzero()[:, 0])
        losses, shared, logged = losses.per_hypothesis, losses.shared, losses.logged
        # The shared shape listens to the hypotheses by how well they explain their photo. The floor leaves every
        # hypothesis a gradient for its own camera and pose, whose scale Adam ignores.
        weight = believed.responsibility.clamp_min(1e-3) * believed.robust_weight.index_select(0, hypotheses.photo)
        total = (losses * weight[rows]).sum() / photos.sum() + shared
        if not bool(torch.isfinite(total)):
            bad = ", ".join(name for name, value in logged.items() if not math.isfinite(value))
            raise FloatingPointError(f"stage {stage.name!r}, step {self.progress.step}: loss is not finite ({bad})")
        total.backward()
        own = [(getattr(hypotheses, name), rows) for name in hypotheses.per_hypothesis]
        step_rows(self.optimizer, [*own, (self.scene.surface.instance_coefficients, photos)])
        self.scores = self.scores.masked_scatter(rows, losses.detach())
        # Of all photos, as they were when they had their turn.
        loss = (self.scores * weight).sum() / photo_count + shared.detach()
        self.progress.losses = {"loss": float(loss), **logged}

    def _weights_of(self, stage: Stage) -> Weights:
        weights = stage.weights
        weights = replace(weights, texture=weights.texture * self.expectation.color_confidence)
        return weights if self.tournament.uses_maps else replace(weights, canonical=0, view=0)

    def _look(self, rows: Int[Tensor, " K"] | None = None, stage: Stage | None = None) -> Losses:
        """What the scene costs as it stands: these hypotheses of it alone, and to that stage, where they are given."""
        stage = self.stage if stage is None else stage
        return self.objective.losses(
            self.scene,
            self._view(stage.size),
            self._weights_of(stage),
            self.expectation.expected_colors,
            own_shape=_has_own_shapes(stage),
            rows=rows,
        )

    def _view(self, size: int) -> View:
        """The crops at that size, through lenses as they stand."""
        return self.observations.at(size).through(self.scene.hypotheses)

    def outliers(self) -> dict[int, float]:
        """Photos that are explained much worse than most, with their times the usual loss, the worst first."""
        times = times_usual(self.scene.hypotheses.photo, self.scores)
        return {int(k): float(times[k]) for k in times.argsort(descending=True) if times[k] >= OUTLIER}

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on with the very next step."""
        return {
            "progress": dataclasses.asdict(self.progress),
            "scene": self.scene.state(),
            "optimizer": self.optimizer.state_dict(),
            "scores": self.scores,
            "expectation": dict(vars(self.expectation)),
            "tournament": self.tournament.state(),
            "objective": self.objective.state(),
            "draws": self._draws.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned."""
        self._draws.restore(state["draws"])
        self.progress = Progress(**state["progress"])
        # A surface whose faces change with its level finds them in the state.
        self.scene.surface.set_level(self.stage.level)
        self.scene.restore(state["scene"])
        self._set_up()
        self.optimizer.load_state_dict(state["optimizer"])
        self.scores, self.expectation = state["scores"], Expectation(**state["expectation"])
        self.tournament.restore(state["tournament"])
        self.objective.restore(state["objective"])


def _has_own_shapes(stage: Stage) -> bool:
    return "instance" in stage.free or stage.united
