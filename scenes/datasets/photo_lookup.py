"""Photos that a file of annotations lists, found where its tool or its user has put them.

A name is rarely the path that a photo has now. CVAT puts photos into a folder for each subset (images/default/x.jpg)
and lists x.jpg; Label Studio lists paths of its server (/data/upload/4/x.jpg, /data/local-files/?d=x.jpg, with
backslashes on Windows) and exports images/x.jpg; others list absolute paths of the machine they ran on. So a name is
looked for

1. as it stands, in the folder of the data set and in those that hold photos by custom;
2. by its last parts there: v0/frame.jpg of /home/me/walk/v0/frame.jpg, then frame.jpg;
3. by its last parts in all folders below, then with another picture ending.

Only what one photo alone answers to is taken: where the file lists v0/frame.jpg and v1/frame.jpg, no frame.jpg serves
for both, and where two files answer to one name, that photo is left out and both are named. Nothing outside of the data
set's folder is ever read (`companion`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ..decode import PHOTO_SUFFIXES
from ..error import InputError, PhotoError, some_of
from .source import photo_in

_MOST_FILES = 200_000
"""Files below the folder that are looked through; a folder with more is not a data set but somebody's disk."""
_NOT_PHOTOS = ("mask", "segmentation", "visuali", "depth", "normal", "label", "annotation", "thumb")
"""Words in names of folders whose pictures are made from photos."""

Parts = tuple[str, ...]


