"""Companion files: what a file names beside itself (buffers, textures, photos, masks), found inside its own folder.

A name in somebody else's file must not make this program read what lies elsewhere on the disk, or wait for a pipe. So
one function finds the companions of every format. A name is taken as a path inside the folder of the file that gives
it. Refused are absolute paths and addresses (/x, C:x, //server/x, file:///x), names that lead out of the folder by `..`
or by a link, percent-encoding that hides a separator or `..`, and pipes, devices and sockets.

What the tools of the field write is understood: backslashes as separators, and, where no file has exactly that name,
another Unicode normal form of it or other capitals, if only one file fits. The folder itself may be a link: its user
named it.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from .error import InputError, some_of

_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_ADDRESS = re.compile(r"(file:|[A-Za-z][A-Za-z0-9+.-]+://)", re.IGNORECASE)
_SHOWN = 120
"""Characters of a name in a message."""


def companion(
    folder: Path, name: str, *, named_in: Path | None = None, uri: bool = False, root: Path | None = None
) -> Path:
    """The regular file that `name` stands for inside `folder`.

    name: relative path as it stands in the file `named_in` (for messages; default: some file in the folder).
    uri: the format says that names are URIs: percent-encoding is undone, a query or fragment is ignored. Data URIs are
        not names; decode them before.
    root: folder that holds `folder`; `..` may lead up to it. Default: `folder` itself, so nothing may lead out of it.
    Raises InputError in one line where there is no such file, several fit, or the name is refused.
    """
    found = find_companion(folder, name, named_in=named_in, uri=uri, root=root)
    if found is None:
        raise _error(folder, name, named_in, f"which is no file in {folder}; put the file there or mend its name")
    return found


def find_companion(
    folder: Path, name: str, *, named_in: Path | None = None, uri: bool = False, root: Path | None = None
) -> Path | None:
    """As `companion`, but None where `folder` has no such file. What is refused is an InputError all the same."""
    reason = _refusal(name, uri)
    if reason is not None:
        raise _error(folder, name, named_in, reason)
    spellings = _spellings(name, uri)
    for relative in spellings:
        if not _stays_inside(folder, relative, root):
            limit = folder if root is None else root
            raise _error(folder, name, named_in, f"which leads out of {limit}; put the file there and name it there")
    for relative in spellings:
        path = _place(folder, relative)
        if os.path.lexists(path) and _is_usable(path, folder, name, named_in, root):
            return path
    for folded in (False, True):
        for relative in spellings:
            alike = _alike(folder, relative, folded)
            alike = [path for path in alike if _is_usable(path, folder, name, named_in, root)]
            if len(alike) > 1:
                names = some_of([str(path) for path in alike], 3)
                raise _error(folder, name, named_in, f"which could be {names}; rename all but one of them")
            if alike:
                return alike[0]
    return None


def require_regular_file(path: Path, expected: str = "") -> Path:
    """`path`, if it is a regular file or a link to one; nothing is opened, so that no pipe is waited for.

    expected: what was wanted, for the message ("expected glTF").
    Raises InputError where there is none, or it is a folder, a pipe, a device or a socket.
    """
    more = f"; {expected}" if expected else ""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}){more}") from error
    except ValueError as error:
        raise InputError(f"{str(path)[:_SHOWN]!r} cannot be the name of a file{more}") from error
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is {_kind(mode)}, not a file{more or '; name a file'}")
    return path


def _refusal(name: str, uri: bool) -> str | None:
    """Why a name is refused whatever the folder holds; None where it is not."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "which is no text and cannot be the name of a file; mend the name"
    for spelling in dict.fromkeys((name, unquote(name)) if uri else (name,)):
        plain = spelling.replace("\\", "/")
        if not plain.strip():
            return "an empty name; name a file in the folder"
        if "\0" in plain:
            return "which holds a zero byte and cannot be the name of a file; mend the name"
        if plain.startswith("//"):
            return "a file on another machine; copy it into the folder and name it by its path there"
        if plain.startswith("/") or _DRIVE.match(plain):
            return "an absolute path; copy the file into the folder and name it by its path there"
        if (_SCHEME if uri else _ADDRESS).match(plain):
            return "an address, not a path in the folder; put the file into the folder and name it by its path there"
    if uri:
        for part in re.split(r"[/\\]", name):
            decoded = unquote(part)
            if "/" in decoded or "\\" in decoded or (decoded != part and decoded in (".", "..")):
                return "which hides a separator or '..' by percent-encoding; write the path plainly"
    return None


