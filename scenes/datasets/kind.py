"""Which datasets are read, and by whom. Imports nothing heavy, so that the command line can name them at once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..error import InputError

if TYPE_CHECKING:
    from .dataset import Dataset

DatasetKind = Literal["lassie", "e-lassie", "pascal-part", "coco", "stanford-extra", "nerfstudio"]


def read_dataset(
    kind: DatasetKind, source: Path, category: str | None = None, subjects: Collection[int] = ()
) -> Dataset:
    """The dataset of that kind in `source`, its photos of one `category`; see the reader's own file for its layout.

    subjects: of COCO files, ids of the annotations to take in place of each photo's largest.
    Raises InputError where the source is missing or is laid out otherwise, with the site to get it from.
    """
    if subjects and kind != "coco":
        raise InputError(f"subjects are named by id in COCO files only; the dataset is {kind}")
    if kind in ("lassie", "e-lassie"):
        from .lassie import read_lassie

        return read_lassie(source, category, occluded=kind == "e-lassie")
    if kind == "pascal-part":
        from .pascal_part import read_pascal_part

        return read_pascal_part(source, category)
    if kind == "coco":
        from .coco import read_coco

        return read_coco(source, category, subjects)
    if kind == "stanford-extra":
        from .stanford_extra import read_stanford_extra

        return read_stanford_extra(source, category)
    from .nerfstudio_folder import read_nerfstudio

    return read_nerfstudio(source, category)
