"""The schedule of a fit as data: what is free when, at which resolution, with which weights and for how long."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Literal

Free = Literal["camera", "lens", "pose", "rest_pose", "length", "radius", "attachment", "deformation", "instance"]
Proposal = Literal["keep", "azimuths", "mirror images", "neighbours", "hind legs", "front legs"]
Lead = Literal["lead", "out", "best"]
LIMB_SWAPS: dict[str, Literal["front", "hind"]] = {"front legs": "front", "hind legs": "hind"}
"""Pairs of limbs, by the proposal that other poses of them be tried."""
_COLLISION = 0.1
_GROUND = 2e-3


@dataclass(frozen=True)
class Weights:
    """Weights of the loss terms; a term of weight 0 is not computed where it costs something."""

    pyramid: float = 1.0
    """Squared difference of blurred silhouettes over several scales."""
    silhouette: float = 0.0
    """Squared difference of silhouettes as they are, without blurring."""
    outside: float = 0.2
    """Distance of projected vertices beyond the mask, in parts of the picture's side."""
    color: float = 2.0
    """Mean squared distance of a hypothesis's colours to what the other photos put in the same place. It has no
    gradient; it decides between the hypotheses of a photo."""
    texture: float = 0.0
    """Squared difference of rendered colours, put there by the other photos, and the photo's own."""
    canonical: float = 0.1
    """Distance of pixels from where the points that canonical maps name are seen; only where there is such a prior."""
    canonical_reach: float = 0.06
    """Distance, in parts of the picture's side, at which such a pixel counts half."""
    view: float = 0.005
    """What an azimuth costs that the canonical network rules out."""
    semantic: float = 0.02
    """Distance in position and feature between pixels and surface; only where there are feature maps."""
    diffusion: float = 0.0
    """Half the squared difference of novel views to what a diffusion prior would have; only where there is one."""
    pose: float = 0.016
    """Squared rotation of each joint away from the shared rest pose, in standard deviations of its range."""
    rotation: float = 0.0
    """The same in squared radians, whatever a joint's range."""
    pose_limit: float = 1.0
    """Squared rotation beyond the joint limits (radians)."""
    collision: float = 0.0
    """Squared depths to which limbs run into each other; before legs have found their places they have to pass."""
    ground: float = 0.0
    """Feet above the lowest one, 0 to 1; see `grounded`."""
    rest_pose: float = 0.01
    """Squared rotation of the shared rest pose away from the template (radians)."""
    elevation: float = 0.0005
    """Squared distance of the elevation from the usual one, in standard deviations."""
    roll: float = 0.001
    """Squared roll in standard deviations."""
    lens: float = 5e-6
    """Squared logarithm of the focal length over its first guess, in standard deviations; where none is recorded."""
    deformation: float = 0.05
    laplacian: float = 2e-4
    """Roughness of the deformation, by the degrees of its harmonics."""
    mesh_laplacian: float = 0.0
    """Distance of the resting mesh's vertices from their neighbours' mean."""
    mesh_normal: float = 0.0
    """One minus the cosine between neighbouring faces of the resting mesh."""
    bone_length: float = 0.05
    radius: float = 0.02
    radius_step: float = 0.05
    attachment: float = 2.0
    instance: float = 0.05
    eikonal: float = 0.1
    """Squared error of the length of a signed distance field's gradient."""
    smoothness: float = 0.01
    """Squared Laplacian of a signed distance field, in grid spacings."""


@dataclass(frozen=True)
class LearningRates:
    """Adam learning rates of each kind of variable."""

    angle: float = 0.02
    """Azimuth, elevation and roll (radians)."""
    distance: float = 0.02
    """Logarithm of the distance."""
    offset: float = 0.01
    """Look-at point (rest frame units)."""
    lens: float = 0.02
    """Logarithm of the focal length."""
    pose: float = 0.02
    """Joint rotations (radians)."""
    rest_pose: float = 0.01
    length: float = 0.01
    radius: float = 0.01
    attachment: float = 0.003
    deformation: float = 0.01
    instance: float = 0.01
    distance_field: float = 0.001
    """Signed distances (rest frame units)."""


@dataclass(frozen=True)
class Stage:
    """One stretch of optimisation with everything but the step counter held constant."""

    name: str
    iterations: int
    size: int
    """Side of the square crops in pixels."""
    free: frozenset[Free]
    kept_hypotheses: int = 1
    """Hypotheses of each photo that enter this stage, the best ones of the stage before."""
    propose: Proposal = "keep"
    """New hypotheses added before the stage: azimuths round the whole circle, the kept hypothesis's mirror images, or
    views to either side of it and from the opposite, or other strides of a pair of limbs."""
    build: str = ""
    """Build of the template that the stage belongs to. Where stages name several, each build goes through its own from
    the very beginning, and the one with the least loss goes on alone."""
    maps: Lead = "lead"
    """Whether canonical maps have a say where there are any; "best" goes on with whichever fit, with them or without,
    explains the outlines."""
    level: int = 2
    """Icosphere level of the parts."""
    cutoff: tuple[float, float] = (0.0, 0.0)
    """Highest harmonic degree of the shape, at the stage's start and end."""
    united: bool = False
    """True once the parts are one watertight mesh."""
    weights: Weights = field(default_factory=Weights)
    rates: LearningRates = field(default_factory=LearningRates)

    @property
    def hypotheses_per_photo(self) -> int:
        """Hypotheses of each photo in this stage, new ones included; fewer where those kept are too alike."""
        return {"mirror images": 4, "neighbours": 6, **dict.fromkeys(LIMB_SWAPS, 4)}.get(
            self.propose, self.kept_hypotheses
        )


