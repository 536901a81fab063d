"""Visibility: which face is seen at each pixel, and how far away.

Every backend answers the same question, `rasterize(vertices_clip, faces, size) -> Fragments`; all that is
differentiable (barycentrics, interpolation, antialiasing) is recomputed from the answer in shared code.

Clip space is OpenGL's with a metric w: a point is seen at x/w (right) and y/w (up) within [-1, 1], and w is its
distance along the viewing axis in front of the camera. Clip z is not used. In pixels,

    column = (x/w + 1) W/2,    row = (1 - y/w) H/2,

so that row 0 is on top and pixel (r, c) has its centre at (r + 1/2, c + 1/2).

The rules that every backend keeps: faces are cut at w = `near`, never dropped; a pixel belongs to a face if its centre
lies inside, and a centre exactly on an edge belongs to the face whose top or left edge that is, so that neighbours
leave no gap and share no pixel; the nearest face wins, and of equally near ones the one with the lower index.
"""

from __future__ import annotations

import importlib.util
from typing import Literal

import torch
from jaxtyping import Float, Int, Int32
from torch import Tensor

from ..tensor_structure import TensorStructure

Backend = Literal["auto", "numba", "torch", "nvdiffrast", "pytorch3d"]
Cull = Literal["none", "back"]


class Fragments(TensorStructure):
    """What is seen at each pixel of B pictures."""

    face: Int32[Tensor, "B H W"]
    """Index of the nearest face, -1 where nothing is seen."""
    depth: Float[Tensor, "B H W"]
    """Distance along the viewing axis (clip w) of the point seen, inf where nothing is seen. Carries no gradient."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.face.shape[1], self.face.shape[2]


def rasterize(
    vertices_clip: Float[Tensor, "B V 4"],
    faces: Int[Tensor, "F 3"],
    size: tuple[int, int],
    backend: Backend = "auto",
    near: float = 1e-3,
    cull: Cull = "none",
) -> Fragments:
    """The face nearest to the camera at every pixel of each picture. No gradient flows through it.

    `size` is (height, width). `backend`: "auto" takes numba on CPU; on CUDA nvdiffrast, then pytorch3d, where they are
    installed, else torch. `cull="back"` leaves out faces that wind clockwise as seen (for closed meshes a third faster
    and the same picture); otherwise both sides are seen. Raises ValueError on wrong shapes, indices out of range and
    numbers that are not finite, ModuleNotFoundError if the asked-for backend is not installed.
    """
    check_mesh(vertices_clip, faces, size)
    if not near > 0:
        raise ValueError(f"near is {near}; it must be above 0, in the units of the scene")
    vertices_clip = vertices_clip.detach()
    batch, (height, width) = vertices_clip.shape[0], size
    if batch == 0 or faces.shape[0] == 0 or height == 0 or width == 0:
        face = torch.full((batch, height, width), -1, dtype=torch.int32, device=vertices_clip.device)
        depth = torch.full((batch, height, width), torch.inf, dtype=vertices_clip.dtype, device=vertices_clip.device)
        return Fragments(face, depth)
    chosen = _choose(vertices_clip.device) if backend == "auto" else backend
    # Imported on use: compiled and optional backends must cost nothing to those who do not ask for them.
    if chosen == "numba":
        from . import numba_backend as implementation
    elif chosen == "torch":
        from . import torch_backend as implementation
    elif chosen == "nvdiffrast":
        from . import nvdiffrast_backend as implementation
    elif chosen == "pytorch3d":
        from . import pytorch3d_backend as implementation
    else:
        raise ValueError(f"backend is {backend!r}; it must be auto, numba, torch, nvdiffrast or pytorch3d")
    face, depth = implementation.visibility(vertices_clip, faces, size, near, cull == "back")
    return Fragments(face, depth)


def check_mesh(vertices_clip: Tensor, faces: Tensor, size: tuple[int, int]) -> None:
    """Raises ValueError unless shapes, dtypes, devices and indices make a mesh that can be drawn."""
    if vertices_clip.ndim != 3 or vertices_clip.shape[2] != 4:
        raise ValueError(f"vertices_clip has shape {tuple(vertices_clip.shape)}; expected (B, V, 4)")
    if vertices_clip.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"vertices_clip is {vertices_clip.dtype}; expected float32 or float64")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"faces have shape {tuple(faces.shape)} and {faces.dtype}; expected integers (F, 3)")
    if faces.device != vertices_clip.device:
        raise ValueError(f"faces are on {faces.device} but vertices_clip on {vertices_clip.device}; move one of them")
    if len(size) != 2 or size[0] < 0 or size[1] < 0:
        raise ValueError(f"size is {size}; expected (height, width), both 0 or more")
    if faces.shape[0]:
        low, high = (int(bound) for bound in faces.aminmax())
        if low < 0 or high >= vertices_clip.shape[1]:
            raise ValueError(f"faces name vertices {low} to {high} but there are {vertices_clip.shape[1]} vertices")


def _choose(device: torch.device) -> Literal["numba", "torch", "nvdiffrast", "pytorch3d"]:
    if device.type == "cpu":
        return "numba"
    if device.type == "cuda":
        if importlib.util.find_spec("nvdiffrast") is not None:
            return "nvdiffrast"
        if importlib.util.find_spec("pytorch3d") is not None:
            return "pytorch3d"
    return "torch"
