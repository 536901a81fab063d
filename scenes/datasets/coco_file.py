"""A COCO file as a whole: its categories, images and annotations by id, however its tool has written them.

    {"categories": [{"id", "name", "keypoints"}], "images": [{"id", "file_name", "width", "height"}],
     "annotations": [{"id", "image_id", "category_id", "bbox", "segmentation", "keypoints", "iscrowd"}]}

Roboflow lists a category twice (the project's name as category 0, without annotations); others differ in capitals only.
All categories of one name are one here. What is left out or odd is said in notes.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..error import InputError, some_of
from ..json_file import JsonObject
from .coco_entry import identity, is_flag_set

_NAMES_OF_FILES = ("file_name", "filename", "path", "coco_url")
"""Fields that may name a photo, the usual one first."""


@dataclass(frozen=True)
class CocoCategory:
    """One kind of subject."""

    name: str
    keypoints_of: Mapping[str, tuple[str, ...]]
    """Names of keypoints by id of the category: of several where it is listed several times."""
    keypoint_names: tuple[str, ...]
    """Those of the id that most annotations have; empty where it names none."""

    def names_of(self, annotation: JsonObject, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names of an annotation's keypoints; `names` where its category gives none."""
        return self.keypoints_of.get(identity(annotation.get("category_id")) or "", ()) or names


@dataclass(frozen=True)
class CocoImage:
    """A listed photo."""

    name: str
    """As the file names it: a path, perhaps of another machine."""
    entry: JsonObject


@dataclass(frozen=True, eq=False)
class CocoFile:
    """What the file says; made by `CocoFile.of`."""

    path: Path
    title: str
    categories: list[JsonObject]
    images: dict[str, CocoImage]
    """By id."""
    unusable_images: dict[str, str]
    """Why others of the listed photos cannot be taken, by id."""
    annotations: list[JsonObject]
    is_animal_pose: bool
    """`images` maps ids to names: Animal-Pose as its authors publish it, with boxes and flags of its own."""

    @staticmethod
    def of(content: Any, path: Path, expected: str) -> CocoFile:
        """The content of the file in `path`. Raises InputError, ending with what was expected, where it is not COCO."""
        if not is_coco(content):
            keys = ("categories", "images", "annotations")
            missing = [key for key in keys if not isinstance(content, dict) or key not in content]
            odd = f"no {' and no '.join(missing)}" if missing else "categories, images or annotations that are no lists"
            raise InputError(f"{path} is not COCO (it has {odd}); {expected}")
        listed, is_animal_pose = content["images"], False
        if isinstance(listed, dict):
            is_animal_pose = all(isinstance(value, str) for value in listed.values())
            listed = [
                {**(value if isinstance(value, dict) else {"file_name": value}), "id": key}
                for key, value in listed.items()
            ]
        images, unusable = _images(listed)
        information = content.get("info")
        described = information.get("description") if isinstance(information, dict) else None
        title = str(described) if described else "COCO keypoints"
        lists = [_entries(content[key]) for key in ("categories", "annotations")]
        return CocoFile(path, title, lists[0], images, unusable, lists[1], is_animal_pose)

    def category(self, name: str | None) -> CocoCategory:
        """The category of that name; the only one with annotations where it is None. Raises InputError otherwise."""
        used = Counter(identity(entry.get("category_id")) for entry in self.annotations)
        named = [entry for entry in self.categories if entry.get("name") is not None]
        keys = list(dict.fromkeys(_key(entry["name"]) for entry in named))
        with_annotations = {_key(entry["name"]) for entry in named if used[identity(entry.get("id"))]}
        wanted = None
        if name is not None:
            wanted = _key(name)
        elif len(with_annotations) == 1 or len(keys) == 1:
            wanted = next(iter(with_annotations or keys))
        if wanted not in keys:
            known = list(dict.fromkeys(str(entry["name"]) for entry in named))
            asked = "no category is named" if name is None else f"category {name} is not there"
            raise InputError(f"{asked}; {self.path} has {some_of(known, 60) or 'none'} (--category)")
        found = [entry for entry in named if _key(entry["name"]) == wanted]
        found.sort(key=lambda entry: -used[identity(entry.get("id"))])
        names = {identity(entry.get("id")) or "": _keypoint_names(entry) for entry in found}
        of_most = next((each for each in names.values() if each), ())
        return CocoCategory(str(found[0]["name"]), names, of_most)

    def annotations_of(self, category: CocoCategory) -> tuple[list[JsonObject], list[str]]:
        """Its annotations, and notes on what was odd or left out. Raises InputError where it has none."""
        listed = {identity(entry.get("id")) for entry in self.categories}
        taken, notes, counts = list[JsonObject](), list[str](), Counter[str]()
        for entry in self.annotations:
            key = identity(entry.get("category_id"))
            if key is None and len(listed) == 1:
                counts["without category_id were taken for those of the only category"] += 1
            elif key not in category.keypoints_of:
                counts["of categories that are not listed were left out"] += key not in listed
                continue
            if is_flag_set(entry.get("ignore")):
                counts["marked to be ignored were left out"] += 1
                continue
            taken.append(entry)
        if len(category.keypoints_of) > 1:
            ids = ", ".join(category.keypoints_of)
            notes.append(
                f"category {category.name} is listed {len(category.keypoints_of)} times (ids {ids}): all taken"
            )
        notes += [f"{count} annotations {what}" for what, count in counts.items() if count]
        if not taken:
            used = sorted({str(identity(entry.get("category_id"))) for entry in self.annotations})
            ids = ", ".join(category.keypoints_of)
            raise InputError(
                f"{self.path} has no annotation of {category.name} (category id {ids}) to take; its annotations are of "
                f"category ids {some_of(used, 20) or 'none'} (--category)"
            )
        return taken, notes


def is_coco(content: Any) -> bool:
    """Whether it has the three parts of a COCO file."""
    if not isinstance(content, dict) or not isinstance(content.get("categories"), list):
        return False
    return all(isinstance(content.get(key), (list, dict)) for key in ("images", "annotations"))


def _images(listed: list[Any]) -> tuple[dict[str, CocoImage], dict[str, str]]:
    images: dict[str, CocoImage] = {}
    unusable: dict[str, str] = {}
    for entry in _entries(listed):
        key = identity(entry.get("id"))
        name = next((entry[field] for field in _NAMES_OF_FILES if isinstance(entry.get(field), str)), "").strip()
        if key is None:
            continue
        if not name:
            unusable[key] = "is listed without a file_name"
        elif key in images and images[key].name != name:
            unusable[key] = f"is listed twice, as {images[key].name} and as {name}"
        else:
            images[key] = CocoImage(name, entry)
    return {key: image for key, image in images.items() if key not in unusable}, unusable


def _entries(listed: list[Any] | dict[str, Any]) -> list[JsonObject]:
    values = listed.values() if isinstance(listed, dict) else listed
    return [value for value in values if isinstance(value, dict)]


def _keypoint_names(category: JsonObject) -> tuple[str, ...]:
    names = category.get("keypoints")
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _key(name: object) -> str:
    """Names of categories that differ in capitals, Unicode form, or spaces and underscores are one."""
    plain = unicodedata.normalize("NFC", str(name)).casefold()
    return " ".join(plain.replace("_", " ").split())
