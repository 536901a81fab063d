"""Keypoints in COCO form: AP-10K, Animal-Pose and whatever else follows `categories`, `images`, `annotations`.

* COCO (Lin et al., ECCV 2014, arXiv 1405.0312): bbox = left, top, width, height; keypoints = x, y, v flat, v = 0 not
  labelled, 1 hidden, 2 visible; segmentation = polygons or run lengths, where present.
* AP-10K (Yu et al., NeurIPS Datasets 2021, arXiv 2108.12617): 54 species, 17 keypoints; `annotations/*.json`, `data/`.
* Animal-Pose (Cao et al., ICCV 2019, arXiv 1908.05806): dog, cat, sheep, horse, cow, 20 keypoints; `keypoints.json`,
  `images/`. As its authors publish it, `images` maps ids to file names, bbox is left, top, right, bottom, and keypoints
  are [x, y, v] with v = 1 where visible. Conversions of it to plain COCO are read as well.

The files of annotation tools (CVAT, Label Studio, Roboflow, labelme, VIA) differ in ids, names of photos and what they
leave out; `coco_entry`, `coco_file`, `coco_mask` and `photo_lookup` read them by meaning, and notes say what was odd.

A collection has one subject in each photo: the largest by its box, or the one whose id is asked for. Annotations that
say of themselves that they hold several animals (iscrowd, IsGroupOf) are left out, unless their id is asked for. CVAT
marks every brushed mask so, even those of one animal; files in which all are marked are read with a note.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from ..error import InputError, PhotoError
from ..json_file import JsonObject
from ..photos.camera_orientation import turned_pixels
from ..photos.collection import Rejected
from ..photos.decode import decode, upright
from .coco_entry import annotation_box, identity, keypoints_of, means_several, size_of
from .coco_file import CocoCategory, CocoFile, is_coco
from .coco_mask import mask_from_segmentation
from .dataset import Dataset, DatasetPhoto
from .photo_lookup import PhotoLookup, unique_stems
from .source import only_json, read_annotations
from .stored_pixels import upright_box

COCO_SOURCE = (
    "get AP-10K at https://github.com/AlexTheBad/AP-10K, Animal-Pose at https://sites.google.com/view/animal-pose, "
    "COCO at https://cocodataset.org"
)

_WHAT = "COCO annotations (categories, images, annotations)"
_FOLDERS = ("annotations",)
_PHOTO_FOLDERS = (
    "images",
    "data",
    "JPEGImages",
    "train2017",
    "val2017",
    "train2014",
    "val2014",
    "train",
    "val",
    "imgs",
)
_ANNOTATION_FOLDERS = ("annotations", "annotation", "labels", "json", "keypoints", "gt")
"""Names of folders that lie beside those of the photos, not around them."""

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

    category: may be None where the file has only one with annotations. subjects: ids of the annotations to take, at
        most one a photo; none takes the largest subject of each photo.
    Raises InputError where the file is not COCO, or does not have the category or the ids.
    """
    path = only_json(source, _FOLDERS, _WHAT, COCO_SOURCE, is_coco)
    file = CocoFile.of(read_annotations(path, _WHAT, COCO_SOURCE), path, f"expected {_WHAT}; {COCO_SOURCE}")
    chosen = file.category(category)
    taken, notes = file.annotations_of(chosen)
    asked = {str(identity) for identity in subjects}
    if asked:
        taken = _subjects(asked, taken, path)
    names = chosen.keypoint_names or (ANIMAL_POSE_NAMES if file.is_animal_pose else _made_up_names(taken, notes))
    of_image: dict[str, list[JsonObject]] = {}
    for entry in taken:
        of_image.setdefault(identity(entry.get("image_id")) or "without image_id", []).append(entry)
    listed = [file.images[key].name for key in of_image if key in file.images]
    reader = _Reader(file, chosen, names, _lookup(source, path, listed), _all_crowds(taken), bool(asked))
    stems = dict(zip(listed, unique_stems(listed), strict=True))
    title = "Animal-Pose" if file.is_animal_pose else file.title
    return Dataset(title, COCO_SOURCE, chosen.name, names, reader.photos(of_image, stems), tuple(notes))


def _subjects(asked: set[str], annotations: list[JsonObject], path: Path) -> list[JsonObject]:
    """The annotations that are asked for by id."""
    found = [entry for entry in annotations if identity(entry.get("id")) in asked]
    ids = [identity(entry.get("id")) for entry in found]
    missing = sorted(asked - set(ids), key=int)
    if missing:
        raise InputError(f"{path} has no annotation {missing[0]} of this category; name ids that are there")
    double = next((each for each in ids if ids.count(each) > 1), None)
    if double is not None:
        raise InputError(f"{path} has several annotations {double} of this category; give each an id of its own")
    images = [identity(entry.get("image_id")) for entry in found]
    twice = next((image for image in images if images.count(image) > 1), None)
    if twice is not None:
        raise InputError(f"two of the subjects are in photo {twice}; a collection has one subject in each photo")
    return found


def _made_up_names(annotations: list[JsonObject], notes: list[str]) -> tuple[str, ...]:
    """Names for keypoints that the category does not name, where all annotations have as many of them."""
    lengths = {np.size(entry["keypoints"]) for entry in annotations if _is_plain_list(entry.get("keypoints"))} - {0}
    if not lengths:
        return ()
    if len(lengths) > 1 or min(lengths) % 3:
        notes.append("its category does not name keypoints, and annotations differ in their number: they were left out")
        return ()
    count = lengths.pop() // 3
    notes.append(f"its category does not name keypoints; they are called keypoint_1 to keypoint_{count}")
    return tuple(f"keypoint_{k}" for k in range(1, count + 1))