def _spellings(name: str, uri: bool) -> list[str]:
    """The relative paths that a name may stand for, the likeliest first."""
    written = [name]
    if uri:
        # Some exporters encode nothing, so the name as it stands is a guess too, and so are '?' and '#' in it.
        written = [unquote(name), name, unquote(re.split(r"[?#]", name, maxsplit=1)[0])]
    with_slashes = [spelling.replace("\\", "/") for spelling in written]
    # Archives made on Windows and unpacked elsewhere leave backslashes in names of files.
    return [spelling for spelling in dict.fromkeys([*written, *with_slashes]) if spelling]


def _place(folder: Path, relative: str) -> Path:
    """Path of a name in the folder, `.` and `..` taken out by its parts alone, as if there were no links."""
    relative = os.path.normpath(relative)
    if relative.startswith(".."):
        return Path(os.path.normpath(os.path.join(os.path.abspath(folder), relative)))
    return folder / relative


def _stays_inside(folder: Path, relative: str, root: Path | None) -> bool:
    """Whether a path stays inside by its parts alone, links apart."""
    top = os.path.abspath(folder if root is None else root)
    place = os.path.abspath(_place(folder, relative.replace("\\", "/")))
    return Path(place).is_relative_to(top)


def _is_usable(path: Path, folder: Path, name: str, named_in: Path | None, root: Path | None) -> bool:
    """Whether it is a regular file, False for folders and for links to nothing. Raises InputError for the rest."""
    tops = {os.path.realpath(top) for top in (folder, folder if root is None else root)}
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(top) for top in tops):
        raise _error(folder, name, named_in, f"a link that leads out of {folder}; put the file itself there (cp -L)")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return stat.S_ISREG(mode)
    raise _error(folder, name, named_in, f"which is {_kind(mode)}; put a file there")


def _alike(folder: Path, relative: str, folded: bool) -> list[Path]:
    """Paths in the folder that differ from the one asked for in Unicode form only or, `folded`, in capitals as well."""
    found = [folder]
    for part in Path(os.path.normpath(relative)).parts:
        if part == "..":
            found = [path / part for path in found]
        else:
            found = [path / entry for path in found for entry in _entries(path, folded).get(_key(part, folded), ())]
    return found


def _key(name: str, folded: bool) -> str:
    normal = unicodedata.normalize("NFC", name)
    return unicodedata.normalize("NFC", normal.casefold()) if folded else normal


def _entries(folder: Path, folded: bool) -> dict[str, list[str]]:
    try:
        state = os.stat(folder)
        return _listing(folder, state.st_ino, state.st_mtime_ns, folded)
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _listing(folder: Path, inode: int, changed: int, folded: bool) -> dict[str, list[str]]:
    """Names in a folder by key, kept while it does not change: a data set asks one folder for thousands of photos."""
    names: dict[str, list[str]] = {}
    for entry in sorted(os.listdir(folder)):
        names.setdefault(_key(entry, folded), []).append(entry)
    return names


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")


def _error(folder: Path, name: str, named_in: Path | None, reason: str) -> InputError:
    shown = ascii(name) if not name.isprintable() else f"'{name}'"
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "..."
    return InputError(f"{named_in or f'a file in {folder}'} names {shown}, {reason}")
