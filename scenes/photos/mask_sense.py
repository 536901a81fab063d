"""Whether masks mark the subject: inverted ones are turned round, and noise is told from a subject.

A subject leaves most of the picture's border free: of 1,837 masks of photographed animals none covers more than half of
it, and 99 % at most a fifth. An inverted mask covers nearly all of it, and what it leaves out is one piece that hardly
touches the border. But so may the mask of a close-up: therefore nothing is decided by one photo alone where there are
others. If nearly all masks of a collection look inverted, the tool means black as the subject. If some do, colours
decide: the subject of one collection has much the same colours everywhere. With p and q the colours inside and outside
of the masks that are in no doubt, a mask is right where

    mean over its inside of log(p / q) > mean over its outside of log(p / q).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from scipy.ndimage import gaussian_filter

from ..error import some_of
from .mask_file import SUBJECT_LEVEL

_SMALL = 128
"""Longest side in pixels of the copies that are judged."""
_DOUBTFUL_BORDER = 0.6
"""Masks that cover more of the border than this may be inverted."""
_INVERTED_BORDER = 0.75
_ALL_ROUND = 0.99
_LOOSE = 1.6
"""Border pixels per root of area below which a piece hardly touches the border; a corner has 2.8, a stripe more."""
_SMALLEST_LEFT_OUT = 0.02
"""Share of the picture that an inverted mask leaves out at least; gaps between a close-up's legs are smaller."""
_SMALLEST_AT_ALL, _ONE_PIECE = 0.003, 0.8
"""Smaller subjects are believed where the border is covered all round and one piece makes up so much of what is left
out; of single photos, only if their colours say so too."""
_NEARLY_ALL = 0.75
"""Share of the masks that must look inverted for all of them to be so."""
_SURE_COLOURS = 1.0
_MANY_PIECES, _LARGEST_PIECE = 200, 0.25
"""Masks in more pieces than this, the largest with less than this share, are noise."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """Masks the right way round."""

    masks: list[UInt8[np.ndarray, "_h _w"] | None]
    turned: list[int]
    """Indices of masks that were inverted."""
    notes: list[str]


@dataclass(frozen=True, eq=False)
class _Look:
    """What is asked of one mask, on a small copy."""

    subject: Bool[np.ndarray, "h w"]
    colours: Int64[np.ndarray, "h w"]
    """Numbers of colour bins."""
    border: float
    """Share of the border that the mask covers."""
    looks_inverted: bool
    may_be_inverted: bool
    """As the former, and for smaller subjects."""
    left_out: float
    """Share of the picture outside the mask."""
    whole_border: bool


def turn_inverted(
    pixels: Sequence[UInt8[np.ndarray, "_h _w 3"]],
    masks: Sequence[UInt8[np.ndarray, "_h _w"] | None],
    names: Sequence[str],
) -> Judgement:
    """The masks of a collection, inverted ones turned round; `names` are for notes. Masks in no doubt stay as they are.

    pixels: working copies of the photos. masks: at the same sizes, 255 = subject; None where there is none.
    """
    looks = {
        index: _look(pixels[index], mask)
        for index, mask in enumerate(masks)
        if mask is not None and 0 < (mask >= SUBJECT_LEVEL).mean() < 1
    }
    doubtful = [index for index, look in looks.items() if look.border > _DOUBTFUL_BORDER]
    if not doubtful:
        return Judgement(list(masks), [], [])
    strong = [index for index in doubtful if looks[index].may_be_inverted]
    if len(doubtful) >= _NEARLY_ALL * len(looks) and len(strong) >= _NEARLY_ALL * len(doubtful):
        turned = _with_the_others(looks, doubtful)
    else:
        turned = _among_good_ones(looks, doubtful)
    result = [255 - mask if mask is not None and index in turned else mask for index, mask in enumerate(masks)]
    notes = []
    if turned:
        which = "all masks" if len(turned) == len(looks) > 1 else some_of([names[index] for index in turned], 3)
        notes.append(f"{which}: white was the surroundings, black the subject; turned round")
    left = [names[index] for index in doubtful if index not in turned]
    if left:
        notes.append(
            f"{some_of(left, 3)}: white covers most of the picture's border; taken for a close-up. If it is the "
            "surroundings, invert it"
        )
    return Judgement(result, sorted(turned), notes)


def is_noise(mask: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether a mask falls into so many pieces that it marks no subject."""
    scale = min(1.0, 512 / max(mask.shape))
    size = max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale))
    small = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) >= SUBJECT_LEVEL
    _, _, pieces, _ = cv2.connectedComponentsWithStats(small.astype(np.uint8), connectivity=8)
    areas = pieces[1:, cv2.CC_STAT_AREA]
    return len(areas) > _MANY_PIECES and bool(areas.max() < _LARGEST_PIECE * areas.sum())


