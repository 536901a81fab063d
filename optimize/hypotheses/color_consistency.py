"""Do all photos agree on the subject's colours? This tells front from rear where outlines cannot.

Every hypothesis of a photo puts the photo's pixels onto the surface. Put on rightly, the photos agree; a hypothesis
that takes the rear for the front puts the rump's pixels onto the face, and disagrees with the rest. The shared colours
and the hypotheses' responsibility are found together by a few rounds of expectation maximisation, in which a photo is
never judged by colours of its own.

Works on any per-pixel feature; colours here, semantic features alike.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ...representations.rendering.vertex_sampling import VertexSamples
from ...representations.tensor_structure import TensorStructure
from ...scenes.hypotheses.selection import least_by_photo, responsibilities

_BESIDE_MAPS = 0.5
"""Weight of colours where canonical maps tell front from rear as well."""
_LEAST_SAY = 0.25
_EXPLAINED = 0.5
"""Share of the variance of a photo's colours that others explain, from which on colours have their full weight."""


class VertexSums(TensorStructure):
    """What every hypothesis has put onto each place, left and right being one; whoever is believed in the end."""

    weight: Float[Tensor, "B V"]
    feature: Float[Tensor, "B V C"]
    """Weighted sums."""
    fold: Int[Tensor, " V"]


def vertex_sums(samples: VertexSamples, fold: Int[Tensor, " V"]) -> VertexSums:
    """`fold` is `folded(mirror)`."""
    batch, vertex_count, channels = samples.feature.shape
    none = samples.feature.new_zeros(batch, vertex_count, channels)
    weight = none[..., 0].index_add(1, fold, samples.weight)
    feature = none.index_add(1, fold, samples.feature * samples.weight[..., None])
    return VertexSums(weight, feature, fold)


def expected_colors(
    found: VertexSums, photo: Int[Tensor, " B"], responsibility: Float[Tensor, " B"], prior_strength: float = 0.5
) -> Float[Tensor, "N V C"]:
    """For each photo, the mean feature that all OTHER photos put onto each vertex.

    `responsibility` says how far each hypothesis counts (sums to one over a photo). Places that the other photos hardly
    show get the mean feature over the whole body, which `prior_strength` photos' worth of evidence stands for.
    """
    none = found.feature.new_zeros(int(photo.max()) + 1, *found.feature.shape[1:])
    believed = none[..., 0].index_add(0, photo, found.weight * responsibility[:, None])
    painted = none.index_add(0, photo, found.feature * responsibility[:, None, None])
    # No photo outweighs another in a place because it is seen twice there.
    norm = believed.clamp_min(1.0)
    believed, painted = believed / norm, painted / norm[..., None]
    total_weight, total = believed.sum(0), painted.sum(0)
    mean = total.sum(0) / total_weight.sum().clamp_min(1e-6)
    other_weight = (total_weight - believed).clamp_min(0)
    other = (total - painted + prior_strength * mean) / (other_weight + prior_strength)[..., None]
    return other.index_select(1, found.fold)


def disagreement(
    samples: VertexSamples,
    fold: Int[Tensor, " V"],
    photo: Int[Tensor, " B"],
    responsibility: Float[Tensor, " B"],
    prior_strength: float = 0.5,
) -> Float[Tensor, " B"]:
    """Mean squared feature distance of each hypothesis to what the other photos put in the same place; see
    `expected_colors`."""
    return distance_to_expected(
        samples, photo, expected_colors(vertex_sums(samples, fold), photo, responsibility, prior_strength)
    )


def distance_to_expected(
    samples: VertexSamples, photo: Int[Tensor, " B"], expected: Float[Tensor, "N V C"]
) -> Float[Tensor, " B"]:
    """Mean squared feature distance of each hypothesis to what is `expected` of its photo, such as
    `expected_colors`."""
    distance = (samples.feature - expected.index_select(0, photo)).square().sum(-1)
    return (distance * samples.weight).sum(1) / samples.weight.sum(1).clamp_min(1e-6)


