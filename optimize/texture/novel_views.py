"""A prior's pull on shape, pose and camera: what a fit looks like from where no photo was taken, and where one was.

Every few steps the subject is looked at anew, in turns from anywhere round it in poses between those of the photos,
and through the cameras of a few photos. It wears the photos' colours, vertex by vertex; a rule says what the pictures
should be. The colours follow that first, where no photo holds them, so that what they can explain bends no shape. What
is left pulls on whatever the stage has free: shape and poses, and cameras where it was looked through them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...priors.distillation.target import Target
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.render import Material
from ...representations.rendering.topology import Topology
from ...representations.rendering.vertex_sampling import fold_mirror_images, sample_at_vertices
from ...representations.tensor_structure import TensorStructure
from ...scenes.scene import Scene
from ..hypotheses.color_consistency import vertex_sums
from ..observe.observations import View
from .distillation_rule import Pull
from .exploration import Draw, Exploration, ExplorationConfig, draw_views, explore

_EVIDENCE = 0.5
"""Photos' worth of weight at which a vertex keeps half of its colour."""
_COLOR_STEPS, _COLOR_RATE = 8, 0.1


@runtime_checkable
class NovelViewRule(Protocol):
    """As `distillation_rule.DistillationRule`."""

    def __call__(self, pictures: Tensor, views: Exploration, done: float) -> Pull: ...

    def resumed(self, target: Target) -> Pull: ...

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, state: dict[str, Tensor]) -> None: ...


@dataclass(frozen=True)
class NovelViewsConfig:
    """How many, and how they are seen."""

    batch: int = 4
    """Pictures in one look."""
    through_photos: bool = True
    """Whether every other look goes through the cameras of photos."""
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)


class _Look(TensorStructure):
    """What the rule has been asked last."""

    drawn: Draw
    """Light and background of both kinds; all else of views from anywhere."""
    rows: Int[Tensor, " B"] | None
    """Those of the hypotheses through whose cameras it was; None for views from anywhere."""
    wanted: Pull
    colors: Float[Tensor, "V 3"]


class NovelViews:
    """The pull of one rule on one scene; says nothing until it has been renewed."""

    def __init__(self, rule: NovelViewRule, config: NovelViewsConfig, seed: int = 0) -> None:
        self._rule, self._config = rule, config
        self._generator = torch.Generator().manual_seed(seed)
        self._looks = 0
        self._look: _Look | None = None
        self._topology: Topology | None = None

    def attach(self, topology: Topology) -> None:
        """That of the mesh from now on; without it each look finds its own."""
        self._topology = topology

    def renew(self, scene: Scene, view: View, responsibility: Float[Tensor, " B"], done: float) -> None:
        """Looks at the scene as it stands, when that share of the stage is over, and asks the rule."""
        config, hypotheses = self._config, scene.hypotheses
        with torch.no_grad():
            mesh = scene.surface.shared()
            colors, held = _colors(scene, mesh, view, responsibility)
            drawn = draw_views(len(hypotheses), config.batch, config.exploration, self._generator)
            through = config.through_photos and self._looks % 2 == 1
            rows = drawn.first.to(hypotheses.photo.device) if through else None
            views = self._views(scene, mesh, view, drawn, rows)
            wanted = self._rule(views.pictures(Material(colors=colors)), views, done)
        self._look = _Look(drawn, rows, wanted, _followed(views, wanted, colors, held))
        self._looks += 1

    def loss(self, scene: Scene, mesh: SkinnedMesh, view: View) -> Float[Tensor, ""]:
        """Mean over the pictures of the last look, drawn anew; differentiable in all that the scene has free. `mesh` is
        the shared one."""
        if self._look is None:
            return torch.zeros((), device=mesh.vertices.device)
        views = self._views(scene, mesh, view, self._look.drawn, self._look.rows)
        return self._look.wanted.loss(views.pictures(Material(colors=self._look.colors))).mean()

    def _views(
        self, scene: Scene, mesh: SkinnedMesh, view: View, drawn: Draw, rows: Int[Tensor, " B"] | None
    ) -> Exploration:
        skeleton, config = scene.surface.skeleton(), self._config.exploration
        views = explore(drawn, mesh, skeleton, scene.rotations(), config, self._topology)
        if rows is None:
            return views
        part = scene.part(rows)
        lens = view.intrinsics.select(part.hypotheses.photo).resized(config.size, config.size)
        camera, posed = part.hypotheses.camera().orbit(), part.posed(mesh)
        return replace(views, vertices=posed, camera=camera, intrinsics=lens)

    def forget(self) -> None:
        """At the end of a stage: hypotheses and faces change."""
        self._look = None

    def state(self) -> dict[str, Any]:
        """What later steps need."""
        look, held = self._look, None
        if look is not None:
            held = {
                "drawn": vars(look.drawn),
                "entries": look.rows,
                "value": look.wanted.target.value,
                "weight": look.wanted.target.weight,
                "colors": look.colors,
            }
        return {
            "generator": self._generator.get_state(),
            "rule": self._rule.state(),
            "looks": self._looks,
            "look": held,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned."""
        self._generator.set_state(state["generator"].cpu())
        self._rule.restore(state["rule"])
        self._looks, held = state["looks"], state["look"]
        self._look = None
        if held is not None:
            wanted = self._rule.resumed(Target(held["value"], held["weight"]))
            self._look = _Look(Draw(**held["drawn"]), held["entries"], wanted, held["colors"])


def _colors(
    scene: Scene, mesh: SkinnedMesh, view: View, responsibility: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "V 3"], Float[Tensor, "V 1"]]:
    """What the photos have put onto the vertices, left and right being one, and how far that holds, 0 to 1."""
    hypotheses = scene.hypotheses
    photo, camera = hypotheses.photo, hypotheses.camera()
    lens = view.intrinsics.select(photo)
    found = vertex_sums(
        sample_at_vertices(scene.posed(mesh), mesh.faces, camera, lens, view.pixels[photo], view.shown[photo]),
        fold_mirror_images(scene.surface.mirror),
    )
    weight = (found.weight * responsibility[:, None]).sum(0)
    total = (found.feature * responsibility[:, None, None]).sum(0)
    mean = total.sum(0) / weight.sum() if bool(weight.any()) else total.new_full((3,), 0.5)
    colors = (total + _EVIDENCE * mean) / (weight + _EVIDENCE)[:, None]
    return colors[found.fold].clamp(0, 1), (weight / (weight + _EVIDENCE))[found.fold][:, None]


def _followed(
    views: Exploration, wanted: Pull, colors: Float[Tensor, "V 3"], held: Float[Tensor, "V 1"]
) -> Float[Tensor, "V 3"]:
    """The colours after some steps towards the target, by how little photos hold them."""
    with torch.enable_grad():
        fixed = replace(views, vertices=views.vertices.detach())
        change = torch.zeros_like(colors).requires_grad_()
        optimizer = torch.optim.Adam([change], lr=_COLOR_RATE)
        for _ in range(_COLOR_STEPS):
            optimizer.zero_grad(set_to_none=True)
            wanted.loss(fixed.pictures(Material(colors=(colors + (1 - held) * change).clamp(0, 1)))).mean().backward()
            optimizer.step()
    return (colors + (1 - held) * change.detach()).clamp(0, 1)
