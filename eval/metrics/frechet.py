"""Frechet distance between two sets of features, each taken as a Gaussian (Dowson and Landau, 1982).

    d^2 = |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

On features of InceptionV3 it is called FID (Heusel et al., NeurIPS 2017, arXiv 1706.08500; `fid.py`); on any others it
has another scale and goes under their name.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ...representations.tensor_structure import TensorStructure


class FeatureStatistics(TensorStructure):
    """Mean and covariance of a set of features."""

    mean: Float64[Tensor, " D"]
    covariance: Float64[Tensor, "D D"]
    """Unbiased: divided by one less than the count."""
    count: int

    @staticmethod
    def of(features: Float[Tensor, "N D"]) -> FeatureStatistics:
        """Statistics of N features, one for each picture. Raises ValueError for fewer than 2."""
        if len(features) < 2:
            raise ValueError(f"there are {len(features)} features; a covariance needs 2 or more")
        features = features.double()
        return FeatureStatistics(features.mean(0), torch.cov(features.T).reshape(2 * features.shape[1:]), len(features))


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Frechet distance between two Gaussians, never below 0.

    With fewer features than dimensions it is biased upwards, by more the fewer there are: compare only equal counts.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"features have {len(a.mean)} and {len(b.mean)} dimensions; they must come from one network")
    # tr (S_a S_b)^(1/2) = tr (R S_b R)^(1/2) with R = S_a^(1/2): symmetric, so its eigenvalues are real.
    values, vectors = torch.linalg.eigh(a.covariance)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * shared
    return max(0.0, float(distance))
