"""What stages do with hypotheses: propose, confront with rivals, believe, keep; by photo or by world of known
cameras."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...representations.body.skeleton import Skeleton
from ...representations.geometry.mesh import SkinnedMesh
from ...representations.rendering.vertex_sampling import VertexSamples
from ...scenes.hypotheses import FreeCameras, Hypotheses
from ...scenes.known_cameras import KnownCameras
from ..observe.observations import View
from ..schedule.stage import USUAL_ELEVATION_DEG
from .color_consistency import joint_loss
from .first_azimuths import first_azimuths
from .hypotheses import (
    all_azimuths,
    best,
    evenly,
    mirrored_cameras,
    neighbouring_cameras,
    responsibilities,
    swapped_limbs,
)
from .world_hypotheses import (
    all_headings,
    best_worlds,
    joint_world_loss,
    mirrored_worlds,
    neighbouring_worlds,
    world_responsibilities,
)

_AZIMUTH_JITTER = 0.1
"""Largest change of a first azimuth, in parts of the distance between neighbours on the circle."""
_ELEVATION_JITTER_DEG = 2.0
"""Largest change of a first elevation."""


def propose(
    hypotheses: Hypotheses,
    mesh: SkinnedMesh,
    view: View,
    count: int,
    views: Float[Tensor, "N A E"] | None = None,
    generator: torch.Generator | None = None,
) -> Hypotheses:
    """`count` hypotheses of each photo from all round the circle, whatever `hypotheses` believed.

    `views`: what a prior says of each photo's azimuth x elevation; a world of known cameras takes no notice of it.
    `generator`: moves each hypothesis a little, on the CPU. A fit should not hang on that, and how far results differ
    from seed to seed says what a difference between two fits means.
    """
    shift, photo_count = _AZIMUTH_JITTER * (360 / count), len(view.boxes)
    if isinstance(hypotheses, KnownCameras):
        turn_deg = None if generator is None else shift * _either_way(generator, count).to(view.mask)
        return all_headings(mesh, hypotheses, view.intrinsics, view.boxes, count, turn_deg)
    azimuth_deg, elevation_deg = None if views is None else first_azimuths(views, count), None
    if generator is not None:
        planned = evenly(photo_count, count).to(view.mask) if azimuth_deg is None else azimuth_deg
        azimuth_deg = (planned + shift * _either_way(generator, photo_count, count).to(planned)) % 360
        off = _ELEVATION_JITTER_DEG * _either_way(generator, photo_count, count)
        elevation_deg = USUAL_ELEVATION_DEG + off.to(planned)
    joint_count = hypotheses.pose.shape[1]
    around = all_azimuths(mesh, joint_count, view.intrinsics, view.boxes, count, azimuth_deg, elevation_deg)
    return _free(hypotheses).others(around.photo, around.camera(), around.pose)


def mirror_candidates(hypotheses: Hypotheses, mirror: Int[Tensor, " J"]) -> Hypotheses:
    """Each hypothesis followed by the three that it is most easily mistaken for."""
    return (
        mirrored_worlds(hypotheses, mirror)
        if isinstance(hypotheses, KnownCameras)
        else mirrored_cameras(_free(hypotheses), mirror)
    )


def neighbour_candidates(hypotheses: Hypotheses) -> Hypotheses:
    """Each hypothesis followed by views to either side of it, which start from the shared pose again."""
    return (
        neighbouring_worlds(hypotheses)
        if isinstance(hypotheses, KnownCameras)
        else neighbouring_cameras(_free(hypotheses))
    )


def limb_swaps(hypotheses: Hypotheses, skeleton: Skeleton, pair: Literal["front", "hind"]) -> Hypotheses:
    """Each hypothesis, of a photo whose camera is free, followed by other poses of a pair of limbs."""
    return swapped_limbs(_free(hypotheses), skeleton, pair)


def best_hypotheses(hypotheses: Hypotheses, loss: Float[Tensor, " B"], count: int) -> Int[Tensor, " K"]:
    """The `count` best hypotheses of each photo, of headings that differ; the best ones first."""
    if isinstance(hypotheses, KnownCameras):
        return best_worlds(hypotheses, loss, count)
    return best(hypotheses.photo, loss, _free(hypotheses).azimuth.detach(), count)


def hypothesis_responsibilities(hypotheses: Hypotheses, loss: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """How much each hypothesis counts for what is shared; sums to one over a photo."""
    if isinstance(hypotheses, KnownCameras):
        return world_responsibilities(hypotheses, loss)
    return responsibilities(hypotheses.photo, loss)


def joint_hypothesis_loss(
    hypotheses: Hypotheses,
    samples: VertexSamples,
    fold: Int[Tensor, " V"],
    loss: Float[Tensor, " B"],
    weight: float,
    *,
    alone: bool,
) -> Float[Tensor, " B"]:
    """Losses joined with how far photos agree on the colours in `samples`; see `color_consistency.settle`."""
    if isinstance(hypotheses, KnownCameras):
        return joint_world_loss(hypotheses, samples, fold, loss, weight)
    return joint_loss(samples, fold, hypotheses.photo, loss, weight, alone=alone)


def _either_way(generator: torch.Generator, *shape: int) -> Tensor:
    """A tensor of that shape, evenly distributed from -1 to 1, on the CPU."""
    return 2 * torch.rand(shape, generator=generator) - 1


def _free(hypotheses: Hypotheses) -> FreeCameras:
    assert isinstance(hypotheses, FreeCameras)
    return hypotheses
