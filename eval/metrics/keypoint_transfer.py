"""Keypoint transfer: does the same vertex stand for the same point of the body in every photo.

For every ordered pair of photos (s, t) and every keypoint k that is visible in both: the visible predicted vertex that
lies nearest to the keypoint in s, however far, is taken, and its place in t is the prediction. It is correct if

    | place of the vertex in t - keypoint in t |  <=  threshold * length(t),    threshold = 0.1 (PCK@0.1).

Whether the vertex is seen in t does not matter. `length` is the normaliser, and most of the figure's meaning:

* tight_box     longest side of the visible mask's box. Ours, and the strictest.
* acsm          the same times 1.1, the box with 5 % on either side (Kulkarni et al. 2020, Articulation-aware Canonical
                Surface Mapping; github.com/nileshkulkarni/acsm; also MagicPony's and Farm3D's, which average over
                kinds of keypoints: `mean_over_names`).
* lassie_crop   side of a square 1.5 times the longest side of the visible keypoints' box (Yao et al. 2022, LASSIE;
                github.com/google/lassie).
* artic3d_crop  the same, 2.0 times (Yao et al. 2023, ARTIC3D, web photos; github.com/chhankyao/artic3d_recon).

`identity` is what a program scores that knows nothing: each keypoint copied to the same place in the target's box (mask
box, padded box, or crop, as the normaliser goes), judged in the same way. No figure means anything without it.

The script published with Hi-LASSIE and ARTIC3D keeps the projected vertices of the whole batch for each photo, without
picking that photo's own; the vertex found and its place in the target then come from one and the same photo, and what
is measured is a copied position rather than a transfer. Here each photo has its own vertices, looked up by its stem.

A photo without a mesh or camera, and one whose mesh has other vertices than the source's, fails all its transfers: they
count as wrong, not as absent. A pair without a shared keypoint is in no mean; nothing is ever divided by zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.spatial import KDTree

from ...scenes.photos.keypoints import Keypoints
from .bootstrap import pair_interval
from .visibility import ProjectedMesh

Normaliser = Literal["tight_box", "lassie_crop", "artic3d_crop", "acsm"]

THRESHOLD = 0.1
_VISIBLE = 2
_CROP: dict[Normaliser, float] = {"lassie_crop": 1.5, "artic3d_crop": 2.0}
_PAD: dict[Normaliser, float] = {"tight_box": 1.0, "acsm": 1.1}


@dataclass(frozen=True, eq=False)
class TransferPhoto:
    """One photo's part in the transfers; pixels of one picture."""

    keypoints: Keypoints
    box: Float64[np.ndarray, " 4"]
    """Left, top, right, bottom of the visible mask."""
    view: ProjectedMesh | None
    """The predicted mesh as the predicted camera sees it; None: this photo failed."""

    @property
    def visible(self) -> Bool[np.ndarray, " K"]:
        """Keypoints that can be judged."""
        return self.keypoints.visibility == _VISIBLE


@dataclass(frozen=True, eq=False)
class Transfers:
    """All transfers, one row each; pixels of the target's picture. Normalisers and thresholds come afterwards."""

    stems: tuple[str, ...]
    names: tuple[str, ...]
    """Of the keypoints."""
    source: Int64[np.ndarray, " N"]
    """Index into `stems`."""
    target: Int64[np.ndarray, " N"]
    keypoint: Int64[np.ndarray, " N"]
    """Index into `names`."""
    predicted: Float64[np.ndarray, "N 2"]
    """Not finite where there is none."""
    true: Float64[np.ndarray, "N 2"]
    start: Float64[np.ndarray, "N 2"]
    """The keypoint in the source's picture."""
    photos: tuple[TransferPhoto, ...]
    """In the order of `stems`."""


