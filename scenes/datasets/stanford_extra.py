"""StanfordExtra: dogs of Stanford Dogs with a mask and 24 keypoints (Biggs et al., ECCV 2020, arXiv 2007.11110).

One JSON list; each entry has img_path (BREED/NAME.jpg inside Stanford Dogs' Images), img_width, img_height, img_bbox
(left, top, width, height), joints (24 times x, y, v with v = 1 where visible) and seg, a compressed COCO run-length
string. Eyes, withers and throat are only there in some releases. (Repository benjiebob/StanfordExtra, demo.ipynb.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..error import InputError, PhotoError
from ..photos.collection import Rejected
from .coco_mask import mask_from_string
from .dataset import Dataset, DatasetPhoto
from .photo_lookup import name_parts
from .source import find_photo, only_json, read_annotations

STANFORD_EXTRA_SOURCE = (
    "get the annotations at https://github.com/benjiebob/StanfordExtra, the photos (Stanford Dogs) at "
    "http://vision.stanford.edu/aditya86/ImageNetDogs"
)

STANFORD_EXTRA_KEYPOINTS = (
    *("left_front_paw", "left_front_knee", "left_front_elbow", "left_rear_paw", "left_rear_knee", "left_rear_elbow"),
    *("right_front_paw", "right_front_knee", "right_front_elbow"),
    *("right_rear_paw", "right_rear_knee", "right_rear_elbow"),
    *("tail_start", "tail_end", "left_ear_base", "right_ear_base", "nose", "chin", "left_ear_tip", "right_ear_tip"),
    *("left_eye", "right_eye", "withers", "throat"),
)

_WHAT = "StanfordExtra's list of dogs (img_path, joints, seg)"
_PHOTO_FOLDERS = (".", "Images", "images", "sample_imgs")


def read_stanford_extra(source: Path, category: str | None) -> Dataset:
    """StanfordExtra's dogs, all or of one breed (golden_retriever), from its JSON file or a folder that holds one.

    Raises InputError where the file is another one or does not have the breed.
    """
    path = only_json(source, (), _WHAT, STANFORD_EXTRA_SOURCE)
    content = read_annotations(path, _WHAT, STANFORD_EXTRA_SOURCE)
    if not isinstance(content, list) or not all(isinstance(entry, dict) and "img_path" in entry for entry in content):
        raise InputError(f"{path} is another kind of JSON; expected {_WHAT}; {STANFORD_EXTRA_SOURCE}")
    entries = [entry for entry in content if category is None or _breed(entry) == _plain(category)]
    if not entries:
        breeds = sorted({_breed(entry) for entry in content})
        more = f" and {len(breeds) - 60} more" if len(breeds) > 60 else ""
        raise InputError(f"no dog in {path} is a {category}; it has {', '.join(breeds[:60])}{more} (--category)")
    folders = [path.parent / name for name in _PHOTO_FOLDERS]
    return Dataset(
        "StanfordExtra", STANFORD_EXTRA_SOURCE, category or "dog", STANFORD_EXTRA_KEYPOINTS, _photos(entries, folders)
    )


def _photos(entries: list[dict[str, Any]], folders: list[Path]) -> Iterator[DatasetPhoto | Rejected]:
    for entry in entries:
        name = str(entry["img_path"])
        try:
            # People keep breeds on other disks, so the folder of a breed may be a link as the folder of all may be.
            breeds = [folder / part for part in name_parts(name)[:-1] for folder in folders]
            path = find_photo([*folders, *breeds], name)
        except PhotoError as error:
            yield Rejected(name, str(error))
            continue
        if path is None:
            yield Rejected(name, "is missing from the photos")
            continue
        try:
            keypoints = np.array(entry["joints"], np.float64)
            if keypoints.shape != (len(STANFORD_EXTRA_KEYPOINTS), 3):
                raise PhotoError(f"joints of shape {keypoints.shape}, not 24 times x, y, v")
            keypoints[:, 2] = np.where(keypoints[:, 2] > 0, 2, 0)
            left, top, width, height = map(float, entry["img_bbox"])
            size = (int(entry["img_width"]), int(entry["img_height"]))
        except (PhotoError, KeyError, TypeError, ValueError) as error:
            yield Rejected(name, f"has an incomplete or odd entry ({error}) and was left out")
            continue
        mask, notes = None, ()
        try:
            mask = mask_from_string(str(entry.get("seg", "")), *size)
        except PhotoError as error:
            notes = (f"{error}; the mask was left out",)
        yield DatasetPhoto(path, path.stem, keypoints, mask, (left, top, width, height), size, notes=notes)


def _breed(entry: dict[str, Any]) -> str:
    """golden_retriever of n02099601-golden_retriever/n02099601_176.jpg."""
    folder = str(entry["img_path"]).split("/")[0]
    return _plain(folder.split("-", 1)[-1])


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")
