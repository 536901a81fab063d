"""The card of a canonical prior: what it was trained on and how, and what it is worth on what it never saw."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ...eval.canonical_score import CanonicalScore, score_canonical
from ...eval.truth import load_truth
from ...priors.canonical import CanonicalPrior
from ...scenes.atomic import atomic_write
from ...scenes.photography.write import read_maps
from ...scenes.photos.collection import load_collection
from ...scenes.zoo.split import BESIDE, TEST
from ...scenes.zoo.zoo import split_collection

_COLUMNS = {
    "foreground_iou": ("foreground IoU", "{:.3f}"),
    "refined_iou": ("refined", "{:.3f}"),
    "part_accuracy": ("parts", "{:.3f}"),
    "side_accuracy": ("side", "{:.3f}"),
    "place_error": ("canonical_xyz", "{:.3f}"),
    "calibration": ("doubt", "{:.2f}"),
    "azimuth_error_deg": ("azimuth", "{:.1f}°"),
    "azimuth_within_30": ("within 30°", "{:.0%}"),
    "keypoint_transfer": ("PCK@0.1", "{:.1%}"),
    "identity": ("copying", "{:.1%}"),
}

_HEAD = """# Canonical prior

From a photo of an animal or a character to where on one reference body each pixel lies: foreground in view and behind
things, kind of part, side, place with its doubt, a descriptor, the camera's azimuth and elevation, body plan, species.

* Weights: `canonical.safetensors`, half precision, {parameters:.1f} million parameters, chart version {chart}.
{training}
* Licence: the package's.
* Made for starting fits. It has seen no photograph of an animal: on those its word is worth less than the scores on
  renderings below say. It does not recognise people or breeds, and was not made to.

Scores, on photos that nothing was trained on. Foreground IoU, the same refined along the photo's edges (GrabCut),
share of visible pixels with the right kind of part and with the right side, median distance on the reference body (a
trunk is 1 long), the spread that is said of it over the error there is (below 1 is too sure), median error of the best
guess of the azimuth and share within 30 degrees, keypoints carried from photo to photo through the maps alone (0.1 of
the longest side of the tight box), and the same for keypoints copied by their place in the box.
"""


def write_canonical_card(
    prior: CanonicalPrior,
    path: Path,
    work: Path,
    collections: Sequence[Path],
    *,
    pictures: int,
    photos: int,
    log: Callable[[str], None],
) -> None:
    """Scores the zoo's test split (made in `work`) and `collections`, with and without masks, and writes the card.

    The figures go to a JSON file beside it as well.
    """
    groups = {f"zoo {name}": split_collection(name, work) for name in (*TEST, *BESIDE)}
    groups |= {folder.name: folder for folder in collections}
    tables: dict[str, dict[str, CanonicalScore]] = {}
    for title, with_masks in (("Without masks", False), ("With masks, cut round the subject", True)):
        rows = {}
        for name, folder in groups.items():
            rows[name] = score_collection(prior, folder, with_masks)
            log(f"{title}: {name}: {rows[name]}")
        rows = {"zoo test split": _mean([rows[f"zoo {name}"] for name in TEST]), **rows}
        tables[title] = rows
    text = [
        _HEAD.format(
            parameters=sum(p.numel() for p in prior.network.parameters()) / 1e6,
            chart=prior.meaning.chart_version,
            training=_training(prior.meaning.meshes, pictures, photos),
        )
    ]
    for title, rows in tables.items():
        text += [f"## {title}\n", *_table(rows), ""]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(text), encoding="utf-8")
    content = {title: {name: asdict(row) for name, row in rows.items()} for title, rows in tables.items()}
    with atomic_write(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def score_collection(prior: CanonicalPrior, folder: Path, with_masks: bool) -> CanonicalScore:
    """Scores of the maps of one folder of photos with whatever truth it holds."""
    photos = load_collection(folder)
    maps = {photo.stem: folder / "truth" / "maps" / f"{photo.stem}.npz" for photo in photos.photos}
    labels = {stem: read_maps(path) for stem, path in maps.items() if path.is_file()}
    return score_canonical(prior, photos, load_truth(photos, folder), labels, with_masks)


def _training(meshes: Sequence[str], pictures: int, photos: int) -> str:
    taught = "nothing but the package's own zoo"
    if meshes:
        taught = f"the package's own zoo, and outlines and views of the rigged meshes {', '.join(meshes)}"
    line = (
        f"* Trained by `zoetrope pretrain canonical` on {taught}: {pictures:,} pictures drawn from {photos:,} rendered "
        "photos of seeds below one million, with the augmentation of `optimize/pretrain/augment.py`."
    )
    return textwrap.fill(line, 120, subsequent_indent="  ", break_long_words=False)


def _mean(scores: Sequence[CanonicalScore]) -> CanonicalScore:
    values = {name: [getattr(one, name) for one in scores] for name in _COLUMNS}
    return CanonicalScore(**{k: float(np.mean(v)) if None not in v else None for k, v in values.items()})


def _table(rows: Mapping[str, CanonicalScore]) -> list[str]:
    lines = ["| | " + " | ".join(title for title, _ in _COLUMNS.values()) + " |", "| --- " * (len(_COLUMNS) + 1) + "|"]
    for name, row in rows.items():
        values = {key: getattr(row, key) for key in _COLUMNS}
        cells = ["-" if values[key] is None else form.format(values[key]) for key, (_, form) in _COLUMNS.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines
