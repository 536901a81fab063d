"""What stages do with accounts: propose, confront with rivals, believe, keep; by photo or by world of known cameras."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..representations.mesh import SkinnedMesh
from ..representations.skeleton import Skeleton
from ..scenes.known_placement import KnownPlacement
from ..scenes.placement import Accounts, Placement
from .appearance import Sample, settle
from .hypothesis import best, circle, evenly, neighbours, responsibilities, rivals, strides
from .observe import View
from .silhouette_loss import USUAL_ELEVATION_DEG
from .view_prior import first_azimuths
from .world_hypothesis import (
    best_worlds,
    circle_of_worlds,
    settle_worlds,
    world_neighbours,
    world_responsibilities,
    world_rivals,
)

_AZIMUTH_JITTER = 0.1
"""Largest change of a first azimuth, in parts of the distance between neighbours on the circle."""
_ELEVATION_JITTER_DEG = 2.0
"""Largest change of a first elevation."""


def propose(
    accounts: Accounts,
    mesh: SkinnedMesh,
    view: View,
    count: int,
    views: Float[Tensor, "N A E"] | None = None,
    generator: torch.Generator | None = None,
) -> Accounts:
    """`count` accounts of each photo from all round the circle, whatever `accounts` believed.

    `views`: what a prior says of each photo's azimuth x elevation; a world of known cameras takes no notice of it.
    `generator`: moves each account a little, on the CPU. A fit should not hang on that, and how far results differ from
    seed to seed says what a difference between two fits means.
    """
    shift, photo_count = _AZIMUTH_JITTER * (360 / count), len(view.boxes)
    if isinstance(accounts, KnownPlacement):
        turn_deg = None if generator is None else shift * _either_way(generator, count).to(view.mask)
        return circle_of_worlds(mesh, accounts, view.intrinsics, view.boxes, count, turn_deg)
    azimuth_deg, elevation_deg = None if views is None else first_azimuths(views, count), None
    if generator is not None:
        planned = evenly(photo_count, count).to(view.mask) if azimuth_deg is None else azimuth_deg
        azimuth_deg = (planned + shift * _either_way(generator, photo_count, count).to(planned)) % 360
        off = _ELEVATION_JITTER_DEG * _either_way(generator, photo_count, count)
        elevation_deg = USUAL_ELEVATION_DEG + off.to(planned)
    joint_count = accounts.pose.shape[1]
    around = circle(mesh, joint_count, view.intrinsics, view.boxes, count, azimuth_deg, elevation_deg)
    return _free(accounts).others(around.photo, around.camera(), around.pose)


def confront(accounts: Accounts, mirror: Int[Tensor, " J"]) -> Accounts:
    """Each account followed by the three that it is most easily mistaken for."""
    return world_rivals(accounts, mirror) if isinstance(accounts, KnownPlacement) else rivals(_free(accounts), mirror)


def beside(accounts: Accounts) -> Accounts:
    """Each account followed by views to either side of it, which start from the shared pose again."""
    return world_neighbours(accounts) if isinstance(accounts, KnownPlacement) else neighbours(_free(accounts))


def restride(accounts: Accounts, skeleton: Skeleton, pair: Literal["front", "hind"]) -> Accounts:
    """Each account, of a photo whose camera is free, followed by other poses of a pair of limbs."""
    return strides(_free(accounts), skeleton, pair)


def survivors(accounts: Accounts, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
    """The `count` best entries of each photo, of headings that differ; the best ones first."""
    if isinstance(accounts, KnownPlacement):
        return best_worlds(accounts, loss, count)
    return best(accounts.photo, loss, _free(accounts).azimuth.detach(), count)


def believe(accounts: Accounts, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """How much each entry counts for what is shared; sums to one over a photo."""
    if isinstance(accounts, KnownPlacement):
        return world_responsibilities(accounts, loss)
    return responsibilities(accounts.photo, loss)


def witness(
    accounts: Accounts,
    samples: Sample,
    fold: Int[Tensor, " V"],
    loss: Float[Tensor, " B"],
    weight: float,
    *,
    alone: bool,
) -> Float[Tensor, " B"]:
    """Losses joined with how far photos agree on the colours in `samples`; see `appearance.settle`."""
    if isinstance(accounts, KnownPlacement):
        return settle_worlds(accounts, samples, fold, loss, weight)
    return settle(samples, fold, accounts.photo, loss, weight, alone=alone)


def _either_way(generator: torch.Generator, *shape: int) -> Tensor:
    """A tensor of that shape, evenly distributed from -1 to 1, on the CPU."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _free(accounts: Accounts) -> Placement:
    assert isinstance(accounts, Placement)
    return accounts
