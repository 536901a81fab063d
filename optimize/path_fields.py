"""Paths in configurations: who writes Python may give them as strings, and files where a word may stand as paths."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

_Config = TypeVar("_Config")


def takes_strings(kind: type[_Config]) -> type[_Config]:
    """Decorator of a dataclass: its fields have the types they are annotated with, and its `__init__` takes more.

    For fields of Path and Path | None it takes strings, for those of tuple[Path, ...] strings and lists, and for those
    of str and str | None, which hold a word or the name of a file, paths.

    >>> from dataclasses import dataclass
    >>> @takes_strings
    ... @dataclass(frozen=True)
    ... class Copy:
    ...     source: Path
    ...     targets: tuple[Path, ...] = ()
    >>> Copy("fox", ["a", "b"]).targets == (Path("a"), Path("b"))
    True
    """
    made: Callable[..., None] = kind.__init__
    signature, hints = inspect.signature(made), get_type_hints(kind)

    @wraps(made)
    def __init__(*args: Any, **kwargs: Any) -> None:  # noqa: N807 - it takes the place of the dataclass's own
        given = signature.bind(*args, **kwargs).arguments
        made(**{name: _converted(value, hints.get(name)) for name, value in given.items()})

    wider = [each.replace(annotation=_wider(hints.get(name, Any))) for name, each in signature.parameters.items()]
    __init__.__signature__ = signature.replace(parameters=wider)  # type: ignore[attr-defined]
    kind.__init__ = __init__  # type: ignore[method-assign]
    return kind


def _converted(value: Any, hint: Any) -> Any:
    if _holds_paths(hint):
        given = [value] if isinstance(value, (str, os.PathLike)) else value
        return tuple(Path(one) for one in given)
    if isinstance(value, str) and Path in (hint, *get_args(hint)):
        return Path(value)
    if isinstance(value, os.PathLike) and str in (hint, *get_args(hint)):
        return os.fspath(value)
    return value


def _wider(hint: Any) -> Any:
    """The type of what a parameter takes."""
    if _holds_paths(hint):
        return Union[str, Path, list[str], list[Path], tuple[str, ...], hint]  # noqa: UP007 - of values, not of names
    choices = (hint, *get_args(hint))
    if get_origin(hint) is not tuple and (Path in choices or str in choices):
        return Union[str, Path, hint]  # noqa: UP007
    return hint


def _holds_paths(hint: Any) -> bool:
    return get_origin(hint) is tuple and get_args(hint)[0] is Path
