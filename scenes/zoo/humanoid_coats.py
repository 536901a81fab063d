"""What people wear: skin, hair, faces and clothes, painted on."""

from __future__ import annotations

import colorsys

import numpy as np

from .coat import Coat, Mask, step, stripes

_SKINS = ((0.35, (0.93, 0.76, 0.66)), (0.25, (0.82, 0.62, 0.48)), (0.2, (0.62, 0.43, 0.31)), (0.2, (0.4, 0.27, 0.2)))
_HAIRS = (
    (0.3, (0.1, 0.075, 0.06)),
    (0.3, (0.3, 0.19, 0.11)),
    (0.2, (0.72, 0.55, 0.3)),
    (0.1, (0.5, 0.22, 0.1)),
    (0.1, (0.6, 0.6, 0.6)),
)


def humanoid_coat(coat: Coat) -> None:
    """Shirt or jumper, trousers or shorts, shoes."""
    skin, hair = coat.pick(_SKINS), coat.pick(_HAIRS)
    _dress(
        coat,
        skin,
        hair,
        sleeve=float(coat.random.choice([0.3, 0.62, 0.95])),
        leg=float(coat.random.choice([0.35, 1.0])),
    )
    _face(coat, skin, hair, eye_size=0.5, iris=coat.jitter((0.3, 0.2, 0.1), hue=0.2))


def chibi(coat: Coat) -> None:
    """Bright hair, large eyes, a dress or a uniform, stockings and shoes."""
    skin = coat.pick(((0.7, (0.97, 0.84, 0.76)), (0.3, (0.8, 0.6, 0.47))))
    hair = _bright(coat, 0.55, 0.8)
    _dress(coat, skin, hair, sleeve=float(coat.random.choice([0.35, 0.9])), leg=0.1)
    if coat.chance(0.6):
        coat.cover(_bright(coat, 0.35, 0.9), coat.parts("hind_lower") * (1 - coat.lower(0.07, 0.01)))
    _face(coat, skin, hair, eye_size=1.25, iris=_bright(coat, 0.8, 0.75))


def _bright(coat: Coat, saturation: float, value: float) -> np.ndarray:
    s, v = np.clip(coat.random.normal((saturation, value), 0.15), 0.05, 1)
    return np.array(colorsys.hsv_to_rgb(coat.random.random(), s, v), np.float32)


def _dress(coat: Coat, skin: np.ndarray, hair: np.ndarray, *, sleeve: float, leg: float) -> None:
    """Clothes as far as `sleeve` of the arm and `leg` of the leg."""
    position, course = coat.canvas.position, coat.canvas.course
    top, bottom = _bright(coat, 0.5, 0.6), _bright(coat, 0.35, 0.4)
    coat.cover(skin)
    arm, legs = coat.pieces("arm", "thumb"), coat.pieces("leg")
    waist = coat.canvas.marks["waist"][0][1]
    shirt = coat.parts("trunk_rear", "trunk_middle", "trunk_front", "front_girdle")
    reach = _share(course, arm)
    shirt = np.maximum(shirt, arm * step(0.05 + 0.75 * sleeve - reach, 0.02))
    coat.cover(top, shirt)
    pattern = coat.random.choice(["plain", "bands", "checks", "dots"], p=[0.5, 0.25, 0.15, 0.1])
    other = _bright(coat, 0.4, 0.85)
    torso = shirt * (1 - arm)
    if pattern == "bands":
        coat.cover(other, torso * stripes(position[:, 1] / 0.06, 0.4, 0.2))
    elif pattern == "checks":
        coat.cover(other, 0.5 * torso * stripes(position[:, 1] / 0.07, 0.4, 0.2))
        coat.cover(other, 0.5 * torso * stripes(position[:, 0] / 0.07, 0.4, 0.2))
    elif pattern == "dots":
        coat.cover(other, torso * step(0.25 - coat.cells(0.05, 0.0)[:, 0], 0.08))
    below = np.maximum(
        legs * step(leg - _share(course, legs), 0.02),
        coat.parts("trunk_rear") * step(waist - 0.03 - position[:, 1], 0.01),
    )
    below = np.maximum(
        below, coat.parts("hind_upper") * step(position[:, 1] - coat.canvas.marks["knee"][0][1] - 0.1, 0.02)
    )
    coat.cover(bottom, below * (1 - arm))
    coat.cover(
        0.6 * bottom,
        coat.parts("trunk_rear", "trunk_middle")
        * step(0.012 - np.abs(position[:, 1] - waist + 0.03), 0.006)
        * (1 - arm),
    )
    coat.cover(bottom, coat.pieces("skirt"))
    coat.shade(1 - 0.18 * coat.pieces("skirt") * stripes(np.arctan2(position[:, 0], position[:, 2]) * 3.2, 0.3, 0.5))
    coat.cover(
        coat.pick(((0.5, (0.12, 0.1, 0.1)), (0.3, (0.4, 0.25, 0.15)), (0.2, (0.9, 0.9, 0.9)))), coat.parts("hind_foot")
    )
    folds = coat.noise(0.08, 2, (1.0, 2.5, 1.0))
    coat.shade(1 + 0.1 * folds * np.maximum(shirt, below))
    coat.cover(skin, coat.parts("neck", "head"))
    coat.cover(hair, coat.pieces("hair", "bunch"))
    coat.shade(1 + 0.28 * coat.pieces("hair", "bunch") * coat.noise(0.02, 2, (1.0, 5.0, 1.0)))


