"""What a collection's features have in common: principal axes, clusters of the subject and of what stands around it.

K-means runs apart on cells of the subject and on cells of the background, over all pictures at once, so that cluster 3
is the same part in every picture; a cell whose nearest subject cluster is nearer than its nearest background cluster
votes for the subject, as in LASSIE (Yao et al., NeurIPS 2022, after Amir et al., 2021):

    saliency = d_b / (d_f + d_b),   d_f, d_b: distances to the nearest centre of either kind; 1/2 is undecided
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..representations.tensor_structure import TensorStructure

_SAMPLE = 16000
"""Cells of a kind that K-means sees; more change the centres little."""


class FeatureSpace(TensorStructure):
    """Axes and clusters of one collection; made by `fit`, good for its pictures and for others of the kind."""

    mean: Float[Tensor, " C"]
    """Of the subject's cells."""
    axes: Float[Tensor, "C D"]
    """Orthonormal, the widest first."""
    subject: Float[Tensor, "K D"]
    """Cluster centres of the subject."""
    background: Float[Tensor, "L D"]
    """Cluster centres of what is not the subject; none where every cell was the subject's."""

    @classmethod
    def fit(
        cls,
        features: Float[Tensor, "B C h w"],
        masks: Bool[Tensor, "B h w"],
        dimensions: int = 20,
        clusters: int = 8,
        *,
        seed: int = 0,
    ) -> FeatureSpace:
        """The space of pictures whose subjects are known on the grid of their features.

        Raises ValueError where the masks hold fewer cells than there are dimensions or clusters.
        """
        return cls.fit_cells(
            features.movedim(1, -1)[masks], features.movedim(1, -1)[~masks], dimensions, clusters, seed
        )

    @classmethod
    def fit_cells(
        cls,
        subject: Float[Tensor, "N C"],
        background: Float[Tensor, "M C"],
        dimensions: int = 20,
        clusters: int = 8,
        seed: int = 0,
    ) -> FeatureSpace:
        """The same from cells of the two kinds, as pictures of several sizes give them."""
        from sklearn.decomposition import PCA

        least = max(dimensions, clusters)
        if len(subject) < least or dimensions > subject.shape[1]:
            raise ValueError(
                f"{len(subject)} cells of {subject.shape[1]} features cannot give {dimensions} dimensions and "
                f"{clusters} clusters; give larger masks or ask for less"
            )
        generator = torch.Generator().manual_seed(seed)
        subject, background = (_sample(cells.detach().cpu(), generator) for cells in (subject, background))
        analysis = PCA(dimensions, svd_solver="covariance_eigh").fit(subject.double().numpy())
        mean = torch.from_numpy(np.asarray(analysis.mean_)).float()
        axes = torch.from_numpy(np.asarray(analysis.components_)).float().T.contiguous()
        centres = [_centres((cells - mean) @ axes, clusters, seed) for cells in (subject, background)]
        return cls(mean, axes, *centres)

    def project(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B D h w"]:
        """Coordinates on the axes."""
        cells = features.movedim(1, -1) - self.mean.to(features.device)
        return (cells @ self.axes.to(features.device)).movedim(-1, 1)

    def clusters(self, features: Float[Tensor, "B C h w"]) -> Int[Tensor, "B h w"]:
        """The nearest cluster of the subject for each cell, whether or not the cell is the subject's."""
        return self._distances(features, self.subject).argmin(-1)

    def saliency(self, features: Float[Tensor, "B C h w"]) -> Float[Tensor, "B h w"]:
        """How much each cell is like the subject, in [0, 1]; above 1/2 it is more so than like the background."""
        if not len(self.background):
            return torch.ones_like(features[:, 0])
        near, far = (self._distances(features, centres).amin(-1) for centres in (self.subject, self.background))
        return far / (near + far).clamp_min(1e-12)

    def _distances(self, features: Tensor, centres: Tensor) -> Tensor:
        return torch.cdist(
            self.project(features).movedim(1, -1), centres.to(features.device).expand(len(features), 1, -1, -1)
        )


def _sample(cells: Tensor, generator: torch.Generator) -> Tensor:
    if len(cells) <= _SAMPLE:
        return cells
    return cells[torch.randperm(len(cells), generator=generator)[:_SAMPLE].sort().values]


def _centres(points: Tensor, count: int, seed: int) -> Tensor:
    from sklearn.cluster import KMeans

    if len(points) < count:
        return points
    found = KMeans(count, n_init="auto", random_state=seed).fit(points.numpy())
    return torch.from_numpy(found.cluster_centers_).float()
