"""What readers look for on disk: folders, JSON files and photos; what is missing is said with where to get it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import json_file
from ..companion import find_companion
from ..error import InputError, PhotoError, some_of
from ..photos.decode import PHOTO_SUFFIXES


def require_folder(path: Path, what: str, where: str) -> Path:
    """`path`, if it is a folder. Raises InputError that says `what` was expected in it and `where` to get it."""
    if not path.is_dir():
        found = "is a file" if path.exists() else "does not exist"
        raise InputError(f"{path} {found}; expected {what}; {where}")
    return path


def read_annotations(path: Path, what: str, where: str) -> Any:
    """The content of a JSON file. Raises InputError that says `what` was expected and `where` to get it."""
    return json_file.read_json(path, object, expected=f"expected {what}; {where}")


def only_json(
    source: Path, folders: Sequence[str], what: str, where: str, accept: Callable[[Any], bool] | None = None
) -> Path:
    """The one JSON file that `source` is or holds: directly, in one of its `folders`, or in any folder in it.

    accept: tells by the content whether a file is meant; asked only where there are several.
    Raises InputError where there is none, or several: then all are named.
    """
    if not source.is_dir():
        return source
    inside = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    for places in ([source], *([source / name] for name in folders), inside):
        found = [path for place in places for path in sorted(place.glob("*.json")) if not path.name.startswith(".")]
        found = [path for path in found if not path.is_dir()]
        if len(found) > 1 and accept is not None:
            found = [path for path in found if _is_accepted(path, accept)] or found
        if len(found) == 1:
            return found[0]
        if found:
            base = places[0] if len(places) == 1 else source
            names = some_of([path.relative_to(base).as_posix() for path in found], 12)
            raise InputError(f"{base} holds {names}; name the one to be read")
    raise InputError(f"{source} holds no JSON file; expected {what}; {where}")


def find_photo(folders: Sequence[Path], name: str, root: Path | None = None) -> Path | None:
    """The photo `name` (perhaps a path, perhaps without its ending) in the first of the folders that has it.

    Folders in front of the name are tried first as they are, then without. Absolute paths are those of another machine,
    and only their last part counts. root: see `companion`.
    Raises PhotoError where the only such file may not be read, as one that a link leads to.
    """
    refused: InputError | None = None
    for wanted in dict.fromkeys((name, re.split(r"[/\\]", name)[-1])):
        for folder in folders:
            try:
                path = photo_in(folder, wanted, root=root)
            except InputError as error:
                refused = refused or error
                continue
            if path is not None:
                return path
    if refused is not None:
        raise PhotoError(f"cannot be taken: {refused}") from refused
    return None


def photo_in(folder: Path, name: str, named_in: Path | None = None, root: Path | None = None) -> Path | None:
    """The photo of that name, with its ending or without, in the folder. Raises InputError as `find_companion`."""
    has_ending = name.lower().endswith(PHOTO_SUFFIXES)
    for suffix in ("",) if has_ending else ("", *PHOTO_SUFFIXES):
        path = find_companion(folder, name + suffix, named_in=named_in, root=root)
        if path is not None:
            return path
    return None


def _is_accepted(path: Path, accept: Callable[[Any], bool]) -> bool:
    try:
        return accept(json_file.read_json(path, object))
    except InputError:
        # It is looked at only to tell it from its neighbours; the one that is taken is read again and its faults said.
        return False
