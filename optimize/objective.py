"""What a fit makes small: the sum of named terms, each with its weight in `stage.Weights`.

A weight of 0 switches a term off, and what costs something is not computed then.

Of each hypothesis (one hypothesis of one photo):

* `pyramid`, `silhouette`: coverage against the mask, over several scales or as it is; unknown pixels do not count;
* `outside`: what stands beyond the mask, along its distance map;
* `canonical`, `view`, `semantic`: what semantic priors say (`prior_terms`);
* `texture`: the pattern that the other photos have put onto the surface;
* `camera`, `pose`: how usual view and posture are;
* `collision`: how deep limbs run into each other; `ground`: how far feet are off the ground;
* `instance`: how far the photo's own shape is from the shared one, the dearer the less of the body the photo can judge;
* terms that a fit does not know of (`term.Term`).

Of what all photos share: the surface's own regularisers by name, `rest_pose`, the smoothness of the resting mesh
(`mesh_laplacian`, `mesh_normal`), and what a diffusion prior says of the subject from elsewhere (`diffusion`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..representations.body.skeleton import Skeleton
from ..representations.camera import project, to_pixels
from ..representations.geometry.mesh import SkinnedMesh
from ..representations.rendering.coverage import coverage
from ..representations.rendering.silhouette import blur_pyramid_loss, outside_loss
from ..representations.rendering.topology import Topology
from ..representations.tensor_structure import TensorStructure
from ..scenes.scene import Scene
from .losses.camera_and_pose_prior import camera_prior, pose_prior
from .losses.collision import collision_loss
from .losses.ground import ground_loss
from .losses.loss_term import RenderedStep, Term
from .losses.mesh_smoothness import laplacian_loss, normal_loss
from .losses.pose_spread import limit_spread, pose_spread
from .losses.prior_terms import PriorTerms
from .losses.texture_loss import texture_loss
from .observe.observations import Observations, View
from .schedule.stage import Weights
from .texture.novel_views import NovelViews


class Losses(TensorStructure):
    """What one look at a scene costs."""

    per_hypothesis: Float[Tensor, " B"]
    shared: Float[Tensor, ""]
    logged: dict[str, float]
    """Means of all terms, and the overlap with the masks of each photo's best hypothesis as `iou`."""


class PhotoTerms(TensorStructure):
    """What photos say of posed bodies."""

    terms: dict[str, Tensor]
    """Weighted, (B,) each."""
    seen: Float[Tensor, "B S S"]
    """Coverage."""
    clip: Float[Tensor, "B V 4"]
    mask: Float[Tensor, "B S S"]
    valid: Float[Tensor, "B S S"]
    """Both are those of each hypothesis's photo."""


class _Body(TensorStructure):
    """What stays the same as long as the mesh has the same faces."""

    topology: Topology
    spread: Float[Tensor, "J 3"]
    """Usual deviations of the joints' rotations."""


