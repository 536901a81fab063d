"""Which pixels of the canonical maps a fit listens to, and which points of the mesh they speak of.

A pixel says "I show this place of the reference body, by p on the left". The mesh carries the same coordinates, so the
place leads to a point of its surface: the nearest one in reference space, once for either side. Neither depends on
pose or shape, so both are found once and stay while a stage lasts.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...priors.canonical import CanonicalMaps
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.geometry.signed_distance import closest_points
from ...representations.tensor_structure import TensorStructure

GROUPS = ("body", "forelimbs", "hindlimbs")
"""Pixels whose sides are mistaken together."""
_LIMB_HEIGHT = -0.1
"""Below it the reference body has nothing but limbs and what hangs from the head."""
_HEAD_DEPTH = 1.0
"""In front of it there is nothing but the head and what hangs from it."""
_SPREAD = 0.1
"""Of `CanonicalMaps.spread`, at which a pixel counts half."""
_APART = 0.15
"""Distance between a pixel's place and the nearest place that the mesh has, at which a pixel counts half."""
_LEAST_FOREGROUND = 0.5


class CanonicalPixels(TensorStructure):
    """P pixels of each of N photos, and what the canonical maps say of them."""

    pixel: Float[Tensor, "N P 2"]
    """Column and row in parts of the crop's side."""
    canonical_xyz: Float[Tensor, "N P 3"]
    """On the reference body, x never negative."""
    left: Float[Tensor, "N P"]
    """Probability of the left side."""
    spread: Float[Tensor, "N P"]
    """Laplace scale of the error of `canonical_xyz`."""
    weight: Float[Tensor, "N P"]
    """How far the pixel is believed; sums to at most 1 over a photo, less where the maps are unsure."""
    group: Int[Tensor, "N P"]
    """Index into `GROUPS`."""


class CanonicalMatches(TensorStructure):
    """For each pixel the point of a mesh on the left (the first P) and on the right (the next P)."""

    corner: Int[Tensor, "N Q 3"]
    """Vertices of the face that holds it."""
    share: Float[Tensor, "N Q 3"]
    """Barycentric coordinates."""
    skin: Float[Tensor, "N Q J"]
    """Skin weights."""
    weight: Float[Tensor, "N P"]
    """Those of the pixels, less where the mesh has no such place: a horn on a hornless template says nothing."""


def choose_pixels(maps: CanonicalMaps, mask: Float[Tensor, "N H W"], count: int = 64) -> CanonicalPixels:
    """`count` pixels of each photo under its mask, always the same ones.

    Parts get pixels by the square root of their area, or feet and ears would have none. A photo whose maps and mask
    share no foreground has pixels of weight 0.
    """
    foreground = (maps.foreground * mask).detach().cpu()
    label = maps.part.argmax(1).cpu()
    height, width = foreground.shape[1:]
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(0))
    picks, found = [], []
    for photo in range(len(foreground)):
        shown = order[foreground[photo].reshape(-1)[order] > _LEAST_FOREGROUND]
        chosen = _stratified(shown, label[photo].reshape(-1)[shown], count)
        picks.append(torch.nn.functional.pad(chosen, (0, count - len(chosen))))
        found.append(torch.arange(count) < len(chosen))
    pick, real = torch.stack(picks).to(maps.canonical_xyz.device), torch.stack(found).to(maps.canonical_xyz)
    row, column = pick // width, pick % width
    pixel = torch.stack([(column + 0.5) / width, (row + 0.5) / height], dim=-1)

    def at(values: Tensor) -> Tensor:
        return values.detach().reshape(len(pick), height * width, -1).gather(1, pick[..., None])[..., 0]

    canonical_xyz = torch.stack([at(maps.canonical_xyz[..., axis].contiguous()) for axis in range(3)], dim=-1)
    spread = at(maps.spread)
    weight = real * at(foreground.to(pixel)) / (1 + (spread / _SPREAD).square())
    limb = (canonical_xyz[..., 1] < _LIMB_HEIGHT) & (canonical_xyz[..., 2] < _HEAD_DEPTH)
    group = torch.where(limb, torch.where(canonical_xyz[..., 2] > 0, 1, 2), 0)
    return CanonicalPixels(pixel, canonical_xyz, at(maps.left), spread, weight / count, group)


def match_to_mesh(pixels: CanonicalPixels, mesh: SkinnedMesh) -> CanonicalMatches:
    """The points of `mesh` that are nearest to the pixels' places, in reference space, on either side."""
    left = pixels.canonical_xyz.detach().double().cpu()
    both = torch.cat([left, left * left.new_tensor([-1.0, 1.0, 1.0])], dim=1)
    faces, part = mesh.faces.cpu(), mesh.part.cpu()
    # A face between two parts may span half the reference body.
    whole = faces[(part[faces] == part[faces[:, :1]]).all(1)]
    reference = mesh.reference.detach().double().cpu().numpy()
    found, barycentric, distance = closest_points(both.reshape(-1, 3).numpy(), reference, whole.numpy())
    shape, device = both.shape[:2], mesh.vertices.device
    corner = whole[torch.from_numpy(found)].reshape(*shape, 3).to(device)
    share = torch.from_numpy(barycentric.astype(np.float32)).reshape(*shape, 3).to(device)
    skin = (mesh.weights.detach()[corner] * share[..., None]).sum(2)
    apart = torch.from_numpy(distance.astype(np.float32)).reshape(*shape).to(device)[:, : pixels.canonical_xyz.shape[1]]
    return CanonicalMatches(corner, share, skin, pixels.weight / (1 + (apart / _APART).square()))


def _stratified(shown: Int[Tensor, " M"], label: Int[Tensor, " M"], count: int) -> Int[Tensor, " K"]:
    """At most `count` of the pixels `shown`, in their order, parts by the square root of their areas."""
    if len(shown) <= count:
        return shown
    labels, inverse, area = label.unique(return_inverse=True, return_counts=True)
    # The k-th pixel of a part comes at time (k + 1/2) / sqrt(area): the first `count` are taken.
    rank = torch.zeros(len(shown))
    for one in range(len(labels)):
        rank[inverse == one] = torch.arange(int(area[one])).float()
    time = (rank + 0.5) / area.float().sqrt()[inverse]
    return shown[time.argsort(stable=True)[:count]]
