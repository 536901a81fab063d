"""What readers look for on disk: folders, JSON files and photos; what is missing is said with where to get it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..error import InputError
from ..photos.decode import PHOTO_SUFFIXES


def require_folder(path: Path, what: str, where: str) -> Path:
    """`path`, if it is a folder. Raises InputError that says `what` was expected in it and `where` to get it."""
    if not path.is_dir():
        found = "is a file" if path.exists() else "does not exist"
        raise InputError(f"{path} {found}; expected {what}; {where}")
    return path


def read_json(path: Path, what: str, where: str) -> Any:
    """The content of a JSON file. Raises InputError that says `what` was expected and `where` to get it."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); expected {what}; {where}") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); expected {what}; {where}") from error


def only_json(source: Path, folders: Sequence[str], what: str, where: str) -> Path:
    """The one JSON file that `source` is or holds, directly or in one of its `folders`.

    Raises InputError where there is none, or several: then all are named.
    """
    if source.is_file():
        return source
    require_folder(source, what, where)
    for folder in (source, *(source / name for name in folders)):
        found = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{folder} holds {', '.join(path.name for path in found)}; name the one to be read")
    raise InputError(f"{source} holds no JSON file; expected {what}; {where}")


def find_photo(folders: Sequence[Path], name: str) -> Path | None:
    """The photo `name` (perhaps a path, perhaps without its ending) in the first of the folders that has it.

    Folders in front of the name are tried first as they are, then without.
    """
    name = name.replace("\\", "/")
    for wanted in dict.fromkeys((name, name.rsplit("/", 1)[-1])):
        for folder in folders:
            path = folder / wanted
            if path.is_file():
                return path
            for suffix in PHOTO_SUFFIXES:
                ended = path.with_name(path.name + suffix)
                if path.name and ended.is_file():
                    return ended
    return None
