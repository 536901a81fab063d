"""Proportions of the four-footed species, starting from standing adults; individuals vary about them (`individual`).

Estimated from anatomy and photographs: withers heights come out within a tenth of the animals' own (a test holds them
to it). One trunk length is `trunk_metres`.
"""

from __future__ import annotations

from .head import EarShape, HeadShape, HornShape, ProboscisShape
from .quadruped import CrestShape, LegShape, NeckShape, QuadrupedShape, TailShape, TrunkShape

_EQUINE_HEAD = (
    (0.0, 0.15, 0.2, 0.12), (0.12, 0.17, 0.27, 0.15), (0.28, 0.16, 0.3, 0.165), (0.42, 0.145, 0.24, 0.145),
    (0.58, 0.125, 0.165, 0.11), (0.74, 0.11, 0.13, 0.098), (0.88, 0.11, 0.135, 0.1), (0.97, 0.09, 0.12, 0.09),
)  # fmt: skip
_BOVINE_HEAD = (
    (0.0, 0.18, 0.2, 0.19), (0.15, 0.2, 0.26, 0.22), (0.32, 0.18, 0.28, 0.22), (0.5, 0.15, 0.23, 0.18),
    (0.68, 0.13, 0.18, 0.15), (0.84, 0.125, 0.16, 0.155), (0.96, 0.1, 0.14, 0.145),
)  # fmt: skip
_CERVINE_HEAD = (
    (0.0, 0.16, 0.16, 0.15), (0.15, 0.2, 0.22, 0.185), (0.32, 0.18, 0.24, 0.18), (0.5, 0.125, 0.18, 0.125),
    (0.7, 0.09, 0.125, 0.09), (0.87, 0.085, 0.11, 0.085), (0.97, 0.065, 0.085, 0.07),
)  # fmt: skip
_CANINE_HEAD = (
    (0.0, 0.19, 0.18, 0.2), (0.14, 0.24, 0.23, 0.25), (0.3, 0.23, 0.24, 0.25), (0.42, 0.19, 0.22, 0.2),
    (0.53, 0.105, 0.19, 0.15), (0.7, 0.09, 0.155, 0.12), (0.86, 0.085, 0.13, 0.105), (0.96, 0.07, 0.085, 0.08),
)  # fmt: skip
_VULPINE_HEAD = (
    (0.0, 0.2, 0.19, 0.23), (0.14, 0.25, 0.24, 0.3), (0.3, 0.23, 0.25, 0.32), (0.44, 0.165, 0.21, 0.23),
    (0.55, 0.1, 0.165, 0.14), (0.72, 0.075, 0.12, 0.095), (0.88, 0.065, 0.09, 0.075), (0.97, 0.055, 0.06, 0.055),
)  # fmt: skip
_FELINE_HEAD = (
    (0.0, 0.3, 0.26, 0.3), (0.16, 0.38, 0.33, 0.4), (0.38, 0.39, 0.36, 0.44), (0.56, 0.32, 0.35, 0.41),
    (0.7, 0.17, 0.33, 0.3), (0.84, 0.12, 0.28, 0.24), (0.95, 0.09, 0.19, 0.17),
)  # fmt: skip
_URSINE_HEAD = (
    (0.0, 0.26, 0.25, 0.29), (0.16, 0.31, 0.3, 0.36), (0.34, 0.3, 0.31, 0.36), (0.48, 0.21, 0.28, 0.27),
    (0.62, 0.15, 0.22, 0.19), (0.8, 0.13, 0.18, 0.16), (0.95, 0.11, 0.12, 0.12),
)  # fmt: skip
_ELEPHANT_HEAD = (
    (0.0, 0.36, 0.32, 0.3), (0.18, 0.42, 0.36, 0.36), (0.4, 0.4, 0.36, 0.36), (0.62, 0.28, 0.32, 0.29),
    (0.82, 0.17, 0.26, 0.23), (0.97, 0.11, 0.2, 0.17),
)  # fmt: skip
_OVINE_HEAD = (
    (0.0, 0.16, 0.17, 0.16), (0.15, 0.2, 0.22, 0.2), (0.32, 0.19, 0.25, 0.19), (0.52, 0.15, 0.21, 0.14),
    (0.72, 0.12, 0.15, 0.105), (0.88, 0.1, 0.12, 0.095), (0.97, 0.07, 0.09, 0.075),
)  # fmt: skip
_MACROPOD_HEAD = (
    (0.0, 0.16, 0.16, 0.17), (0.15, 0.2, 0.2, 0.2), (0.32, 0.18, 0.22, 0.19), (0.52, 0.13, 0.18, 0.14),
    (0.72, 0.1, 0.14, 0.11), (0.88, 0.09, 0.12, 0.1), (0.97, 0.065, 0.085, 0.075),
)  # fmt: skip

