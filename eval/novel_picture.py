"""How a fit looks from where no photo was taken: its textured mesh against the truth's held-out views, PSNR and SSIM.

The held-out views (`scenes.photography.held_out`) show the true subject flat, in its albedo without any light, in the
poses of eight of the photos. For each of them

* drawn: the photo's fitted mesh in the photo's fitted texture, flat as well, brought into the true world by one
  similarity for the whole collection (`true_world.py`) and seen through the held-out camera. Where mesh, camera or
  texture cannot be used an empty picture is drawn, so that photos that failed count;
* both are laid on white and cut to the union of both silhouettes' boxes, as in `redraw.py`.

A darker coat in brighter light gives the same photos, so colours are only known up to a gain. The drawn light is
multiplied by one gain per colour channel for the whole collection,

    g = sum(drawn * true) / sum(drawn * drawn)    clamped to [1/3, 3], in linear light,

the least-squares answer over the pixels, in all views, that both subjects cover entirely.

Apart from that, where it is told which vertices some photo shows: PSNR over the pixels of all views, pooled, that both
subjects cover entirely and in which the run's mesh shows a face none of whose corners any photo has seen. What is there
nobody knew: it was continued, mirrored or made up. A mean hides whether it is smooth where the truth has a pattern, or
noisy where it has none, so fine detail is measured as well: how far a picture is from itself blurred (a Gaussian of one
part in 128 of its side), drawn over true, in the same pixels but for those near an outline. 1 is as much as the truth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import binary_erosion, gaussian_filter
from torch import Tensor

from ..scenes.error import InputError
from ..scenes.photography.flat import FlatPicture, draw_flat
from ..scenes.photography.held_out import HeldOutView, read_held_out
from .metrics.feature_distance import FeatureNetwork, name_of
from .metrics.visibility import draw_mesh, in_camera, lens
from .picture_score import HIGHEST_PSNR_DB, Judges, score_pairs
from .redraw import Redrawn, box_of
from .textured import Wardrobe
from .true_world import TrueWorld, load_true_world

_GAINS = (1 / 3, 3.0)
_OUTLINE_SIGMAS = 3
_COVERED = 0.999
"""Coverage from here on is a pixel that shows nothing but the subject."""


@dataclass(frozen=True)
class NovelPicture:
    """What one view scores."""

    view: str
    """The view's name."""
    pose: str
    """The photo whose pose it shows."""
    psnr_db: float
    ssim: float
    distance: float | None
    """By the network's features that was asked, if one was."""


@dataclass(frozen=True)
class UnseenScore:
    """What all views score in the pixels that show what no photo does; None where there are too few."""

    psnr_db: float | None
    detail: float | None
    """Fine detail, drawn over true."""
    share: float
    """Of the pixels that both subjects cover entirely."""


@dataclass(frozen=True)
class NovelPictureScore:
    """What all views score."""

    psnr_db: float
    """Mean over the views, as are the next two."""
    ssim: float
    distance: float | None
    unseen: UnseenScore | None
    """None where it is not told what that is."""
    gain: tuple[float, float, float]
    """Of the drawn light, by colour channel."""
    views: tuple[NovelPicture, ...]


def has_held_out_views(collection: Path) -> bool:
    """Whether a collection has views to compare with."""
    return (_folder(collection) / "transforms.json").is_file()


def novel_picture_scores(
    run: Path | str,
    collection: Path | str,
    *,
    world: TrueWorld | None = None,
    features: FeatureNetwork | None = None,
    seen: Bool[np.ndarray, " V"] | None = None,
) -> NovelPictureScore:
    """PSNR in dB (60 at most) and SSIM of a run's pictures against the held-out views in a collection's `truth/novel`.

    world: `load_true_world(run, collection)`, loaded here if None.
    features: a network whose distance is taken too.
    seen: vertices of the run's mesh that some photo shows.

    Raises InputError where the collection has no such views or no true cameras, and where the run has no cameras, no
    exact subject or no texture. A view whose photo the run lacks a usable mesh, camera or texture for is an empty
    picture.
    """
    run, collection = Path(run), Path(collection)
    views = read_held_out(_folder(collection))
    wardrobe = Wardrobe.of(run)
    world = load_true_world(run, collection) if world is None else world
    drawn = [_draw(view, wardrobe, world) for view in views]
    gain = _gain(drawn, [view.picture for view in views])
    pairs = {
        view.camera.stem: _pair(FlatPicture(gain * made.light, made.coverage), view.picture)
        for view, made in zip(views, drawn, strict=True)
    }
    scores = score_pairs(pairs, Judges(features=features))
    rows = tuple(_row(view, scores[view.camera.stem], features) for view in views)
    psnr_db, ssim = (float(np.mean(values)) for values in zip(*((row.psnr_db, row.ssim) for row in rows), strict=True))
    unseen = None if seen is None else _unseen(views, drawn, gain, world, seen)
    distances = [row.distance for row in rows if row.distance is not None]
    red, green, blue = gain.tolist()
    return NovelPictureScore(
        psnr_db,
        ssim,
        float(np.mean(distances)) if distances else None,
        unseen,
        (red, green, blue),
        rows,
    )


