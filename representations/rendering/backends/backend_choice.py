"""Which backend draws: the one that "auto" stands for on a device, and what each of them lacks on this machine.

    device      "auto"
    cpu         numba
    cuda        triton, or torch where Triton cannot run
    any other   torch

nvdiffrast and PyTorch3D are used only when they are asked for by name, as is whatever the environment variable
ZOETROPE_RASTERIZER names: it takes the place of "auto" for everything the program draws.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil

import torch

PURPOSES = {
    "numba": "on the CPU",
    "torch": "the reference, on any device, slow",
    "triton": "on CUDA",
    "nvdiffrast": "on CUDA, only when asked for by name, non-commercial licence",
    "pytorch3d": "on CUDA or the CPU, only when asked for by name",
}
"""All backends and what each is for."""

VARIABLE = "ZOETROPE_RASTERIZER"
"""Environment variable that takes the place of "auto"."""

INSTALL = {
    "triton": "pip install triton (PyTorch's CUDA wheels for Linux bring it)",
    "nvdiffrast": 'pip install --no-build-isolation "nvdiffrast @ git+https://github.com/NVlabs/nvdiffrast"',
    "pytorch3d": 'pip install --no-build-isolation "pytorch3d @ git+https://github.com/facebookresearch/pytorch3d"',
}
"""How to get those that do not come with this package, on Linux."""


def choose_backend(device: torch.device) -> str:
    """Name of the backend that "auto" stands for on a device. Raises ValueError if the environment names none of ours.

    >>> choose_backend(torch.device("meta"))
    'torch'
    """
    asked = os.environ.get(VARIABLE, "auto")
    if asked != "auto":
        if asked not in PURPOSES:
            raise ValueError(f"{VARIABLE} is {asked!r}; set it to auto, {', '.join(PURPOSES)}, or unset it")
        return asked
    if device.type == "cpu":
        return "numba"
    return "triton" if device.type == "cuda" and lacking("triton") is None else "torch"


@functools.cache
def lacking(backend: str) -> str | None:
    """What a backend needs and this machine has not, with the remedy; None if it can run here."""
    if backend in INSTALL and importlib.util.find_spec(backend) is None:
        return f"not installed: {INSTALL[backend]}"
    if backend in ("triton", "nvdiffrast") and not torch.cuda.is_available():
        return "no CUDA device"
    if backend == "triton" and not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        return "no C compiler, which Triton needs once for its launcher: install gcc or clang, or name one in CC"
    return None


def not_installed(backend: str, error: ImportError | None = None) -> ModuleNotFoundError:
    """The error for a backend that was asked for by name and cannot be imported."""
    cause = f" ({error})" if error is not None else ""
    return ModuleNotFoundError(f"backend {backend} is not installed{cause}: {INSTALL[backend]}; or use backend='torch'")