HORSE = QuadrupedShape(
    fore=LegShape((0.3, 0.39, 0.25), (0.2, 0.07), (-32.0, 4.0, -2.0)),
    hind=LegShape((0.38, 0.38, 0.31), (0.19, 0.07), (24.0, -36.0, 3.0), muscle=1.1),
    head=HeadShape(
        0.57, 52.0, _EQUINE_HEAD, (0.3, 0.1, 0.15, 0.045),
        EarShape((0.03, 0.13, 0.07), (-0.16, 0.38, 0.11), 0.062, point=0.3, widest=0.4), muzzle=0.55,
    ),
    trunk=TrunkShape(0.66, 0.45, withers=0.64, back=-0.05, croup=0.45, rump=0.14, flank=0.8, belly=0.97,
        barrel=1.08, hips=1.0),
    neck=NeckShape(0.72, 42.0, (0.11, 0.25), (0.07, 0.13), 0.3),
    tail=TailShape(0.85, (-50.0, -76.0, -84.0), (0.06, 0.085, 0.05)),
    crest=CrestShape(0.09, 0.035),
)  # fmt: skip

ZEBRA = QuadrupedShape(
    fore=LegShape((0.28, 0.36, 0.24), (0.18, 0.065), (-32.0, 4.0, -2.0)),
    hind=LegShape((0.36, 0.35, 0.3), (0.18, 0.065), (24.0, -36.0, 3.0), muscle=1.12),
    head=HeadShape(
        0.57, 48.0, _EQUINE_HEAD, (0.3, 0.1, 0.15, 0.045),
        EarShape((0.03, 0.13, 0.08), (-0.2, 0.42, 0.14), 0.085, point=0.5, widest=0.5), muzzle=0.55,
    ),
    trunk=TrunkShape(0.68, 0.48, withers=0.6, back=-0.02, croup=0.47, rump=0.16, flank=0.88, belly=1.04,
        barrel=1.12, hips=1.0),
    neck=NeckShape(0.62, 42.0, (0.115, 0.25), (0.078, 0.14), 0.32),
    tail=TailShape(0.6, (-55.0, -78.0, -84.0), (0.04, 0.03, 0.026), tuft=(0.045, 0.2)),
    crest=CrestShape(0.1, 0.03),
)  # fmt: skip

COW = QuadrupedShape(
    fore=LegShape((0.26, 0.27, 0.18), (0.13, 0.05), (-30.0, 4.0, 0.0), radius=1.02, apart=(0.14, 0.13)),
    hind=LegShape((0.33, 0.3, 0.21), (0.13, 0.05), (22.0, -36.0, 6.0), radius=1.02, apart=(0.15, 0.14)),
    head=HeadShape(
        0.46, 40.0, _BOVINE_HEAD, (0.3, 0.1, 0.2, 0.05),
        EarShape((0.08, 0.1, 0.18), (0.02, 0.02, 0.5), 0.09, bend=(0.0, 0.05, 0.0), point=0.4), muzzle=0.52,
        horns=(HornShape("horn", ((0.02, 0.18, 0.12), (0.0, 0.28, 0.3), (0.06, 0.44, 0.38), (0.14, 0.56, 0.34)),
            (0.055, 0.02)),),
        nose=0.13,
    ),
    trunk=TrunkShape(0.66, 0.48, withers=0.6, back=0.02, croup=0.52, rump=0.32, flank=1.0, belly=1.08, barrel=1.16,
        hips=1.05, rear=0.2),
    neck=NeckShape(0.42, 18.0, (0.125, 0.24), (0.1, 0.16), 0.28),
    tail=TailShape(0.75, (-75.0, -86.0, -88.0), (0.035, 0.026, 0.022), tuft=(0.04, 0.16)),
)  # fmt: skip

