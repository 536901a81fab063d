"""Do all photos agree on the subject's colours? The witness that tells front from rear where outlines cannot.

Every account of a photo puts the photo's pixels onto the surface. Put on rightly, the photos agree; an account that
takes the rear for the front puts the rump's pixels onto the face, and disagrees with the rest. The shared colours and
the accounts' credit are found together by a few rounds of expectation maximisation, in which a photo is never judged by
colours of its own.

Works on any per-pixel feature; colours here, semantic features alike.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..representations.camera import Camera, Intrinsics, project, to_pixels
from ..representations.mesh import vertex_normals
from ..representations.rendering.fragment import Fragments, rasterize
from ..representations.tensor_structure import TensorStructure
from .hypothesis import least_by_photo, responsibilities

_LIGHTNESS = 0.3
_BESIDE_MAPS = 0.5
"""Weight of colours where canonical maps tell front from rear as well."""
_LEAST_SAY = 0.25
_EXPLAINED = 0.5
"""Share of the variance of a photo's colours that others explain, from which on colours have their full weight."""


class Sample(TensorStructure):
    """Features that each of B accounts puts onto the V vertices."""

    feature: Float[Tensor, "B V C"]
    weight: Float[Tensor, "B V"]
    """How well the vertex is seen: 0 hidden or off the mask, up to 1 facing the camera."""


def sample(
    vertices: Float[Tensor, "B V 3"],
    faces: Int[Tensor, "F 3"],
    camera: Camera,
    intrinsics: Intrinsics,
    feature: Float[Tensor, "B S S C"],
    mask: Float[Tensor, "B S S"],
) -> Sample:
    """Bilinear look-up of the pictures at the projections of posed vertices, weighted by visibility and facing."""
    size = mask.shape[1]
    clip = project(vertices, camera, intrinsics)
    visible = visible_vertices(rasterize(clip, faces, (size, size)), faces, vertices.shape[1])
    centre = camera.world_from_camera()[:, :3, 3]
    viewing = torch.nn.functional.normalize(centre[:, None] - vertices, dim=-1)
    facing = (vertex_normals(vertices, faces) * viewing).sum(-1)
    grid = (to_pixels(clip, size, size) / size * 2 - 1)[:, None]
    # Border pixels mix subject and background: colours are averaged under the mask.
    channels = torch.cat([feature * mask[..., None], mask[..., None]], dim=-1).permute(0, 3, 1, 2)
    looked_up = torch.nn.functional.grid_sample(channels, grid, align_corners=False)[:, :, 0].transpose(1, 2)
    share = looked_up[..., -1]
    color = looked_up[..., :-1] / share[..., None].clamp_min(1e-3)
    weight = visible.float() * facing.clamp(0, 1) * (share > 0.7)
    return Sample(color, weight)