class Objective:
    """The terms of one fit, set up for one mesh at a time."""

    def __init__(
        self,
        observations: Observations,
        terms: Sequence[Term] = (),
        *,
        gaits: bool = True,
        novel: NovelViews | None = None,
    ) -> None:
        """`gaits`: whether motions that the body plan can do say which poses are usual, or joint limits alone; `novel`:
        what a diffusion prior says, if there is one."""
        self._gaits = gaits
        self._novel = novel
        self.priors = PriorTerms(observations)
        self.terms = tuple(terms)
        self._body: _Body | None = None

    @property
    def attached(self) -> bool:
        """Whether there is a mesh that it is set up for."""
        return self._body is not None

    def attach(self, mesh: SkinnedMesh, skeleton: Skeleton) -> None:
        """Sets up what depends on faces and body plan alone."""
        spread = (pose_spread if self._gaits else limit_spread)(skeleton).to(mesh.vertices)
        self._body = _Body(Topology.of(mesh.faces), spread)
        if self._novel is not None:
            self._novel.attach(self._body.topology)
        self.priors.attach(mesh)

    def renew(
        self,
        scene: Scene,
        view: View,
        responsibility: Float[Tensor, " B"],
        weights: Weights,
        done: float,
        *,
        own_shape: bool,
    ) -> None:
        """Looks at the scene as it stands with the eyes of the priors, weighting hypotheses by their `responsibility`,
        when `done` of the stage is over; what they say then holds until the next time."""
        self.priors.renew(scene, view, responsibility, weights, own_shape=own_shape)
        if self._novel is not None and weights.diffusion > 0:
            self._novel.renew(scene, view, responsibility, done)

    def leave(self, *, forget: bool = False) -> None:
        """At the end of a stage: hypotheses change, and with `forget` so does the body, which is to be seen anew."""
        self.priors.leave(forget=forget)
        if self._novel is not None:
            self._novel.forget()

    def state(self) -> dict[str, Any]:
        """What later steps need and cannot find again."""
        return {"priors": self.priors.state(), "novel": None if self._novel is None else self._novel.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned."""
        self.priors.restore(state["priors"])
        if self._novel is not None:
            self._novel.restore(state["novel"])

    def losses(
        self,
        scene: Scene,
        view: View,
        weights: Weights,
        expected_colors: Float[Tensor, "N V 3"] | None,
        *,
        own_shape: bool,
        rows: Int[Tensor, " K"] | None = None,
    ) -> Losses:
        """The scene seen in `view`; `expected_colors`: the colours that each photo expects on the surface from all
        others.

        `rows`: those to be looked at, by default all; losses come in their order.
        """
        assert self._body is not None
        whole = scene
        if rows is not None:
            scene = scene.part(rows)
        hypotheses, mesh, skeleton = scene.hypotheses, scene.surface.shared(), scene.surface.skeleton()
        photo = hypotheses.photo
        transforms = scene.transforms(skeleton)
        vertices = scene.posed(mesh, transforms, own_shape=own_shape)
        evidence = self.evidence(scene, mesh, vertices, transforms, view, weights, expected_colors, rows)
        terms, seen, mask, valid = evidence.terms, evidence.seen, evidence.mask, evidence.valid
        terms["camera"] = camera_prior(hypotheses, weights)
        terms["pose"] = pose_prior(hypotheses, scene.shared_pose(), skeleton, self._body.spread, weights)
        if weights.collision > 0:
            terms["collision"] = weights.collision * collision_loss(mesh, skeleton, transforms)
        if weights.ground > 0:
            terms["ground"] = weights.ground * ground_loss(skeleton, transforms)
        if weights.instance > 0 and own_shape:
            own = scene.surface.individuality().index_select(0, photo)
            terms["instance"] = weights.instance * own * _stiffness(seen.detach(), valid)
        rendered = RenderedStep(mesh, vertices, evidence.clip, seen, view, hypotheses)
        for term in self.terms:
            terms[term.name] = term.weight * term(rendered)
        total = torch.stack(list(terms.values())).sum(0)
        shared, regularizers = self.shared(scene, weights, mesh)
        if self._novel is not None and weights.diffusion > 0:
            regularizers["diffusion"] = weights.diffusion * self._novel.loss(whole, mesh, view)
            shared = shared + regularizers["diffusion"]
        with torch.no_grad():
            logged = {name: float(value.mean()) for name, value in (terms | regularizers).items()}
            overlap = (seen * mask).sum((1, 2)) / torch.maximum(seen * valid, mask).sum((1, 2)).clamp_min(1e-6)
            logged["iou"] = float(overlap[hypotheses.best(total, 1)].mean())
        return Losses(total, shared, logged)

    def evidence(
        self,
        scene: Scene,
        mesh: SkinnedMesh,
        vertices: Float[Tensor, "B V 3"],
        transforms: Float[Tensor, "B J 3 4"],
        view: View,
        weights: Weights,
        expected_colors: Float[Tensor, "N V 3"] | None,
        rows: Int[Tensor, " B"] | None = None,
    ) -> PhotoTerms:
        """The weighted terms in which photos have a say, of posed `vertices`; `transforms`: rest-to-posed maps.

        `rows`: which ones of a larger scene these are.
        """
        assert self._body is not None
        hypotheses, topology = scene.hypotheses, self._body.topology
        photo = hypotheses.photo
        clip = project(vertices, hypotheses.camera(), view.intrinsics.select(photo))
        seen = coverage(clip, mesh.faces, (view.size, view.size), topology)
        mask, valid = view.mask.index_select(0, photo), view.valid.index_select(0, photo)
        terms: dict[str, Tensor] = {}
        if weights.pyramid > 0:
            terms["pyramid"] = weights.pyramid * blur_pyramid_loss(seen, mask, valid)
        if weights.silhouette > 0:
            terms["silhouette"] = weights.silhouette * blur_pyramid_loss(seen, mask, valid, levels=1)
        if weights.outside > 0:
            beyond = outside_loss(to_pixels(clip, view.size, view.size), view.outside.index_select(0, photo))
            terms["outside"] = weights.outside / view.size * beyond
        if weights.texture > 0 and expected_colors is not None:
            expected, colors = expected_colors.index_select(0, photo), view.opponent.index_select(0, photo)
            shown = view.shown.index_select(0, photo)
            terms["texture"] = weights.texture * texture_loss(clip, mesh.faces, topology, expected, colors, shown)
        terms |= self.priors.losses(scene, mesh, vertices, transforms, view, weights, rows)
        return PhotoTerms(terms, seen, clip, mask, valid)

    def shared(self, scene: Scene, weights: Weights, mesh: SkinnedMesh) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of what all photos share, and its terms; `mesh` is the shared one."""
        assert self._body is not None
        terms = {
            name: getattr(weights, name) * value
            for name, value in scene.surface.regularizers().items()
            if getattr(weights, name) > 0
        }
        if weights.mesh_laplacian > 0:
            terms["mesh_laplacian"] = weights.mesh_laplacian * laplacian_loss(mesh.vertices, self._body.topology)
        if weights.mesh_normal > 0:
            terms["mesh_normal"] = weights.mesh_normal * normal_loss(mesh.vertices, self._body.topology)
        terms["rest_pose"] = weights.rest_pose * scene.rest_pose.square().sum(-1).mean()
        return torch.stack(list(terms.values())).sum(), terms


def _stiffness(seen: Float[Tensor, "B S S"], valid: Float[Tensor, "B S S"]) -> Float[Tensor, " B"]:
    """What a photo's own shape costs: 1 where all of the body is in a known place, 4 where half of it may be hidden."""
    share = (seen * valid).sum((1, 2)) / seen.sum((1, 2)).clamp_min(1e-6)
    return share.clamp_min(0.25).square().reciprocal()