SHEEP = QuadrupedShape(
    fore=LegShape((0.25, 0.29, 0.2), (0.13, 0.045), (-30.0, 2.0, 0.0), radius=0.92, muscle=1.25),
    hind=LegShape((0.32, 0.33, 0.23), (0.13, 0.045), (22.0, -34.0, 4.0), radius=0.92, muscle=1.25),
    head=HeadShape(
        0.42, 38.0, _OVINE_HEAD, (0.32, 0.1, 0.165, 0.048),
        EarShape((0.12, 0.1, 0.15), (0.1, 0.0, 0.46), 0.075, bend=(0.0, 0.03, 0.0), point=0.35), muzzle=0.52,
    ),
    trunk=TrunkShape(0.6, 0.5, withers=0.58, back=0.03, croup=0.55, rump=0.28, flank=1.0, belly=1.05, barrel=1.1,
        hips=1.0, rear=0.22),
    neck=NeckShape(0.42, 42.0, (0.12, 0.18), (0.09, 0.125), 0.35),
    tail=TailShape(0.26, (-55.0, -80.0, -85.0), (0.045, 0.04, 0.03)),
    fleece=0.065,
)  # fmt: skip

ELEPHANT = QuadrupedShape(
    fore=LegShape((0.52, 0.44, 0.16), (0.1, 0.015), (-8.0, 4.0, 0.0), radius=1.0, apart=(0.18, 0.17)),
    hind=LegShape((0.56, 0.36, 0.12), (0.08, 0.015), (6.0, -6.0, 0.0), radius=1.0, apart=(0.18, 0.17)),
    head=HeadShape(
        0.56, 48.0, _ELEPHANT_HEAD, (0.52, 0.17, 0.3, 0.042),
        EarShape((0.22, 0.08, 0.3), (-0.32, -0.1, 0.86), 0.56, 0.05, widest=0.55, point=0.6, bend=(0.05, 0.0, 0.08),
            turn_deg=90.0),
        horns=(HornShape("tusk", ((0.86, -0.12, 0.17), (1.1, -0.24, 0.24), (1.34, -0.2, 0.25), (1.55, -0.06, 0.22)),
            (0.05, 0.025)),),
        proboscis=ProboscisShape(((0.9, 0.02, 0.0), (1.3, -0.12, 0.0), (1.72, -0.36, 0.0), (2.1, -0.66, 0.0), (2.36,
            -0.98, 0.0)), (0.2, 0.08)),
        muzzle=0.6, nose=0.0,
    ),
    feet="column",
    trunk=TrunkShape(0.8, 0.66, withers=0.55, back=0.06, croup=0.52, rump=0.25, flank=0.95, belly=1.0, barrel=1.1,
        hips=0.95, rear=0.2, front=0.16),
    neck=NeckShape(0.24, 22.0, (0.2, 0.3), (0.17, 0.25), 0.3),
    tail=TailShape(0.6, (-75.0, -85.0, -88.0), (0.04, 0.028, 0.022), tuft=(0.032, 0.1)),
)  # fmt: skip

GIRAFFE = QuadrupedShape(
    fore=LegShape((0.44, 0.68, 0.6), (0.22, 0.08), (-26.0, 2.0, 0.0), radius=1.08),
    hind=LegShape((0.44, 0.52, 0.6), (0.22, 0.08), (22.0, -30.0, 2.0), radius=1.05),
    head=HeadShape(
        0.52, 34.0, _CERVINE_HEAD, (0.32, 0.1, 0.17, 0.05),
        EarShape((0.08, 0.1, 0.14), (-0.06, 0.2, 0.42), 0.08, point=0.35), muzzle=0.5,
        horns=(HornShape("horn", ((0.1, 0.16, 0.06), (0.02, 0.3, 0.08), (-0.04, 0.42, 0.085)), (0.04, 0.048)),),
    ),
    trunk=TrunkShape(0.72, 0.48, withers=0.72, back=0.0, croup=0.42, rump=0.1, flank=0.72, belly=0.9, barrel=1.05,
        hips=0.85, rear=0.2),
    neck=NeckShape(1.6, 60.0, (0.13, 0.26), (0.075, 0.11), 0.42),
    tail=TailShape(0.8, (-70.0, -84.0, -88.0), (0.035, 0.024, 0.02), tuft=(0.035, 0.24)),
    crest=CrestShape(0.035, 0.026),
)  # fmt: skip

