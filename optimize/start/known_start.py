"""Where the subject stands in a world of known cameras: the first guess, from mask boxes and cameras alone.

The centre is the point nearest to the rays through the boxes' middles (least squares), the size what the boxes'
longer sides measure there. Up is the file's +Y, as the conventions say, unless the cameras plainly contradict it:
people hold cameras level, so that right axes lie in the ground plane and up axes near the vertical.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from ...scenes.error import InputError
from ...scenes.hypotheses.known_cameras import GivenCameras, KnownCameras, Worlds
from ..observe.observations import Observations
from .visual_hull import STILL_SHARE, filled_share

_BOX_SIZE = 128
_HULL_SIZE = 96
_LEVEL = 0.5
"""An axis is taken for the vertical if cameras agree with it as far: mean of up . axis - |right . axis|, at most 1."""
_PARALLEL = 1e-3
"""Rays nearer to parallel than this (mean squared sine between each and their middle) say nothing about depth."""


def first_known_cameras(observations: Observations, joint_count: int) -> KnownCameras:
    """One upright world hypothesis for all photos, facing +Z of the guess. Every photo must have its camera.

    Raises InputError where cameras and masks can't belong together: the subject would lie behind a camera.
    """
    cameras = [photo.camera for photo in observations.photos if photo.camera is not None]
    if len(cameras) != len(observations):
        raise ValueError(f"{len(observations)} photos have {len(cameras)} known cameras; expected one each")
    poses = np.stack([camera.camera_to_world for camera in cameras])
    boxes = observations.at(_BOX_SIZE).boxes.double().cpu().numpy().reshape(-1, 2, 2)
    corners = np.stack([crop.to_original(box, _BOX_SIZE) for crop, box in zip(observations.crops, boxes, strict=True)])
    lens = np.array([[camera.cx, camera.cy, camera.fx, camera.fy] for camera in cameras])
    middle = (corners.mean(axis=1) - lens[:, :2]) / lens[:, 2:]
    rays = np.stack([middle[:, 0], -middle[:, 1], -np.ones(len(middle))], axis=1)
    centre = nearest_point(poses[:, :3, 3], np.einsum("nij,nj->ni", poses[:, :3, :3], rays))
    depth = -np.einsum("nij,ni->nj", poses[:, :3, :3], centre - poses[:, :3, 3])[:, 2]
    if depth.min() <= 0:
        names = [photo.path.name for photo, far in zip(observations.photos, depth, strict=True) if far <= 0]
        raise InputError(
            f"the known cameras and the masks do not belong together: what the others see lies behind the camera of "
            f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}; check transforms.json "
            "(camera-to-world, OpenGL axes) or add --cameras estimate"
        )
    extent = ((corners[:, 1] - corners[:, 0]) / lens[:, 2:]).max(axis=1) * depth
    world_from_guess = np.eye(4)
    turn = Rotation.align_vectors(vertical(poses[:, :3, :3])[None], np.array([[0.0, 1.0, 0.0]]))[0]
    world_from_guess[:3, :3] = float(np.median(extent)) * turn.as_matrix()
    world_from_guess[:3, 3] = centre
    photo = torch.arange(len(cameras))
    given = GivenCameras.of(poses, world_from_guess)
    filled = filled_share(observations.at(_HULL_SIZE).to("cpu"), given)
    given = replace(given, still=float(filled.mean()) >= STILL_SHARE)
    return KnownCameras(given, photo, torch.zeros_like(photo), Worlds.facing(torch.zeros(1), joint_count))


def nearest_point(
    origins: Float64[np.ndarray, "N 3"], directions: Float64[np.ndarray, "N 3"]
) -> Float64[np.ndarray, " 3"]:
    """The point with the least sum of squared distances to N rays.

    Along directions in which the rays leave it open (one ray, parallel rays) it is the one nearest to the world's
    origin if that lies before the cameras, else one unit before them: no photo tells near and small from far and large.
    """
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    # Far from the origin the normal equations would lose digits.
    middle = origins.mean(axis=0)
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    values, axes = np.linalg.eigh(across.sum(axis=0))
    told = values > _PARALLEL * len(origins)
    pull = axes.T @ np.einsum("nij,nj->i", across, origins - middle)
    point = middle + axes[:, told] @ (pull[told] / values[told])
    if told.all():
        return point
    point = point - axes[:, ~told] @ (axes[:, ~told].T @ point)
    ahead = ((point - origins) * directions).sum(axis=1)
    if ahead.min() > 1e-3 * np.linalg.norm(origins, axis=1).max() + 1e-6:
        return point
    return point + (1 - ahead.min()) * directions.mean(axis=0)


def vertical(rotations: Float64[np.ndarray, "N 3 3"]) -> Float64[np.ndarray, " 3"]:
    """The world's up, a unit vector, by how N cameras are held (camera-to-world rotations)."""
    right, up = rotations[:, :, 0], rotations[:, :, 1]
    axes = np.array([[0.0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1], [1, 0, 0], [-1, 0, 0]])
    level = (up @ axes.T).mean(axis=0) - np.abs(right @ axes.T).mean(axis=0)
    if level[0] >= _LEVEL:
        return axes[0]
    if level.max() >= _LEVEL:
        return axes[int(level.argmax())]
    # No axis of the world: square to all right axes, or along the mean up where these do not span a plane.
    mean = up.mean(axis=0)
    values, directions = np.linalg.eigh(right.T @ right)
    if values[1] > 0.05 * len(right):
        return directions[:, 0] * np.sign(directions[:, 0] @ mean or 1.0)
    return mean / np.linalg.norm(mean)
