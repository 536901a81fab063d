"""Where photos come from: datasets of the field, and the zoo."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from ..scenes.datasets.kind import DatasetKind
from ..scenes.gltf.front_axis import Front


@dataclass(frozen=True)
class Dataset:
    """A dataset of the field becomes a folder of photos with masks, keypoints and cameras, where it has them."""

    kind: Positional[DatasetKind]
    """Whose format it is; coco is also AP-10K and Animal-Pose."""
    source: Positional[Path]
    """The dataset as its authors publish it: its folder, or the file of its annotations."""
    out: Path
    """New folder to be written."""
    category: str | None = None
    """What is taken of it, in the dataset's own word (zebra, golden_retriever)."""
    subjects: tuple[int, ...] = ()
    """coco: ids of annotations to take in place of the largest subject of each photo."""

    def run(self) -> None:
        from ..scenes.datasets.dataset import write_dataset
        from ..scenes.datasets.kind import read_dataset

        dataset = read_dataset(self.kind, self.source, self.category, self.subjects)
        written = write_dataset(dataset, self.out, show_progress=True)
        for line in (*written.left_out[:20], *written.notes[:20]):
            print(line, file=sys.stderr)
        print(
            f"{self.out}: {written.photo_count} photos, {written.mask_count} with a mask, {written.keypoint_count} "
            f"with keypoints; {len(written.left_out)} left out, {len(written.notes)} notes (README.md has all)"
        )


@dataclass(frozen=True, kw_only=True)
class Zoo:
    """A made-up animal or character becomes a folder of photos about which everything is known."""

    subject: Positional[str]
    """A species (zebra, penguin, chibi, ...; a wrong name lists them), or a rigged .glb, .gltf or .vrm file."""
    out: Path
    """Folder to be written."""
    photos: int = 20
    """How many; one individual, each photo in a pose of its own."""
    seed: int = 0
    """Makes another individual in other photos."""
    size: int = 384
    """Longer side in pixels."""
    noisy: bool = False
    """Things stand before about half of the subjects, or the frame cuts them off."""
    azimuth: tuple[float, float] = (0.0, 360.0)
    """Photos are taken from between these, in degrees: 0 is the front, 90 the left."""
    front: Front | None = None
    """Axis along which the subject of a file looks, +Y being up; by default what its joints tell, else +z."""
    overwrite: bool = False
    """Replace an earlier collection of the zoo in the same folder."""

    def run(self) -> None:
        from ..scenes.zoo.zoo import write_zoo

        notes = write_zoo(
            self.subject, self.out, photo_count=self.photos, seed=self.seed, size=self.size, noisy=self.noisy,
            azimuth_deg=self.azimuth, front=self.front, overwrite=self.overwrite,
        )  # fmt: skip
        for note in notes:
            print(f"{self.subject}: {note}", file=sys.stderr)
        print(self.out)