class SampledColors(TensorStructure):
    """Colours that B hypotheses have put onto the surface, as evidence for or against them (`ColorEvidence`)."""

    samples: VertexSamples
    fold: Int[Tensor, " V"]
    """`vertex_sampling.fold_mirror_images` of the mesh."""
    alone: bool
    """Whether colours alone tell front from rear; else canonical maps do so too, and colours weigh less."""

    def joint_loss(self, photo: Int[Tensor, " B"], loss: Float[Tensor, " B"], weight: float) -> Float[Tensor, " B"]:
        """`loss` and disagreement together; see `joint_loss`."""
        return joint_loss(self.samples, self.fold, photo, loss, weight, alone=self.alone)

    def disagreement(self, rows: Bool[Tensor, " B"], photo: Int[Tensor, " B"]) -> Float[Tensor, " K"]:
        """Disagreement of the hypotheses in `rows` among themselves, all of them responsible; see `disagreement`."""
        own = VertexSamples(self.samples.feature[rows], self.samples.weight[rows])
        return disagreement(own, self.fold, photo[rows], torch.ones_like(own.weight[:, 0]))


def joint_loss(
    samples: VertexSamples,
    fold: Int[Tensor, " V"],
    photo: Int[Tensor, " B"],
    loss: Float[Tensor, " B"],
    weight: float,
    rounds: int = 20,
    *,
    alone: bool = True,
) -> Float[Tensor, " B"]:
    """Loss and disagreement together after expectation maximisation over the hypotheses' responsibility.

    Each is measured in units of its typical value for a good hypothesis (the median over photos of the least), since
    how much colours vary differs from subject to subject, or of the photo's own least disagreement where that is more:
    combined = loss / typical + weight * disagreement / max(typical, own least).
    Responsibility starts from `loss` alone and hardens. Beside canonical maps `weight` is halved, and is less
    where other photos explain little of a photo's colours, since every photo shows another individual's coat (see
    `color_confidence`). Not so where colours are `alone` in telling front from rear: while most hypotheses are wrong,
    nothing explains anything.
    """
    loss = loss / _typical(photo, loss)
    combined, found = loss, vertex_sums(samples, fold)
    for k in range(rounds):
        responsibility = responsibilities(photo, combined, softness=0.5 * (1 - k / rounds) + 0.05)
        differing = distance_to_expected(samples, photo, expected_colors(found, photo, responsibility))
        told = 1.0 if alone else _BESIDE_MAPS * color_confidence(samples, photo, responsibility, differing)
        # A photo in odd light disagrees with the rest however it is seen: that is no evidence for one view or another.
        usual = least_by_photo(photo, differing).clamp_min(_typical(photo, differing)).index_select(0, photo)
        combined = loss + weight * told * differing / usual
    return combined


def color_confidence(
    samples: VertexSamples,
    photo: Int[Tensor, " B"],
    responsibility: Float[Tensor, " B"],
    differing: Float[Tensor, " B"],
) -> Float[Tensor, ""]:
    """How far colours are to be listened to: by the share of their variance that other photos explain.

    It rises from a floor, since faces and backs differ on all coats, to 1 at `_EXPLAINED`. `differing` is the
    `disagreement` of each hypothesis.
    """
    explained = (1 - _typical(photo, differing) / _variance(samples, responsibility)) / _EXPLAINED
    return _LEAST_SAY + (1 - _LEAST_SAY) * explained.clamp(0, 1)


def _variance(samples: VertexSamples, responsibility: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Of all features on the body, by how well they are seen and how far their hypotheses are believed."""
    weight = samples.weight * responsibility[:, None]
    total = weight.sum().clamp_min(1e-6)
    mean = (samples.feature * weight[..., None]).sum((0, 1)) / total
    return (((samples.feature - mean).square().sum(-1) * weight).sum() / total).clamp_min(1e-8)


def _typical(photo: Int[Tensor, " B"], values: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    return least_by_photo(photo, values).median().clamp_min(1e-8)
