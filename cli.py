"""The command line, nothing else: each command is a frozen dataclass whose `run` calls the package and prints.

Exit codes: 0 done; 2 the input or the options are wrong, one line on stderr says how; 1 a fault of ours, with its
traceback. Everything heavy is imported inside `run`, so that help and refusals come at once.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from .optimize.config import FitConfig, check_supported
from .scenes.error import InputError

_LATER = {
    "animate": "an animated GLB and a film of a motion; subject.glb already carries clips",
    "transfer": "texture, pose or shape from one subject to another",
    "zoo": "photo collections with known truth, made to order",
    "pretrain": "training of the embedded priors",
    "models": "listing and pulling of the large priors",
    "report": "a page about a run",
    "view": "a scene in the browser",
    "fleet": "many subjects over many GPUs",
}
"""Commands that are planned; naming one ends with exit code 2."""


@dataclass(frozen=True, kw_only=True)
class Fit(FitConfig):
    """A folder of photos becomes a rigged, textured 3D subject."""

    photos: Positional[Path]
    """Folder of photos of one kind of animal or one character; optional in it: masks/, transforms.json."""
    plan: bool = False
    """Say what the fit would do, and stop."""

    def __post_init__(self) -> None:
        """Bounds are checked when `run` makes a FitConfig of this: tyro would wrap the message in a box of its own."""

    def run(self) -> None:
        names = [field.name for field in dataclasses.fields(FitConfig)]
        config = FitConfig(**{name: getattr(self, name) for name in names})
        check_supported(config)
        if self.plan:
            from .optimize.plan import plan

            print("\n".join(plan(config)))
            return
        from .optimize.fit import fit

        fit(config)


@dataclass(frozen=True)
class Doctor:
    """What this machine has, and what a fit makes of it."""

    def run(self) -> None:
        from .optimize.doctor import examine

        rows = examine()
        width = max(len(name) for _, name, _ in rows)
        for topic, name, finding in rows:
            print(f"{topic:<10} {name:<{width}}  {finding}")


_Command = (
    Annotated[Fit, tyro.conf.subcommand("fit")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name; None takes the process's own) and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments == ["--version"]:
            from . import __version__

            print(__version__)
            return 0
        if arguments and arguments[0] in _LATER:
            raise InputError(f"not implemented yet: {arguments[0]} ({_LATER[arguments[0]]}); see zoetrope --help")
        command = tyro.cli(
            _Command,  # type: ignore[arg-type]
            prog="zoetrope",
            description=(
                "A handful of photos of an animal or a character becomes a textured, rigged, animated 3D subject.\n\n"
                f"Planned, not there yet: {', '.join(_LATER)}."
            ),
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
        )
        command.run()
    except InputError as fault:
        print(f"zoetrope: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoetrope: interrupted; a fit goes on with the same command and --resume", file=sys.stderr)
        return 130
    return 0
