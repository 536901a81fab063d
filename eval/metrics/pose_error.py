"""How far the bones of a predicted rig point from where the true ones do, in degrees.

For every joint that both rigs name, and its nearest ancestor that both name, a bone is the direction from the ancestor
to the joint; bones are compared, not places, so that size and proportions do not count. Two figures:

    pose         = mean angle between bones after one rotation for the whole collection (`alignment.world_rotation`)
    articulation = the same after the best rotation for each photo, so that the camera's error and the body's heading
                   are out: what MPJPE after Procrustes alignment is to MPJPE (Ionescu et al. 2014, Human3.6M).

The best rotation is the one with the least sum of distances between unit directions, not of their squares, by
reweighted least-squares fits (Kabsch 1976): one limb in a wrong pose does not turn all the others.

Names are compared without case, underscores and the like: `leftUpperArm` is `left_upper_arm`. A rig with other names
comes with a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from .joints import Joints

FEWEST_BONES = 3
"""Fewer say nothing about a pose."""
_ROUNDS = 20


@dataclass(frozen=True)
class PoseError:
    """Of one photo, in degrees."""

    pose_deg: float
    articulation_deg: float
    bones: dict[str, float]
    """The true joint's name -> angle of the bone that ends there, after the collection's rotation."""


def pose_error(
    predicted: Joints,
    true: Joints,
    rotation: Float[np.ndarray, "3 3"],
    names: Mapping[str, str] | None = None,
) -> PoseError | None:
    """Angles between the bones of two rigs in one photo; None where they share fewer than 3 bones.

    rotation: from the predicted to the true world. names: true joint's name -> predicted one's; by default equal names.
    """
    bones = _shared_bones(predicted, true, names)
    found = _directions(predicted, [(start, end) for _, _, start, end in bones])
    wanted = _directions(true, [(start, end) for start, end, _, _ in bones])
    usable = (np.linalg.norm(found, axis=1) > 0) & (np.linalg.norm(wanted, axis=1) > 0)
    if usable.sum() < FEWEST_BONES:
        return None
    found, wanted = found[usable], wanted[usable]
    ends = [true.names[end] for (_, end, _, _), kept in zip(bones, usable, strict=True) if kept]
    angles = _angles_deg(found @ rotation.T, wanted)
    return PoseError(
        float(angles.mean()),
        float(_angles_deg(found @ _best_rotation(found, wanted, rotation).T, wanted).mean()),
        {name: float(angle) for name, angle in zip(ends, angles, strict=True)},
    )


def _best_rotation(
    found: Float[np.ndarray, "B 3"], wanted: Float[np.ndarray, "B 3"], start: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "3 3"]:
    """From `found` to `wanted`; the best of `start` and what the rounds come to."""
    tried = [start]
    weights = np.ones(len(found))
    for _ in range(_ROUNDS):
        fitted = Rotation.align_vectors(wanted, found, weights=weights)[0]
        tried.append(fitted.as_matrix())
        weights = 1 / np.maximum(np.linalg.norm(fitted.apply(found) - wanted, axis=1), 1e-6)
    return min(tried, key=lambda rotation: float(_angles_deg(found @ rotation.T, wanted).mean()))


def _shared_bones(predicted: Joints, true: Joints, names: Mapping[str, str] | None) -> list[tuple[int, int, int, int]]:
    """True start and end, predicted start and end of each bone."""
    by_name = {_plain(name): joint for joint, name in enumerate(predicted.names)}
    wanted = {name: name for name in true.names} if names is None else names
    match = {
        joint: by_name[_plain(wanted[name])]
        for joint, name in enumerate(true.names)
        if name in wanted and _plain(wanted[name]) in by_name
    }
    bones = []
    for end, predicted_end in match.items():
        start = true.parents[end]
        while start >= 0 and start not in match:
            start = true.parents[start]
        if start >= 0:
            bones.append((start, end, match[start], predicted_end))
    return bones


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _directions(joints: Joints, bones: list[tuple[int, int]]) -> Float[np.ndarray, "B 3"]:
    """Unit vectors along the bones; 0 where both ends are at one place."""
    index = np.array(bones, np.int64).reshape(-1, 2)
    along = joints.positions[index[:, 1]] - joints.positions[index[:, 0]]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    return np.where(length > 1e-9, along / np.maximum(length, 1e-9), 0.0)


def _angles_deg(a: Float[np.ndarray, "B 3"], b: Float[np.ndarray, "B 3"]) -> Float[np.ndarray, " B"]:
    # Of unit vectors; the half-angle form keeps its digits where the angle is small.
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1)))
