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
from ..representations.surfaces.part_surface import PartSurfaces
from ..representations.surfaces.united_surface import UnitedSurface
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
from .hypotheses.first_azimuths import first_azimuths
from .losses.loss_term import Term
from .objective import Losses, Objective
from .observe.observations import Observations, View
from .schedule.mini_batch import step_rows
from .schedule.parameter_groups import parameter_groups
from .schedule.stage import LIMB_SWAPS, Stage, Weights
from .texture.novel_views import NovelViews

_OUTLINE_TERMS = ("pyramid", "silhouette", "outside")
_JUDGING_INTERVAL = 20
_JUDGING_SIZE = 96
"""Side in pixels at which colours are compared: coarse enough to forgive a pose that is a little off."""
EXPECTED_COLORS_INTERVAL = 10
"""Steps after which expected colours are looked up anew."""
_MUCH_BETTER = 0.6
"""Share of the outlines' loss below which a fit is believed against what canonical maps say. Without them it is freer,
and leaves less even where they are right: .85 on real dogs, .37 on a toy that the network takes for turned."""
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
        self.scores: Tensor | None = None
        """Loss of each hypothesis at the last step that has looked at it."""
        self.responsibility: Tensor | None = None
        """How far each hypothesis is believed, from its loss and the colours; renewed every few steps."""
        self.robust_weight: Tensor | None = None
        """How far each photo counts for what all photos share; renewed with the responsibility."""
        self.expected_colors: Tensor | None = None
        """Colours that each photo expects on the surface from all others, (N, V, 3); renewed every few steps."""
        self.color_confidence = 1.0
        """How far these colours are to be listened to."""
        self.contenders: list[dict[str, Any]] = []
        """Builds of the template that have been tried: loss, scores, and the scene as it stood."""
        self.led = True
        """Whether canonical maps have a say."""
        self.rival: dict[str, Any] | None = None
        """What they have led to, while a fit without them is under way: loss of the outlines, scores, and the scene."""
        self.verdict = ""
        """Which of the two went on, for people."""
        self.optimizer: torch.optim.Adam | None = None

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
        if stage.maps == "out" and self.led:
            self._do_without()
        elif stage.maps == "best" and self.rival is not None:
            self._decide(self.rival)
        if stage.build and stage.propose == "azimuths":
            self._begin(stage.build, tried=before is not None and bool(before.build))
        elif self.contenders and not stage.build:
            self._choose()
        hypotheses = scene.hypotheses
        if stage.propose == "azimuths":
            if not isinstance(scene.surface, PartSurfaces):
                raise ValueError(f"stage {stage.name!r} proposes views, which needs parts that are not yet united")
            scene.surface.set_level(stage.level)
            view = self.observations.at(stage.size)
            maps = self.observations.canonical
            views = maps.view if maps is not None and self.led else None
            count, starts = stage.kept_hypotheses, self._draws.starts()
            azimuth_deg = None if views is None else first_azimuths(views, count)
            mesh = scene.surface.shared()
            scene.hypotheses = hypotheses.all_round(mesh, view.intrinsics, view.boxes, count, azimuth_deg, starts)
        else:
            if self.scores is None:
                self.score()
            assert self.scores is not None
            count = stage.kept_hypotheses if stage.propose == "keep" else 1
            scene.keep(hypotheses.best(self.judge(), count))
            if stage.propose == "mirror images":
                mirror = torch.tensor(scene.surface.skeleton().mirror, device=hypotheses.photo.device)
                scene.hypotheses = scene.hypotheses.mirrored(mirror)
            elif stage.propose == "neighbours":
                scene.hypotheses = scene.hypotheses.neighbours()
            elif stage.propose in LIMB_SWAPS:
                pair = LIMB_SWAPS[stage.propose]
                scene.hypotheses = scene.hypotheses.limb_swaps(scene.surface.skeleton(), pair)
        if stage.united and isinstance(scene.surface, PartSurfaces):
            scene.surface = scene.surface.unified()
        self.scores = self.responsibility = self.robust_weight = self.expected_colors = None
        self.objective.leave()
        self.attach()

    def _begin(self, build: str, *, tried: bool) -> None:
        """Puts away what has come of the build before, if one was being tried, and starts with the next one."""
        if tried:
            self._put_away()
        self.objective.leave(forget=True)
        self.scene.begin(build)
        with torch.no_grad():
            self.scene.rest_pose.zero_()

    def _put_away(self) -> None:
        assert self.scores is not None
        least = least_by_photo(self.scene.hypotheses.photo, self.scores)
        merit = least.mean() + self.objective.shared(self.scene, self.stage.weights, self.scene.surface.shared())[0]
        state = copy.deepcopy(self.scene.state())
        self.contenders.append({"loss": float(merit.detach()), "scores": self.scores, "scene": state})

    def _choose(self) -> None:
        """Goes on with the build that explains the photos best."""
        self._put_away()
        chosen = min(self.contenders, key=lambda contender: contender["loss"])
        self.scene.restore(chosen["scene"])
        self.scores, self.contenders = chosen["scores"], []
        self.objective.leave(forget=True)
        self.attach()

    def _do_without(self) -> None:
        """Puts away what canonical maps have led to."""
        state = copy.deepcopy(self.scene.state())
        self.rival = {"loss": self._outline_loss(), "scores": self.scores, "scene": state}
        self.led = False

    def _decide(self, rival: dict[str, Any]) -> None:
        """Goes on with what canonical maps have led to, unless doing without explains the outlines much better."""
        self.rival = None
        share = self._outline_loss() / rival["loss"] if rival["loss"] > 0 else 1.0
        self.verdict = f"the fit without canonical maps leaves {share:.0%} of the outlines' loss of the fit with them"
        if share < _MUCH_BETTER:
            self.verdict += ", and goes on"
            return
        self.verdict += f", not below {_MUCH_BETTER:.0%}; the one with them goes on"
        self.scene.restore(rival["scene"])
        self.scores, self.led = rival["scores"], True
        self.objective.leave(forget=True)
        self.attach()

    def _outline_loss(self) -> float:
        """As the stage that has just ended leaves them, of those terms that are switched on."""
        with torch.no_grad():
            logged = self._look(stage=self.stages[self.progress.stage - 1]).logged
        return sum(logged.get(name, 0.0) for name in _OUTLINE_TERMS)

    def attach(self) -> None:
        """Sets up what depends on the stage alone: mesh level, topology, optimiser."""
        stage, scene = self.stage, self.scene
        if isinstance(scene.surface, PartSurfaces):
            scene.surface.set_level(stage.level)
            self._set_cutoff()
        self.objective.attach(scene.surface.shared(), scene.surface.skeleton())
        self.optimizer = torch.optim.Adam(parameter_groups(scene, stage.free, stage.rates), betas=(0.9, 0.99))

    def score(self) -> Float[Tensor, " B"]:
        """Loss of every hypothesis as things stand, kept in `scores`."""
        if not self.objective.attached:
            self.attach()
        with torch.no_grad():
            self.scores = self._look().per_hypothesis
        return self.scores

    def judge(self) -> Float[Tensor, " B"]:
        """Scores of all hypotheses joined with what colours say, by which hypotheses of a photo are told apart."""
        assert self.scores is not None
        scene, hypotheses = self.scene, self.scene.hypotheses
        weight = self.stage.weights.color
        if weight == 0 or len(hypotheses) == len(self.observations):
            return self.scores
        with torch.no_grad():
            samples = self._sample(scene.surface.shared(), _JUDGING_SIZE, own_shape=False)
            alone = self.observations.canonical is None or not self.led
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
        assert self.responsibility is not None
        with torch.no_grad():
            samples = self._sample(scene.surface.shared(), self.stage.size, own_shape=self._has_own_shapes(self.stage))
            self.expected_colors = expected_colors(
                vertex_sums(samples, fold_mirror_images(scene.surface.mirror)), photo, self.responsibility
            )
            self.color_confidence = float(
                color_confidence(
                    samples, photo, self.responsibility, distance_to_expected(samples, photo, self.expected_colors)
                )
            )

    def _has_own_shapes(self, stage: Stage) -> bool:
        return "instance" in stage.free or isinstance(self.scene.surface, UnitedSurface)

    def _set_cutoff(self) -> None:
        if isinstance(self.scene.surface, PartSurfaces):
            low, high = self.stage.cutoff
            share = self.progress.iteration / max(self.stage.iterations - 1, 1)
            self.scene.surface.cutoff = low + (high - low) * min(1.0, 1.5 * share)

    def _step(self, stage: Stage) -> None:
        assert self.optimizer is not None
        self._set_cutoff()
        iteration = self.progress.iteration
        # A cosine to a tenth: bold first, exact at the end.
        decay = 0.55 + 0.45 * math.cos(math.pi * iteration / max(stage.iterations, 1))
        decay *= min(1.0, (iteration + 1) / _WARM_UP)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * decay
        if iteration % _JUDGING_INTERVAL == 0:
            if self.scores is None:
                self.score()
            assert self.scores is not None
            self.responsibility = self.scene.hypotheses.responsibilities(self.judge())
            weight = robust_weight(self.scene.hypotheses.photo, self.scores)
            self.robust_weight = weight if self._outliers else torch.ones_like(weight)
        # One photo has no other to expect colours from.
        if stage.weights.texture > 0 and iteration % EXPECTED_COLORS_INTERVAL == 0 and len(self.observations) > 1:
            self.update_expected_colors()
        assert self.responsibility is not None
        if iteration % EXPECTED_COLORS_INTERVAL == 0:
            scene, view = self.scene, self._view(stage.size)
            done, own_shape = iteration / stage.iterations, self._has_own_shapes(stage)
            self.objective.renew(scene, view, self.responsibility, self._weights_of(stage), done, own_shape=own_shape)
        self.optimizer.zero_grad(set_to_none=True)
        hypotheses, photo_count = self.scene.hypotheses, len(self.observations)
        photos = self._draws.turn(self.progress.step).to(hypotheses.photo.device)
        rows = photos[hypotheses.photo]
        losses = self._look(None if bool(rows.all()) else rows.nonzero()[:, 0])
        losses, shared, logged = losses.per_hypothesis, losses.shared, losses.logged
        # The shared shape listens to the hypotheses by how well they explain their photo. The floor leaves every
        # hypothesis a gradient for its own camera and pose, whose scale Adam ignores.
        assert self.robust_weight is not None
        weight = self.responsibility.clamp_min(1e-3) * self.robust_weight.index_select(0, hypotheses.photo)
        total = (losses * weight[rows]).sum() / photos.sum() + shared
        if not bool(torch.isfinite(total)):
            bad = ", ".join(name for name, value in logged.items() if not math.isfinite(value))
            raise FloatingPointError(f"stage {stage.name!r}, step {self.progress.step}: loss is not finite ({bad})")
        total.backward()
        own = [(getattr(hypotheses, name), rows) for name in hypotheses.per_hypothesis]
        step_rows(self.optimizer, [*own, (self.scene.surface.instance_coefficients, photos)])
        assert self.scores is not None
        self.scores = self.scores.masked_scatter(rows, losses.detach())
        # Of all photos, as they were when they had their turn.
        loss = (self.scores * weight).sum() / photo_count + shared.detach()
        self.progress.losses = {"loss": float(loss), **logged}

    def _weights_of(self, stage: Stage) -> Weights:
        weights = stage.weights
        weights = replace(weights, texture=weights.texture * self.color_confidence)
        return weights if self.led else replace(weights, canonical=0, view=0)

    def _look(self, rows: Int[Tensor, " K"] | None = None, stage: Stage | None = None) -> Losses:
        """What the scene costs as it stands: these hypotheses of it alone, and to that stage, where they are given."""
        stage = self.stage if stage is None else stage
        return self.objective.losses(
            self.scene,
            self._view(stage.size),
            self._weights_of(stage),
            self.expected_colors,
            own_shape=self._has_own_shapes(stage),
            rows=rows,
        )

    def _view(self, size: int) -> View:
        """The crops at that size, through lenses as they stand."""
        return self.observations.at(size).through(self.scene.hypotheses)

    def outliers(self) -> dict[int, float]:
        """Photos that are explained much worse than most, with their times the usual loss, the worst first."""
        assert self.scores is not None
        times = times_usual(self.scene.hypotheses.photo, self.scores)
        return {int(k): float(times[k]) for k in times.argsort(descending=True) if times[k] >= OUTLIER}

    def state(self) -> dict[str, Any]:
        """All that a later process needs to go on with the very next step."""
        assert self.optimizer is not None
        return {
            "progress": dataclasses.asdict(self.progress),
            "scene": self.scene.state(),
            "optimizer": self.optimizer.state_dict(),
            "scores": self.scores,
            "responsibility": self.responsibility,
            "robust_weight": self.robust_weight,
            "expected_colors": self.expected_colors,
            "color_confidence": self.color_confidence,
            "contenders": self.contenders,
            "led": self.led,
            "rival": self.rival,
            "objective": self.objective.state(),
            "draws": self._draws.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned. Raises InputError for one in which nothing was drawn, unlike here."""
        self._draws.restore(state.get("draws"))
        self.progress = Progress(**state["progress"])
        self.scene.restore(state["scene"])
        self.attach()
        assert self.optimizer is not None
        self.optimizer.load_state_dict(state["optimizer"])
        self.scores, self.responsibility = state["scores"], state["responsibility"]
        self.robust_weight, self.expected_colors = state["robust_weight"], state["expected_colors"]
        self.color_confidence = state["color_confidence"]
        self.contenders, self.led, self.rival = state["contenders"], state["led"], state["rival"]
        self.objective.restore(state["objective"])