def _with_the_others(looks: dict[int, _Look], doubtful: list[int]) -> set[int]:
    """All doubtful masks, and those of the rest whose colours then say so."""
    turned = set(doubtful)
    rest = [index for index in looks if index not in turned]
    if not rest:
        return turned
    score = _colour_score([looks[index] for index in turned], inverted=True)
    return turned | {index for index in rest if score(looks[index]) < 0}


def _among_good_ones(looks: dict[int, _Look], doubtful: list[int]) -> set[int]:
    """Doubtful masks whose shape and whose colours, compared with those of the masks in no doubt, say inverted."""
    good = [look for index, look in looks.items() if index not in doubtful]
    score = _colour_score(good, inverted=False) if good else None
    turned = set()
    for index in doubtful:
        look = looks[index]
        value = 0.0 if score is None else score(look)
        # What is left out lies in the middle, all round it white: only colours that clearly disagree save such a mask.
        surrounded = look.looks_inverted and look.whole_border
        clash = score is not None and value < -_SURE_COLOURS and look.left_out >= _SMALLEST_LEFT_OUT
        if (look.may_be_inverted and value < 0) or (surrounded and value < _SURE_COLOURS) or clash:
            turned.add(index)
    return turned


def _colour_score(looks: Sequence[_Look], inverted: bool) -> Callable[[_Look], float]:
    """A function that gives how much more a mask's inside looks like the subject than its outside does."""
    inside = _histogram([look.colours[look.subject != inverted] for look in looks])
    outside = _histogram([look.colours[look.subject == inverted] for look in looks])
    ratio = np.log(inside / outside)

    def score(look: _Look) -> float:
        if look.subject.all() or not look.subject.any():
            return 0.0
        values = ratio[look.colours]
        return float(values[look.subject].mean() - values[~look.subject].mean())

    return score


def _histogram(colours: Sequence[Int64[np.ndarray, " _n"]]) -> Float64[np.ndarray, 2048]:
    """Shares of colour bins, each photo counting alike, spread over neighbours."""
    shares = np.zeros(2048)
    for values in colours:
        shares += np.bincount(values, minlength=2048) / max(1, len(values))
    spread = gaussian_filter(shares.reshape(8, 16, 16), 0.7, mode="nearest").reshape(-1)
    return spread / spread.sum() + 1e-4


def _look(pixels: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> _Look:
    scale = min(1.0, _SMALL / max(mask.shape))
    size = max(4, round(mask.shape[1] * scale)), max(4, round(mask.shape[0] * scale))
    subject = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) >= SUBJECT_LEVEL
    lab = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB).astype(np.int64)
    colours = lab[..., 0] // 32 * 256 + lab[..., 1] // 16 * 16 + lab[..., 2] // 16
    along = np.concatenate([subject[0], subject[-1], subject[1:-1, 0], subject[1:-1, -1]])
    outside = ~subject
    left_out = float(outside.mean())
    loose = float((~along).sum()) < _LOOSE * np.sqrt(max(1, int(outside.sum())))
    border = float(along.mean())
    inverted = border > _INVERTED_BORDER and loose and left_out >= _SMALLEST_LEFT_OUT
    _, _, pieces, _ = cv2.connectedComponentsWithStats(outside.astype(np.uint8), connectivity=8)
    largest = pieces[1:, cv2.CC_STAT_AREA].max(initial=0) / max(1, int(outside.sum()))
    small = border > _ALL_ROUND and left_out >= _SMALLEST_AT_ALL and largest >= _ONE_PIECE
    return _Look(subject, colours, border, inverted, inverted or bool(small), left_out, border > _ALL_ROUND)