class PhotoLookup:
    """Finds the photos that the file `named_in` lists.

    root: folder of the data set, which is looked through as a last resort. folders: where photos lie in it by custom,
    the likeliest first. listed: all names in the file. prefer: name of the folder to prefer where several have such a
    photo (a subset's).
    """

    def __init__(
        self, named_in: Path, root: Path, folders: Sequence[Path], listed: Iterable[str], prefer: str = ""
    ) -> None:
        self._named_in, self._root, self._prefer = named_in, root, prefer.casefold()
        self._folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        different = {name_parts(name) for name in listed}
        self._answering = Counter(_key(parts[start:]) for parts in different for start in range(len(parts)))

    def find(self, name: str) -> tuple[Path, tuple[str, ...]]:
        """The photo's file, and a note where it is not where the name says.

        Raises PhotoError where there is none, several answer to the name, or it may not be read.
        """
        refused: InputError | None = None
        parts = name_parts(name)
        tails = ["/".join(parts[start:]) for start in range(len(parts)) if self._is_alone(parts[start:])]
        for wanted in dict.fromkeys((name, *tails)):
            for folder in self._folders:
                try:
                    path = photo_in(folder, wanted, self._named_in, self._root)
                except InputError as error:
                    refused = refused or error
                    continue
                if path is not None:
                    return path, ()
        found = self._somewhere_below(parts)
        if found is not None:
            return found, (f"is listed as {name} and was found as {self._shown(found)}",)
        raise PhotoError("is missing from the photos" if refused is None else f"cannot be taken: {refused}")

    def _is_alone(self, tail: Parts) -> bool:
        """Whether only one of the listed names ends so."""
        return self._answering[_key(tail)] == 1

    def _somewhere_below(self, parts: Parts) -> Path | None:
        """The one file below whose path ends as the name does; the longer the common end, the better."""
        if not parts:
            return None
        candidates = self._files.get(_key(parts[-1:]), [])
        if not candidates:
            candidates = self._stems.get(_stem_key(parts[-1]), [])
        lengths = [self._common(path, parts) for path in candidates]
        best = max(lengths, default=0)
        if best == 0:
            return None
        found = [path for path, length in zip(candidates, lengths, strict=True) if length == best]
        if len(found) > 1 and self._prefer:
            found = [path for path in found if self._prefer in map(str.casefold, path.parts)] or found
        if not self._is_alone(parts[len(parts) - best :]):
            raise PhotoError(f"is missing from the photos; {found[0].name} answers to several of those listed")
        if len(found) > 1:
            names = some_of([self._shown(path) for path in found], 3)
            raise PhotoError(f"could be {names}; remove all but one of them, or list it with its folder")
        try:
            return photo_in(found[0].parent, found[0].name, self._named_in, self._root)
        except InputError as error:
            raise PhotoError(f"cannot be taken: {error}") from error

    def _shown(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    @staticmethod
    def _common(path: Path, parts: Parts) -> int:
        """How many last parts a file has in common with a name, the ending of the file's name apart."""
        length = 1
        for a, b in zip(path.parts[-2::-1], parts[-2::-1], strict=False):
            if _key((a,)) != _key((b,)):
                break
            length += 1
        return length

    @cached_property
    def _files(self) -> dict[Parts, list[Path]]:
        """Pictures below the root by name, those of masks and the like apart."""
        found: dict[Parts, list[Path]] = {}
        count = 0
        for place, folders, files in os.walk(self._root):
            folders[:] = sorted(each for each in folders if not each.startswith(".") and not _holds_no_photos(each))
            count += len(files)
            if count > _MOST_FILES:
                return {}
            for file in sorted(files):
                if file.lower().endswith(PHOTO_SUFFIXES):
                    found.setdefault(_key((file,)), []).append(Path(place) / file)
        return found

    @cached_property
    def _stems(self) -> dict[str, list[Path]]:
        """The same by name without picture ending."""
        found: dict[str, list[Path]] = {}
        for paths in self._files.values():
            for path in paths:
                found.setdefault(_stem_key(path.name), []).append(path)
        return found


def name_parts(name: str) -> Parts:
    """The parts of a listed name that may be folders and file: no drive, server or query, no `.` and `..`.

    >>> name_parts("..\\\\media\\\\upload\\\\4\\\\a.jpg"), name_parts("/data/local-files/?d=set%201/a.jpg")
    (('media', 'upload', '4', 'a.jpg'), ('set 1', 'a.jpg'))
    >>> name_parts("https://example.org/set%201/a.jpg?width=9")
    ('set 1', 'a.jpg')
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", name):
        address = urlsplit(name.replace("\\", "/"))
        name = unquote(address.path) + (f"?{address.query}" if "d=" in address.query else "")
    if re.search(r"[?&]d=", name):
        # Label Studio's way to name a file of the disk it runs on.
        name = parse_qs(name.partition("?")[2]).get("d", [name])[-1]
    parts = [part for part in re.split(r"[/\\]", name) if part.strip() not in ("", ".", "..")]
    return tuple(part for k, part in enumerate(parts) if k or not re.fullmatch(r"[A-Za-z]:", part))


def unique_stems(names: Sequence[str]) -> list[str]:
    """Names for photos in a collection: theirs without folders and ending; with both where two would be the same.

    >>> unique_stems(["v0/frame.jpg", "v1/frame.jpg", "side.jpg", "back.jpg", "back.png"])
    ['v0_frame', 'v1_frame', 'side', 'back_jpg', 'back_png']
    """
    parts = [name_parts(name) for name in names]
    stems = [_stem(each[-1]) if each else "" for each in parts]
    folders = [("_".join([*each[:-1], stem])) for each, stem in zip(parts, stems, strict=True)]
    endings = ["_".join([*each[:-1], *each[-1:]]).replace(".", "_") for each in parts]
    for more in (folders, endings):
        count = Counter(_key((stem,)) for stem in stems)
        stems = [longer if count[_key((stem,))] > 1 else stem for stem, longer in zip(stems, more, strict=True)]
    return stems


def _stem(name: str) -> str:
    return name[: name.rfind(".")] if name.lower().endswith(PHOTO_SUFFIXES) else name


def _stem_key(name: str) -> str:
    return _key((_stem(name),))[0]


def _key(parts: Parts) -> Parts:
    """Names that differ in capitals or Unicode form only are one."""
    return tuple(unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold()) for part in parts)


def _holds_no_photos(folder: str) -> bool:
    return any(word in folder.casefold() for word in _NOT_PHOTOS)