@dataclass(frozen=True, eq=False)
class TransferScore:
    """Shares of correct transfers, in [0, 1]; None where there is nothing to share."""

    normaliser: Normaliser
    threshold: float
    pooled: float | None
    """Over all transfers; the figure to quote."""
    interval: tuple[float, float] | None
    """95 % of it, over resamples of the photos; see `bootstrap.pair_interval`."""
    mean_over_pairs: float | None
    """Over pairs that share a keypoint, each counting alike (LASSIE's average)."""
    mean_over_names: float | None
    """Over keypoints' kinds, each counting alike (A-CSM's average)."""
    identity_pooled: float | None
    identity_mean_over_pairs: float | None
    identity_mean_over_names: float | None
    transfers: int
    pairs: int
    """Ordered pairs with a shared keypoint."""
    pairs_without_shared: int
    """Ordered pairs without one: in no mean."""
    failed_photos: tuple[str, ...]
    """Photos without a mesh or camera, whose transfers all count as wrong."""
    by_keypoint: dict[str, tuple[float, int]]
    """Name -> share and count; kinds that occur in no transfer are left out."""
    by_source: dict[str, tuple[float, int]]
    """Stem -> share and count of the transfers that start there."""
    by_target: dict[str, tuple[float, int]]
    correct: Bool[np.ndarray, " N"]
    """Each transfer, in the order of `Transfers`."""


def transfer_keypoints(photos: Mapping[str, TransferPhoto]) -> Transfers:
    """Every visible keypoint of every photo carried to every other photo where it is visible.

    Raises ValueError where photos name different keypoints.
    """
    vertices = {stem: _nearest_vertices(photo) for stem, photo in photos.items()}
    return collect_transfers(photos, lambda s, t: _arrivals(photos[s], photos[t], vertices[s]))


def collect_transfers(
    photos: Mapping[str, TransferPhoto], carry: Callable[[str, str], Float64[np.ndarray, "K 2"]]
) -> Transfers:
    """The same for any way to `carry` all keypoints of one stem's photo to another's; not finite where it cannot.

    Raises ValueError where photos name different keypoints.
    """
    stems = tuple(sorted(photos))
    parts = tuple(photos[stem] for stem in stems)
    names = parts[0].keypoints.names if parts else ()
    for stem, part in zip(stems, parts, strict=True):
        if part.keypoints.names != names:
            raise ValueError(f"{stem} has keypoints {part.keypoints.names}, {stems[0]} has {names}; use one list")
    rows: list[tuple[int, int, int]] = []
    places: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for s, source in enumerate(parts):
        for t, target in enumerate(parts):
            if s == t:
                continue
            arrived = carry(stems[s], stems[t])
            for k in np.flatnonzero(source.visible & target.visible):
                rows.append((s, t, int(k)))
                places.append((arrived[k], target.keypoints.positions[k], source.keypoints.positions[k]))
    index = np.array(rows, np.int64).reshape(-1, 3)
    place = np.array(places, np.float64).reshape(-1, 3, 2)
    return Transfers(stems, names, index[:, 0], index[:, 1], index[:, 2], place[:, 0], place[:, 1], place[:, 2], parts)


def score_transfers(
    transfers: Transfers, normaliser: Normaliser = "tight_box", threshold: float = THRESHOLD
) -> TransferScore:
    """The shares of correct transfers under one normaliser, beside those of copying positions.

    Photos without extent under the normaliser (a crop round one visible keypoint) leave their transfers out.
    """
    frames = [_frame(photo, normaliser) for photo in transfers.photos]
    s, t, keypoint = transfers.source, transfers.target, transfers.keypoint
    usable = np.array([length > 0 for _, _, length in frames], bool)
    length = np.array([length for _, _, length in frames])
    origin, extent = (np.array([frame[part] for frame in frames]).reshape(-1, 2) for part in (0, 1))
    judged = usable[s] & usable[t]
    copied = np.full_like(transfers.start, np.nan)
    share = (transfers.start - origin[s])[judged] / extent[s][judged]
    copied[judged] = origin[t][judged] + share * extent[t][judged]
    correct = _within(transfers.predicted, transfers.true, threshold * length[t])
    identity = _within(copied, transfers.true, threshold * length[t])

    pair = s * len(transfers.stems) + t
    pairs = len(np.unique(pair[judged]))
    stems = np.array(transfers.stems)
    names = np.array(transfers.names)
    return TransferScore(
        normaliser=normaliser,
        threshold=threshold,
        pooled=_mean(correct[judged]),
        interval=pair_interval(correct[judged], s[judged], t[judged]) if judged.any() else None,
        mean_over_pairs=_mean_of_groups(correct, pair, judged),
        mean_over_names=_mean_of_groups(correct, keypoint, judged),
        identity_pooled=_mean(identity[judged]),
        identity_mean_over_pairs=_mean_of_groups(identity, pair, judged),
        identity_mean_over_names=_mean_of_groups(identity, keypoint, judged),
        transfers=int(judged.sum()),
        pairs=pairs,
        pairs_without_shared=len(stems) * (len(stems) - 1) - pairs,
        failed_photos=tuple(
            stem for stem, photo in zip(transfers.stems, transfers.photos, strict=True) if photo.view is None
        ),
        by_keypoint=_table(correct, keypoint, judged, names),
        by_source=_table(correct, s, judged, stems),
        by_target=_table(correct, t, judged, stems),
        correct=correct,
    )


