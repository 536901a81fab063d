"""Do pixels lie where the body's points that they claim to show are seen? The dense loss on canonical maps.

A pixel u with its place on the reference body names a point X_L of the left and X_R of the right surface (`pixel`), and
is on the left with probability p. Seen from a posed body's camera pi it is explained as well as

    k(X) = f(X) / (1 + |pi(X) - u|^2 / s^2),        m = p k(X_L) + (1 - p) k(X_R),
    e    = log(e0 + (1 - e0) m) / log e0,           s^2 = reach^2 + (scale * spread)^2,

where k is the kernel of Geman and McClure's estimator (1987), f a smooth step from 0 to 1 of the cosine between normal
and viewing direction (a pixel cannot show what turns away from it, which tells front from rear), and e0 the share of
pixels that speak nonsense. The loss is the weighted sum of e over a photo's pixels, 0 to 1 where all are believed.

Left and right are what such maps get wrong, and they get it wrong together: for the whole body, both forelimbs or both
hindlimbs at once. So each of these groups counts with sides as they are said, or exchanged at a price, whichever is
less. No visibility behind other parts is computed: nothing is rasterised.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.camera import Intrinsics, project, to_pixels
from ...representations.geometry.mesh import SkinnedMesh
from ...scenes.hypotheses.hypotheses import Hypotheses
from .canonical_matches import GROUPS, CanonicalMatches, CanonicalPixels

_NONSENSE = 0.05
_FACING = 0.15
"""Cosine between normal and viewing direction at which visibility is 0.73; at 0 it is one half."""
_SCALE = 0.25
"""Parts of the crop's side per unit of the reference body, roughly."""
_EXCHANGE = 0.15
"""Price of exchanging a group's sides, in parts of its largest possible loss."""


def canonical_loss(
    pixels: CanonicalPixels,
    matches: CanonicalMatches,
    mesh: SkinnedMesh,
    transforms: Float[Tensor, "B J 3 4"],
    hypotheses: Hypotheses,
    intrinsics: Intrinsics,
    reach: float,
) -> Float[Tensor, " B"]:
    """Loss of each hypothesis of `hypotheses`, differentiable in cameras, pose and shared shape.

    `transforms` are the rest-to-posed maps of the hypotheses' joints, `intrinsics` those of all N photos' crops;
    `reach` is the error in parts of the crop's side at which a pixel counts half. Individuals' own shapes are left out.
    """
    photo = hypotheses.photo
    canonical_xyz, normal = _rest_points(matches, mesh)
    seen, facing = _look(canonical_xyz, normal, matches, transforms, hypotheses, intrinsics)
    count = pixels.canonical_xyz.shape[1]
    pixel, spread = pixels.pixel.index_select(0, photo), pixels.spread.index_select(0, photo)
    scale = reach**2 + (_SCALE * spread).square()
    visible = torch.sigmoid(facing / _FACING)
    kernel = visible / (1 + (seen - pixel.repeat(1, 2, 1)).square().sum(-1) / scale.repeat(1, 2))
    left, right = kernel[:, :count], kernel[:, count:]
    side = pixels.left.index_select(0, photo)
    weight = matches.weight.index_select(0, photo)
    member = (
        torch.nn.functional.one_hot(pixels.group, len(GROUPS)).to(weight).index_select(0, photo) * weight[..., None]
    )
    said = (_cost(side * left + (1 - side) * right)[:, None] @ member)[:, 0]
    exchanged = (_cost((1 - side) * left + side * right)[:, None] @ member)[:, 0] + _EXCHANGE * member.sum(1)
    return torch.minimum(said, exchanged).sum(1)


def _cost(explained: Float[Tensor, "B P"]) -> Float[Tensor, "B P"]:
    return (_NONSENSE + (1 - _NONSENSE) * explained).log() / math.log(_NONSENSE)


def _rest_points(matches: CanonicalMatches, mesh: SkinnedMesh) -> tuple[Float[Tensor, "N Q 3"], Float[Tensor, "N Q 3"]]:
    """The matched points of the resting mesh, and the unit normals there."""
    corner = mesh.vertices.index_select(0, matches.corner.reshape(-1)).reshape(*matches.corner.shape, 3)
    a, b, c = corner.unbind(2)
    with torch.no_grad():
        normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=-1)
    return (corner * matches.share[..., None]).sum(2), normal


def _look(
    canonical_xyz: Float[Tensor, "N Q 3"],
    normal: Float[Tensor, "N Q 3"],
    matches: CanonicalMatches,
    transforms: Float[Tensor, "B J 3 4"],
    hypotheses: Hypotheses,
    intrinsics: Intrinsics,
) -> tuple[Float[Tensor, "B Q 2"], Float[Tensor, "B Q"]]:
    """Where the posed points are seen, in parts of the crop's side, and the cosine by which they face the camera.

    The cosine carries no gradient: a body that turns a place out of sight should not do so to be rid of its pixel.
    """
    photo, camera = hypotheses.photo, hypotheses.camera()
    batch, joints = transforms.shape[:2]
    blended = matches.skin.index_select(0, photo) @ transforms.reshape(batch, joints, 12)
    blended = blended.reshape(batch, -1, 3, 4)
    posed = _turned(blended, canonical_xyz.index_select(0, photo)) + blended[..., 3]
    with torch.no_grad():
        outward = _turned(blended, normal.index_select(0, photo))
        centre = -(camera.rotation().transpose(1, 2) @ camera.translation()[..., None])[..., 0]
        towards = centre[:, None] - posed
        length = outward.norm(dim=-1) * towards.norm(dim=-1)
        facing = (outward * towards).sum(-1) / length.clamp_min(1e-12)
    lens = intrinsics.select(photo)
    pixels = to_pixels(project(posed, camera, lens), lens.width, lens.height)
    return pixels / lens.width, facing


def _turned(maps: Float[Tensor, "B Q 3 4"], vectors: Float[Tensor, "B Q 3"]) -> Float[Tensor, "B Q 3"]:
    """The linear parts of `maps` on `vectors`; column by column, which is several times as fast as a sum over three."""
    x, y, z = vectors.unbind(-1)
    return maps[..., 0] * x[..., None] + maps[..., 1] * y[..., None] + maps[..., 2] * z[..., None]
