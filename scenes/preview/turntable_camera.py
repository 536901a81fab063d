"""Cameras round a subject, and how far off they have to stand."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from ...representations.camera import OrbitCamera, to_camera


def orbit_cameras(
    count: int,
    *,
    distance: float,
    elevation_deg: float = 12.0,
    start_deg: float = 0.0,
    turns: int = 1,
    device: torch.device | str = "cpu",
) -> OrbitCamera:
    """`count` cameras evenly round the subject, by increasing azimuth (towards its left), aimed at the origin; `turns`
    times round, 0 for cameras that stand in one place.

    >>> orbit_cameras(4, distance=3.0).azimuth_deg.tolist()
    [0.0, 90.0, 180.0, 270.0]
    """
    azimuth = start_deg + torch.arange(count, device=device) * (turns * 360.0 / count)
    same = torch.ones_like(azimuth)
    return OrbitCamera(azimuth, elevation_deg * same, 0 * same, distance * same, torch.zeros(count, 2, device=device))


def fitting_distance(
    vertices: Float[Tensor, "B V 3"], camera: OrbitCamera, field_of_view_deg: float, margin: float = 0.08
) -> Float[Tensor, " B"]:
    """The least distance at which each camera sees the whole of its vertices in a square picture, `margin` left free.

    The cameras' own distances do not count. A point at (x, y) and depth offset z is seen at x / (distance - z).
    """
    aimed = replace(camera, distance=torch.zeros_like(camera.distance))
    x, y, z = to_camera(vertices, aimed).unbind(-1)
    half = math.tan(math.radians(field_of_view_deg / 2)) * (1 - 2 * margin)
    return (torch.maximum(x.abs(), y.abs()) / half + z).amax(1)
