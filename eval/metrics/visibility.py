"""Where a posed mesh stands in a photo: its vertices in pixels, which of them are seen, and its silhouette.

A vertex is seen when no surface lies before it. With z(p) the depth of the nearest surface at pixel p, a vertex at
depth d in pixel q is taken as seen if

    d <= max {z(p) : p in the 3 x 3 pixels round q that show the mesh} + 0.01 * diagonal of the mesh's box.

The neighbourhood keeps vertices on the silhouette, whose pixel centre may lie just off the mesh or on a nearer part of
a slanted surface, the tolerance those on faces seen at a grazing angle. A vertex outside the frame is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int32
from scipy.ndimage import maximum_filter

from ...representations.camera import Intrinsics, to_clip
from ...representations.rendering.fragment import rasterize
from ...representations.rendering.fragments import Fragments
from ...scenes.photos.nerfstudio import CameraFrame
from .alignment import Mesh

_TOLERANCE = 0.01
"""Of the diagonal of the mesh's box."""


@dataclass(frozen=True, eq=False)
class ProjectedMesh:
    """A mesh as one camera sees it."""

    pixels: Float64[np.ndarray, "V 2"]
    """(column, row) of each vertex; not finite behind the camera."""
    visible: Bool[np.ndarray, " V"]
    face: Int32[np.ndarray, "H W"]
    """The face seen at each pixel, -1 where none is."""

    @property
    def silhouette(self) -> Bool[np.ndarray, "H W"]:
        """Where the mesh is seen."""
        return self.face >= 0


def view(mesh: Mesh, camera: CameraFrame) -> ProjectedMesh:
    """The mesh in a picture of the camera's own size."""
    vertices, faces = mesh
    fragments = draw_mesh(mesh, camera)
    face, depth = fragments.face[0].numpy(), fragments.depth[0].double().numpy()
    pixels, distance = camera.project(vertices)
    pixels[distance <= 0] = np.nan
    used = np.zeros(len(vertices), bool)
    used[faces.ravel()] = True
    with np.errstate(invalid="ignore"):
        framed = ((pixels >= 0) & (pixels < [camera.width, camera.height])).all(axis=1)
    visible = np.zeros(len(vertices), bool)
    at = np.flatnonzero(used & framed & (distance > 0))
    column, row = np.floor(pixels[at]).astype(np.int64).T
    farthest = maximum_filter(np.where(face >= 0, depth, -np.inf), size=3, mode="constant", cval=-np.inf)[row, column]
    tolerance = _TOLERANCE * np.linalg.norm(np.ptp(vertices[used], axis=0))
    # Where no pixel round a vertex shows the mesh, it sits on a part thinner than a pixel, with nothing before it.
    visible[at] = np.isneginf(farthest) | (distance[at] <= farthest + tolerance)
    return ProjectedMesh(pixels, visible, face)


def draw_mesh(mesh: Mesh, camera: CameraFrame) -> Fragments:
    """What the camera sees of the mesh at each pixel, one picture of the camera's own size."""
    vertices, faces = mesh
    clip = to_clip(torch.from_numpy(in_camera(vertices, camera))[None], lens(camera))
    return rasterize(clip, torch.from_numpy(faces), (camera.height, camera.width))


def in_camera(vertices: Float64[np.ndarray, "V 3"], camera: CameraFrame) -> Float64[np.ndarray, "V 3"]:
    """World points in the camera's own axes."""
    to_world = camera.camera_to_world
    return (vertices - to_world[:3, 3]) @ to_world[:3, :3]


def lens(camera: CameraFrame, dtype: torch.dtype = torch.float64) -> Intrinsics:
    """A camera's intrinsics, for one picture of its own size."""
    numbers = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=dtype)
    fx, fy, cx, cy = numbers[:, None].unbind()
    return Intrinsics(fx, fy, cx, cy, camera.width, camera.height)
