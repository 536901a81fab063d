"""Semantic consistency: pixels and surface points that are alike in feature lie near each other in the picture.

Between pixels p (position u_p in parts of the crop's side, feature f_p) and points q of the posed surface (seen at
x_q, feature F_q), in the manner of LASSIE (Yao et al., NeurIPS 2022) and Hi-LASSIE (CVPR 2023),

    c_pq = |u_p - x_q|^2 / r^2 + |f_p - F_q|^2,
    loss = mean_p min_q c_pq + 0.1 mean_q min_p c_pq,       q among the visible points alone.

Here every point has a feature of its own, the running average of what photos show there; LASSIE has one for each part
and matches points on the far side as well. Left and right points share a feature: what two-dimensional networks see
does not tell them apart. Features are reduced to their principal components and scaled so that |f - f'|^2 is 1 between
two pixels on average.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...representations.camera import project, to_pixels
from ...representations.geometry.farthest_point import farthest_points
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.vertex_sampling import sample_at_vertices
from ...representations.tensor_structure import TensorStructure
from ...scenes.hypotheses.hypotheses import Hypotheses
from ..observe.observations import View

_COMPONENTS = 16
_POINTS = 64
"""On the left half; the right half has as many."""
_PIXELS = 64
_NEAR = 0.25
"""Distance in parts of the crop's side that counts as much as the usual difference between two features."""
_REVERSE = 0.1
_MEMORY = 0.9
"""Share of a point's feature that stays when it is renewed."""


class FeaturePixels(TensorStructure):
    """P foreground pixels of each of N photos, always the same ones, and the maps they come from."""

    position: Float[Tensor, "N P 2"]
    """Column and row in parts of the crop's side."""
    feature: Float[Tensor, "N P D"]
    weight: Float[Tensor, "N P"]
    """1, or 0 where a photo has too few pixels."""
    maps: Float[Tensor, "N h h D"]


