"""The gaits that this package knows, as tables of data.

Footfalls of four feet are written left hind, left fore, right hind, right fore. Sources: Hildebrand, "Symmetrical gaits
of horses" (Science 1965) and "Analysis of asymmetrical gaits" (J. Mammalogy 1977); Muybridge, "Animals in Motion"
(1899); for elephants Hutchinson et al. (Nature 2003), for kangaroos Dawson and Taylor (Nature 1973), for people
Novacheck, "The biomechanics of running" (Gait & Posture 1998). Amplitudes of trunk, neck and tail are judged by eye.
"""

from __future__ import annotations

from ..body.skeleton import Skeleton
from .arm import ArmSwing
from .clip import Clip
from .locomotion import Gait, go
from .step import Hold
from .wave import Drift, Wave

_HIND, _FORE = Hold((-12, 20, 35)), Hold((-8, 20, 60))
_HIND_FAST, _FORE_FAST = Hold((-14, 26, 45), (35, 45)), Hold((-10, 28, 54), (40, 50))
_COLUMN_HIND, _COLUMN_FORE = Hold((-6, 12, 22), (15, 20)), Hold((-5, 12, 35), (15, 25))

_TAIL_SWAYS = tuple(Wave(f"tail_{link}", "yaw", 3.0 + 2.0 * link, peak=0.08 * link) for link in (1, 2, 3))


def _tail_streams(pitch_deg: float, bob_deg: float, peak: float, harmonic: int = 1) -> tuple[Wave, ...]:
    """A tail that is held up by `pitch_deg` and bobs behind the trunk, each link later than the one before."""
    return tuple(
        Wave(f"tail_{link}", "pitch", bob_deg, pitch_deg / link, harmonic, peak + 0.08 * link) for link in (1, 2, 3)
    )


def _quadruped(
    name: str,
    phases: tuple[float | None, ...],
    duty: float,
    stride: float,
    lift: float,
    seconds: float,
    waves: tuple[Wave, ...],
    drifts: tuple[Drift, ...] = (),
    hind: Hold = _HIND_FAST,
    fore: Hold = _FORE_FAST,
) -> Gait:
    return Gait(name, "quadruped", phases, duty, stride, lift, seconds, hind, fore, waves, drifts)


# The left hind foot touches down at time 0, so the left hip is forward then. The head nods once for every fore step:
# down when a forefoot takes the weight.
_WALKING = (
    Wave("spine", "yaw", 1.5),
    Wave("chest", "yaw", 1.0),
    Wave("neck", "yaw", -2.0),
    Wave("neck", "pitch", 3.0, harmonic=2, peak=0.3),
    Wave("head", "pitch", -2.0, harmonic=2, peak=0.3),
    *_TAIL_SWAYS,
)

QUADRUPED = (
    _quadruped("walk", (0, 0.25, 0.5, 0.75), 0.65, 0.9, 0.1, 1.0, _WALKING, hind=_HIND, fore=_FORE),
    _quadruped(
        "amble", (0, 0.25, 0.5, 0.75), 0.7, 0.8, 0.09, 1.5,
        (*_WALKING, Wave("hips", "roll", -1.2, peak=0.35)),
        (Drift("x", 0.015, peak=0.35),),
        _COLUMN_HIND, _COLUMN_FORE,
    ),
    _quadruped(
        "trot", (0, 0.5, 0.5, 0), 0.42, 1.7, 0.2, 0.7,
        (Wave("neck", "pitch", 1.5, -4, harmonic=2, peak=0.2), Wave("spine", "yaw", 1.0),
         *_tail_streams(10, 2, 0.2, 2)),
        (Drift("y", 0.025, harmonic=2, peak=0.46),),
    ),
    _quadruped(
        "pace", (0, 0, 0.5, 0.5), 0.47, 1.6, 0.16, 0.8,
        (Wave("hips", "roll", -2.5, peak=0.24), Wave("head", "roll", 1.5, peak=0.24),
         Wave("neck", "pitch", 2.5, harmonic=2, peak=0.2), *_TAIL_SWAYS),
        (Drift("y", 0.015, harmonic=2, peak=0.485), Drift("x", 0.03, peak=0.24)),
    ),
    _quadruped(
        "canter", (0, 0.3, 0.3, 0.6), 0.36, 2.3, 0.24, 0.65,
        (Wave("hips", "pitch", 4.0, peak=0.72), Wave("spine", "pitch", 2, peak=0.9),
         Wave("neck", "pitch", 5, peak=0.75), Wave("head", "pitch", -3, peak=0.75), *_tail_streams(12, 4, 0.3)),
        (Drift("y", 0.04, peak=0.97),),
    ),
    # Horses: the legs are gathered under the body in the one moment when none of them stands.
    _quadruped(
        "gallop", (0, 0.38, 0.12, 0.52), 0.27, 3.5, 0.25, 0.5,
        (Wave("hips", "pitch", 4.5, peak=0.58), Wave("spine", "pitch", 4, peak=0.92),
         Wave("chest", "pitch", 2, peak=0.92), Wave("neck", "pitch", 6, 10, peak=0.62),
         Wave("head", "pitch", -4, -8, peak=0.62), *_tail_streams(18, 5, 0.2)),
        (Drift("y", 0.05, peak=0.9),),
    ),
    # Cheetahs and greyhounds: in the air twice, gathered and stretched out, with a back that bends and straightens.
    _quadruped(
        "rotary_gallop", (0, 0.7, 0.12, 0.55), 0.22, 4.0, 0.22, 0.4,
        (Wave("hips", "pitch", -8, peak=0.97), Wave("spine", "pitch", 9, 2, peak=0.97),
         Wave("chest", "pitch", 8, peak=0.97), Wave("neck", "pitch", -5, 8, peak=0.97),
         Wave("head", "pitch", -3, -6, peak=0.97), *_tail_streams(15, 8, 0.45)),
        (Drift("y", 0.05, harmonic=2, peak=0.44),),
    ),
    _quadruped(
        "bound", (0, 0.5, 0, 0.5), 0.26, 2.9, 0.23, 0.45,
        (Wave("hips", "pitch", 6, peak=0.6), Wave("spine", "pitch", 7, peak=0.9), Wave("chest", "pitch", 5, peak=0.9),
         Wave("neck", "pitch", -6, peak=0.75), *_tail_streams(10, 8, 0.3)),
        (Drift("y", 0.07, harmonic=2, peak=0.38),),
    ),
    _quadruped(
        "half_bound", (0, 0.45, 0.05, 0.6), 0.28, 2.4, 0.19, 0.5,
        (Wave("hips", "pitch", 5, peak=0.6), Wave("spine", "pitch", 7, peak=0.92), Wave("chest", "pitch", 5, peak=0.92),
         Wave("neck", "pitch", -5, peak=0.75), *_tail_streams(10, 6, 0.3)),
        (Drift("y", 0.05, harmonic=2, peak=0.4),),
    ),
    # Kangaroos: both hind feet at once, the tail swinging against them, hands before the chest.
    _quadruped(
        "hop", (0, None, 0, None), 0.34, 2.2, 0.25, 0.55,
        (Wave("hips", "pitch", 5, 8, peak=0.3), Wave("neck", "pitch", -4, -4, peak=0.3), Wave("head", "pitch", 0, -3),
         Wave("{side}_shoulder", "pitch", 6, -10, peak=0.7), Wave("{side}_elbow", "pitch", 8, -50, peak=0.2),
         Wave("{side}_wrist", "pitch", 0, 45), *_tail_streams(12, 9, 0.65)),
        (Drift("y", 0.1, peak=0.67),),
        Hold((-4, 32, 20), (30, 32)),
    ),
)  # fmt: skip