def _is_plain_list(value: object) -> bool:
    return isinstance(value, list) and not any(isinstance(each, (list, dict)) for each in value)


def _all_crowds(annotations: list[JsonObject]) -> bool:
    """Whether each is marked as a crowd and given by run lengths: CVAT writes so what was drawn with its brush."""
    marks = [means_several(entry) == "iscrowd" and isinstance(entry.get("segmentation"), dict) for entry in annotations]
    return bool(marks) and all(marks)


def _lookup(source: Path, path: Path, listed: Sequence[str]) -> PhotoLookup:
    """Where the photos of the file may lie: beside it, or where its data set begins."""
    beside = path.parent
    root = source if source.is_dir() else beside
    if beside == root and root.resolve().name.casefold() in _ANNOTATION_FOLDERS:
        root = Path(os.path.normpath(root / ".."))
    folders = [base / name for base in dict.fromkeys((beside, root)) for name in (".", *_PHOTO_FOLDERS)]
    # CVAT: annotations/instances_SUBSET.json is of images/SUBSET.
    subset = path.stem.rsplit("_", 1)[-1]
    folders += [folder / subset for folder in folders]
    return PhotoLookup(path, root, folders, listed, prefer=subset)


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads the photos of one file, one at a time."""

    file: CocoFile
    category: CocoCategory
    names: tuple[str, ...]
    lookup: PhotoLookup
    crowds_are_single: bool
    """All annotations are marked iscrowd, so that the mark says nothing."""
    asked: bool
    """The annotations were asked for by id."""

    def photos(self, of_image: dict[str, list[JsonObject]], stems: dict[str, str]) -> Iterator[DatasetPhoto | Rejected]:
        for key, entries in of_image.items():
            image = self.file.images.get(key)
            if image is None:
                reason = self.file.unusable_images.get(key, "is annotated but not listed under images")
                yield Rejected(f"image {key}", reason)
                continue
            try:
                path, notes = self.lookup.find(image.name)
                entry, more = self._subject(entries)
                yield self._photo(path, stems[image.name], image.entry, entry, [*notes, *more])
            except PhotoError as error:
                yield Rejected(image.name, str(error))

    def _subject(self, entries: list[JsonObject]) -> tuple[JsonObject, list[str]]:
        """The largest of a photo's annotations that is of one animal."""
        flags = [means_several(entry) for entry in entries]
        single = [entry for entry, flag in zip(entries, flags, strict=True) if flag is None]
        marked = next((flag for flag in flags if flag is not None), None)
        notes = []
        if not single:
            if not (self.asked or self.crowds_are_single):
                ids = ", ".join(str(entry.get("id")) for entry in entries[:3])
                raise PhotoError(
                    f"is annotated as several animals in one ({marked}) and was left out; if it shows one, --subjects "
                    f"{ids} takes it"
                )
            single = entries
            notes.append(f"its mask is marked as several animals in one ({marked}); check that it is one")
        boxes = [annotation_box(entry, self.file.is_animal_pose) for entry in single]
        areas = [0.0 if box is None else box[2] * box[3] for box in boxes]
        return single[int(np.argmax(areas))], notes

    def _photo(self, path: Path, stem: str, image: JsonObject, entry: JsonObject, notes: list[str]) -> DatasetPhoto:
        picture = decode(path, 64)
        shown = (picture.width, picture.height)
        size = size_of(image) or shown
        faults, keypoints, mask = list[str](), None, None
        try:
            keypoints = self._keypoints(entry)
        except PhotoError as error:
            faults.append(f"{error}; the keypoints were left out")
        if entry.get("segmentation"):
            try:
                mask = mask_from_segmentation(entry["segmentation"], *size, notes)
            except PhotoError as error:
                faults.append(f"{error}; the mask was left out")
        if faults and keypoints is None and mask is None:
            raise PhotoError(f"has an odd entry ({'; '.join(faults)})")
        box = annotation_box(entry, self.file.is_animal_pose)
        turn = picture.orientation
        if turn >= 5 and size != shown and size == shown[::-1]:
            if keypoints is not None:
                keypoints[:, :2] = turned_pixels(keypoints[:, :2], *size, turn)
            mask = None if mask is None else upright(mask, turn)
            box = None if box is None else upright_box(box, size, turn)
            size = shown
            notes.append("EXIF turns the photo; its annotations, made for the pixels as stored, were turned with it")
        elif turn > 1 and (turn < 5 or shown[0] == shown[1]):
            notes.append("EXIF turns the photo; its annotations are taken for those of the upright photo")
        return DatasetPhoto(path, stem, keypoints, mask, box, size, notes=(*notes, *faults))

    def _keypoints(self, entry: JsonObject) -> Float64[np.ndarray, "K 3"] | None:
        """In the order of `names`, whichever of the categories of that name the annotation has."""
        own = self.category.names_of(entry, self.names)
        keypoints = keypoints_of(entry, len(own), self.file.is_animal_pose)
        if keypoints is None or own == self.names:
            return keypoints
        ordered = np.zeros((len(self.names), 3))
        for k, name in enumerate(self.names):
            if name in own:
                ordered[k] = keypoints[own.index(name)]
        return ordered
