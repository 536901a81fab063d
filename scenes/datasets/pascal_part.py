"""Pascal-Part as LASSIE uses it: part masks of VOC 2010 photos, from which 14 keypoints and a mask are derived.

Pascal-Part (Chen et al., CVPR 2014, arXiv 1406.2031). LASSIE (arXiv 2207.03434) and its successors take the first
object of each photo; the mask is the union of its parts, and the keypoints are points of single parts:

    eyes, ears              centroid
    muzzle                  half-way between the centroid and the lowest point
    tail                    highest point
    upper and lower legs    lowest point (knee, ankle)

with the first such pixel from the left where a row has several. (LASSIE's first release hides the tail again, ARTIC3D's
keeps it, as here.) Folders as in the repository google/lassie:

    JPEGImages/*.jpg   Annotations_Part/*.mat   image_sets/CLASS.txt (one photo a line; horse, cow, sheep)

Without `image_sets/CLASS.txt` every photo serves whose first object is of the class.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from scipy.io import loadmat

from ..collection import Rejected
from ..error import InputError, PhotoError, one_line
from .dataset import Dataset, DatasetPhoto
from .lassie import KEYPOINT_NAMES
from .source import find_photo, require_folder

WHERE = (
    "get the parts at http://roozbehm.info/pascal-parts/pascal-parts.html, the photos at "
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2010, the image sets at https://github.com/google/lassie"
)

_PARTS = (
    *("leye", "reye", "lear", "rear", "muzzle", "tail"),
    *("rfuleg", "rbuleg", "lfuleg", "lbuleg", "rflleg", "rblleg", "lflleg", "lblleg"),
)
"""Part behind each of LASSIE's keypoints."""


def read_pascal_part(source: Path, category: str | None) -> Dataset:
    """Pascal-Part's photos of one class, with masks and LASSIE's keypoints.

    Raises InputError where the folder is not laid out as published or does not have the class.
    """
    annotations = require_folder(source / "Annotations_Part", "Pascal-Part's .mat files in it", WHERE)
    images = require_folder(source / "JPEGImages", "the photos of VOC 2010 in it", WHERE)
    lists = [path for name in ("image_sets", "image-sets") for path in sorted((source / name).glob("*.txt"))]
    if category is None:
        known = ", ".join(path.stem for path in lists) or "horse, cow, sheep and the like"
        raise InputError(f"no category is named; choose one of {known} (--category)")
    chosen = next((path for path in lists if path.stem == category), None)
    if chosen is not None:
        lines = chosen.read_text(encoding="utf-8").splitlines()
        stems = [Path(line.strip()).name.removesuffix(".jpg") for line in lines if line.strip()]
    else:
        stems = sorted(path.stem for path in annotations.glob("*.mat"))
    photos = _photos(stems, annotations, images, category, listed=chosen is not None)
    return Dataset("Pascal-Part", WHERE, category, KEYPOINT_NAMES, photos)


def _photos(
    stems: list[str], annotations: Path, images: Path, category: str, listed: bool
) -> Iterator[DatasetPhoto | Rejected]:
    for stem in stems:
        try:
            subject = _first_object(annotations / f"{stem}.mat")
            found = str(subject["class"])
            if found != category:
                if listed:
                    yield Rejected(f"{stem}.mat", f"has a {found} as its first object, not a {category}")
                continue
            parts = _parts(subject)
        except PhotoError as fault:
            yield Rejected(f"{stem}.mat", str(fault))
            continue
        try:
            path = find_photo([images], f"{stem}.jpg")
            if path is None:
                raise PhotoError(f"is missing from {images.name}")
        except PhotoError as fault:
            yield Rejected(f"{stem}.jpg", str(fault))
            continue
        mask = np.any(list(parts.values()), axis=0)
        size = (mask.shape[1], mask.shape[0])
        yield DatasetPhoto(path, path.stem, keypoints_of_parts(parts), mask, size=size)


def keypoints_of_parts(parts: dict[str, Bool[np.ndarray, "h w"]]) -> Float64[np.ndarray, "14 3"]:
    """LASSIE's keypoints from part masks; the centre of pixel (row 0, column 0) is at (0.5, 0.5)."""
    keypoints = np.zeros((len(_PARTS), 3))
    for index, name in enumerate(_PARTS):
        rows, columns = np.nonzero(parts[name]) if name in parts else ((), ())
        if len(rows) == 0:
            continue
        points = np.stack([columns, rows], axis=1) + 0.5
        centroid, highest, lowest = points.mean(axis=0), points[np.argmin(rows)], points[np.argmax(rows)]
        if name == "muzzle":
            place = (centroid + lowest) / 2
        elif name == "tail":
            place = highest
        else:
            place = lowest if name.endswith("leg") else centroid
        keypoints[index] = *place, 2
    return keypoints


def _first_object(path: Path) -> dict[str, Any]:
    """`anno.objects(1)` of a .mat file: class, mask, parts."""
    if not path.is_file():
        raise PhotoError("is missing from Annotations_Part")
    try:
        content = loadmat(path, simplify_cells=True)
    # scipy raises nearly anything on damaged bytes, and whatever it is, it concerns this file alone.
    except Exception as fault:
        raise PhotoError(f"is no MATLAB file ({one_line(fault)})") from fault
    try:
        objects = content["anno"]["objects"]
        subject = objects if isinstance(objects, dict) else objects[0]
        return {"class": subject["class"], "parts": subject["parts"]}
    except (KeyError, IndexError, TypeError) as fault:
        raise PhotoError("has no anno.objects with class and parts") from fault


def _parts(subject: dict[str, Any]) -> dict[str, Bool[np.ndarray, "h w"]]:
    """Part masks by name; parts of the same name are united."""
    listed = subject["parts"]
    parts: dict[str, np.ndarray] = {}
    for part in [listed] if isinstance(listed, dict) else list(listed):
        try:
            name, mask = str(part["part_name"]), np.asarray(part["mask"]) > 0
        except (KeyError, IndexError, TypeError) as fault:
            raise PhotoError("has a part without part_name and mask") from fault
        if mask.ndim != 2 or any(mask.shape != other.shape for other in parts.values()):
            raise PhotoError(f"has a part {name} whose mask is {mask.shape}, not of the photo's size")
        parts[name] = parts[name] | mask if name in parts else mask
    if not parts:
        raise PhotoError("has no parts for its first object")
    return parts
