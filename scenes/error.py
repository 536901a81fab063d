"""What is wrong with what the user gave: errors whose message is one clear line, fit to be shown as it is."""

from __future__ import annotations

from collections.abc import Sequence


class InputError(ValueError):
    """The input as a whole cannot be used; the command line ends with exit code 2 and prints the message.

    The message is one line: what was found, what was expected, what to do.
    """


class PhotoError(ValueError):
    """One photo (or its mask or camera) cannot be used; the others go on without it. The message is one line."""


def one_line(fault: BaseException, limit: int = 160) -> str:
    """The message of another library's exception, squeezed into one line of at most `limit` characters.

    >>> one_line(OSError("image file is\\n  truncated"))
    'image file is truncated'
    """
    text = " ".join(str(fault).split()) or type(fault).__name__
    return text if len(text) <= limit else text[: limit - 3] + "..."


def some_of(names: Sequence[str], most: int) -> str:
    """Names for a message, at most so many of them.

    >>> some_of(["a.jpg", "b.jpg", "c.jpg"], 2)
    'a.jpg, b.jpg and 1 more'
    """
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
