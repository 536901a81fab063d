"""A dataset as its reader gives it, photo by photo, and how it becomes a collection on disk.

A collection is a folder of photos with, where known, `masks/STEM.png`, `keypoints.json` (COCO keypoints) and
`transforms.json` (nerfstudio cameras); see `scenes/collection.py`, which reads it again. Photos are copied byte for
byte. `README.md` says where they come from and what was left out: one odd entry never stops the rest.

Positions are (column, row) in pixels of the upright photo, pixel centres at half integers. Annotations that are counted
from pixel centres at whole numbers are half a pixel off; which of the two an annotator meant is rarely known, and
published numbers are kept as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from ..collection import Rejected
from ..decode import Picture, decode
from ..error import InputError, PhotoError
from ..nerfstudio import CameraFrame, write_transforms
from ..photo import SUBJECT_LEVEL, require_subject, write_mask

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""

_CHECKED_SIDE = 256
"""Photos are decoded once to see that they are whole; a small copy does."""


@dataclass(frozen=True, eq=False)
class DatasetPhoto:
    """One photo with one subject and what its dataset says of it."""

    path: Path
    """The photo's file."""
    stem: str
    """Its name in the collection, without ending."""
    keypoints: Float64[np.ndarray, "K 3"] | None = None
    """Column, row and visibility (0 absent, 1 hidden, 2 visible) of the dataset's keypoints; None = not annotated."""
    mask: Bool[np.ndarray, "h w"] | None = None
    """Visible part of the subject; None = not annotated."""
    box: Box | None = None
    """As published; None takes the mask's or the keypoints' extent."""
    size: tuple[int, int] | None = None
    """Width and height that the annotations are for; None = not recorded."""
    camera: CameraFrame | None = None
    """For the photo's pixels as they are written; None = not known."""
    pixels: UInt8[np.ndarray, "h w c"] | None = None
    """Written (as PNG) in place of the file, RGB or RGBA; None copies the file."""
    notes: tuple[str, ...] = ()
    """What was odd but did not stop the reading."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a reader found; the photos are read while they are asked for."""

    title: str
    """Of the dataset: StanfordExtra."""
    where: str
    """One line: the public site to get it from."""
    category: str
    """What its photos show: zebra."""
    keypoint_names: tuple[str, ...]
    """Empty where it has no keypoints."""
    photos: Iterator[DatasetPhoto | Rejected]
    """Entries in the dataset's order; what cannot be used comes as the reason."""
    notes: tuple[str, ...] = ()
    """What was odd about the dataset as a whole but did not stop the reading."""


@dataclass(frozen=True)
class Written:
    """What became of a dataset."""

    photo_count: int
    mask_count: int
    keypoint_count: int
    """Photos with at least one labelled keypoint."""
    left_out: tuple[Rejected, ...]
    notes: tuple[str, ...]
    """What was odd about the dataset, then about photos that were kept: one line each, these beginning with the
    photo's name."""


def write_collection(dataset: Dataset, out: Path | str, *, show_progress: bool = False) -> Written:
    """Write a dataset's photos and annotations as a collection in the new folder `out`.

    Everything is written beside `out` first and renamed at the end, so that `out` is whole or not there.
    Raises InputError where `out` holds files already, and where no photo is usable.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists and is not an empty folder; name a new one or delete it")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        written = _write(dataset, fresh, show_progress)
        if written.photo_count == 0:
            why = "; ".join(map(str, written.left_out[:3])) or "it lists none"
            raise InputError(f"{dataset.title} has no usable photo of {dataset.category} here ({why}); {dataset.where}")
        fresh.chmod(0o755)
        if out.exists():
            out.rmdir()
        os.replace(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return written


def _write(dataset: Dataset, folder: Path, show_progress: bool) -> Written:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    cameras: list[CameraFrame] = []
    left_out: list[Rejected] = []
    notes: list[str] = []
    stems: dict[str, str] = {}
    mask_count = 0
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not (show_progress and terminal.is_terminal)) as progress:
        for entry in progress.track(dataset.photos, description=f"writing {dataset.category}"):
            if isinstance(entry, Rejected):
                left_out.append(entry)
                continue
            odd = list(entry.notes)
            try:
                picture = _checked(entry, stems)
                mask = _usable_mask(entry, picture, odd)
                keypoints = _keypoints_inside(entry, picture, odd)
                labelled = keypoints is not None and bool(keypoints[:, 2].any())
                if dataset.keypoint_names and not labelled and mask is None:
                    raise PhotoError("has neither keypoints nor a mask and was left out")
            except PhotoError as fault:
                left_out.append(Rejected(entry.path.name, str(fault)))
                continue
            stems[entry.stem.casefold()] = entry.path.name
            name = _write_photo(entry, folder)
            notes += [f"{name}: {note}" for note in odd]
            images.append({"id": len(images) + 1, "file_name": name, "width": picture.width, "height": picture.height})
            if mask is not None:
                mask_count += 1
                (folder / "masks").mkdir(exist_ok=True)
                write_mask(folder / "masks" / f"{entry.stem}.png", mask)
            if keypoints is not None and labelled:
                box = entry.box or _extent(mask, keypoints)
                annotations.append(_annotation(len(annotations) + 1, len(images), keypoints, mask, box))
            if entry.camera is not None:
                cameras.append(_renamed(entry.camera, name))
    if annotations:
        categories = [{"id": 1, "name": dataset.category, "keypoints": list(dataset.keypoint_names), "skeleton": []}]
        info = {"description": f"{dataset.category} ({dataset.title})"}
        content = {"info": info, "images": images, "annotations": annotations, "categories": categories}
        (folder / "keypoints.json").write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
    if cameras:
        write_transforms(folder / "transforms.json", cameras)
    written = Written(len(images), mask_count, len(annotations), tuple(left_out), (*dataset.notes, *notes))
    (folder / "README.md").write_text(_readme(dataset, written), encoding="utf-8")
    return written


def _checked(entry: DatasetPhoto, stems: dict[str, str]) -> Picture:
    """The photo, decoded small: it must be whole, of the annotations' size, and the first of its name."""
    if entry.stem.casefold() in stems:
        raise PhotoError(f"has the same name as {stems[entry.stem.casefold()]}, which is kept")
    picture = decode(entry.path, _CHECKED_SIDE)
    found, wanted = (picture.width, picture.height), entry.size
    if wanted is None and entry.mask is not None:
        wanted = (entry.mask.shape[1], entry.mask.shape[0])
    if wanted is not None and found != wanted:
        raise PhotoError(
            f"is {found[0]}x{found[1]} but its annotations are for {wanted[0]}x{wanted[1]}; get the published photo"
        )
    return picture