def feature_pixels(features: Float[Tensor, "N C h h"], mask: Float[Tensor, "N h h"]) -> FeaturePixels:
    """Pixels under the masks, features reduced and scaled by those of all photos together.

    Raises ValueError where the masks leave fewer than two pixels in all.
    """
    photos, channels, size = features.shape[:3]
    flat = features.detach().permute(0, 2, 3, 1).reshape(photos, -1, channels)
    shown = mask.reshape(photos, -1) > 0.5
    if int(shown.sum()) < 2:
        raise ValueError(f"masks show {int(shown.sum())} pixels of {size}x{size} feature maps; at least 2 are needed")
    inside = flat[shown].double()
    middle = inside.mean(0)
    values, axes = torch.linalg.eigh((inside - middle).T @ (inside - middle) / len(inside))
    axes = axes[:, -_COMPONENTS:]
    # Two independent pixels are apart by twice the variance.
    scale = (2 * values[-_COMPONENTS:].sum()).clamp_min(1e-12).rsqrt()
    reduced = ((flat.double() - middle) @ axes * scale).to(features)
    order = torch.randperm(size * size, generator=torch.Generator().manual_seed(0)).to(features.device)
    # Pixels of the subject first, in an order of no meaning.
    pick = order[shown[:, order].to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :_PIXELS]]
    position = (torch.stack([pick % size, pick // size], dim=-1) + 0.5) / size
    feature = reduced.gather(1, pick[..., None].expand(-1, -1, reduced.shape[-1]))
    weight = shown.gather(1, pick).to(features)
    return FeaturePixels(position.to(features), feature, weight, reduced.reshape(photos, size, size, -1))


class SurfaceFeatures(TensorStructure, frozen=False):
    """What the surface has been seen to look like: K points of the left half, found again on any mesh by reference."""

    reference: Float[Tensor, "K 3"]
    feature: Float[Tensor, "K D"]
    seen: Bool[Tensor, " K"]
    """False while no photo has shown the point or its mirror image."""

    @staticmethod
    def begin(mesh: SkinnedMesh, components: int) -> SurfaceFeatures:
        """Points spread over the reference body (farthest first), nothing seen yet."""
        left = mesh.reference[mesh.reference[:, 0] >= 0].detach()
        count = min(_POINTS, len(left))
        none = torch.zeros(count, components, device=left.device)
        return SurfaceFeatures(
            left[farthest_points(left, count)], none, torch.zeros(count, dtype=torch.bool, device=left.device)
        )

    def on(self, mesh: SkinnedMesh) -> Int[Tensor, " Q"]:
        """The vertices of `mesh` that are nearest to the points and, after them, to their mirror images."""
        other = self.reference * self.reference.new_tensor([-1.0, 1.0, 1.0])
        return torch.cdist(torch.cat([self.reference, other]), mesh.reference.detach()).argmin(1)

    def renew(
        self,
        pixels: FeaturePixels,
        mesh: SkinnedMesh,
        posed: Float[Tensor, "B V 3"],
        hypotheses: Hypotheses,
        view: View,
        responsibility: Float[Tensor, " B"],
    ) -> Bool[Tensor, "B Q"]:
        """Takes in what photos show on the posed surface, by `responsibility`; returns which points each hypothesis can
        see."""
        photo, points = hypotheses.photo, self.on(mesh)
        size = pixels.maps.shape[1]
        lens = view.intrinsics.select(photo).resized(size, size)
        mask = torch.nn.functional.interpolate(view.mask[:, None], size=(size, size), mode="area")[:, 0]
        maps, mask = pixels.maps.index_select(0, photo), mask.index_select(0, photo)
        samples = sample_at_vertices(posed.detach(), mesh.faces, hypotheses.camera(), lens, maps, mask)
        weight = (samples.weight * responsibility[:, None])[:, points]
        total = weight.sum(0).reshape(2, -1).sum(0)
        summed = torch.einsum("bq,bqd->qd", weight, samples.feature[:, points]).reshape(2, len(total), -1).sum(0)
        fresh, enough = summed / total.clamp_min(1e-6)[:, None], total > 1e-3
        kept = torch.where(self.seen[:, None], _MEMORY * self.feature + (1 - _MEMORY) * fresh, fresh)
        self.feature = torch.where(enough[:, None], kept, self.feature)
        self.seen = self.seen | enough
        return (samples.weight[:, points] > 0) & self.seen.repeat(2)

    def state(self) -> dict[str, Any]:
        """All that it is."""
        return dict(vars(self))


def semantic_loss(
    pixels: FeaturePixels,
    surface: SurfaceFeatures,
    visible: Bool[Tensor, "B Q"],
    mesh: SkinnedMesh,
    posed: Float[Tensor, "B V 3"],
    hypotheses: Hypotheses,
    view: View,
) -> Float[Tensor, " B"]:
    """Loss of each hypothesis, differentiable in the posed vertices and cameras; features are held.

    `visible` comes from `SurfaceFeatures.renew`. A hypothesis none of whose points is visible has loss 0.
    """
    photo = hypotheses.photo
    spots = posed.index_select(1, surface.on(mesh))
    lens = view.intrinsics.select(photo)
    seen = to_pixels(project(spots, hypotheses.camera(), lens), lens.width, lens.height) / lens.width
    position, weight = pixels.position.index_select(0, photo), pixels.weight.index_select(0, photo)
    unlike = torch.cdist(pixels.feature, surface.feature.expand(len(pixels.feature), -1, -1)).square()
    unlike = unlike.repeat(1, 1, 2).index_select(0, photo)
    with torch.no_grad():
        both = unlike.clone()
        for axis in range(2):
            both += (position[:, :, None, axis] - seen[:, None, :, axis]).square() / _NEAR**2
        # What is hidden or no pixel of the subject is nobody's nearest.
        point = (both + (~visible[:, None]) * 1e6).argmin(2)
        pixel = both.add_((weight[..., None] == 0) * 1e6).argmin(1)
    found = seen.gather(1, point[..., None].expand(-1, -1, 2))
    forward = (position - found).square().sum(-1) / _NEAR**2 + unlike.gather(2, point[..., None])[..., 0]
    target = position.gather(1, pixel[..., None].expand(-1, -1, 2))
    backward = (seen - target).square().sum(-1) / _NEAR**2 + unlike.gather(1, pixel[:, None])[:, 0]
    shown = visible.to(seen)
    forward = (forward * weight).sum(1) / weight.sum(1).clamp_min(1)
    backward = (backward * shown).sum(1) / shown.sum(1).clamp_min(1)
    any_visible = visible.any(1)
    return torch.where(any_visible, forward + _REVERSE * backward, 0 * backward)