def _unseen(
    views: Sequence[HeldOutView],
    drawn: Sequence[FlatPicture],
    gain: Float[Tensor, " 3"],
    world: TrueWorld,
    seen: Bool[np.ndarray, " V"],
) -> UnseenScore | None:
    errors, details, covered = [np.zeros((0, 3))], [np.zeros((0, 2))], 0
    for one, made in zip(views, drawn, strict=True):
        mesh = world.laid(one.pose)
        if mesh is None:
            continue
        face = draw_mesh(mesh, one.camera).face[0].numpy()
        shown = np.asarray(seen[mesh[1]].any(axis=1))
        new = (face >= 0) & ~shown[face]
        both = ((made.coverage > _COVERED) & (one.picture.coverage > _COVERED)).numpy()
        covered += int(both.sum())
        pictures = FlatPicture(gain * made.light, made.coverage).on_white().numpy(), one.picture.on_white().numpy()
        errors.append(np.square(pictures[0] - pictures[1])[both & new])
        inside = np.asarray(binary_erosion(both, iterations=_OUTLINE_SIGMAS * _sigma(both)), bool) & new
        details.append(np.stack([_detail(picture)[inside] for picture in pictures], axis=-1))
    if not covered:
        return None
    wrong, (ours, true) = np.concatenate(errors), np.concatenate(details).sum(0)
    psnr_db = min(-10 * math.log10(max(float(wrong.mean()), 1e-12)), HIGHEST_PSNR_DB) if len(wrong) else None
    return UnseenScore(psnr_db, float(ours / true) if true > 0 else None, len(wrong) / covered)


def _detail(picture: Float[np.ndarray, "S S 3"]) -> Float[np.ndarray, "S S"]:
    sigma = _sigma(picture)
    return np.abs(picture - gaussian_filter(picture, (sigma, sigma, 0))).mean(-1)


def _sigma(picture: np.ndarray) -> int:
    """Of the blur, in pixels."""
    return max(1, round(picture.shape[0] / 128))


def _row(view: HeldOutView, scores: Mapping[str, float], features: FeatureNetwork | None) -> NovelPicture:
    distance = None if features is None else scores[name_of("feature_distance", features)]
    return NovelPicture(view.camera.stem, view.pose, scores["psnr_db"], scores["ssim"], distance)


def _folder(collection: Path) -> Path:
    return collection / "truth" / "novel"


def _draw(view: HeldOutView, wardrobe: Wardrobe, world: TrueWorld) -> FlatPicture:
    empty = FlatPicture(torch.zeros_like(view.picture.light), torch.zeros_like(view.picture.coverage))
    mesh = world.laid(view.pose)
    if mesh is None:
        return empty
    try:
        texture = wardrobe.texture(view.pose, mesh)
    except InputError:
        # `redraw` draws the same photo and says so.
        return empty
    vertices = torch.from_numpy(in_camera(mesh[0], view.camera)).float()
    own = wardrobe.subject.mesh
    return draw_flat(vertices, own, lens(view.camera, torch.float32), texture, wardrobe.topology)


def _gain(drawn: Sequence[FlatPicture], true: Sequence[FlatPicture]) -> Float[Tensor, " 3"]:
    squares, products = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for made, given in zip(drawn, true, strict=True):
        both = (made.coverage > _COVERED) & (given.coverage > _COVERED)
        squares += made.light[both].double().square().sum(0)
        products += (made.light[both] * given.light[both]).double().sum(0)
    # Nothing that both show, or black all over: no light to tell a gain by.
    return torch.where(squares > 0, products / squares.clamp_min(1e-12), 1.0).clamp(*_GAINS).float()


def _pair(drawn: FlatPicture, true: FlatPicture) -> Redrawn:
    left, top, right, bottom = box_of(((drawn.coverage >= 0.5) | (true.coverage >= 0.5)).numpy())
    return Redrawn.framed(*(picture.on_white()[top:bottom, left:right] for picture in (drawn, true)))
