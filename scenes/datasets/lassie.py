"""LASSIE and E-LASSIE: web photos of six animals with 14 keypoints, annotated in Label Studio.

LASSIE (Yao et al., NeurIPS 2022, arXiv 2207.03434): 20 to 30 photos a class, fully visible. E-LASSIE (Yao et al.,
ARTIC3D, NeurIPS 2023, arXiv 2306.04619) adds photos with occluded or truncated animals. As their repositories
(google/lassie, chhankyao/artic3d_recon) lay them out:

    images/CLASS/input_ID.png
    annotations/CLASS.csv       columns id, kps (and img_url); kps is JSON: [{"x", "y", "keypointlabels": [label]}, ...]
    annotations/CLASS_occ.csv   E-LASSIE: Python literals (single quotes), the same object nested under "value"

x, y are percent of the photo's width and height. What is listed is visible; there is no other flag.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..collection import Rejected
from ..decode import decode
from ..error import InputError, PhotoError
from ..json_file import parse_json
from .dataset import Dataset, DatasetPhoto
from .source import find_photo, require_folder

WHERE = "get LASSIE at https://github.com/google/lassie, E-LASSIE at https://github.com/chhankyao/artic3d_recon"

KEYPOINT_NAMES = (
    *("left_eye", "right_eye", "left_ear", "right_ear", "muzzle", "tail_top"),
    *("right_front_knee", "right_back_knee", "left_front_knee", "left_back_knee"),
    *("right_front_ankle", "right_back_ankle", "left_front_ankle", "left_back_ankle"),
)
"""In the order of the authors' indices 0 to 13."""

_LABELS = (
    *("Left eye", "Right eye", "Left ear", "Right ear", "Muzzle (tip of nose)", "Tail top"),
    *("Front right upper leg (knee)", "Back right upper leg (knee)"),
    *("Front left upper leg (knee)", "Back left upper leg (knee)"),
    *("Front right lower leg (ankle)", "Back right lower leg (ankle)"),
    *("Front left lower leg (ankle)", "Back left lower leg (ankle)"),
)


def read_lassie(source: Path, category: str | None, *, occluded: bool = False) -> Dataset:
    """LASSIE's photos of one class (zebra, giraffe, tiger, elephant, kangaroo, penguin), E-LASSIE's too if `occluded`.

    Raises InputError where the folder is not laid out as published or does not have the class.
    """
    annotations = require_folder(source / "annotations", "LASSIE's CLASS.csv in it", WHERE)
    images = require_folder(source / "images", "LASSIE's CLASS/input_ID.png in it", WHERE)
    classes = sorted(path.stem for path in annotations.glob("*.csv") if not path.stem.endswith("_occ"))
    if category not in classes:
        asked = "no category is named" if category is None else f"category {category} is not there"
        raise InputError(f"{asked}; {annotations} has {', '.join(classes) or 'no CLASS.csv'}; {WHERE}")
    tables = [annotations / f"{category}.csv"]
    if occluded:
        tables.append(annotations / f"{category}_occ.csv")
        if not tables[-1].is_file():
            raise InputError(f"{tables[-1]} does not exist; E-LASSIE needs it; {WHERE}")
    rows = [row for table in tables for row in _rows(table)]
    title = "E-LASSIE" if occluded else "LASSIE"
    return Dataset(title, WHERE, category, KEYPOINT_NAMES, _photos(rows, images / category))


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
    except (OSError, ValueError, csv.Error) as fault:
        raise InputError(f"{table} cannot be read as CSV ({fault}); {WHERE}") from fault
    missing = {"id", "kps"} - set(columns)
    if missing:
        raise InputError(f"{table} has no column {' and no '.join(sorted(missing))}; expected id and kps; {WHERE}")
    return rows


def _photos(rows: list[dict[str, str]], folder: Path) -> Iterator[DatasetPhoto | Rejected]:
    for row in rows:
        name = f"input_{(row['id'] or '').strip()}"
        try:
            path = find_photo([folder], name)
            if path is None:
                url = (row.get("img_url") or "").strip()
                raise PhotoError(f"is missing; {f'it was published at {url}' if url else WHERE}")
            picture = decode(path, 64)
            keypoints, unknown = _keypoints(row["kps"] or "", picture.width, picture.height)
        except PhotoError as fault:
            yield Rejected(f"{name}.png", str(fault))
            continue
        notes = tuple(f"label '{label}' is none of LASSIE's 14 and was left out" for label in unknown)
        yield DatasetPhoto(path, path.stem, keypoints, notes=notes)


def _keypoints(cell: str, width: int, height: int) -> tuple[np.ndarray, list[str]]:
    """Keypoints (14, 3) of one row's `kps`, and the labels that are not known."""
    keypoints, unknown = np.zeros((len(_LABELS), 3)), []
    for mark in _marks(cell):
        try:
            mark = mark.get("value", mark)
            label, x, y = mark["keypointlabels"][0], float(mark["x"]), float(mark["y"])
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as fault:
            raise PhotoError(f"has a keypoint without x, y and keypointlabels ({fault}) and was left out") from fault
        if label not in _LABELS:
            unknown.append(str(label))
            continue
        keypoints[_LABELS.index(label)] = x / 100 * width, y / 100 * height, 2
    return keypoints, unknown


def _marks(cell: str) -> list[Any]:
    """Label Studio's list: JSON, or the same printed by Python."""
    if not cell.strip():
        return []
    try:
        marks = parse_json(cell, object, source="kps")
    except InputError:
        try:
            marks = ast.literal_eval(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as fault:
            raise PhotoError("has kps that are neither JSON nor a Python literal and was left out") from fault
    if not isinstance(marks, list):
        raise PhotoError("has kps that are no list of keypoints and was left out")
    return marks