def _share(course: Mask, mask: Mask) -> Mask:
    """Share of the way along a limb, 0 at its root; meaningless elsewhere."""
    chosen = course[mask > 0]
    return (course - chosen.min()) / max(float(np.ptp(chosen)), 1e-6)


def _face(coat: Coat, skin: np.ndarray, hair: np.ndarray, *, eye_size: float, iris: np.ndarray) -> None:
    """Eyes, brows, mouth, cheeks and a hairline, laid on the front of the head."""
    position, normal = coat.canvas.position, coat.canvas.normal
    (ex, ey, _), radius = coat.canvas.marks["left_eye"]
    (_, my, _), wide = coat.canvas.marks["mouth"]
    (_, _, sz), r = coat.canvas.marks["skull"]
    front = coat.parts("head") * step(normal[:, 2] - 0.15, 0.2) * (1 - coat.pieces("bunch"))
    # A fringe: hair above a wavy line over the brows.
    line = (
        ey
        + 0.62 * r
        + 0.12 * r * np.sin(position[:, 0] / r * 9 + coat.random.uniform(0, 6))
        + 0.1 * r * np.abs(position[:, 0]) / r
    )
    hairy = coat.pieces("head") * np.maximum(
        step(position[:, 1] - line, 0.05 * r),
        step(sz - 0.1 * r - position[:, 2], 0.1 * r) * step(position[:, 1] - my, 0.3 * r),
    )
    coat.cover(hair, hairy)
    across, high = (np.abs(position[:, 0]) - ex) / radius, (position[:, 1] - ey) / radius

    def oval(width: float, height: float, soft: float, dx: float = 0.0, dy: float = 0.0) -> Mask:
        return front * step(1 - np.hypot((across - dx) / width, (high - dy) / height), soft)

    e = eye_size
    coat.cover((0.96, 0.96, 0.95), oval(0.95 * e, 0.75 * e + 0.25 * max(e - 0.6, 0), 0.25))
    coat.cover(iris, oval(0.52 * e, 0.66 * e + 0.2 * max(e - 0.6, 0), 0.2))
    coat.cover(0.35 * iris, oval(0.3 * e, 0.42 * e, 0.3))
    coat.cover((1.0, 1.0, 1.0), oval(0.2 * e, 0.2 * e, 0.4, 0.2 * e, 0.3 * e))
    lid = oval(1.05 * e, 0.9 * e, 0.2) * step(high - 0.5 * e, 0.15)
    coat.cover((0.12, 0.08, 0.07), lid)
    brow = (
        front
        * step(0.14 - np.abs(high - 1.25 * max(e, 0.8) + 0.12 * across * across), 0.1)
        * step(0.9 * max(e, 0.75) - np.abs(across), 0.2)
    )
    coat.cover(0.6 * hair, brow)
    mouth = front * step(1 - np.hypot(position[:, 0] / (1.1 * wide), (position[:, 1] - my) / (0.28 * wide)), 0.3)
    coat.cover((0.72, 0.32, 0.3), mouth)
    blush = front * step(1 - np.hypot(across - 0.4, high + 1.6) / 1.1, 0.9)
    coat.cover((0.95, 0.55, 0.5), 0.3 * blush)
    nose = coat.near("nose", 1.0, 0.6) * front
    coat.cover(0.82 * skin, 0.5 * nose)
    coat.shade(1 + 0.03 * coat.noise(0.1))