def _usable_mask(entry: DatasetPhoto, picture: Picture, odd: list[str]) -> UInt8[np.ndarray, "h w"] | None:
    if entry.mask is None:
        return None
    mask = np.where(entry.mask, 255, 0).astype(np.uint8)
    if mask.shape != (picture.height, picture.width):
        odd.append(f"its mask is {mask.shape[1]}x{mask.shape[0]}, not the photo's size; the mask was left out")
        return None
    try:
        require_subject(mask, picture.width, picture.height, "its mask")
    except PhotoError as fault:
        odd.append(f"{fault}; the mask was left out")
        return None
    return mask


def _keypoints_inside(entry: DatasetPhoto, picture: Picture, odd: list[str]) -> Float64[np.ndarray, "K 3"] | None:
    """The keypoints, those beyond the frame marked absent."""
    if entry.keypoints is None:
        return None
    x, y, visibility = entry.keypoints.T
    if not np.isfinite(entry.keypoints).all():
        raise PhotoError("has keypoints that are not finite and was left out")
    outside = (visibility > 0) & ((x < 0) | (y < 0) | (x > picture.width) | (y > picture.height))
    if outside.any():
        odd.append(f"{outside.sum()} of its keypoints lie outside the frame and count as absent")
    return np.where(((visibility > 0) & ~outside)[:, None], entry.keypoints, 0.0)


def _write_photo(entry: DatasetPhoto, folder: Path) -> str:
    if entry.pixels is not None:
        name = f"{entry.stem}.png"
        Image.fromarray(entry.pixels).save(folder / name)
        return name
    name = f"{entry.stem}{entry.path.suffix.lower()}"
    shutil.copyfile(entry.path, folder / name)
    return name


def _extent(mask: UInt8[np.ndarray, "h w"] | None, keypoints: Float64[np.ndarray, "K 3"]) -> Box:
    if mask is not None:
        rows, columns = np.nonzero(mask >= SUBJECT_LEVEL)
        left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    else:
        points = keypoints[keypoints[:, 2] > 0, :2]
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right - left), float(bottom - top)


def _annotation(
    identity: int,
    image: int,
    keypoints: Float64[np.ndarray, "K 3"],
    mask: UInt8[np.ndarray, "h w"] | None,
    box: Box,
) -> dict[str, Any]:
    flat: list[float | int] = []
    for x, y, visibility in keypoints.tolist():
        flat += [round(x, 3), round(y, 3), int(visibility)]
    return {
        "id": identity,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [round(value, 3) for value in box],
        "area": round(box[2] * box[3], 3) if mask is None else int((mask >= SUBJECT_LEVEL).sum()),
        "keypoints": flat,
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
    }


def _renamed(camera: CameraFrame, name: str) -> CameraFrame:
    sizes = (camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
    return CameraFrame(name, camera.camera_to_world, *sizes)


def _readme(dataset: Dataset, written: Written) -> str:
    lines = [
        f"# {dataset.category} ({dataset.title})",
        "",
        f"{written.photo_count} photos, {written.mask_count} masks, keypoints in {written.keypoint_count}.",
        f"To have the dataset itself: {dataset.where}. Its authors' terms hold for these photos and annotations.",
    ]
    for heading, rows in (("Left out", written.left_out), ("Notes", written.notes)):
        if rows:
            lines += ["", f"## {heading}", "", *(f"* {row}" for row in rows)]
    return "\n".join(lines) + "\n"
