"""Files that are either whole or not there: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """A temporary path in `path`'s own folder, for the caller to write; it takes `path`'s place at the end.

    The folder is made where it is missing. The temporary file keeps `path`'s extension, since many writers choose their
    format by it. If the block raises, the temporary file goes and an older `path` stays as it was. A process killed in
    between leaves a hidden file behind, never half a `path`.

    Raises FileNotFoundError where the block wrote nothing.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:12]}{target.suffix}")
    try:
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"nothing was written for {target}: write to the path that atomic_write yields")
        _flush(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":
        # The rename itself lives in the folder; without this a power cut may forget it.
        _flush(target.parent)


def _flush(path: Path) -> None:
    # Windows flushes only handles that are open for writing; a POSIX folder can only be opened for reading.
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