def opponent_colors(rgb: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3"]:
    """Lightness, red-green and yellow-blue, lightness scaled down: shading changes it while the coat stays the same."""
    r, g, b = rgb.unbind(-1)
    return torch.stack([_LIGHTNESS * (r + g + b) / 3**0.5, (r - g) / 2**0.5, (r + g - 2 * b) / 6**0.5], dim=-1)


def visible_vertices(fragments: Fragments, faces: Int[Tensor, "F 3"], vertex_count: int) -> Bool[Tensor, "B V"]:
    """Vertices of faces that are seen in at least one pixel."""
    batch = fragments.face.shape[0]
    face = fragments.face.reshape(batch, -1).long()
    seen_faces = torch.zeros(batch, faces.shape[0] + 1, dtype=torch.bool, device=face.device)
    # -1 (nothing seen) goes into the extra last column.
    seen_faces.scatter_(1, face.where(face >= 0, faces.shape[0]), True)
    picture, which = seen_faces[:, :-1].nonzero(as_tuple=True)
    seen = torch.zeros(batch, vertex_count, dtype=torch.bool, device=face.device)
    for corner in range(3):
        seen[picture, faces[which, corner]] = True
    return seen


def folded(mirror: Int[Tensor, " V"]) -> Int[Tensor, " V"]:
    """The lower index of each vertex and its mirror image: left and right share a place."""
    return torch.minimum(mirror, torch.arange(len(mirror), device=mirror.device))


class Gathered(TensorStructure):
    """What every account has put onto each place, left and right being one; whoever is believed in the end."""

    weight: Float[Tensor, "B V"]
    feature: Float[Tensor, "B V C"]
    """Weighted sums."""
    fold: Int[Tensor, " V"]


def gathered(samples: Sample, fold: Int[Tensor, " V"]) -> Gathered:
    """`fold` is `folded(mirror)`."""
    batch, vertex_count, channels = samples.feature.shape
    none = samples.feature.new_zeros(batch, vertex_count, channels)
    weight = none[..., 0].index_add(1, fold, samples.weight)
    feature = none.index_add(1, fold, samples.feature * samples.weight[..., None])
    return Gathered(weight, feature, fold)


def others(
    found: Gathered, photo: Int[Tensor, " B"], credit: Float[Tensor, " B"], prior_strength: float = 0.5
) -> Float[Tensor, "N V C"]:
    """For each photo, the mean feature that all OTHER photos put onto each vertex.

    `credit` says how far each account is believed (sums to one over a photo). Places that the other photos hardly show
    get the mean feature over the whole body, which `prior_strength` photos' worth of evidence stands for.
    """
    none = found.feature.new_zeros(int(photo.max()) + 1, *found.feature.shape[1:])
    believed = none[..., 0].index_add(0, photo, found.weight * credit[:, None])
    painted = none.index_add(0, photo, found.feature * credit[:, None, None])
    # No photo outweighs another in a place because it is seen twice there.
    norm = believed.clamp_min(1.0)
    believed, painted = believed / norm, painted / norm[..., None]
    total_weight, total = believed.sum(0), painted.sum(0)
    mean = total.sum(0) / total_weight.sum().clamp_min(1e-6)
    other_weight = (total_weight - believed).clamp_min(0)
    other = (total - painted + prior_strength * mean) / (other_weight + prior_strength)[..., None]
    return other.index_select(1, found.fold)


def disagreement(
    samples: Sample,
    fold: Int[Tensor, " V"],
    photo: Int[Tensor, " B"],
    credit: Float[Tensor, " B"],
    prior_strength: float = 0.5,
) -> Float[Tensor, " B"]:
    """Mean squared feature distance of each account to what the other photos put in the same place; see `others`."""
    return departure(samples, photo, others(gathered(samples, fold), photo, credit, prior_strength))


def departure(samples: Sample, photo: Int[Tensor, " B"], expected: Float[Tensor, "N V C"]) -> Float[Tensor, " B"]:
    """Mean squared feature distance of each account to what is `expected` of its photo, such as `others`."""
    distance = (samples.feature - expected.index_select(0, photo)).square().sum(-1)
    return (distance * samples.weight).sum(1) / samples.weight.sum(1).clamp_min(1e-6)


def settle(
    samples: Sample,
    fold: Int[Tensor, " V"],
    photo: Int[Tensor, " B"],
    loss: Float[Tensor, " B"],
    weight: float,
    rounds: int = 20,
    *,
    alone: bool = True,
) -> Float[Tensor, " B"]:
    """Loss and disagreement together after expectation maximisation over the accounts' credit.

    Each is measured in units of its typical value for a good account (the median over photos of the least), since how
    much colours vary differs from subject to subject, or of the photo's own least disagreement where that is more:
    combined = loss / typical + weight * disagreement / max(typical, own least).
    Credit starts from `loss` alone and hardens over the rounds. Beside canonical maps `weight` is halved, and is less
    where other photos explain little of a photo's colours, since every photo shows another individual's coat (see
    `say`). Not so where colours are `alone` in telling front from rear: while most accounts are wrong, nothing explains
    anything.
    """
    loss = loss / _typical(photo, loss)
    combined, found = loss, gathered(samples, fold)
    for k in range(rounds):
        credit = responsibilities(photo, combined, softness=0.5 * (1 - k / rounds) + 0.05)
        differing = departure(samples, photo, others(found, photo, credit))
        told = 1.0 if alone else _BESIDE_MAPS * say(samples, photo, credit, differing)
        # A photo in odd light disagrees with the rest however it is seen: that is no evidence for one view or another.
        usual = least_by_photo(photo, differing).clamp_min(_typical(photo, differing)).index_select(0, photo)
        combined = loss + weight * told * differing / usual
    return combined


def say(
    samples: Sample, photo: Int[Tensor, " B"], credit: Float[Tensor, " B"], differing: Float[Tensor, " B"]
) -> Float[Tensor, ""]:
    """How far colours are to be listened to: by the share of their variance that other photos explain.

    It rises from a floor, since faces and backs differ on all coats, to 1 at `_EXPLAINED`. `differing` is the
    `disagreement` of each account.
    """
    explained = (1 - _typical(photo, differing) / _variance(samples, credit)) / _EXPLAINED
    return _LEAST_SAY + (1 - _LEAST_SAY) * explained.clamp(0, 1)


def _variance(samples: Sample, credit: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Of all features on the body, by how well they are seen and how far their accounts are believed."""
    weight = samples.weight * credit[:, None]
    total = weight.sum().clamp_min(1e-6)
    mean = (samples.feature * weight[..., None]).sum((0, 1)) / total
    return (((samples.feature - mean).square().sum(-1) * weight).sum() / total).clamp_min(1e-8)


def _typical(photo: Int[Tensor, " B"], values: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    return least_by_photo(photo, values).median().clamp_min(1e-8)
