"""Keypoints of a collection (`keypoints.json`, COCO): for evaluation only; nothing that fits reads this file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from .error import InputError
from .json_file import read_json
from .nerfstudio import photo_stem


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Named points in one photo."""

    names: tuple[str, ...]
    """K names, the same in every photo of a collection."""
    positions: Float64[np.ndarray, "K 2"]
    """(column, row) in original pixels; meaningless where `visibility` is 0."""
    visibility: Int64[np.ndarray, " K"]
    """0 absent or outside the frame, 1 hidden, 2 visible."""
    width: int
    """Of the picture the positions belong to."""
    height: int


def load_keypoints(folder: Path | str) -> dict[str, Keypoints]:
    """The keypoints in `folder/keypoints.json` by photo stem; several animals in one photo: the first listed.

    Raises InputError when the file is missing or is not COCO keypoints.
    """
    path = Path(folder) / "keypoints.json"
    content = read_json(path, dict, expected="scores by keypoints need it, as COCO keypoints")
    try:
        categories = {entry["id"]: tuple(entry["keypoints"]) for entry in content["categories"]}
        images = {entry["id"]: entry for entry in content["images"]}
        found: dict[str, Keypoints] = {}
        for annotation in content["annotations"]:
            image = images[annotation["image_id"]]
            names = categories[annotation["category_id"]]
            found.setdefault(photo_stem(image["file_name"]), _keypoints(annotation["keypoints"], names, image))
    except (KeyError, TypeError, AttributeError, OverflowError) as fault:
        raise InputError(f"{path} is not COCO keypoints (missing or odd entry: {fault})") from fault
    except ValueError as fault:
        raise InputError(f"{path}: {fault}") from fault
    return found


def _keypoints(flat: list[float], names: tuple[str, ...], image: dict[str, Any]) -> Keypoints:
    values = np.array(flat, np.float64)
    if values.size != 3 * len(names):
        raise ValueError(f"{image['file_name']} has {values.size} numbers; expected x, y, v for {len(names)} keypoints")
    values = values.reshape(-1, 3)
    return Keypoints(names, values[:, :2], values[:, 2].astype(np.int64), int(image["width"]), int(image["height"]))
