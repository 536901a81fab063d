"""How much memory a job takes at its worst.

On CUDA it is what PyTorch's allocator had handed out, which its cache does not count in. On Linux without a GPU it is
the process's resident memory as the kernel keeps its record (VmHWM, set back by writing 5 to /proc/self/clear_refs);
large blocks go back to the system as soon as they are free, and what small ones have left over is given back before.
Elsewhere nothing is measured.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class PeakMemory:
    """Bytes."""

    before: int
    """In use before the job: weights, and on a CPU Python and its libraries as well."""
    peak: int
    """The most while it ran, with what there was before."""

    @property
    def above(self) -> int:
        """What the job itself took."""
        return self.peak - self.before


def peak_memory(job: Callable[[], object], device: torch.device) -> PeakMemory | None:
    """Runs the job once; None where this system keeps no record.

    On a CPU it has to be the first of its kind in its process, or blocks that an earlier run has left behind are used
    again unseen; on CUDA a later one, or the libraries' own buffers count.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        job()
        torch.cuda.synchronize(device)
        return PeakMemory(before, torch.cuda.max_memory_allocated(device))
    if device.type != "cpu" or sys.platform != "linux":
        job()
        return None
    _give_back()
    _RESET.write_text("5")
    before = _status("VmRSS")
    job()
    return PeakMemory(before, _status("VmHWM"))


def _give_back() -> None:
    """Free blocks that the C library keeps, where it is one that can be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status(name: str) -> int:
    """Bytes."""
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"{_STATUS} has no {name}")
