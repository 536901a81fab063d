"""What semantic priors add to a fit's loss, and what has to be kept for that from step to step.

Canonical maps: their pixels, chosen once, and the points of the present mesh that they speak of. Feature maps: their
pixels, chosen once, what the surface has been seen to look like, and which of its points each hypothesis sees.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.geometry.mesh import SkinnedMesh
from ...scenes.scene import Scene
from ..observe.observations import Observations, View
from ..schedule.stage import Weights
from .canonical_loss import canonical_loss
from .canonical_matches import CanonicalMatches, choose_pixels, match_to_mesh
from .semantic_loss import SurfaceFeatures, feature_pixels, semantic_loss
from .view_prior import view_loss


class PriorTerms:
    """The terms of those priors whose maps the observations hold; none of them, and it does nothing."""

    def __init__(self, observations: Observations) -> None:
        maps, features = observations.canonical, observations.features
        self._canonical_pixels, self._views = None, None if maps is None else maps.view
        if maps is not None:
            self._canonical_pixels = choose_pixels(maps, observations.at(maps.foreground.shape[1]).mask)
        self._pixels = None
        if features is not None:
            self._pixels = feature_pixels(features, observations.at(features.shape[-1]).mask)
        self._matches: CanonicalMatches | None = None
        self._surface: SurfaceFeatures | None = None
        self._visible: Tensor | None = None

    def attach(self, mesh: SkinnedMesh) -> None:
        """Finds the places that canonical maps name on a mesh of another topology."""
        if self._canonical_pixels is not None:
            self._matches = match_to_mesh(self._canonical_pixels, mesh)

    def renew(
        self, scene: Scene, view: View, responsibility: Float[Tensor, " B"], weights: Weights, *, own_shape: bool
    ) -> None:
        """Looks at what photos show on the surface as it stands, weighting hypotheses by their `responsibility`."""
        if self._pixels is None or weights.semantic <= 0:
            return
        with torch.no_grad():
            mesh = scene.surface.shared()
            if self._surface is None:
                self._surface = SurfaceFeatures.begin(mesh, self._pixels.maps.shape[-1])
            posed = scene.posed(mesh, own_shape=own_shape)
            self._visible = self._surface.renew(self._pixels, mesh, posed, scene.hypotheses, view, responsibility)

    def losses(
        self,
        scene: Scene,
        mesh: SkinnedMesh,
        posed: Float[Tensor, "B V 3"],
        transforms: Float[Tensor, "B J 3 4"],
        view: View,
        weights: Weights,
        rows: Int[Tensor, " B"] | None = None,
    ) -> dict[str, Float[Tensor, " B"]]:
        """Weighted losses of every hypothesis by name; what is not known yet is left out.

        `posed`: the vertices of `mesh` under `transforms`, the rest-to-posed maps; `rows`: which of the hypotheses that
        `renew` has seen these are, by default all.
        """
        terms: dict[str, Tensor] = {}
        if self._canonical_pixels is not None and self._matches is not None and weights.canonical > 0:
            terms["canonical"] = weights.canonical * canonical_loss(
                self._canonical_pixels,
                self._matches,
                mesh,
                transforms,
                scene.hypotheses,
                view.intrinsics,
                weights.canonical_reach,
            )
        if self._views is not None and weights.view > 0:
            azimuth_deg = scene.hypotheses.camera().orbit().azimuth_deg
            terms["view"] = weights.view * view_loss(self._views, scene.hypotheses.photo, azimuth_deg)
        if self._visible is not None and weights.semantic > 0:
            assert self._pixels is not None
            assert self._surface is not None
            visible = self._visible if rows is None else self._visible.index_select(0, rows)
            semantic = semantic_loss(self._pixels, self._surface, visible, mesh, posed, scene.hypotheses, view)
            terms["semantic"] = weights.semantic * semantic
        return terms

    def leave(self, *, forget: bool = False) -> None:
        """At the end of a stage: hypotheses change, and with `forget` so does the body, which is to be seen anew."""
        self._visible = None
        if forget:
            self._surface = None

    def state(self) -> dict[str, Any]:
        """What later steps need and cannot find again."""
        return {"surface": None if self._surface is None else self._surface.state(), "visible": self._visible}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to what `state` returned."""
        self._surface = None if state["surface"] is None else SurfaceFeatures(**state["surface"])
        self._visible = state["visible"]
