"""A picture of transferred keypoints: on the left the source photo with its points, on the right the target photo.

In the target a ring stands where the point truly is, a dot where the fitted mesh carries it, and a line joins the two:
white where it is within the threshold, red where it is not. Pairs are taken evenly from the best to the worst, among
those that share many keypoints, so that the picture is no selection of what went well.
"""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..scenes.atomic import atomic_write
from ..scenes.photos.collection import Collection
from .metrics.keypoint_transfer import Transfers, TransferScore

_PAPER, _INK = (250, 250, 248), (30, 30, 30)
_GOOD, _POOR = (255, 255, 255), (230, 30, 30)
_CELL, _GAP, _CAPTION, _HEADING = 320, 6, 22, 34
_COLUMNS = 2
_MANY = 0.6
"""Pairs shown share at least this part of the most that any pair shares."""


def write_keypoint_picture(
    path: Path, photos: Collection, transfers: Transfers, score: TransferScore, pairs: int = 6
) -> None:
    """Writes a PNG of `pairs` pairs of photos (fewer where there are not as many)."""
    chosen = _choose(transfers, score, pairs)
    rows = -(-len(chosen) // _COLUMNS)
    width, height = 2 * _CELL + 3 * _GAP, _CELL + _CAPTION + _GAP
    sheet = Image.new("RGB", (_COLUMNS * width + _GAP, _HEADING + rows * height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    title = f"{photos.name}   keypoint transfer {_percent(score.pooled)}, copying {_percent(score.identity_pooled)}"
    draw.text((2 * _GAP, _GAP), title, fill=_INK, font=ImageFont.load_default(size=18))
    pictures = {photo.stem: photo.pixels for photo in photos.photos}
    for place, (source, target) in enumerate(chosen):
        left = _GAP + (place % _COLUMNS) * width
        top = _HEADING + (place // _COLUMNS) * height
        between = (transfers.source == source) & (transfers.target == target)
        _draw_pair(sheet, (left, top), pictures, transfers, score, np.flatnonzero(between))
        right = int(score.correct[between].sum())
        caption = f"{transfers.stems[source]} to {transfers.stems[target]}: {right} of {int(between.sum())}"
        draw.text((left, top + _CELL + 2), caption, fill=_INK, font=ImageFont.load_default(size=15))
    with atomic_write(path) as temporary:
        sheet.save(temporary, format="PNG")


def _choose(transfers: Transfers, score: TransferScore, count: int) -> list[tuple[int, int]]:
    """Source and target of pairs evenly from the best to the worst share."""
    keys, place, shared = np.unique(
        transfers.source * len(transfers.stems) + transfers.target, return_inverse=True, return_counts=True
    )
    share = np.bincount(place, score.correct) / shared
    eligible = np.flatnonzero(shared >= _MANY * shared.max())
    order = eligible[np.lexsort((keys[eligible], -share[eligible]))]
    picked = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    return [divmod(int(keys[k]), len(transfers.stems)) for k in picked]


def _draw_pair(
    sheet: Image.Image,
    corner: tuple[int, int],
    pictures: dict[str, np.ndarray],
    transfers: Transfers,
    score: TransferScore,
    rows: np.ndarray,
) -> None:
    hues = np.linspace(0, 1, len(transfers.names), endpoint=False)
    colours = [tuple(int(255 * c) for c in colorsys.hsv_to_rgb(float(hue), 0.85, 1.0)) for hue in hues]
    source, target = (transfers.stems[int(index[rows[0]])] for index in (transfers.source, transfers.target))
    source_scale = _paste(sheet, pictures[source], corner)
    there = (corner[0] + _CELL + _GAP, corner[1])
    target_scale = _paste(sheet, pictures[target], there)
    # Points may fall outside the photo: a drawing of its own size cuts them off.
    for place, scale, is_target in ((corner, source_scale, False), (there, target_scale, True)):
        window = sheet.crop((*place, place[0] + _CELL, place[1] + _CELL))
        draw = ImageDraw.Draw(window)
        for row in rows:
            colour = colours[int(transfers.keypoint[row])]
            if not is_target:
                _dot(draw, transfers.start[row] * scale, 5, fill=colour, outline=_INK)
                continue
            true, predicted = transfers.true[row] * scale, transfers.predicted[row] * scale
            if np.isfinite(predicted).all():
                # Far beyond the window a line keeps its direction, and the drawing its integers.
                predicted = np.clip(predicted, -4 * _CELL, 5 * _CELL)
                line = _GOOD if score.correct[row] else _POOR
                draw.line([tuple(true), tuple(predicted)], fill=line, width=2)
                _dot(draw, predicted, 4, fill=colour, outline=_INK)
            _dot(draw, true, 7, fill=None, outline=colour)
        sheet.paste(window, place)


def _paste(sheet: Image.Image, pixels: np.ndarray, corner: tuple[int, int]) -> float:
    """Fits a photo into a cell, a little paler than it is; returns cell pixels per photo pixel."""
    scale = _CELL / max(pixels.shape[:2])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    sheet.paste(Image.blend(small, Image.new("RGB", size, (110, 110, 110)), 0.35), corner)
    return scale


def _dot(
    draw: ImageDraw.ImageDraw,
    centre: np.ndarray,
    radius: int,
    fill: tuple[int, ...] | None,
    outline: tuple[int, ...],
) -> None:
    x, y = (float(value) for value in centre)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill, outline=outline, width=2)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
