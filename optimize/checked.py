"""From a command of the command line to the configuration that it extends."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

_Config = TypeVar("_Config")


def checked(kind: type[_Config], command: Any) -> _Config:
    """The options of a command that extends a configuration, with their bounds checked.

    A command's own `__post_init__` checks nothing: what it raises would be wrapped in a box of the parser's.
    """
    return kind(**{field.name: getattr(command, field.name) for field in dataclasses.fields(kind)})  # type: ignore[arg-type]
