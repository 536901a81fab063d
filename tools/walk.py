"""How far a reader walks who follows `config` through `optimize.fit.fit`, counted without running anything.

    python tools/walk.py [ROOT]

The walk starts at the function `fit` of ROOT/optimize/fit.py and follows calls depth first, in the order of the source
(arguments before the call that takes them), into functions, methods and constructors of the package, as far as
`package_names` can tell which they are; each is read once. Counted are
    functions  that are read, methods and constructors among them;
    files      in which they lie;
    entries    steps from a function in one file to one in another that has not been read yet;
    returns    entries into a file that has been entered before;
    climbs     entries into a module that lies higher than the caller's: on a floor above (representations, priors,
               scenes, eval, optimize, cli), in a folder above, or importing the caller's, at once or through others.
               In a circle of imports every module lies higher than every other.
"""

from __future__ import annotations

import sys
from pathlib import Path

from package_names import Package, Symbol

FLOORS = ("representations", "priors", "scenes", "eval", "optimize", "cli")


def is_higher(package: Package, module: str, other: str) -> bool:
    """Whether a module lies higher than another, see above."""
    floor, other_floor = (FLOORS.index(name.split(".")[0]) for name in (module, other))
    is_above = other.rpartition(".")[0].startswith(module.rpartition(".")[0] + ".")
    return floor > other_floor or (floor == other_floor and (is_above or other in package.below(module, set())))


def walk(package: Package, start: Symbol) -> tuple[list[Symbol], list[tuple[str, str]]]:
    """What is read, in order, and the entries: the caller's module and the one that is entered."""
    read, entries, open_calls = [start], [], [(start, package.calls(start))]
    while open_calls:
        caller, calls = open_calls[-1]
        called = next((one for one in calls if one not in read), None)
        if called is None:
            open_calls.pop()
            continue
        read.append(called)
        entries += [(caller.module, called.module)] if caller.module != called.module else []
        open_calls.append((called, package.calls(called)))
    return read, entries


def main() -> None:
    """Prints the counts, then the climbs."""
    package = Package(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1], FLOORS)
    read, entries = walk(package, Symbol("optimize.fit", "fit"))
    files = {one.module for one in read}
    climbs = [f"{caller} -> {entered}" for caller, entered in entries if is_higher(package, entered, caller)]
    print(f"{len(read)} functions, {len(files)} files, {len(entries)} entries, {len(entries) - len(files) + 1} returns")
    print(f"{len(climbs)} climbs", *climbs, sep="\n  ")


if __name__ == "__main__":
    main()