TIGER = QuadrupedShape(
    fore=LegShape((0.31, 0.285, 0.12), (0.07, 0.13), (-34.0, 2.0, 0.0), radius=1.3, muscle=1.1),
    hind=LegShape((0.35, 0.305, 0.175), (0.07, 0.13), (28.0, -40.0, 4.0), radius=1.15, muscle=1.1),
    head=HeadShape(
        0.43, 12.0, _FELINE_HEAD, (0.645, 0.16, 0.245, 0.055),
        EarShape((0.2, 0.27, 0.26), (0.14, 0.54, 0.4), 0.13, point=0.7, widest=0.5), muzzle=0.66, nose=0.1,
    ),
    feet="paw",
    trunk=TrunkShape(0.5, 0.39, withers=0.6, back=-0.02, croup=0.42, rump=0.18, flank=0.82, belly=0.98, barrel=1.05,
        hips=0.95, rear=0.18),
    neck=NeckShape(0.36, 24.0, (0.14, 0.19), (0.125, 0.145), 0.3),
    tail=TailShape(0.95, (-48.0, -40.0, 5.0), (0.045, 0.04, 0.036)),
    fleece=0.02,
)  # fmt: skip

CAT = QuadrupedShape(
    fore=LegShape((0.34, 0.33, 0.13), (0.06, 0.11), (-34.0, 2.0, 0.0), radius=0.98),
    hind=LegShape((0.37, 0.38, 0.2), (0.06, 0.11), (30.0, -42.0, 4.0), radius=0.98),
    head=HeadShape(
        0.42, 8.0, _FELINE_HEAD, (0.655, 0.14, 0.25, 0.075),
        EarShape((0.24, 0.25, 0.25), (0.16, 0.74, 0.42), 0.19, point=0.12, widest=0.22), muzzle=0.66, nose=0.06,
    ),
    feet="paw",
    trunk=TrunkShape(0.44, 0.35, withers=0.6, back=0.03, croup=0.46, rump=0.2, flank=0.84, belly=1.0, barrel=1.08,
        hips=0.95, rear=0.17),
    neck=NeckShape(0.32, 38.0, (0.11, 0.15), (0.1, 0.12), 0.3),
    tail=TailShape(1.0, (-20.0, 10.0, 40.0), (0.042, 0.038, 0.034)),
    fleece=0.03,
)  # fmt: skip

DOG = QuadrupedShape(
    fore=LegShape((0.35, 0.36, 0.15), (0.07, 0.11), (-32.0, 0.0, 6.0), radius=1.08),
    hind=LegShape((0.37, 0.39, 0.21), (0.07, 0.11), (28.0, -42.0, 2.0), radius=1.05),
    head=HeadShape(
        0.55, 16.0, _CANINE_HEAD, (0.42, 0.13, 0.15, 0.048),
        EarShape((0.1, 0.15, 0.15), (0.0, 0.46, 0.2), 0.1, point=0.15, widest=0.3), muzzle=0.5, nose=0.065,
    ),
    feet="paw",
    trunk=TrunkShape(0.52, 0.37, withers=0.62, back=-0.02, croup=0.42, rump=0.2, flank=0.68, belly=0.9, barrel=1.0,
        hips=0.85, rear=0.17),
    neck=NeckShape(0.44, 46.0, (0.11, 0.18), (0.095, 0.125), 0.32),
    tail=TailShape(0.75, (-20.0, -30.0, 5.0), (0.05, 0.05, 0.03)),
    fleece=0.025,
)  # fmt: skip

