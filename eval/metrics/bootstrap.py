"""How sure a mean over a few photos is: the percentile bootstrap (Efron 1979, Another Look at the Jackknife).

An interval holds 95 % of the figures that come out when as many photos are drawn, with replacement, from those there
are. The same seed gives the same interval.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

_RESAMPLES = 10_000
_PERCENTILES = (2.5, 97.5)


def bootstrap_interval(
    values: Float[np.ndarray, " N"], resamples: int = _RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Of the mean of values that belong to one photo each.

    >>> bootstrap_interval(np.array([1.0, 1.0, 1.0]))
    (1.0, 1.0)
    """
    chosen = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    low, high = np.percentile(values[chosen].mean(axis=1), _PERCENTILES)
    return float(low), float(high)


def pair_interval(
    correct: Bool[np.ndarray, " N"],
    source: Int64[np.ndarray, " N"],
    target: Int64[np.ndarray, " N"],
    resamples: int = _RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Of a share over ordered pairs of photos, `source` to `target`; photos are drawn, not pairs.

    A pair counts as often as its two photos were drawn together. Samples without any pair are passed over.
    """
    photos = int(max(source.max(), target.max())) + 1
    right, all_of_them = np.zeros((photos, photos)), np.zeros((photos, photos))
    np.add.at(right, (source, target), correct)
    np.add.at(all_of_them, (source, target), 1)
    drawn = np.random.default_rng(seed).multinomial(photos, np.full(photos, 1 / photos), resamples).astype(np.float64)
    count = ((drawn @ all_of_them) * drawn).sum(axis=1)
    share = ((drawn @ right) * drawn).sum(axis=1)[count > 0] / count[count > 0]
    low, high = np.percentile(share, _PERCENTILES)
    return float(low), float(high)
