"""Flapping and gliding: what wings do in the air."""

from __future__ import annotations

import torch

from ..body.skeleton import Skeleton
from .body import finished
from .clip import Clip
from .leg import hip_height, require
from .wave import Drift, Wave, drift, swing
from .wing import WING_JOINTS

_LEVEL_DEG = 18.0
"""How far a bird in the air leans forward from how it stands."""
_ALOFT = 1.5
"""How much higher than standing it flies, in hip heights."""


def flap(
    skeleton: Skeleton, *, seconds: float = 0.6, beat_deg: float = 40.0, keys: int = 24, name: str = "flap"
) -> Clip:
    """A looping wing beat of one cycle by the skeleton's own joint names.

    The upper wing swings up and down by `beat_deg`; the outer parts follow later, and fold back on the way up, which is
    what makes a wing push down more than up. Legs lie back, the tail balances. Raises ValueError where a wing is
    missing.
    """
    return _flown(
        skeleton,
        name,
        seconds,
        keys,
        (
            Wave("{side}_wing_upper", "roll", beat_deg, 0.1 * beat_deg),
            Wave("{side}_wing_lower", "roll", 0.5 * beat_deg, peak=0.12),
            Wave("{side}_wing_tip", "roll", 0.45 * beat_deg, peak=0.22),
            # The yaws are greatest in the middle of the way up.
            Wave("{side}_wing_upper", "yaw", 5, 5, peak=-0.25),
            Wave("{side}_wing_lower", "yaw", -20, -20, peak=-0.2),
            Wave("{side}_wing_tip", "yaw", 24, 24, peak=-0.15),
            Wave("tail", "pitch", 6, peak=0.1),
            Wave("neck", "pitch", -3),
        ),
    )


def glide(skeleton: Skeleton, *, seconds: float = 3.0, keys: int = 24, name: str = "glide") -> Clip:
    """Wings spread and nearly still, the body rocking a little about its long axis. Loops.

    Raises ValueError where a wing is missing.
    """
    return _flown(
        skeleton,
        name,
        seconds,
        keys,
        (
            Wave("hips", "roll", 5),
            Wave("{side}_wing_upper", "roll", 1.5, 6, harmonic=2),
            Wave("{side}_wing_lower", "roll", 1, -3, harmonic=2, peak=0.1),
            Wave("{side}_wing_tip", "roll", 2, 5, harmonic=2, peak=0.15),
            Wave("{side}_wing_lower", "yaw", 0, -8),
            Wave("{side}_wing_tip", "yaw", 0, 8),
            Wave("head", "roll", -4),
            Wave("tail", "roll", -6, peak=0.05),
        ),
    )


def _flown(skeleton: Skeleton, name: str, seconds: float, keys: int, waves: tuple[Wave, ...]) -> Clip:
    """A clip in the air: legs drawn back under the tail."""
    require(skeleton, WING_JOINTS, name)
    time = torch.arange(keys + 1, dtype=torch.float64) / keys
    legs = (("{side}_upper_leg", 45), ("{side}_lower_leg", 30), ("{side}_foot", 55))
    held = (Wave("hips", "pitch", 0, _LEVEL_DEG), *(Wave(joint, "pitch", 0, back) for joint, back in legs))
    rotations = swing(skeleton, (*held, *waves), time)
    # The beat carries the body up a little later than it drives the wings down.
    aloft = drift((Drift("y", 0.05, _ALOFT, peak=0.6),), time, hip_height(skeleton))
    return finished(name, time * seconds, rotations, aloft)
