"""Preset artic3d: the schedule and most weights of ARTIC3D, with the departures listed here, for comparison.

ARTIC3D (Yao et al., NeurIPS 2023, https://chhankyao.github.io/artic3d/) optimises as Hi-LASSIE (Yao et al., CVPR 2023)
does: Adam over all photos at once, first cameras, then poses, bone by bone, then the parts' base shapes, their
deformation, and at last each photo's own shape and texture. What is the same: which variables are free when, for how
many iterations, at which rates, and the weights of silhouette, semantic consistency, rotation from the shared rest
pose, Laplacian, normals and texture. What is not: cameras start from the best of sixteen azimuths, half of them where
the canonical network believes them to be, instead of a ranking of six in front; features are matched with regard to
what is visible; poses are freed at once, not in three steps; the renderer's edges are exact. DASS, where there is a
diffusion prior, looks in the last stage at all photos' shapes and at the one that they share, and its answers serve ten
steps each. Each photo has one hypothesis of its view from the second stage on, no colours tell views apart, and the
canonical network's maps are not used: where there are no other features its descriptors serve.
"""

from __future__ import annotations

from dataclasses import replace

from .stage import Free, LearningRates, Stage, Weights

_COARSE, _FINE = 0.25, 0.0625
"""Semantic weight 1 with the published weights of positions, 2 until base shapes are found and 1 afterwards: squared
distances count 4 times and once there, and 16 times here."""
_OFF = Weights(
    pyramid=0,
    outside=0,
    color=0,
    canonical=0,
    view=0,
    semantic=_COARSE,
    pose=0,
    pose_limit=0,
    collision=0,
    rotation=5e-4,
    rest_pose=1e-3,
    elevation=0,
    roll=8e-5,
    lens=0,
    deformation=0,
    laplacian=0,
    bone_length=1e-3,
    radius=0,
    radius_step=0,
    attachment=1e-3,
    instance=0,
)
"""Global terms .01, pose .01 x .05, and so on; roll and elevation in standard deviations of 5 and 12 degrees."""
_GLOBAL = replace(_OFF, semantic=0.5 * _COARSE, roll=4e-3, elevation=2e-3)
_BASE = replace(_OFF, silhouette=0.05)
_SHAPE = replace(_OFF, semantic=_FINE, silhouette=0.1, deformation=2e-3, mesh_laplacian=0.02, mesh_normal=0.02)
_INSTANCE = replace(_SHAPE, texture=0.1, instance=1.0, mesh_laplacian=10.0, mesh_normal=10.0)
_JOINT = replace(_INSTANCE, diffusion=40.0)
"""The published gradient, 5e-5 of the difference at each of 512 x 512 pixels of three channels, is that of 40 times
half a mean square."""


def _rates(rate: float) -> LearningRates:
    return LearningRates(**{name: rate for name in vars(LearningRates())})


def artic3d(builds: tuple[str, ...] = ("standard",)) -> tuple[Stage, ...]:
    """The schedule for the first of `builds`, which does not compete with others."""
    build = builds[0]
    camera: frozenset[Free] = frozenset({"camera"})
    pose: frozenset[Free] = frozenset({"camera", "pose", "rest_pose"})
    base: frozenset[Free] = frozenset({"camera", "pose", "rest_pose", "length", "radius", "attachment"})
    shape: frozenset[Free] = frozenset({"camera", "pose", "rest_pose", "length", "radius", "attachment", "deformation"})
    own: frozenset[Free] = frozenset({"instance"})
    return (
        Stage(
            "global",
            100,
            96,
            camera,
            kept_hypotheses=16,
            propose="azimuths",
            build=build,
            weights=_GLOBAL,
            rates=_rates(0.05),
        ),
        Stage("pose", 300, 96, pose, weights=_OFF, rates=_rates(0.05)),
        Stage("base", 300, 96, base, weights=_BASE, rates=_rates(0.01)),
        Stage("shape", 100, 96, shape, cutoff=(6.0, 6.0), weights=_SHAPE, rates=_rates(0.005)),
        Stage("all", 300, 96, shape, level=3, cutoff=(6.0, 6.0), weights=_SHAPE, rates=_rates(0.005)),
        Stage("instance", 300, 128, own, united=True, weights=_INSTANCE, rates=_rates(0.01)),
        Stage("joint", 100, 128, own, united=True, weights=_JOINT, rates=_rates(0.01)),
    )
