"""Lofts: closed surfaces swept along bones, ring by ring, the clay that bodies of the zoo are made of.

A loft follows a path of points p_0 ... p_n; u in [0, n] counts along it, u = k being p_k. Stations give the section's
radii at some u, smooth in between (monotone cubic), and a section is a superellipse

    lateral = a sgn(sin t) |sin t|^(2/e),   other = (b0 or b1) sgn(cos t) |cos t|^(2/e)

with b0 towards t = 0 and b1 towards t = pi: t is the angle of `representations.chart`,
    so 0 is the belly of a trunk. The
ends close as ellipsoids. Each vertex knows its chart address and which bones carry it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import PchipInterpolator

_Point = tuple[float, float, float]
_BEND = 0.22
"""Half of the stretch, in segments, over which the path is rounded at a joint."""
_CAP_RINGS = 4


@dataclass(frozen=True)
class Loft:
    """One closed piece. Its vertex count depends on `rings` and `spokes` alone, so shapes of it can be compared."""

    name: str
    """What it is, such as "trunk" or "left_horn": coats know pieces by name."""
    path: tuple[_Point, ...]
    """n + 1 points."""
    joints: tuple[str, ...]
    """The joint that carries each of the n segments."""
    parts: tuple[str, ...]
    """The part of `chart.PARTS` that each segment belongs to."""
    stations: tuple[tuple[float, ...], ...]
    """Rows (u, a, b0, b1): radii at u, lateral, towards theta 0, towards theta pi. Increasing u."""
    caps: tuple[float, float] = (0.6, 0.6)
    """How far the rounded ends reach beyond the first and last station, in mean radii there."""
    exponent: float = 2.2
    """e of the superellipse: 2 is an ellipse, more is boxier."""
    rings: int = 18
    spokes: int = 20
    """Even."""
    blend: float = 0.25
    """Half of the stretch, in segments, over which one bone hands over to the next."""
    shift: tuple[tuple[float, ...], ...] = ((0.0, 0.0, 0.0),)
    """Rows (u, x, z): how far the section's middle lies off the path, along the frame's lateral axis and its z."""
    turn_deg: float = 0.0
    """Turns the sections about the path."""
    floor: tuple[float, float] | None = None
    """(height, share): what would reach below that height is pressed to the given share of its depth."""
    course: tuple[float, float] = (0.0, 1.0)
    """(start, rate) of the coordinate that stripes run across: start at p_0, growing by `rate` per unit of way. Pieces
    that meet agree about it, so that stripes go on; it changes faster where stripes are finer."""
    trunk_course: float | None = None
    """Of a limb: its upper end has the trunk's course, z plus this, and goes over to its own along the first bone."""
    host: str | None = None
    """Where a piece has no part of its own: the part on whose bone it sits (its first joint's); it then takes that
    part's addresses."""


def round_stations(pairs: Iterable[tuple[float, float]]) -> tuple[tuple[float, float, float, float], ...]:
    """Stations of circular sections from (u, radius)."""
    return tuple((u, radius, radius, radius) for u, radius in pairs)


