"""How far the predicted cameras look from the wrong side, after one rotation of the whole predicted world.

That rotation (`alignment.world_rotation`) is the one that agrees with most cameras; nothing is aligned per photo. Of
camera i with axes R_i (columns, in the world), d_i = the third column points from the subject to the camera:

    azimuth = atan2(d_x, d_z),    elevation = asin(d_y),    error = |predicted - true|, azimuth modulo 360,
    rotation = angle of R_true^T G R_predicted.

The rotation G itself says how the predicted world stands: its yaw and its tilt are 0 where the predicted subject really
faces +Z and stands along +Y, as the package promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from ...scenes.photos.nerfstudio import CameraFrame
from .alignment import world_rotation

WITHIN_DEG = 30.0


@dataclass(frozen=True)
class CameraError:
    """Of one photo, in degrees, all 0 or more."""

    azimuth_deg: float
    elevation_deg: float
    rotation_deg: float


@dataclass(frozen=True, eq=False)
class CameraScore:
    """Errors of all photos that have both cameras."""

    photos: dict[str, CameraError]
    rotation: Float[np.ndarray, "3 3"]
    """From the predicted to the true world."""

    @property
    def world_yaw_deg(self) -> float:
        """Turn of the predicted world about the vertical, in (-180, 180]."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], self.rotation[2, 2])))

    @property
    def world_tilt_deg(self) -> float:
        """Angle between the predicted and the true vertical."""
        return float(np.degrees(np.arccos(np.clip(self.rotation[1, 1], -1, 1))))

    def within(self, bound_deg: float = WITHIN_DEG) -> float:
        """Share of the photos whose azimuth is at most `bound_deg` off."""
        return float(np.mean([error.azimuth_deg <= bound_deg for error in self.photos.values()]))


def camera_errors(predicted: Mapping[str, CameraFrame], true: Mapping[str, CameraFrame]) -> CameraScore:
    """The errors of the cameras that both have, by stem. Raises ValueError where they share none."""
    turn = world_rotation(predicted, true)
    photos = {}
    for stem in sorted(predicted.keys() & true.keys()):
        found, wanted = turn @ predicted[stem].camera_to_world[:3, :3], true[stem].camera_to_world[:3, :3]
        azimuth, elevation = (np.subtract(*pair) for pair in zip(_angles(found), _angles(wanted), strict=True))
        photos[stem] = CameraError(
            abs(float((azimuth + 180) % 360 - 180)),
            abs(float(elevation)),
            float(np.degrees(Rotation.from_matrix(wanted.T @ found).magnitude())),
        )
    return CameraScore(photos, turn)


def _angles(axes: Float[np.ndarray, "3 3"]) -> tuple[float, float]:
    """Azimuth and elevation in degrees of the direction a camera stands in."""
    x, y, z = axes[:, 2]
    return float(np.degrees(np.arctan2(x, z))), float(np.degrees(np.arcsin(np.clip(y, -1, 1))))
