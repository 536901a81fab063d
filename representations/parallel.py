"""Runs compiled kernels over a batch on as many threads as torch uses.

Kernels release the GIL, so plain threads suffice: no second OpenMP pool that fights torch's for the cores, no trouble
after `fork`, and compiling stays quick. Each kernel gets a slice of pictures and writes only that slice, so a result
does not depend on the number of threads.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles `function` on first call, without the GIL, and keeps the machine code on disk where that is possible.

    Arithmetic is IEEE throughout (no fastmath), so that backends can agree bit for bit. The disk cache knows only the
    file a kernel stands in: a kernel must not call kernels of other files.
    """
    return _compiling(function, {})


def lean_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `jit`, for kernels that work in arrays handed to them: what they or those they call make is never freed.

    References to arrays are not counted then. Where functions with branches are pasted into loops numba does not see
    that counts cancel, and two atomic operations for each array and pixel can take half of the time.
    """
    return _compiling(function, {"_nrt": False})


def _compiling(function: Callable[..., Any], more: dict[str, Any]) -> Callable[..., Any]:
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", **more}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError as error:
        # numba finds no folder it may write to: compiling anew in every process is slow, but right.
        warnings.warn(
            f"compiled kernels cannot be kept on disk ({error}); set NUMBA_CACHE_DIR to a writable folder "
            "to save some seconds in every process",
            stacklevel=2,
        )
        return numba.njit(**options)(function)


def compiled(*tensors: torch.Tensor) -> bool:
    """True where kernels can take these tensors: all on the CPU, all float32 or all float64."""
    kinds = {(tensor.device.type, tensor.dtype) for tensor in tensors}
    return kinds in ({("cpu", torch.float32)}, {("cpu", torch.float64)})


def over(count: int, task: Callable[[int, int], Result], slices_per_thread: int = 16) -> list[Result]:
    """Results of `task(start, stop)` on slices that cover `range(count)`, in order, on as many threads as torch uses.

    Slices are finer than the threads are many, so that pictures of unequal cost even out; few of them suit kernels that
    have much to set up.
    """
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        return [task(0, count)] if count else []
    pieces = min(count, slices_per_thread * threads)
    bounds = [count * piece // pieces for piece in range(pieces + 1)]
    results: list[Any] = [None] * pieces
    # Taking the next number from one shared iterator is atomic under the GIL.
    ticket = itertools.count()

    def work() -> None:
        while (piece := next(ticket)) < pieces:
            results[piece] = task(bounds[piece], bounds[piece + 1])

    helpers = [_pool(threads).submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        failures = [error for helper in helpers if (error := helper.exception()) is not None]
    if failures:
        raise failures[0]
    return results


def _pool(threads: int) -> ThreadPoolExecutor:
    key = (os.getpid(), threads)  # a forked child inherits the dictionary but not the threads
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(max_workers=threads - 1, thread_name_prefix="zoetrope-kernel")
    return _pools[key]
