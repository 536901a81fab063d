"""Names that a folder offers, loaded when they are first used: importing the folder imports none of its modules."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_face(package: str, names: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a folder's `__init__.py` (PEP 562).

    package: its `__name__`. names: public names, separated by spaces, by the module that defines them, relative to the
    folder. No name may be that of a module in the folder itself, which would hide it.

        __getattr__, __dir__ = lazy_face(__name__, {".skeleton": "Skeleton forward_kinematics"})
    """
    module_of = {name: module for module, several in names.items() for name in several.split()}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(module_of[name], package), name)

    return load, lambda: sorted(module_of)
