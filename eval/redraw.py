"""Every fitted photo drawn again: the textured instance through the photo's own camera, beside the photo, on white.

What is compared, and how:

* drawn: `posed/STEM.ply` with the texture of `instances/STEM.glb` on the atlas of the run's subject, in the light that
  the run noted for the photo, or as flat colour where it noted none: then textures hold their photos' light. Where
  mesh, camera or texture cannot be used an empty picture is drawn, so that photos that failed count;
* photo: its pixels, mixed with white by its mask. The mask shows what is visible of the subject, the drawing all of it;
* both are cut to the union of the mask's box and the drawn silhouette's, within the frame, in the pixels of the photo's
  working copy; larger boxes are shrunk until their longer side is 512, the texture's own size, and white is added at
  the right and below up to 32, which the networks need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..representations.camera import RigidCamera
from ..representations.rendering.photo_light import PhotoLight
from ..representations.tensor_structure import TensorStructure
from ..scenes.error import InputError
from ..scenes.photos.collection import Collection
from ..scenes.photos.nerfstudio import CameraFrame
from ..scenes.photos.photo import SUBJECT_LEVEL, Photo
from ..scenes.preview.studio import Studio, draw_subject
from .metrics.alignment import Mesh
from .metrics.visibility import ProjectedMesh, in_camera, lens
from .prediction import Prediction
from .textured import Wardrobe

_LONGEST_SIDE = 512
_SHORTEST_SIDE = 32
_FLAT = Studio(background=(1.0, 1.0, 1.0), ambient=1.0, key=0.0)


class Redrawn(TensorStructure):
    """A fit and its photo, or what else it should look like, pixel by pixel; sRGB-encoded, in [0, 1], on white."""

    drawn: Float[Tensor, "H W 3"]
    photo: Float[Tensor, "H W 3"]

    @staticmethod
    def framed(drawn: Float[Tensor, "H W 3"], photo: Float[Tensor, "H W 3"]) -> Redrawn:
        """Both with white added at the right and below where a side is shorter than 32 pixels."""
        height, width, _ = drawn.shape
        grown = (0, 0, 0, max(0, _SHORTEST_SIDE - width), 0, max(0, _SHORTEST_SIDE - height))
        return Redrawn(pad(drawn, grown, value=1.0), pad(photo, grown, value=1.0))

    def square(self, size: int) -> Redrawn:
        """Both with white added to a square round their middle, scaled to `size` pixels."""
        return Redrawn(_square(self.drawn, size), _square(self.photo, size))


def redraw_run(
    run: Path, photos: Collection, found: Prediction, views: Mapping[str, ProjectedMesh]
) -> tuple[dict[str, Redrawn], list[str]]:
    """All photos that have a mask, drawn again, by stem; and what could not be drawn, a few words each.

    found, views: the run's meshes and cameras for the photos' working copies, and what they look like.
    A run without its exact subject or without texture gives no pictures at all.
    """
    try:
        wardrobe = Wardrobe.of(run)
    except InputError as error:
        return {}, [f"pictures of the textured subject: {error}"]
    redrawn, faults = {}, []
    for photo in photos.photos:
        if photo.mask is None:
            continue
        seen, drawing = views.get(photo.stem), None
        if seen is not None:
            try:
                mesh = found.meshes[photo.stem]
                drawing = _Drawing(
                    wardrobe,
                    mesh,
                    found.cameras[photo.stem],
                    wardrobe.texture(photo.stem, mesh),
                    wardrobe.lights.get(photo.stem),
                )
            except InputError as error:
                faults.append(f"the picture of {photo.stem}: {error}")
        redrawn[photo.stem] = _redraw(photo, photo.mask, seen, drawing)
    return redrawn, faults


def box_of(shown: Bool[np.ndarray, "H W"]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of where `shown` is true, in pixels' edges. Raises ValueError where it is nowhere."""
    columns, rows = np.flatnonzero(shown.any(axis=0)), np.flatnonzero(shown.any(axis=1))
    if not len(columns):
        raise ValueError("nothing is shown, so there is no box round it")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


class _Drawing(TensorStructure):
    """What is drawn of one photo."""

    wardrobe: Wardrobe
    mesh: Mesh
    camera: CameraFrame
    texture: Float[Tensor, "H W 3"]
    light: PhotoLight | None

    def draw(self, box: tuple[int, int, int, int], height: int, width: int) -> Float[Tensor, "H W 3"]:
        """The picture of a box (left, top, right, bottom) of the camera's own picture."""
        left, top, right, bottom = box
        here = self.camera
        cut = replace(here, cx=here.cx - left, cy=here.cy - top, width=right - left, height=bottom - top)
        cut = cut.resized(width, height)
        return draw_subject(
            torch.from_numpy(in_camera(self.mesh[0], cut)).float()[None],
            self.wardrobe.subject.mesh,
            RigidCamera(torch.eye(3)[None], torch.zeros(1, 3)),
            lens(cut, torch.float32),
            self.texture,
            _FLAT,
            self.wardrobe.topology,
            self.light,
        ).color[0]


def _redraw(photo: Photo, mask: np.ndarray, seen: ProjectedMesh | None, drawing: _Drawing | None) -> Redrawn:
    shown = mask >= SUBJECT_LEVEL
    if drawing is not None and seen is not None:
        shown = shown | seen.silhouette
    left, top, right, bottom = box = box_of(shown)
    scale = min(1.0, _LONGEST_SIDE / max(right - left, bottom - top))
    width, height = (max(1, round(scale * side)) for side in (right - left, bottom - top))
    share = torch.from_numpy(mask[top:bottom, left:right].astype(np.float32) / 255)[..., None]
    pixels = torch.from_numpy(photo.pixels[top:bottom, left:right].astype(np.float32) / 255)
    cut = (pixels * share + (1 - share)).permute(2, 0, 1)[None]
    true = interpolate(cut, (height, width), mode="bilinear", antialias=True)[0].permute(1, 2, 0).clamp(0, 1)
    drawn = torch.ones_like(true) if drawing is None else drawing.draw(box, height, width)
    return Redrawn.framed(drawn, true)


def _square(picture: Tensor, size: int) -> Tensor:
    height, width, _ = picture.shape
    side = max(height, width)
    above, before = (side - height) // 2, (side - width) // 2
    grown = pad(picture, (0, 0, before, side - width - before, above, side - height - above), value=1.0)
    planes = grown.permute(2, 0, 1)[None]
    return interpolate(planes, (size, size), mode="bilinear", antialias=True)[0].permute(1, 2, 0).clamp(0, 1)