_ROUND_FOOT = Hold(foot_deg=(30.0, 45.0))
_STRIDING = (
    Wave("spine", "yaw", 3.0),
    Wave("chest", "yaw", 4.0),
    Wave("neck", "yaw", -5.0),
    Wave("head", "pitch", 1.0, harmonic=2, peak=0.1),
)

BIPED = (
    Gait("walk", "biped", (0, 0.5), 0.65, 0.9, 0.1, 1.0, _ROUND_FOOT, waves=_STRIDING, arms=ArmSwing(18)),
    Gait(
        "run", "biped", (0, 0.5), 0.36, 2.0, 0.32, 0.7, Hold(foot_deg=(40.0, 65.0)),
        waves=(Wave("hips", "pitch", 0, 7), Wave("spine", "yaw", 5), Wave("chest", "yaw", 6), Wave("neck", "yaw", -8)),
        drifts=(Drift("y", 0.03, harmonic=2, peak=0.43),), arms=ArmSwing(34, 82, 14), kick=0.8,
    ),
)  # fmt: skip

_PACING = (
    Wave("neck", "pitch", 8, harmonic=2, peak=0.1),
    Wave("head", "pitch", -7, harmonic=2, peak=0.1),
    Wave("tail", "yaw", 4),
)

BIRD_GAIT = (
    Gait("walk", "bird", (0, 0.5), 0.65, 0.9, 0.1, 1.0, _ROUND_FOOT, waves=_PACING),
    Gait(
        "run", "bird", (0, 0.5), 0.38, 1.6, 0.22, 0.5, Hold(foot_deg=(35.0, 50.0)),
        waves=(Wave("hips", "pitch", 2, 6, harmonic=2), Wave("neck", "pitch", 4, harmonic=2, peak=0.1)),
        drifts=(Drift("y", 0.04, harmonic=2, peak=0.44),), kick=0.85,
    ),
    # Short legs far apart: the body rocks over the foot that stands, and turns to bring the other one forward.
    Gait(
        "waddle", "bird", (0, 0.5), 0.68, 0.6, 0.12, 0.8, _ROUND_FOOT,
        waves=(Wave("hips", "roll", -8, peak=0.34), Wave("hips", "yaw", -6), Wave("head", "roll", 6, peak=0.34),
               Wave("tail", "yaw", 9, peak=0.1)),
        drifts=(Drift("x", 0.06, peak=0.34),),
    ),
    Gait(
        "hop", "bird", (0, 0), 0.42, 1.0, 0.2, 0.4, _ROUND_FOOT,
        waves=(Wave("hips", "pitch", 6, 2, peak=0.2), Wave("head", "pitch", -5, peak=0.2),
               Wave("tail", "pitch", 8, peak=0.5)),
        drifts=(Drift("y", 0.14, peak=0.71),),
    ),
)  # fmt: skip

GAITS = {(gait.plan, gait.name): gait for gait in (*QUADRUPED, *BIPED, *BIRD_GAIT)}
"""All of them by body plan and name."""


def walk(skeleton: Skeleton) -> Clip:
    """A looping walk by the skeleton's own joint names.

    Quadruped: lateral sequence, touchdown of left hind, left fore, right hind, right fore a quarter cycle apart
    (Hildebrand 1965). Biped: legs half a cycle apart, arms swinging against them. Bird: the same legs, wings folded.
    Short legs make shorter steps. Raises ValueError where a leg joint is missing, or a foot is off the ground at rest.
    """
    return go(skeleton, GAITS[skeleton.plan, "walk"], shorten=True)
