"""Arrays out of bytes as a glTF file describes them, every number of the description checked before it is used.

A header may announce anything: nothing is allocated before it is known that the bytes are there, and what needs no
bytes (an accessor without a buffer view is zeros) has a cap.
"""

from __future__ import annotations

import numpy as np

MOST_NUMBERS = 100_000_000
"""Most numbers that one accessor may hold, and most zeros that a file may announce without storing them."""


class ArrayError(ValueError):
    """A description that does not fit its bytes; the message is one line without the file's name."""


def whole(value: object, what: str, *, least: int = 0) -> int:
    """A whole number out of JSON, at least `least`. Raises ArrayError for anything else, true and 3.5 included."""
    if isinstance(value, float) and value.is_integer():
        # JSON knows no integers, and some writers say 3.0.
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ArrayError(f"has a {what} of {_shown(value)}; a whole number of at least {least} was expected")
    return value


def read_rows(
    data: memoryview, dtype: np.dtype, count: int, width: int, *, offset: int = 0, stride: int | None = None
) -> np.ndarray:
    """`count` rows of `width` numbers that start `offset` bytes into `data`, `stride` bytes apart, as a copy.

    Without a stride rows follow each other directly. Raises ArrayError where the bytes do not reach so far.
    """
    check_size(count, width)
    packed = dtype.itemsize * width
    step = packed if stride is None else stride
    if step < packed:
        raise ArrayError(f"has rows of {packed} bytes but a byteStride of {step}")
    needed = offset + (count - 1) * step + packed if count else 0
    if needed > len(data):
        raise ArrayError(f"reads {needed} bytes where {len(data)} are; is the file cut short?")
    if count == 0:
        return np.zeros((0, width), dtype)
    return np.ndarray((count, width), dtype, buffer=data, offset=offset, strides=(step, dtype.itemsize)).copy()


def check_size(count: int, width: int) -> None:
    """Raises ArrayError for more numbers than are read."""
    if count * width > MOST_NUMBERS:
        raise ArrayError(f"announces {_shown(count)} rows of {width}; at most {MOST_NUMBERS} numbers are read")


def _shown(value: object) -> str:
    text = f"{value:.0f}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 24 else f"{text[:20]}..."
