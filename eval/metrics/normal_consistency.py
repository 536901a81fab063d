"""How far two aligned surfaces face the same way, which closeness alone does not say.

    consistency = (mean_p |n(p) . n(closest true point)| + mean_q |n(q) . n(closest predicted point)|) / 2

after Mescheder et al. 2019, Occupancy Networks (section 4): normals of the faces, the same points and the same
alignment as `chamfer`. The absolute value keeps meshes with faces turned inside out comparable; two unrelated surfaces
score 0.5.
"""

from __future__ import annotations

import numpy as np

from .surface_pairs import SurfacePairs


def normal_consistency(pairs: SurfacePairs) -> float:
    """Mean absolute cosine between normals of closest points in both directions, in [0, 1]."""
    return float(np.abs(pairs.forth_cosine).mean() + np.abs(pairs.back_cosine).mean()) / 2
