"""Prints constraints.txt: the versions in this environment of all that `pip install -e '.[dev]'` brings.

    .venv-newest/bin/python .ci/write_constraints.py > constraints.txt

Only `make constraints` calls it, once the test suite has passed with these very versions. It walks the requirements of
the installed distribution, so nothing else that happens to lie in the environment is listed. Left out is what PyTorch
chooses for the machine: CUDA libraries and Triton, which builds for CPUs do without, and build labels (+cpu, +cu130).
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOTS = ("zoetrope3d[dev]", "pip", "setuptools")
"""The project with its development tools, and what installs it."""
CHOSEN_BY_TORCH = ("nvidia-", "cuda-", "triton")
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""The oldest of them that all recorded releases run on is where the file begins to hold."""

HEADER = """\
# Versions that the test suite has passed with, on Python {recorded}; `make install` keeps to them (pip install -c).
# Written by `make constraints`, which tries the newest releases first; pyproject.toml has the open ranges.
# They hold from Python {first} on, since some of them do not run on an older one; there pip takes what the open ranges
# allow. CUDA libraries and Triton are missing on purpose: each build of PyTorch names its own.
"""


def installed(roots: tuple[str, ...]) -> dict[str, importlib.metadata.Distribution]:
    """Distributions that the requirements `roots` bring in this environment, by canonical name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    todo, done = [Requirement(root) for root in roots], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in done:
            continue
        done.add(key)
        distribution = importlib.metadata.distribution(requirement.name)
        found[name] = distribution
        for line in distribution.requires or ():
            needed = Requirement(line)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(needed)
    return found


def first_python(distributions: Iterable[importlib.metadata.Distribution]) -> str:
    """The oldest Python that all of them run on."""
    needs = [SpecifierSet(some.metadata.get("Requires-Python") or "") for some in distributions]
    # Whatever its patch release: ">=3.11.4" still begins with 3.11.
    return next(python for python in PYTHONS if all(need.contains(f"{python}.99") for need in needs))


def main() -> None:
    """Prints the file."""
    own = canonicalize_name(Requirement(ROOTS[0]).name)
    brought = {
        name: some
        for name, some in sorted(installed(ROOTS).items())
        if name != own and not name.startswith(CHOSEN_BY_TORCH)
    }
    first = first_python(brought.values())
    print(HEADER.format(recorded=platform.python_version(), first=first), end="")
    for name, some in brought.items():
        print(f'{name}=={Version(some.version).public} ; python_version >= "{first}"')


if __name__ == "__main__":
    main()