FOX = QuadrupedShape(
    fore=LegShape((0.37, 0.4, 0.17), (0.065, 0.1), (-32.0, 0.0, 4.0), radius=0.78),
    hind=LegShape((0.4, 0.43, 0.23), (0.065, 0.1), (28.0, -42.0, 2.0), radius=0.78),
    head=HeadShape(
        0.54, 14.0, _VULPINE_HEAD, (0.44, 0.1, 0.165, 0.045),
        EarShape((0.12, 0.15, 0.15), (0.02, 0.54, 0.24), 0.13, point=0.12, widest=0.25), muzzle=0.5, nose=0.05,
    ),
    feet="paw",
    trunk=TrunkShape(0.46, 0.37, withers=0.6, back=0.0, croup=0.44, rump=0.2, flank=0.8, belly=0.95, barrel=1.0,
        hips=0.9, rear=0.16),
    neck=NeckShape(0.38, 36.0, (0.12, 0.17), (0.11, 0.125), 0.32),
    tail=TailShape(1.2, (-32.0, -22.0, -4.0), (0.05, 0.115, 0.06)),
    fleece=0.035,
)  # fmt: skip

DEER = QuadrupedShape(
    fore=LegShape((0.29, 0.36, 0.33), (0.14, 0.05), (-32.0, 2.0, 0.0), radius=0.82),
    hind=LegShape((0.36, 0.41, 0.37), (0.13, 0.045), (26.0, -38.0, 3.0), radius=0.82),
    head=HeadShape(
        0.4, 26.0, _CERVINE_HEAD, (0.33, 0.1, 0.165, 0.055),
        EarShape((0.08, 0.12, 0.14), (-0.1, 0.32, 0.44), 0.105, point=0.25, widest=0.45), muzzle=0.5,
        horns=(
            HornShape("beam", ((0.1, 0.16, 0.08), (-0.05, 0.45, 0.22), (-0.14, 0.85, 0.42), (0.06, 1.3, 0.5)),
                (0.065, 0.045)),
            HornShape("tine_1", ((0.05, 0.3, 0.14), (0.24, 0.46, 0.2), (0.36, 0.64, 0.22)), (0.05, 0.042)),
            HornShape("tine_2", ((-0.13, 0.78, 0.39), (0.1, 0.9, 0.48), (0.2, 1.1, 0.52)), (0.05, 0.042)),
        ),
    ),
    trunk=TrunkShape(0.52, 0.36, withers=0.6, back=0.0, croup=0.48, rump=0.2, flank=0.76, belly=0.94, barrel=1.05,
        hips=0.92, rear=0.18),
    neck=NeckShape(0.6, 52.0, (0.095, 0.19), (0.07, 0.105), 0.34),
    tail=TailShape(0.2, (-45.0, -70.0, -80.0), (0.04, 0.04, 0.03)),
)  # fmt: skip

BEAR = QuadrupedShape(
    fore=LegShape((0.34, 0.28, 0.07), (0.08, 0.2), (-26.0, 2.0, 4.0), radius=1.5, apart=(0.15, 0.16)),
    hind=LegShape((0.39, 0.285, 0.07), (0.08, 0.24), (24.0, -26.0, 0.0), radius=1.45, apart=(0.15, 0.16)),
    head=HeadShape(
        0.48, 18.0, _URSINE_HEAD, (0.48, 0.15, 0.2, 0.036),
        EarShape((0.12, 0.24, 0.25), (0.1, 0.47, 0.36), 0.12, point=0.75, widest=0.55), muzzle=0.52, nose=0.075,
    ),
    feet="paw",
    trunk=TrunkShape(0.64, 0.54, withers=0.6, back=0.02, croup=0.52, rump=0.26, flank=0.96, belly=1.02, barrel=1.1,
        hips=1.0, rear=0.22),
    neck=NeckShape(0.34, 14.0, (0.2, 0.24), (0.15, 0.17), 0.25),
    tail=TailShape(0.12, (-45.0, -60.0, -70.0), (0.05, 0.045, 0.04)),
    hump=(0.88, 0.07, 0.2),
    fleece=0.03,
)  # fmt: skip
