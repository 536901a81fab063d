"""Albedo and light told apart: what all photos of a place on the body have in common, and what each photo adds.

For the colour I (linear) that photo p shows at a vertex v whose normal in the camera's axes is n_pv,

    log I_pvc = log A_fc + sum_k h_pck Y_k(n_pv) + noise,    f = the place v shares with its mirror image,

which is linear in all that is unknown. Albedos are eliminated, the light of all photos is solved for at once, and both
are repeated with less weight on what does not fit: shadows, highlights, dirt (iteratively reweighted least squares with
a Cauchy weight). What photos cannot tell is settled by a prior: light comes from above by as much as is usual, and no
photo is brighter than another without need. Where every photo has its light from above and the body upright, a dark
belly and a belly in the shade are the same; the prior takes it for shade.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.rendering.photo_light import TERMS, PhotoLight, light_terms
from ...representations.rendering.vertex_sampling import VertexSamples

_FROM_ABOVE = 0.28
"""Usual coefficient of log light along the upward direction (0.49 between a normal that points up and a level one):
the mean over 60 photos of five species of the zoo's training seeds; its deviation from photo to photo is 0.2."""
_RIDGE = 0.15
"""Weight of the prior, in parts of the evidence of a mean photo; of exposures, much less."""
_EXPOSURE_RIDGE = 0.003
_CAUCHY = 0.25
"""Residual in log light at which evidence counts half."""
_DARKEST, _DIM = 2e-3, 0.05
"""Light below which logarithms say nothing, and below which they count less."""
_ROUNDS = 6


def estimate_light(
    samples: VertexSamples,
    normals: Float[Tensor, "N V 3"],
    up: Float[Tensor, "N 3"],
    fold: Int[Tensor, " V"],
) -> PhotoLight:
    """The light of N photos, from the colours that they show at V vertices.

    `samples.feature` are linear colours; `normals` and the direction `up` are unit vectors in the cameras' axes; `fold`
    is `vertex_sampling.fold_mirror_images(mirror)`. Exposures have mean 0 in logarithms.
    """
    photos, count = normals.shape[:2]
    terms = light_terms(normals.reshape(-1, 3).double()).reshape(photos, count, TERMS)
    log = samples.feature.double().clamp_min(_DARKEST).log()
    evidence = samples.weight.double() * (samples.feature.double().mean(-1) / _DIM).clamp(0, 1)
    prior = torch.zeros(photos, TERMS, dtype=torch.float64, device=log.device)
    prior[:, 1:4] = _FROM_ABOVE * light_terms(up.double())[:, 1:4] / 3**0.5
    coefficients = prior[:, None].expand(-1, 3, -1)
    weight = evidence
    for _ in range(_ROUNDS):
        coefficients = _solve(terms, log, weight, fold, prior)
        left = log - torch.einsum("nvk,nck->nvc", terms, coefficients)
        off = (left - _mean_at(left, weight, fold)).mean(-1)
        weight = evidence / (1 + (off / _CAUCHY).square())
    return PhotoLight(coefficients.to(samples.feature))


def _solve(
    terms: Float[Tensor, "N V K"],
    log: Float[Tensor, "N V 3"],
    weight: Float[Tensor, "N V"],
    fold: Int[Tensor, " V"],
    prior: Float[Tensor, "N K"],
) -> Float[Tensor, "N 3 K"]:
    """Least squares in the light of all photos, each place's albedo eliminated."""
    photos, count, size = terms.shape
    weighted = terms * weight[..., None]
    # What a place's own albedo takes up of each photo's terms.
    shares = terms.new_zeros(count, photos, size).index_add(0, fold, weighted.transpose(0, 1))
    total = weight.new_zeros(count).index_add(0, fold, weight.sum(0)).clamp_min(1e-9)
    flat = (shares / total[:, None, None].sqrt()).reshape(count, -1)
    matrix = -(flat.T @ flat)
    blocks = matrix.view(photos, size, photos, size)
    each = torch.arange(photos, device=terms.device)
    blocks[each, :, each] += weighted.transpose(1, 2) @ terms
    scale = (weight.sum() / photos).clamp_min(1e-9)
    ridge = scale * torch.full((size,), _RIDGE, dtype=terms.dtype, device=terms.device)
    ridge[0] = _EXPOSURE_RIDGE * scale
    # Exposures and albedos may trade a common factor: exposures are to have mean 0.
    exposure = torch.zeros(photos, size, dtype=terms.dtype, device=terms.device)
    exposure[:, 0] = 1
    matrix = matrix + torch.diag(ridge.repeat(photos)) + scale * torch.outer(exposure.view(-1), exposure.view(-1))
    off = log - _mean_at(log, weight, fold)
    right = (weighted.transpose(1, 2) @ off + (ridge * prior)[..., None]).reshape(photos * size, 3)
    return torch.linalg.solve(matrix, right).reshape(photos, size, 3).transpose(1, 2)


def _mean_at(
    values: Float[Tensor, "N V C"], weight: Float[Tensor, "N V"], fold: Int[Tensor, " V"]
) -> Float[Tensor, "V C"]:
    """Weighted mean at each vertex over all photos, the mirror image included."""
    total = weight.new_zeros(len(fold)).index_add(0, fold, weight.sum(0))
    summed = values.new_zeros(values.shape[1:]).index_add(0, fold, (values * weight[..., None]).sum(0))
    return (summed / total.clamp_min(1e-9)[:, None]).index_select(0, fold)
