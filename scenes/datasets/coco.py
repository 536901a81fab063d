"""Keypoints in COCO form: AP-10K, Animal-Pose and whatever else follows `categories`, `images`, `annotations`.

* COCO (Lin et al., ECCV 2014, arXiv 1405.0312): bbox = left, top, width, height; keypoints = x, y, v flat, v = 0 not
  labelled, 1 hidden, 2 visible; segmentation = polygons or run lengths, where present.
* AP-10K (Yu et al., NeurIPS Datasets 2021, arXiv 2108.12617): 54 species, 17 keypoints; `annotations/*.json`, `data/`.
* Animal-Pose (Cao et al., ICCV 2019, arXiv 1908.05806): dog, cat, sheep, horse, cow, 20 keypoints; `keypoints.json`,
  `images/`. As its authors publish it, `images` maps ids to file names, bbox is left, top, right, bottom, and keypoints
  are [x, y, v] with v = 1 where visible. Conversions of it to plain COCO are read as well.

A collection has one subject in each photo: the largest by its box, or the one whose id is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..error import InputError, PhotoError
from ..photos.collection import Rejected
from .coco_mask import mask_from_segmentation
from .dataset import Box, Dataset, DatasetPhoto
from .source import find_photo, only_json, read_json

COCO_SOURCE = (
    "get AP-10K at https://github.com/AlexTheBad/AP-10K, Animal-Pose at https://sites.google.com/view/animal-pose, "
    "COCO at https://cocodataset.org"
)

_WHAT = "COCO annotations (categories, images, annotations)"
_FOLDERS = ("annotations",)
_PHOTO_FOLDERS = ("images", "data", "JPEGImages", "train2017", "val2017")

ANIMAL_POSE_NAMES = (
    *("left_eye", "right_eye", "nose", "left_ear_base", "right_ear_base"),
    *("left_front_elbow", "right_front_elbow", "left_back_elbow", "right_back_elbow"),
    *("left_front_knee", "right_front_knee", "left_back_knee", "right_back_knee"),
    *("left_front_paw", "right_front_paw", "left_back_paw", "right_back_paw"),
    *("throat", "withers", "tail_base"),
)
"""Order of Animal-Pose's keypoints in its authors' file (noahcao/animal-pose-dataset, visualize_keypoint.py)."""


def read_coco(source: Path, category: str | None, subjects: Collection[int] = ()) -> Dataset:
    """The photos of one category in a COCO file, or in a folder that holds one.

    category: may be None where the file has only one. subjects: ids of the annotations to take, at most one a photo;
        none takes the largest subject of each photo.
    Raises InputError where the file is not COCO, or does not have the category or the ids.
    """
    path = only_json(source, _FOLDERS, _WHAT, COCO_SOURCE)
    content = read_json(path, _WHAT, COCO_SOURCE)
    try:
        chosen = _category(content["categories"], category, path)
        annotations = [entry for entry in content["annotations"] if _is_of(entry, chosen)]
        listed = content["images"]
        is_animal_pose = isinstance(listed, dict)
        images = (
            {str(identity): {"file_name": name} for identity, name in listed.items()}
            if is_animal_pose
            else {str(entry["id"]): entry for entry in listed}
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not COCO (missing or odd entry: {error}); expected {_WHAT}; {COCO_SOURCE}"
        ) from error
    names = tuple(map(str, chosen.get("keypoints") or (ANIMAL_POSE_NAMES if is_animal_pose else ())))
    _require_subjects(subjects, annotations, path)
    folders = [
        base / name for base in dict.fromkeys((path.parent, path.parent.parent)) for name in (".", *_PHOTO_FOLDERS)
    ]
    photos = _photos(annotations, images, names, folders, frozenset(subjects), is_animal_pose)
    title = "Animal-Pose" if is_animal_pose else _title(content)
    return Dataset(title, COCO_SOURCE, str(chosen["name"]), names, photos)


def _category(categories: list[dict[str, Any]], name: str | None, path: Path) -> dict[str, Any]:
    known = [str(entry["name"]) for entry in categories]
    if name is None and len(known) == 1:
        return categories[0]
    if name in known:
        return categories[known.index(name)]
    asked = "no category is named" if name is None else f"category {name} is not there"
    more = f" and {len(known) - 60} more" if len(known) > 60 else ""
    raise InputError(f"{asked}; {path} has {', '.join(known[:60]) or 'none'}{more} (--category)")


def _is_of(annotation: dict[str, Any], category: dict[str, Any]) -> bool:
    return annotation["category_id"] == category["id"] and not annotation.get("iscrowd")


def _require_subjects(subjects: Collection[int], annotations: list[dict[str, Any]], path: Path) -> None:
    if subjects:
        image_of = {entry.get("id"): str(entry["image_id"]) for entry in annotations}
        missing = sorted(set(subjects) - set(image_of))
        if missing:
            raise InputError(f"{path} has no annotation {missing[0]} of this category; name ids that are there")
        images = [image_of[identity] for identity in subjects]
        twice = next((image for image in images if images.count(image) > 1), None)
        if twice is not None:
            raise InputError(f"two of the subjects are in photo {twice}; a collection has one subject in each photo")


def _photos(
    annotations: list[dict[str, Any]],
    images: dict[str, dict[str, Any]],
    names: tuple[str, ...],
    folders: list[Path],
    subjects: frozenset[int],
    is_animal_pose: bool,
) -> Iterator[DatasetPhoto | Rejected]:
    of_image: dict[str, list[dict[str, Any]]] = {}
    for entry in annotations:
        if not subjects or entry["id"] in subjects:
            of_image.setdefault(str(entry["image_id"]), []).append(entry)
    for identity, entries in of_image.items():
        image = images.get(identity, {})
        name = image.get("file_name")
        if not isinstance(name, str):
            yield Rejected(f"image {identity}", "is annotated but not listed under images")
            continue
        path = find_photo(folders, name)
        if path is None:
            yield Rejected(name, "is missing from the photos")
            continue
        try:
            boxes = [_box(entry, is_animal_pose) for entry in entries]
            largest = int(np.argmax([width * height for _, _, width, height in boxes]))
            keypoints = _keypoints(entries[largest], len(names), is_animal_pose)
            size = None if is_animal_pose else (int(image["width"]), int(image["height"]))
        except (PhotoError, KeyError, TypeError, ValueError) as error:
            yield Rejected(name, f"has an incomplete or odd entry ({error}) and was left out")
            continue
        mask, notes = None, ()
        if entries[largest].get("segmentation") and size is not None:
            try:
                mask = mask_from_segmentation(entries[largest]["segmentation"], *size)
            except PhotoError as error:
                notes = (f"{error}; the mask was left out",)
        yield DatasetPhoto(path, path.stem, keypoints, mask, boxes[largest], size, notes=notes)


def _box(annotation: dict[str, Any], is_animal_pose: bool) -> Box:
    try:
        left, top, a, b = map(float, annotation["bbox"])
    except (KeyError, TypeError, ValueError) as error:
        raise PhotoError("no bbox") from error
    box = (left, top, a - left, b - top) if is_animal_pose else (left, top, a, b)
    if not (np.isfinite(box).all() and box[2] > 0 and box[3] > 0):
        raise PhotoError(f"a bbox of {box[2]:g}x{box[3]:g} pixels")
    return box


def _keypoints(annotation: dict[str, Any], count: int, is_animal_pose: bool) -> np.ndarray | None:
    if count == 0 or annotation.get("keypoints") is None:
        return None
    values = np.array(annotation["keypoints"], np.float64).reshape(-1)
    if values.size != 3 * count:
        raise PhotoError(f"{values.size} numbers for {count} keypoints x, y, v")
    keypoints = values.reshape(count, 3)
    if is_animal_pose:
        keypoints[:, 2] = np.where(keypoints[:, 2] > 0, 2, 0)
    if not np.isin(keypoints[:, 2], (0, 1, 2)).all():
        raise PhotoError("keypoint flags other than 0, 1, 2")
    return keypoints


def _title(content: dict[str, Any]) -> str:
    information = content.get("info")
    described = information.get("description") if isinstance(information, dict) else None
    return str(described) if described else "COCO keypoints"
