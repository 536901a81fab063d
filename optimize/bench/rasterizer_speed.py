"""Time per picture of every rasterizer that can run on a device, and how far it agrees with the torch reference.

The scene is that of `speed`: about 20,000 faces at 192x192 pixels. All twenty pictures go in one call; a backend that
takes more than a second for one picture is timed on one.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...representations.rendering import Fragments, rasterize
from ...representations.rendering.backends.backend_choice import PURPOSES, lacking
from .speed import speed_scene

_SIDE = 192
_SECONDS = 1.0


@dataclass(frozen=True)
class RasterizerSpeed:
    """How fast one backend is, and how right."""

    backend: str
    pictures: int
    """Number of pictures in one call."""
    seconds: float
    """Time per picture."""
    processor_seconds: float
    """Time per picture that all threads of this process together were at work, whatever else the machine does."""
    other_faces: float
    """Share of the pixels covered in the reference or here at which another face is found than in the reference."""
    depth_error: float
    """Largest relative difference of depth where the same face is found."""

    def __str__(self) -> str:
        return (
            f"{self.backend}: {1e3 * self.seconds:.2f} ms a picture ({self.pictures} in a call), "
            f"{1e3 * self.processor_seconds:.2f} ms of processor time; {1e6 * self.other_faces:.0f} in a million "
            f"pixels see another face than in the reference; depth within {self.depth_error:.0e}"
        )


def measure_rasterizers(device: torch.device) -> list[RasterizerSpeed]:
    """Measures the backends that can draw on a device, one after the other; the torch reference among them."""
    clip, mesh = speed_scene(device)
    expected = rasterize(clip, mesh.faces, (_SIDE, _SIDE), "torch")
    return [_measure(name, clip, mesh.faces, expected) for name in PURPOSES if _draws_on(name, device)]


def _draws_on(backend: str, device: torch.device) -> bool:
    only = {"numba": "cpu", "triton": "cuda", "nvdiffrast": "cuda"}.get(backend)
    return lacking(backend) is None and only in (None, device.type)


def _measure(backend: str, clip: Tensor, faces: Tensor, expected: Fragments) -> RasterizerSpeed:
    def draw(pictures: int) -> Fragments:
        return rasterize(clip[:pictures], faces, (_SIDE, _SIDE), backend)  # type: ignore[arg-type]

    # Once for compiling.
    rasterize(clip[:1], faces[:1], (_SIDE, _SIDE), backend)  # type: ignore[arg-type]
    pictures = 1
    found, seconds, processor_seconds = _timed(lambda: draw(1), clip.device)
    if seconds < _SECONDS:
        pictures = len(clip)
        found, seconds, processor_seconds = _timed(lambda: draw(pictures), clip.device)
    face, depth = expected.face[:pictures], expected.depth[:pictures]
    either, other = (face >= 0) | (found.face >= 0), face != found.face
    same = either & ~other
    error = ((found.depth - depth).abs() / depth)[same].max() if same.any() else torch.zeros(())
    return RasterizerSpeed(
        backend,
        pictures,
        seconds / pictures,
        processor_seconds / pictures,
        float(other.sum() / either.sum()),
        float(error),
    )


def _timed(job: Callable[[], Fragments], device: torch.device) -> tuple[Fragments, float, float]:
    """What a job gives, and the mean of its time and its processor time, over some runs."""
    start, processor_start = time.perf_counter(), time.process_time()
    for runs in itertools.count(1):
        found = job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        spent = time.perf_counter() - start
        if spent >= _SECONDS:
            return found, spent / runs, (time.process_time() - processor_start) / runs
    raise AssertionError("counting ended")