@dataclass(frozen=True, eq=False)
class Swept:
    """The surface of a loft."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    u: Float[np.ndarray, " V"]
    """Place along the path; beyond [0, n] at the ends."""
    theta: Float[np.ndarray, " V"]
    course: Float[np.ndarray, " V"]
    """See `Loft.course`."""


def sweep(loft: Loft) -> Swept:
    """The surface of a loft: rings * spokes vertices and two poles, wound outward.

    Raises ValueError where the stations do not increase.
    """
    table = np.array(loft.stations, np.float64)
    if len(table) < 2 or (np.diff(table[:, 0]) <= 0).any():
        raise ValueError(f"stations of {loft.name} are at u = {table[:, 0].tolist()}; they must increase, two at least")
    path = np.array(loft.path, np.float64)
    first, last = table[0, 0], table[-1, 0]
    body = loft.rings - 2 * _CAP_RINGS
    u = np.linspace(first, last, body)
    radii = np.maximum(PchipInterpolator(table[:, 0], table[:, 1:4])(u), 1e-5)
    offset = np.array(loft.shift, np.float64)
    middle = np.stack([np.interp(u, offset[:, 0], offset[:, k]) for k in (1, 2)], 1)
    centre, tangent = _curve(path, u)
    # Rounded ends: rings of the end section that shrink while they move outward.
    t = np.linspace(0, 1, _CAP_RINGS + 1, endpoint=False)[1:]
    ends = []
    for k, sign, cap in ((0, -1.0, loft.caps[0]), (-1, 1.0, loft.caps[1])):
        reach = cap * float(radii[k].mean())
        shrink = np.sqrt(1 - t * t)[:, None]
        length = np.linalg.norm(_curve(path, u[[k]] + 1e-3)[0] - _curve(path, u[[k]] - 1e-3)[0]) / 2e-3
        ends.append(
            (
                u[k] + sign * reach * t / length,
                centre[k] + sign * reach * t[:, None] * tangent[k],
                np.repeat(tangent[[k]], len(t), 0),
                radii[k] * shrink,
                np.repeat(middle[[k]], len(t), 0),
                centre[k] + sign * reach * tangent[k],
                u[k] + sign * reach / length,
            )
        )
    (u0, c0, t0, r0, m0, pole0, end0), (u1, c1, t1, r1, m1, pole1, end1) = ends
    u = np.concatenate([u0[::-1], u, u1])
    centre = np.concatenate([c0[::-1], centre, c1])
    tangent = np.concatenate([t0[::-1], tangent, t1])
    radii = np.concatenate([r0[::-1], radii, r1])
    middle = np.concatenate([m0[::-1], middle, m1])
    frame = _frames(tangent, loft.turn_deg)
    centre = centre + middle[:, :1] * frame[:, 0] + middle[:, 1:] * frame[:, 1]
    poles = np.stack(
        [
            pole0 + middle[0, 0] * frame[0, 0] + middle[0, 1] * frame[0, 1],
            pole1 + middle[-1, 0] * frame[-1, 0] + middle[-1, 1] * frame[-1, 1],
        ]
    )
    theta = np.arange(loft.spokes) * (2 * np.pi / loft.spokes)
    sine, cosine = (np.sign(v) * np.abs(v) ** (2 / loft.exponent) for v in (np.sin(theta), np.cos(theta)))
    lateral = radii[:, :1] * sine
    other = np.where(cosine > 0, radii[:, 1:2], radii[:, 2:3]) * cosine
    rings = centre[:, None] + lateral[..., None] * frame[:, None, 0] + other[..., None] * frame[:, None, 1]
    vertices = np.concatenate([rings.reshape(-1, 3), poles])
    if loft.floor is not None:
        height, share = loft.floor
        below = np.minimum(vertices[:, 1] - height, 0)
        vertices[:, 1] -= (1 - share) * below
    u = np.concatenate([np.repeat(u, loft.spokes), [end0, end1]])
    theta = np.concatenate([np.tile(theta, loft.rings), [0.0, 0.0]])
    course = loft.course[0] + loft.course[1] * _way(path, u)
    if loft.trunk_course is not None:
        t = np.clip(u + 0.1, 0, 1)
        course += (1 - t * t * (3 - 2 * t)) * (vertices[:, 2] + loft.trunk_course - course)
    return Swept(vertices, _faces(loft.rings, loft.spokes), u, theta, course)


def _curve(path: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the path with rounded corners, and unit tangents that turn more gently still."""
    around = np.linspace(-_BEND, _BEND, 9)
    places = u + np.concatenate([around, 0.02 + 1.4 * around, -0.02 + 1.4 * around])[:, None]
    averages = _straight(path, places.reshape(-1)).reshape(3, 9, -1, 3).mean(1)
    centre, tangent = averages[0], averages[1] - averages[2]
    return centre, tangent / np.linalg.norm(tangent, axis=1, keepdims=True)


def _straight(path: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The polyline at u, going straight on beyond its ends."""
    k = np.clip(np.floor(u).astype(int), 0, len(path) - 2)
    return path[k] + (u - k)[:, None] * (path[k + 1] - path[k])


def _way(path: np.ndarray, u: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(np.diff(path, axis=0), axis=1)
    start = np.concatenate([[0.0], np.cumsum(length)])
    k = np.clip(np.floor(u).astype(int), 0, len(length) - 1)
    return start[k] + (u - k) * length[k]


def _frames(tangent: np.ndarray, turn_deg: float) -> np.ndarray:
    """The section's axes (lateral, z) for each tangent, as `chart.bone_frame` has them for the first."""
    mean = tangent.mean(axis=0)
    guide = np.array([0.0, 1.0, 0.0]) if abs(mean[0]) > 0.9 * np.linalg.norm(mean) else np.array([1.0, 0.0, 0.0])
    x = guide - (tangent @ guide)[:, None] * tangent
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    z = np.cross(x, tangent)
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return np.stack([c * x + s * z, c * z - s * x], axis=1)


def _faces(rings: int, spokes: int) -> np.ndarray:
    k, j = np.meshgrid(np.arange(rings - 1), np.arange(spokes), indexing="ij")
    n = (j + 1) % spokes
    a, b, c, d = (k * spokes + j, k * spokes + n, (k + 1) * spokes + j, (k + 1) * spokes + n)
    # The two halves are cut along mirrored diagonals, so that a piece in the middle is its own mirror image.
    one, other = np.stack([a, b, c, b, d, c], -1), np.stack([a, b, d, a, d, c], -1)
    sides = np.where((j < spokes // 2)[..., None], one, other).reshape(-1, 3)
    j = np.arange(spokes)
    n = (j + 1) % spokes
    start = np.stack([np.full(spokes, rings * spokes), n, j], 1)
    top = (rings - 1) * spokes
    end = np.stack([np.full(spokes, rings * spokes + 1), top + j, top + n], 1)
    return np.concatenate([sides, start, end]).astype(np.int64)
