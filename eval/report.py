"""Scores as text: one run's table, its keypoints by kind, its worst photos; or two runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .compare import Difference
from .measure import MEASURES

_WORST = 3
"""Photos named at the end."""


def report(scores: Mapping[str, Any]) -> list[str]:
    """Lines of a table of what `score_run` gives; a score that was not taken has no line but is named at the end."""
    failed = scores["failed_photos"]
    count = scores["photos"]
    lines = [f"{scores['collection']}: {count} photo{'s' * (count != 1)}, {len(failed)} without a usable fit"]
    rows = []
    for measure in MEASURES:
        value = scores.get(measure.name)
        if value is None:
            continue
        baseline = scores.get(measure.baseline) if measure.baseline else None
        network = scores.get(measure.network) if measure.network else None
        interval = scores.get(f"{measure.name}_interval_95")
        beside = [f"copying {measure.text(baseline)}" if baseline else (network or "")]
        beside += [f"95 % in {' .. '.join(measure.text(end) for end in interval)}"] if interval else []
        rows.append((measure.label, measure.text(value), "; ".join(filter(None, beside))))
    thickness = scores["thickness"]
    rows.append(("thickness / height", "-" if thickness is None else f"{thickness:.4f}", "widest ball inside"))
    rows.append(("closed mesh", "yes" if scores["watertight"] else "no", f"{scores['faces']} faces"))
    lines += ["", *_columns(rows)]
    if "keypoint_transfer" in scores:
        lines += ["", *_columns(_normalisers(scores["keypoint_transfer"]))]
        lines += ["", *_columns(_by_keypoint(scores["pck_by_keypoint"]))]
    lines += _worst(scores["by_photo"])
    lines += [
        f"explained badly by the fit: {stem}, {x:.1f} times the usual loss" for stem, x in scores["outliers"].items()
    ]
    lines += [f"failed: {stem} {reason}" for stem, reason in failed.items()]
    lines += [f"not scored for want of: {'; '.join(scores['missing'])}"] if scores["missing"] else []
    return lines


def comparison(differences: Sequence[Difference], names: tuple[str, str]) -> list[str]:
    """Lines of a table of two runs: their figures, the mean difference per photo, its interval, the verdict."""
    rows = [("", *names, "per photo", "95 % interval", "photos better", "the second is")]
    for one in differences:
        text = one.measure.text
        low, high = one.interval
        rows.append(
            (
                one.measure.label,
                text(one.first),
                text(one.second),
                _signed(text(one.mean)),
                f"{_signed(text(low))} .. {_signed(text(high))}",
                f"{one.photos_better} of {len(one.by_photo)}",
                one.verdict,
            )
        )
    return _columns(rows)


def short_names(first: Path, second: Path) -> tuple[str, str]:
    """Names for two run folders, as short as tells them apart."""
    a, b = first.resolve().parts, second.resolve().parts
    for length in range(1, max(len(a), len(b)) + 1):
        if a[-length:] != b[-length:]:
            return "/".join(a[-length:]), "/".join(b[-length:])
    return str(first), str(second)


def _normalisers(table: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("PCK@0.1 by normaliser", "pooled", "over pairs", "over kinds", "copying, pooled")]
    for name, score in table.items():
        keys = ("pooled", "mean_over_pairs", "mean_over_names", "identity_pooled")
        rows.append((name, *("-" if score[key] is None else f"{100 * score[key]:.1f} %" for key in keys)))
    return rows


def _by_keypoint(table: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("keypoint", "PCK@0.1", "transfers")]
    rows += [(name, f"{100 * entry['pck']:.1f} %", str(entry["count"])) for name, entry in table.items()]
    return rows


def _worst(by_photo: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The photos that keypoints leave from worst, or whose silhouettes fit worst."""
    for key, label in (("pck", "keypoint transfer"), ("mask_iou", "mask IoU")):
        scored = sorted((row[key], stem) for stem, row in by_photo.items() if key in row)
        if scored:
            return ["", f"worst by {label}: " + ", ".join(f"{stem} {100 * v:.0f} %" for v, stem in scored[:_WORST])]
    return []


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as aligned lines: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return lines
