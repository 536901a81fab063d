"""JSON that somebody else wrote: read whole and checked, or refused with one line.

One function reads every JSON file that a user names or that lies in a folder of theirs. It takes a byte order mark and
keys that stand twice (the last one counts), as the tools of the field do. NaN, Infinity and -Infinity are no JSON, but
Python's tools write them: they become floats, or are refused where `finite` asks for it. Refused are texts that are not
UTF-8, that are nested too deeply, that hold whole numbers beyond any float or half of a surrogate pair, and files that
are too large, pipes or devices.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from .companion import require_regular_file
from .error import InputError, one_line

T = TypeVar("T")

JsonObject = dict[str, Any]
"""An object {...} of a file, whose values are not checked yet."""

MOST_BYTES = 2**30
"""Size of a file that is still read: twice COCO's largest annotations."""
MOST_LEVELS = 100
"""Lists and objects inside each other; no format of the field has more than a dozen."""
_MOST_DIGITS = 308
"""Of a whole number; more do not fit into a float."""

_NAMES: dict[type, str] = {dict: "an object {...}", list: "a list [...]"}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(
    path: Path | str, kind: type[T], *, expected: str = "", finite: bool = False, most_bytes: int = MOST_BYTES
) -> T:
    """The content of a JSON file whose top level is of the `kind` dict or list; `object` takes anything.

    expected: ends the messages, says what was wanted and where to get it ("expected COCO annotations").
    finite: refuse NaN, Infinity and numbers too large for a float.
    Raises InputError where the file cannot be read, is not such JSON, or has more than `most_bytes`.

    >>> read_json("no_such_file.json", dict, expected="expected cameras")
    Traceback (most recent call last):
    zoetrope.scenes.error.InputError: no_such_file.json cannot be read (No such file or directory); expected cameras
    """
    path = require_regular_file(Path(path), expected)
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}){_tail(expected)}") from error
    if len(content) > most_bytes:
        raise InputError(f"{path} has more than {most_bytes:,} bytes, the most that is read{_tail(expected)}")
    return parse_json(content, kind, source=str(path), expected=expected, finite=finite)


def parse_json(content: bytes | str, kind: type[T], *, source: str, expected: str = "", finite: bool = False) -> T:
    """JSON text of a file or of a part of one, checked as `read_json` does.

    source: what holds the text, for messages ("a.glb").

    >>> parse_json(b'\\xef\\xbb\\xbf{"a": 1, "a": 2}', dict, source="a.json")
    {'a': 2}
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8 (byte {error.start}); save it as UTF-8{_tail(expected)}") from error
    if not text.strip():
        raise InputError(f"{source} is empty{_tail(expected)}")
    try:
        found = json.loads(text.removeprefix("\ufeff"), **_hooks(text, finite))
    except RecursionError as error:
        raise _too_deep(source, expected) from error
    except ValueError as error:
        raise InputError(f"{source} is not valid JSON ({one_line(error)}){_tail(expected)}") from error
    if text.count("[") + text.count("{") > MOST_LEVELS or _SURROGATE.search(text):
        _check_values(found, source, expected)
    if not isinstance(found, kind):
        wanted = _NAMES.get(kind, kind.__name__)
        raise InputError(f"{source} is JSON but not {wanted}, it is {_described(found)}{_tail(expected)}")
    return found


def _hooks(text: str, finite: bool) -> dict[str, Any]:
    """Arguments of json.loads. Its own number parsers are much the fastest and stay unless there is need."""
    hooks: dict[str, Any] = {}
    if finite:
        hooks |= {"parse_constant": _refuse_constant, "parse_float": _finite_float}
    if re.search(rf"\d{{{_MOST_DIGITS + 1}}}", text):
        hooks["parse_int"] = _short_integer
    return hooks


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number that can be used here")


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large for a float")
    return value


def _short_integer(text: str) -> int:
    if len(text.lstrip("-")) > _MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits, at most {_MOST_DIGITS} are read")
    return int(text)


def _check_values(content: object, source: str, expected: str) -> None:
    """Raises InputError where values are nested too deeply or a text cannot be written again. Level by level."""
    level = [content]
    for _ in range(MOST_LEVELS):
        below: list[object] = []
        for value in level:
            children = [*value, *value.values()] if isinstance(value, dict) else value
            if isinstance(children, str):
                children = [children]
            if isinstance(children, list):
                for child in children:
                    if isinstance(child, (dict, list)):
                        below.append(child)
                    elif isinstance(child, str) and not child.isascii():
                        _check_text(child, source, expected)
        if not below:
            return
        level = below
    raise _too_deep(source, expected)


def _check_text(text: str, source: str, expected: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        shown = ascii(text)[:60]
        raise InputError(
            f"{source} holds half of a surrogate pair in {shown}; save it as UTF-8{_tail(expected)}"
        ) from error


def _too_deep(source: str, expected: str) -> InputError:
    return InputError(f"{source} nests lists and objects more than {MOST_LEVELS} deep{_tail(expected)}")


def _described(value: object) -> str:
    for kind, name in _NAMES.items():
        if isinstance(value, kind):
            return name
    return "a text" if isinstance(value, str) else "null" if value is None else f"the value {value}"[:60]


def _tail(expected: str) -> str:
    return f"; {expected}" if expected else ""