def _free(*names: Free) -> frozenset[Free]:
    return frozenset(names)


_CAMERA = _free("camera")
_PROPORTIONS = _CAMERA | _free("rest_pose", "length", "radius", "attachment")
_STANCE = _CAMERA | _free("pose")
_BODY = _PROPORTIONS | _STANCE
_SHAPE = _BODY | _free("deformation")
_SHAPE_LENS = _SHAPE | _free("lens")
_OWN = _STANCE | _free("deformation", "instance")


def quick(builds: tuple[str, ...] = ("standard",), contested: bool = False) -> tuple[Stage, ...]:
    """Preset quick: a CPU, minutes. `builds` of the template compete first.

    Of a `contested` fit, all until the shape is known is done with canonical maps and then, from its beginning, without
    them.
    """
    # Where the shape is known, elevations no longer need to be held, and colours say more than their prior.
    known = Weights(elevation=1e-4, texture=0.5)
    settled = replace(known, collision=_COLLISION)
    start = (
        *(stage for build in builds for stage in _first(build)),
        Stage("body", 60, 64, _BODY, kept_hypotheses=6, level=1),
        Stage("mirror images", 80, 64, _BODY, propose="mirror images", level=1),
        Stage("shape", 120, 64, _SHAPE_LENS, kept_hypotheses=3, level=2, cutoff=(1.0, 4.0)),
        Stage("mirror images again", 80, 64, _SHAPE, propose="mirror images", level=2, cutoff=(4.0, 4.0)),
        Stage("detail", 80, 128, _SHAPE_LENS, level=2, cutoff=(4.0, 6.0), weights=known),
    )
    end = (
        Stage("nearby viewpoints", 60, 64, _STANCE, propose="neighbours", level=2, cutoff=(6.0, 6.0), weights=known),
        Stage("hind legs", 40, 64, _STANCE, propose="hind legs", level=2, cutoff=(6.0, 6.0), weights=known),
        Stage("front legs", 40, 64, _STANCE, propose="front legs", level=2, cutoff=(6.0, 6.0), weights=known),
        Stage("refinement", 100, 128, _SHAPE_LENS, level=2, cutoff=(6.0, 6.0), weights=settled),
        Stage(
            "individual shapes",
            120,
            128,
            _OWN,
            united=True,
            weights=replace(settled, texture=0.3, instance=10.0, deformation=0.1, laplacian=0.003),
            rates=LearningRates(deformation=0.003, instance=0.003),
        ),
    )
    if not contested:
        return start + end
    without = (replace(stage, name=f"{stage.name} without canonical maps", maps="out") for stage in start)
    return (*start, *without, *(replace(stage, maps="best") for stage in end))


def _first(build: str) -> tuple[Stage, ...]:
    """Views and proportions, which tell whether a build will do."""
    name = "" if build == "standard" else f" {build}"
    return (
        Stage(f"camera{name}", 30, 64, _CAMERA, kept_hypotheses=16, propose="azimuths", build=build, level=1),
        Stage(f"proportions{name}", 60, 64, _PROPORTIONS, kept_hypotheses=8, build=build, level=1),
        Stage(f"pose{name}", 60, 64, _BODY, kept_hypotheses=8, build=build, level=1),
    )


def full(builds: tuple[str, ...] = ("standard",), contested: bool = False) -> tuple[Stage, ...]:
    """Preset full: the same way with more steps and larger pictures at its end."""
    sizes = {"refinement": 192, "individual shapes": 256}
    return tuple(
        replace(stage, iterations=2 * stage.iterations, size=sizes.get(stage.name, stage.size))
        for stage in quick(builds, contested)
    )


def without(stages: tuple[Stage, ...], names: Collection[str]) -> tuple[Stage, ...]:
    """The same schedule with loss terms of these names switched off; "lens": with lenses as first guessed; "strides":
    without other strides being tried.

    Names that say nothing to a schedule are passed over.
    """
    if "strides" in names:
        stages = tuple(stage for stage in stages if stage.propose not in LIMB_SWAPS)
    off = {name: 0.0 for name in names if name in vars(Weights())}
    held = frozenset({"lens"} & set(names))
    return tuple(replace(stage, free=stage.free - held, weights=replace(stage.weights, **off)) for stage in stages)


def grounded(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The same schedule for a subject whose feet are on level ground."""
    return tuple(replace(stage, weights=replace(stage.weights, ground=_GROUND)) for stage in stages)


def shortened(stages: tuple[Stage, ...], factor: float) -> tuple[Stage, ...]:
    """The same schedule with iterations scaled, at least two a stage; for tests and for looking around."""
    return tuple(replace(stage, iterations=max(2, round(stage.iterations * factor))) for stage in stages)
