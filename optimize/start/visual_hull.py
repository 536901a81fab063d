"""Do known cameras see one still subject? The test by its visual hull: what lies inside the outlines of all photos.

Of a subject that holds still, the hull fills every outline. A leg that has moved between two photos lies outside of the
other's outline, so the hull lacks it, and the outlines of both stay partly empty.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ...representations.camera import RigidCamera, project, to_pixels
from ...scenes.hypotheses.known_cameras import GivenCameras
from ..observe.observations import View

STILL_SHARE = 0.98
"""Mean share of the outlines that the hull fills, from which on a subject counts as still (measured: 1.00 for still
ones, 0.96 for three photos of a walking one, 0.7 for twenty)."""
_REACH = 0.75
"""The hull is looked for so far from the guess's middle, along each axis (the subject is about 1 long)."""
_STEPS = 96
_TOUCHED = 0.1
"""A pixel that shows this share of the subject may be inside its outline."""


def hull(view: View, given: GivenCameras) -> Float[Tensor, "K 3"]:
    """Grid points, in the guess's frame, that no photo shows to be outside of the subject.

    Outlines are taken a pixel too wide, so that thin limbs and small errors of masks and cameras do no harm.
    """
    points = _grid(view.mask.device)
    outline = _wider((view.mask > _TOUCHED) | (view.valid <= 0.5))
    for k in range(len(outline)):
        column, row, ahead = _pixels(points, given, view, k)
        points = points[ahead & outline[k, row, column]]
    return points


def filled_share(view: View, given: GivenCameras) -> Float[Tensor, " N"]:
    """Share of each photo's outline that the hull of all photos fills, in [0, 1]."""
    points = hull(view, given)
    shares = []
    for k in range(len(view.mask)):
        column, row, _ = _pixels(points, given, view, k)
        seen = torch.zeros_like(view.mask[0], dtype=torch.bool)
        seen[row, column] = True
        subject = view.mask[k] > 0.5
        shares.append((_wider(seen[None])[0] & subject).sum() / subject.sum().clamp_min(1))
    return torch.stack(shares)


def _grid(device: torch.device) -> Float[Tensor, "K 3"]:
    axis = torch.linspace(-_REACH, _REACH, _STEPS, device=device)
    return torch.cartesian_prod(axis, axis, axis)


def _pixels(
    points: Float[Tensor, "K 3"], given: GivenCameras, view: View, photo: int
) -> tuple[Tensor, Tensor, Bool[Tensor, " K"]]:
    """Column and row of each point in one crop, the border's where it lies beyond, and whether it is ahead.

    A crop has room round its subject: beyond its border all is as on it, background or unknown.
    """
    one = slice(photo, photo + 1)
    camera = RigidCamera(given.rotations[one], given.translations[one])
    clip = project(points[None], camera, view.intrinsics.select(one))[0]
    ahead = clip[:, 3] > 1e-3
    place = to_pixels(torch.where(ahead[:, None], clip, torch.ones_like(clip))[None], view.size, view.size)[0]
    column, row = place.clamp(0, view.size - 1).long().unbind(-1)
    return column, row, ahead


def _wider(pictures: Bool[Tensor, "N S S"]) -> Bool[Tensor, "N S S"]:
    return torch.nn.functional.max_pool2d(pictures.float()[:, None], 3, stride=1, padding=1)[:, 0] > 0
