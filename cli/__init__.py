"""The command line, nothing else: each command is a frozen dataclass whose `run` calls the package and prints.

Exit codes: 0 done; 2 the input or the options are wrong, one line on stderr says how; 1 a fault of ours, with its
traceback; 130 interrupted; 141 whoever read the output has left (`zoetrope eval RUN | head`), which is no error.
Everything heavy is imported inside `run`, so that help and refusals come at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from ..optimize.pretrain.command import Pretrain
from ..scenes.error import InputError
from .make import Demo, Fit, Paint
from .measure import Bench, Doctor, Eval, Speed
from .move import Animate, Transfer
from .photos import Dataset, Zoo
from .show import Export, Turntable

_LATER = {
    "models": "listing and pulling of the large priors",
    "report": "a page about a run",
    "view": "a scene in the browser",
    "fleet": "many subjects over many GPUs",
}
"""Commands that are planned; naming one ends with exit code 2."""

_Command = (
    Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Fit, tyro.conf.subcommand("fit")]
    | Annotated[Paint, tyro.conf.subcommand("paint")]
    | Annotated[Turntable, tyro.conf.subcommand("turntable")]
    | Annotated[Animate, tyro.conf.subcommand("animate")]
    | Annotated[Transfer, tyro.conf.subcommand("transfer")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Eval, tyro.conf.subcommand("eval")]
    | Annotated[Dataset, tyro.conf.subcommand("dataset")]
    | Annotated[Zoo, tyro.conf.subcommand("zoo")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Speed, tyro.conf.subcommand("speed")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


_READER_GONE = 141
"""As a shell reports a program that was ended by SIGPIPE."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line (without the program's name; None takes the process's own) and returns its exit code."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_is_gone():  # the pipe to a process of ours, such as ffmpeg
            raise
        # What is still buffered goes nowhere, so that Python has nothing to complain of at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE


def _reader_is_gone() -> bool:
    try:
        print(flush=True)
    except BrokenPipeError:
        return True
    return False


def _run(arguments: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # OpenMP threads spin while they wait for each other. A fit is thousands of short parallel loops: with anything else
    # running on the machine they would spin away the time of the thread that is to finish (measured: ten times slower).
    # Training has the machine to itself for hours, and is half as fast again if they spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "ACTIVE" if arguments[:1] == ["pretrain"] else "PASSIVE")
    try:
        if arguments == ["--version"]:
            from .. import __version__

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
    except InputError as error:
        print(f"zoetrope: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("zoetrope: interrupted; a fit goes on with the same command and --resume", file=sys.stderr)
        return 130
    return 0