def _nearest_vertices(photo: TransferPhoto) -> Int64[np.ndarray, " K"]:
    """For each visible keypoint the visible vertex nearest to it in the picture; -1 for others, or without vertices."""
    vertex = np.full(len(photo.keypoints.names), -1)
    if photo.view is not None and photo.view.visible.any():
        candidates = np.flatnonzero(photo.view.visible)
        nearest = KDTree(photo.view.pixels[candidates]).query(photo.keypoints.positions[photo.visible])[1]
        vertex[photo.visible] = candidates[nearest]
    return vertex


def _arrivals(
    source: TransferPhoto, target: TransferPhoto, vertex: Int64[np.ndarray, " K"]
) -> Float64[np.ndarray, "K 2"]:
    arrived = np.full((len(vertex), 2), np.nan)
    if source.view is None or target.view is None or len(source.view.pixels) != len(target.view.pixels):
        return arrived
    found = vertex >= 0
    arrived[found] = target.view.pixels[vertex[found]]
    return arrived


def _frame(
    photo: TransferPhoto, normaliser: Normaliser
) -> tuple[Float64[np.ndarray, " 2"], Float64[np.ndarray, " 2"], float]:
    """Origin and extents of the box that positions are copied within, and the length that errors are measured in."""
    if normaliser in _CROP:
        positions = photo.keypoints.positions[photo.visible]
        if len(positions) == 0:
            return np.zeros(2), np.zeros(2), 0.0
        low, high = positions.min(axis=0), positions.max(axis=0)
        extent = np.repeat(_CROP[normaliser] * (high - low).max(), 2)
    else:
        low, high = photo.box[:2], photo.box[2:]
        extent = _PAD[normaliser] * (high - low)
    return (low + high - extent) / 2, extent, float(extent.max())


def _within(
    a: Float64[np.ndarray, "N 2"], b: Float64[np.ndarray, "N 2"], bound: Float64[np.ndarray, " N"]
) -> Bool[np.ndarray, " N"]:
    with np.errstate(invalid="ignore"):
        return np.linalg.norm(a - b, axis=1) <= bound


def _mean(correct: Bool[np.ndarray, " N"]) -> float | None:
    return float(correct.mean()) if len(correct) else None


def _mean_of_groups(
    correct: Bool[np.ndarray, " N"], group: Int64[np.ndarray, " N"], judged: Bool[np.ndarray, " N"]
) -> float | None:
    _, place, count = np.unique(group[judged], return_inverse=True, return_counts=True)
    return float(np.mean(np.bincount(place, correct[judged]) / count)) if len(count) else None


def _table(
    correct: Bool[np.ndarray, " N"],
    group: Int64[np.ndarray, " N"],
    judged: Bool[np.ndarray, " N"],
    labels: np.ndarray,
) -> dict[str, tuple[float, int]]:
    entries, place, count = np.unique(group[judged], return_inverse=True, return_counts=True)
    share = np.bincount(place, correct[judged]) / count
    return {str(labels[k]): (float(r), int(n)) for k, r, n in zip(entries, share, count, strict=True)}
