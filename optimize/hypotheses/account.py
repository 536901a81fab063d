"""What stages do with accounts: propose, confront with rivals, believe, keep; by photo or by world of known cameras."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.vertex_sampling import Sample
from ...scenes.known_placement import KnownPlacement
from ...scenes.placement import Accounts, Placement
from ..observe.observations import View
from .color_consistency import settle
from .first_azimuths import first_azimuths
from .hypotheses import best, circle, neighbours, responsibilities, rivals, strides
from .world_hypotheses import (
    best_worlds,
    circle_of_worlds,
    settle_worlds,
    world_neighbours,
    world_responsibilities,
    world_rivals,
)


def propose(
    accounts: Accounts,
    mesh: SkinnedMesh,
    view: View,
    count: int,
    views: Float[Tensor, "N A E"] | None = None,
) -> Accounts:
    """`count` accounts of each photo from all round the circle, whatever `accounts` believed.

    `views`: what a prior says of each photo's azimuth x elevation; a world of known cameras takes no notice of it.
    """
    if isinstance(accounts, KnownPlacement):
        return circle_of_worlds(mesh, accounts, view.intrinsics, view.boxes, count)
    azimuth_deg = None if views is None else first_azimuths(views, count)
    around = circle(mesh, accounts.pose.shape[1], view.intrinsics, view.boxes, count, azimuth_deg)
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


def _free(accounts: Accounts) -> Placement:
    assert isinstance(accounts, Placement)
    return accounts
