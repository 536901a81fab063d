"""What this machine has and what a fit will make of it: the first thing to look at when something is odd."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from ..run.open_run import LIBRARIES, installed_version

# Module, what it is for, and how to get it.
_OPTIONAL = (
    ("pillow_heif", "HEIC photos", "pip install 'zoetrope3d[heif]'"),
    ("pxr", "USD", "pip install 'zoetrope3d[usd]'"),
)


def examine() -> list[tuple[str, str, str]]:
    """Rows of (topic, name, finding): versions, processor, memory, devices, rasterizers, optional packages, caches."""
    return [*_software(), *_processor(), *_devices(), *_rasterizers(), *_optional(), *_videos(), *_caches()]


def _software() -> list[tuple[str, str, str]]:
    rows = [("software", "zoetrope", f"{installed_version('zoetrope3d')} in {Path(__file__).resolve().parents[2]}")]
    rows += [("software", "python", f"{platform.python_version()} in {sys.prefix}")]
    return rows + [("software", name, installed_version(name) or "missing") for name in (*LIBRARIES, "timm")]


def _processor() -> list[tuple[str, str, str]]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [("processor", "system", f"{platform.system()} {platform.machine()}")]
    rows += [("processor", "cores", f"{usable} usable of {os.cpu_count()}")]
    rows += [("processor", "threads", f"{torch.get_num_threads()} (set OMP_NUM_THREADS for another number)")]
    return [*rows, ("processor", "memory", _memory())]


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown on this system"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def _devices() -> list[tuple[str, str, str]]:
    import torch

    from ..device import choose_device

    rows = [("device", "auto", str(choose_device("auto")))]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        card = torch.cuda.get_device_properties(index)
        rows.append(("device", f"cuda:{index}", f"{card.name}, {card.total_memory / 2**30:.1f} GiB"))
    if torch.backends.mps.is_available():
        rows.append(("device", "mps", "Apple GPU"))
    return rows


def _rasterizers() -> list[tuple[str, str, str]]:
    import torch

    from ...representations.rendering.backends.backend_choice import PURPOSES, choose_backend, lacking

    taken = {device: choose_backend(torch.device(device)) for device in ("cpu", "cuda")}
    rows = [("rasterizer", "auto", ", ".join(f"{name} on {device}" for device, name in taken.items()))]
    for name, purpose in PURPOSES.items():
        missing = lacking(name)
        finding = f"can run ({purpose})" if missing is None else f"cannot run ({purpose}): {missing}"
        rows.append(("rasterizer", name, finding))
    return rows


def _optional() -> list[tuple[str, str, str]]:
    return [
        ("optional", name, f"found ({purpose})" if importlib.util.find_spec(name) else f"absent ({purpose}): {remedy}")
        for name, purpose, remedy in _OPTIONAL
    ]


def _videos() -> list[tuple[str, str, str]]:
    import imageio_ffmpeg

    try:
        finding = f"{imageio_ffmpeg.get_ffmpeg_version()} at {imageio_ffmpeg.get_ffmpeg_exe()}"
    except RuntimeError as error:
        # Finding out that there is none is what a doctor is for.
        finding = f"absent: {error}"
    return [("videos", "ffmpeg", finding)]


def _caches() -> list[tuple[str, str, str]]:
    import numba

    kernels = Path(numba.config.CACHE_DIR or Path(__file__).resolve().parents[2])  # type: ignore[attr-defined]
    free = shutil.disk_usage(kernels if kernels.exists() else Path.home()).free / 2**30
    state = "writable" if os.access(kernels, os.W_OK) else "not writable: set NUMBA_CACHE_DIR, or every start compiles"
    return [("caches", "compiled kernels", f"{kernels}, {state}, {free:.1f} GiB free")]
