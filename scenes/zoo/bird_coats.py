"""Coats of birds: feathers by their place on the body."""

from __future__ import annotations

import numpy as np

from .coat import Coat, step, stripes


def bird_coat(coat: Coat) -> None:
    """Plumages after common birds: crow, robin, tit, gull, pigeon."""
    kinds = (
        # back, belly, breast, wing tips, cap, beak
        ((0.1, 0.1, 0.12), (0.12, 0.12, 0.13), (0.11, 0.11, 0.13), (0.06, 0.06, 0.08), (0.09, 0.09, 0.11), (0.12,
            0.11, 0.11)),
        ((0.42, 0.34, 0.24), (0.85, 0.81, 0.74), (0.80, 0.36, 0.12), (0.33, 0.26, 0.18), (0.42, 0.34, 0.24), (0.18,
            0.15, 0.13)),
        ((0.42, 0.52, 0.58), (0.88, 0.80, 0.34), (0.88, 0.80, 0.34), (0.2, 0.34, 0.52), (0.16, 0.3, 0.5), (0.14,
            0.13, 0.13)),
        ((0.66, 0.69, 0.72), (0.94, 0.94, 0.93), (0.95, 0.95, 0.94), (0.1, 0.1, 0.11), (0.95, 0.95, 0.94), (0.88,
            0.66, 0.15)),
        ((0.5, 0.53, 0.58), (0.6, 0.62, 0.66), (0.42, 0.38, 0.48), (0.24, 0.25, 0.28), (0.3, 0.36, 0.42), (0.25,
            0.22, 0.22)),
    )  # fmt: skip
    back, belly, breast, tips, cap, beak = (coat.jitter(c) for c in kinds[int(coat.random.integers(len(kinds)))])
    wing, position, normal = coat.pieces("wing"), coat.canvas.position, coat.canvas.normal
    coat.cover(back)
    coat.cover(belly, coat.below(-0.05, 0.35) * (1 - wing))
    front = coat.parts("trunk_front", "neck") * step(normal[:, 2] - 0.1, 0.5)
    coat.cover(breast, front * (1 - wing))
    coat.cover(cap, coat.parts("head", "neck") * step(normal[:, 1] - 0.05, 0.4))
    far = np.abs(position[:, 0]) / np.abs(position[:, 0]).max()
    coat.cover(tips, wing * step(far - 0.62, 0.2))
    feathers = stripes(far * 26 + 0.5 * coat.noise(0.2), 0.3, 0.5)
    coat.shade(1 - 0.3 * wing * feathers * step(0.3 - normal[:, 2], 0.5))
    coat.cover(0.6 * belly + 0.4 * back, wing * coat.below(0.3, 0.3) * 0.6)
    coat.cover(tips, coat.pieces("tail") * step(coat.canvas.course.min() + 0.2 - coat.canvas.course, 0.15))
    coat.hair(0.08)
    coat.cover(beak, coat.pieces("beak"))
    coat.cover(coat.jitter((0.6, 0.4, 0.25)), coat.parts("hind_lower", "hind_foot"))
    coat.eyes((0.06, 0.045, 0.04), 0.8)


def penguin(coat: Coat) -> None:
    """Black back and head, white front, orange or yellow at throat and beak."""
    position, normal = coat.canvas.position, coat.canvas.normal
    black = coat.jitter((0.1, 0.105, 0.12))
    coat.cover(black)
    white = np.array([0.93, 0.92, 0.89])
    trunk = coat.parts("trunk_rear", "trunk_middle", "trunk_front", "tail_1", "hind_upper")
    width = np.abs(position[:, 0])
    front = step(normal[:, 2] + 0.12 - 0.25 * coat.noise(0.6, 1) - 0.6 * width, 0.12)
    coat.cover(white, trunk * front)
    coat.cover(white, coat.pieces("wing") * step(-np.sign(position[:, 0]) * normal[:, 0] - 0.2, 0.3))
    kind = coat.random.choice(["king", "chinstrap", "plain"])
    neck = coat.parts("neck")
    coat.cover(white, neck * step(normal[:, 2] - (0.0 if kind == "chinstrap" else 0.25), 0.2))
    if kind == "king":
        gold = coat.jitter((0.92, 0.62, 0.12))
        coat.cover(gold, neck * step(normal[:, 2] - 0.2, 0.3) * step(np.abs(normal[:, 0]) - 0.3, 0.3))
        coat.cover(gold, coat.parts("head", "neck") * step(np.abs(normal[:, 0]) - 0.75, 0.15) * 0.9)
    elif kind == "chinstrap":
        coat.cover(white, coat.parts("head") * step(normal[:, 2] - 0.1, 0.25) * step(0.2 - normal[:, 1], 0.2))
    coat.hair(0.05)
    coat.cover(coat.pick(((0.5, (0.86, 0.45, 0.13)), (0.5, (0.14, 0.12, 0.12)))), coat.pieces("beak"))
    coat.cover(
        coat.pick(((0.6, (0.84, 0.5, 0.22)), (0.4, (0.2, 0.17, 0.17)))),
        coat.parts("hind_foot") * coat.lower(0.12, 0.03),
    )
    coat.eyes((0.1, 0.05, 0.04), 0.8)
