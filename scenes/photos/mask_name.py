"""Names of mask files, and the photos they belong to, by the customs of the field.

A mask lies beside its photo or in a folder of its own. It has the photo's name with another ending (a.png), the photo's
whole name and an ending (a.jpg.png: COLMAP), or a word for masks before or after it: a_mask.png, a-matte.png,
mask_a.png, aMask.png, a_seg_0.png. Words for photos may stand in the same place: 001_rgb.png and 001_mask.png,
img_001.jpg and mask_001.png. Capitals and Unicode normal forms do not count.

A name alone decides nothing: dog_mask.jpg may be a dog that wears a mask. See `mask_search.py`.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from .decode import PHOTO_SUFFIXES

MASK_SUFFIXES = (*PHOTO_SUFFIXES, ".gif", ".pgm", ".pbm", ".ppm", ".pnm")
"""Endings (lower case) of pictures that masks are read from."""

_SAYS_MASK = (
    *("mask", "masks", "masked", "matte", "mattes", "matting", "alpha", "alphas", "pha", "trimap", "trimaps"),
    *("seg", "segs", "segm", "segment", "segments", "segmentation", "segmentations", "segmented", "segmap", "segmask"),
    *("silhouette", "silhouettes", "sil", "silh", "label", "labels", "labelmap", "labelids", "gt", "groundtruth"),
    *("annotation", "annotations", "segmentationclass", "segmentationobject", "maskimage", "binarymask", "alphamask"),
)
_SAYS_CUT_OUT = ("cutout", "rgba", "nobg", "removebg", "rembg", "foreground", "fg", "transparent", "out")
_SAYS_PHOTO = (
    *("rgb", "image", "images", "img", "im", "photo", "picture", "pic", "color", "colour", "frame", "view", "input"),
    *("orig", "original", "source", "src"),
)
_BESIDE_THOSE = (
    *("binary", "bin", "bw", "final", "refined", "png", "jpg", "jpeg", "preview", "sam", "instance", "id"),
    *_SAYS_PHOTO,
)
"""Words that may stand between or beside words for masks, and say nothing alone."""
_IGNORES = "dynamic_mask_"
"""What instant-ngp calls pictures of what is to be ignored, which need not be the subject's surroundings."""
_PIECE = re.compile(r"[^ ._()\[\]+-]+")


def name_key(name: str) -> str:
    """What two names share that differ in capitals or in their Unicode normal form.

    >>> name_key("Cafe\\u0301.JPG") == name_key("caf\\u00e9.jpg")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def photo_keys(path: Path) -> tuple[str, ...]:
    """Keys that a mask of this photo may name it by: whole name, stem, stem without a word for photos."""
    stem = name_key(path.stem)
    return tuple(dict.fromkeys((name_key(path.name), stem, *_without(stem, _SAYS_PHOTO, ()))))


def mask_keys(path: Path, *, says_mask: bool) -> tuple[str, ...]:
    """Keys of the photos that a file may be a mask of, the likeliest first.

    says_mask: its folder says that it is a mask, so its name need not.

    >>> mask_keys(Path("a.jpg.png"), says_mask=True), mask_keys(Path("mask_07.png"), says_mask=False)
    (('a.jpg', 'a'), ('07',))
    >>> mask_keys(Path("a_mask_0.png"), says_mask=False), mask_keys(Path("a.png"), says_mask=False)
    (('a_0', 'a'), ())
    """
    stem = name_key(path.stem)
    words = (*_SAYS_MASK, *_SAYS_CUT_OUT)
    keys = [*_without(stem, words, _BESIDE_THOSE), *_without(name_key(_camel_apart(path.stem)), words, _BESIDE_THOSE)]
    # COLMAP appends the mask's ending to the photo's whole name.
    if says_mask or Path(stem).suffix in PHOTO_SUFFIXES:
        keys = [stem, *keys]
    without_ending = [Path(key).stem for key in keys if Path(key).suffix in PHOTO_SUFFIXES]
    return tuple(dict.fromkeys([*keys, *without_ending]))


def is_mask_folder(name: str, *, alone: bool = False) -> bool:
    """Whether a folder's name says that it holds masks; alone: and says nothing else, such as whose they are.

    >>> names = ("masks", "SegmentationClass", "images_mask", "masks_2", "fox_masks", "images", "truth")
    >>> [is_mask_folder(name) for name in names]
    [True, True, True, True, True, False, False]
    >>> [is_mask_folder(name, alone=True) for name in names]
    [True, True, True, True, False, False, False]
    """
    pieces = [piece.rstrip("0123456789") for piece in _PIECE.findall(name_key(_camel_apart(name)))]
    if alone and not all(not piece or piece in (*_SAYS_MASK, *_BESIDE_THOSE, "class", "object") for piece in pieces):
        return name_key(name) in _SAYS_MASK
    return any(piece in _SAYS_MASK for piece in [*pieces, name_key(name)])


def says_ignore(path: Path) -> bool:
    """Whether a name is instant-ngp's for pictures of what is to be ignored."""
    return name_key(path.name).startswith(_IGNORES)


def _camel_apart(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)


def _without(stem: str, words: tuple[str, ...], beside: tuple[str, ...]) -> list[str]:
    """The stem without such words at its end or at its start, more and more taken away; nothing where it has none."""
    stem = re.sub(r"(?<![a-z0-9])no[ _-]bg(?![a-z0-9])", "nobg", stem)
    pieces = [match.span() for match in _PIECE.finditer(stem)]
    found = []
    # In the middle: frame_mask_0001.
    for index in range(1, len(pieces) - 1):
        if stem[slice(*pieces[index])] in words:
            found.append(stem[: pieces[index - 1][1]] + stem[pieces[index][1] :])
    # From the end, where a number may follow: a_mask_0.
    seen = False
    for last in range(len(pieces) - 1, 0, -1):
        plain = stem[slice(*pieces[last])].rstrip("0123456789")
        seen = seen or plain in words
        if not (plain in words or plain in beside or (not seen and not plain)):
            break
        if seen:
            found.append(stem[: pieces[last - 1][1]])
    seen = False
    for first in range(len(pieces) - 1):
        text = stem[slice(*pieces[first])]
        seen = seen or text in words
        if not (text in words or text in beside):
            break
        if seen:
            found.append(stem[pieces[first + 1][0] :])
    return found
