"""The contact sheet: every photo beside its fit and beside the subject seen from elsewhere, to judge a fit by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...representations.camera import OrbitCamera
from ...representations.tensor_structure import TensorStructure
from ..atomic import atomic_write
from ..photos.resample import to_bytes

PictureArray = Tensor | np.ndarray
"""(H, W, 3), sRGB-encoded, float in [0, 1] or uint8."""

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_PAPER, _INK, _FAINT = (250, 250, 248), (30, 30, 30), (120, 120, 120)
_OUTLINE, _SHADE = (255, 0, 170), (255, 255, 255)
_GOOD, _POOR = (20, 120, 60), (190, 30, 30)


class SheetEntry(TensorStructure):
    """One photo's row of three pictures; sizes may differ, each is fitted into its square."""

    stem: str
    photo: PictureArray
    """The crop that was fitted."""
    fit: PictureArray
    """The subject drawn with the photo's own camera and pose, same crop."""
    novel: PictureArray
    """The subject in the same pose from a camera that no photo had, see `novel_camera`."""
    coverage: PictureArray | None = None
    """(H, W) share of each pixel of `fit` that the subject covers; its outline is drawn over the photo."""
    iou: float | None = None
    """Overlap of the fit's silhouette with the photo's mask, in [0, 1]."""
    note: str = ""
    """What else the caption says, such as the azimuth found."""


def write_contact_sheet(
    path: str | Path, entries: Sequence[SheetEntry], *, title: str = "", cell: int = 176, columns: int | None = None
) -> None:
    """Write the sheet as one PNG; see `contact_sheet`."""
    sheet = contact_sheet(entries, title=title, cell=cell, columns=columns)
    with atomic_write(path) as temporary:
        sheet.save(temporary, format="PNG")


def contact_sheet(
    entries: Sequence[SheetEntry], *, title: str = "", cell: int = 176, columns: int | None = None
) -> Image.Image:
    """All entries as strips of photo (with the fit's outline), fit and novel view, captioned with stem and IoU.

    Pictures are `cell` pixels square; strips stand in `columns` columns, by default so many that the sheet is about as
    high as wide. The heading carries `title` and the mean IoU. Raises ValueError without entries.
    """
    if not entries:
        raise ValueError("a contact sheet needs at least one photo, found none")
    gap, caption, heading = max(2, cell // 44), max(16, cell // 8), max(26, cell // 5)
    strip_width, strip_height = 3 * cell + 2 * gap, cell + caption
    if columns is None:
        columns = max(1, round((len(entries) * strip_height / strip_width) ** 0.5))
    columns = min(columns, len(entries))
    rows = -(-len(entries) // columns)
    margin = 4 * gap
    width = columns * (strip_width + margin) + margin
    height = heading + rows * (strip_height + margin) + margin
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    text = ImageFont.load_default(size=max(10, round(0.72 * caption)))
    _heading(draw, entries, title, (margin, heading // 4), round(0.6 * heading), width - 2 * margin)
    for index, entry in enumerate(entries):
        left = margin + (index % columns) * (strip_width + margin)
        top = heading + margin + (index // columns) * (strip_height + margin)
        for place, picture in enumerate((_outlined(entry, cell), _square(entry.fit, cell), _square(entry.novel, cell))):
            sheet.paste(picture, (left + place * (cell + gap), top))
        _caption(draw, entry, left, top + cell + 1, strip_width, text)
    return sheet


def novel_camera(camera: OrbitCamera, turn_deg: float = 75.0, elevation_deg: float = 15.0) -> OrbitCamera:
    """Each camera moved round the subject by `turn_deg`, towards the subject's front, level, aimed at the origin."""
    candidates = [_wrapped(camera.azimuth_deg + turn) for turn in (turn_deg, -turn_deg)]
    nearer = candidates[0].abs() <= candidates[1].abs() + 1e-3
    return OrbitCamera(
        azimuth_deg=torch.where(nearer, *candidates),
        elevation_deg=torch.full_like(camera.elevation_deg, elevation_deg),
        roll_deg=torch.zeros_like(camera.roll_deg),
        distance=camera.distance,
        offset=torch.zeros_like(camera.offset),
    )


def _wrapped(angle_deg: Tensor) -> Tensor:
    return torch.remainder(angle_deg + 180, 360) - 180


def _square(picture: PictureArray, cell: int) -> Image.Image:
    """Fitted into a square without distortion, centred on the paper's colour."""
    image = Image.fromarray(to_bytes(picture))
    scale = cell / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.LANCZOS)
    square = Image.new("RGB", (cell, cell), _PAPER)
    square.paste(image, ((cell - size[0]) // 2, (cell - size[1]) // 2))
    return square


def _outlined(entry: SheetEntry, cell: int) -> Image.Image:
    """The photo with the outline of the fit over it, on a light edge so that it shows on any ground."""
    square = _square(entry.photo, cell)
    if entry.coverage is None:
        return square
    grey = np.repeat(np.atleast_3d(to_bytes(entry.coverage)), 3, axis=2)
    # The margin of a picture that is not square counts as empty, whatever the paper's colour.
    frame = np.asarray(_square(np.zeros_like(grey), cell)) == 0
    inside = (np.asarray(_square(grey, cell)) * frame)[..., 0] > 127
    padded = np.pad(inside, 1)
    neighbours = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
    line = inside & ~np.logical_and.reduce(neighbours)
    beside = ~inside & np.logical_or.reduce(neighbours)
    pixels = np.array(square)
    pixels[beside] = _SHADE
    pixels[line] = _OUTLINE
    return Image.fromarray(pixels)


def _heading(
    draw: ImageDraw.ImageDraw,
    entries: Sequence[SheetEntry],
    title: str,
    place: tuple[int, int],
    size: int,
    room: int,
) -> None:
    """In letters of that size, or smaller where the words would not fit into `room` pixels."""
    scored = [entry.iou for entry in entries if entry.iou is not None]
    words = [title] if title else []
    words.append(f"{len(entries)} photo{'s' if len(entries) > 1 else ''}")
    if scored:
        words.append(f"mean IoU {sum(scored) / len(scored):.3f}, lowest {min(scored):.3f}")
    line = "   ".join(words)
    length = draw.textlength(line, font=ImageFont.load_default(size=size))
    font = ImageFont.load_default(size=max(8, min(size, int(size * room / max(length, 1)))))
    draw.text(place, _shortened(draw, line, room, font), fill=_INK, font=font)


def _caption(draw: ImageDraw.ImageDraw, entry: SheetEntry, left: int, top: int, width: int, font: _Font) -> None:
    score = "" if entry.iou is None else f"IoU {entry.iou:.3f}"
    score_width = draw.textlength(score, font=font)
    stem = _shortened(draw, entry.stem, width - score_width - 12, font)
    draw.text((left, top), stem, fill=_INK, font=font)
    note_left = left + draw.textlength(stem, font=font) + 10
    room = left + width - score_width - 10 - note_left
    draw.text((note_left, top), _shortened(draw, entry.note, room, font), fill=_FAINT, font=font)
    colour = _GOOD if entry.iou is not None and entry.iou >= 0.8 else _POOR
    draw.text((left + width - score_width, top), score, fill=colour, font=font)


def _shortened(draw: ImageDraw.ImageDraw, text: str, room: float, font: _Font) -> str:
    if draw.textlength(text, font=font) <= room:
        return text
    while text and draw.textlength(text + "...", font=font) > room:
        text = text[:-1]
    return text + "..." if text else ""
