"""A picture of a discovery: the reference photo with the skeleton found in it, with the template's, and the rest pose.

The template is seen from the side that the photo shows, stretched to the box of the silhouette.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ...representations.body.template import Template, template
from ...scenes.atomic import atomic_write
from ...scenes.photos.resample import to_bytes
from ...scenes.preview.bones import LEFT, MIDDLE, RIGHT
from .sketch import JointPosition, Sketch

_PAPER, _INK = (250, 250, 248), (30, 30, 30)
_CELL, _GAP, _HEADING = 480, 6, 40

Bones = dict[str, tuple[JointPosition, JointPosition]]
"""Start and tip of each joint's bone in the picture."""


def draw_discovery(
    path: Path,
    pixels: Float[Tensor, "S S 3"],
    mask: Bool[np.ndarray, "S S"],
    sketch: Sketch,
    found: Template,
    title: str = "",
) -> None:
    """Writes a PNG: `pixels` (sRGB, [0, 1]) with `sketch`, with the template, and `found` from its left.

    Joints are labelled; those that the photo does not show are hollow.
    """
    photo = Image.fromarray(to_bytes(pixels)).resize((_CELL, _CELL), Image.Resampling.LANCZOS)
    photo = Image.blend(photo, Image.new("RGB", photo.size, (90, 90, 90)), 0.4)
    paper = Image.new("RGB", photo.size, (235, 235, 232))
    zoom = _CELL / mask.shape[0]
    seen = {
        name
        for chain, points in sketch.seen.items()
        for name, sight in zip(sketch.joints(chain), points, strict=False)
        if sight
    }
    usual = template_in_box(mask, sketch.facing)
    rest = _side_view(found, -1)
    panels = (
        ("found in this photo", photo, _scaled(sketch.bones(), zoom), seen),
        ("template in the same box", photo, _scaled(usual, zoom), set(usual)),
        (
            "at rest",
            paper,
            _boxed(rest, (0.08 * _CELL, 0.08 * _CELL, 0.92 * _CELL, 0.92 * _CELL), even=True),
            set(rest),
        ),
    )
    sheet = Image.new("RGB", (len(panels) * (_CELL + _GAP) + _GAP, _HEADING + _CELL + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, (caption, ground, bones, solid) in enumerate(panels):
        left = _GAP + k * (_CELL + _GAP)
        words = f"{title}   {caption}" if title and not k else caption
        draw.text((left, 10), words, fill=_INK, font=ImageFont.load_default(size=18))
        sheet.paste(_with_bones(ground, bones, solid), (left, _HEADING))
    with atomic_write(path) as temporary:
        sheet.save(temporary, format="PNG")


def template_in_box(mask: Bool[np.ndarray, "S S"], facing: Literal[-1, 1]) -> Bones:
    """The quadruped template's bones from the side, stretched so that the body fills the box of the silhouette."""
    rows, columns = np.nonzero(mask)
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    return _boxed(_side_view(template("quadruped"), facing), box, even=False)


def _side_view(body: Template, facing: int) -> Bones:
    """Bones in (column, row) of a view from the side."""
    skeleton = body.skeleton
    ends = [t.double().numpy()[:, [2, 1]] * [facing, -1.0] for t in (skeleton.joints, skeleton.tips)]
    return {name: (ends[0][k], ends[1][k]) for k, name in enumerate(skeleton.names)}


def _boxed(bones: Bones, box: tuple[float, float, float, float], even: bool) -> Bones:
    """Bones moved and scaled to fill a box, alike in both directions where `even`."""
    points = np.concatenate([np.stack(bone) for bone in bones.values()])
    low, high = points.min(0), points.max(0)
    corner, size = np.array(box[:2]), np.array(box[2:]) - np.array(box[:2])
    scale = size / np.maximum(high - low, 1e-9)
    if even:
        scale = np.full(2, scale.min())
    shift = corner + size / 2 - scale * (low + high) / 2
    return {name: (start * scale + shift, tip * scale + shift) for name, (start, tip) in bones.items()}


def _scaled(bones: Bones, zoom: float) -> Bones:
    return {name: (start * zoom, tip * zoom) for name, (start, tip) in bones.items()}


def _with_bones(ground: Image.Image, bones: Bones, solid: set[str]) -> Image.Image:
    picture = ground.copy()
    draw = ImageDraw.Draw(picture)
    # What lies on the far side is drawn first.
    for name in sorted(bones, key=lambda one: (not one.startswith("right"), one)):
        start, tip = bones[name]
        draw.line([tuple(start), tuple(tip)], fill=_colour(name), width=4)
    font = ImageFont.load_default(size=11)
    for name, (start, tip) in bones.items():
        x, y = (float(value) for value in start)
        fill = _colour(name) if name in solid else None
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=fill, outline=_INK, width=1)
        u, v = (float(value) for value in tip)
        draw.ellipse((u - 2, v - 2, u + 2, v + 2), fill=_INK)
        draw.text((x + 5, y - 6), name, fill=(255, 255, 255), font=font, stroke_width=2, stroke_fill=_INK)
    return picture


def _colour(name: str) -> tuple[int, int, int]:
    r, g, b = LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE
    return round(255 * r), round(255 * g), round(255 * b)
