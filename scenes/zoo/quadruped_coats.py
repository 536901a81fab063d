"""Coats of the four-footed species; colours as these animals have them, each individual a little other."""

from __future__ import annotations

import numpy as np

from .coat import Coat, Mask, step, stripes

_TRUNK = ("trunk_rear", "trunk_middle", "trunk_front", "neck", "head", "muzzle")
_HORN = (0.72, 0.64, 0.5)
_HOOF = (0.14, 0.12, 0.11)


def horse(coat: Coat) -> None:
    """Bay, chestnut, black, grey, dun or palomino, some pinto; blaze and socks."""
    kinds = (
        ((0.40, 0.21, 0.10), (0.07, 0.05, 0.05), 0.3),
        ((0.46, 0.23, 0.10), (0.44, 0.22, 0.10), 0.2),
        ((0.10, 0.085, 0.08), (0.06, 0.05, 0.05), 0.15),
        ((0.68, 0.67, 0.65), (0.42, 0.41, 0.40), 0.12),
        ((0.62, 0.47, 0.30), (0.16, 0.11, 0.08), 0.1),
        ((0.76, 0.56, 0.30), (0.90, 0.86, 0.76), 0.13),
    )
    body, dark, _ = kinds[int(coat.random.choice(len(kinds), p=[kind[2] for kind in kinds]))]
    body, dark = coat.jitter(body), coat.jitter(dark)
    coat.cover(body)
    coat.cover(0.8 * body + 0.2 * np.array([0.8, 0.7, 0.55]), 0.5 * coat.below())
    if coat.chance(0.2):
        coat.cover((0.9, 0.88, 0.84), step(coat.noise(0.6, 2) - coat.random.uniform(0.0, 0.2), 0.05))
    legs = coat.parts("lower", "cannon", "foot")
    if float(np.linalg.norm(body - dark)) > 0.25 and dark.mean() < 0.3:
        coat.cover(dark, legs * coat.lower(0.55, 0.25))
    socks = coat.random.uniform(0.2, 0.45, 4) * (coat.random.random(4) < 0.4)
    for height, leg in zip(
        socks, ("left_front_leg", "right_front_leg", "left_hind_leg", "right_hind_leg"), strict=True
    ):
        if height:
            coat.cover((0.88, 0.86, 0.82), coat.pieces(leg) * coat.lower(height, 0.05))
    coat.cover(0.45 * body, 0.6 * coat.parts("muzzle") * coat.near("nose", 3.0, 0.4))
    if coat.chance(0.5):
        width = coat.random.uniform(0.02, 0.05)
        face = coat.parts("head", "muzzle") * step(coat.canvas.normal[:, 2] - 0.25, 0.2)
        coat.cover((0.9, 0.88, 0.85), face * step(width - np.abs(coat.canvas.position[:, 0]), 0.015))
    coat.cover(dark, coat.pieces("mane", "tail", "tuft"))
    coat.shade(1 + 0.25 * coat.pieces("mane", "tail") * coat.noise(0.03, 2, (1.0, 3.0, 1.0)))
    _hooves(coat, 0.105)
    coat.hair(0.07)
    coat.eyes()


def zebra(coat: Coat) -> None:
    """Black on white, finer on legs and face; a dark muzzle, a white belly."""
    coat.cover(coat.jitter((0.9, 0.87, 0.8), value=0.04))
    wave = coat.random.uniform(0.105, 0.14)
    phase = coat.canvas.course / wave + 0.22 * coat.noise(0.3, 2)
    width = 0.52 - 0.3 * coat.below(0.55, 0.5) * coat.parts(*_TRUNK[:3])
    black = coat.jitter((0.07, 0.06, 0.06))
    coat.cover(black, stripes(phase, width, 0.25) * (1 - coat.parts("ear", "eye")))
    coat.cover(black, stripes(coat.canvas.course / 0.06, 0.5, 0.4) * coat.parts("ear"))
    coat.cover(0.8 * black + 0.06, coat.parts("muzzle") * coat.near("nose", 2.6, 0.25))
    coat.cover(black, coat.pieces("tuft"))
    _hooves(coat, 0.1)
    coat.hair(0.05)
    coat.eyes()


def cow(coat: Coat) -> None:
    """Black or brown patches on white, or one colour."""
    body = coat.pick(((0.5, (0.09, 0.08, 0.075)), (0.3, (0.43, 0.22, 0.11)), (0.2, (0.62, 0.44, 0.27))))
    coat.cover(body)
    if coat.chance(0.7):
        white = coat.jitter((0.91, 0.89, 0.85), value=0.03)
        coat.cover(white, step(coat.noise(0.55, 3) - coat.random.uniform(-0.18, 0.1), 0.04))
        coat.cover(white, coat.parts("cannon", "foot") * coat.lower(0.32, 0.08))
        coat.cover(white, 0.95 * coat.below(0.5, 0.25) * coat.parts("trunk_middle", "trunk_rear"))
        face = step(coat.canvas.normal[:, 2] - 0.2, 0.2) * coat.parts("head", "muzzle")
        coat.cover(white, face * step(0.035 - np.abs(coat.canvas.position[:, 0]), 0.03))
    coat.cover((0.72, 0.55, 0.5) if coat.chance(0.6) else (0.13, 0.11, 0.11), coat.near("nose", 1.3, 0.15))
    coat.cover(coat.jitter(_HORN), coat.pieces("horn"))
    _hooves(coat, 0.075)
    coat.hair(0.06)
    coat.eyes()


def sheep(coat: Coat) -> None:
    """Curly cream wool; face and legs dark or pale."""
    wool = coat.jitter((0.84, 0.79, 0.68), value=0.06)
    coat.cover(wool)
    skin = coat.pick(((0.5, (0.13, 0.11, 0.1)), (0.35, (0.82, 0.76, 0.66)), (0.15, (0.45, 0.33, 0.24))))
    bare = np.maximum(
        coat.parts("head", "muzzle", "ear"), coat.parts("cannon", "foot", "lower") * coat.lower(0.45, 0.06)
    )
    curls = coat.cells(0.045, 0.3)
    coat.shade(1 - 0.35 * (1 - bare) * step(curls[:, 0] - 0.55, 0.5) + 0.12 * coat.noise(0.3))
    coat.cover(skin, bare)
    coat.cover((0.16, 0.13, 0.13), coat.near("nose", 0.9, 0.2))
    _hooves(coat, 0.07)
    coat.hair(0.05)
    coat.eyes()


def elephant(coat: Coat) -> None:
    """Grey, wrinkled, dusty; ivory tusks, pale toenails."""
    grey = coat.pick(((0.7, (0.43, 0.41, 0.39)), (0.3, (0.42, 0.35, 0.29))))
    coat.cover(grey)
    coat.shade(1 + 0.14 * coat.noise(0.35, 3))
    wrinkles = coat.noise(0.05, 2, (1.6, 0.5, 1.0))
    coat.shade(1 - 0.2 * step(np.abs(wrinkles) * -1 + 0.08, 0.1))
    rings = stripes(coat.canvas.position[:, 1] / 0.045 + 0.1 * coat.noise(0.1), 0.35, 0.4)
    coat.shade(1 - 0.22 * rings * coat.pieces("proboscis"))
    coat.cover((0.55, 0.43, 0.33), 0.5 * step(coat.noise(0.4, 3) - 0.15, 0.4) * (1 - coat.below()))
    coat.cover(coat.jitter((0.9, 0.86, 0.75), value=0.04), coat.pieces("tusk"))
    coat.cover(0.75 * grey, coat.pieces("ear") * step(coat.canvas.normal[:, 2] - 0.1, 0.5) * 0.35)
    nails = coat.parts("foot") * coat.lower(0.075, 0.02) * step(coat.canvas.normal[:, 2] - 0.35, 0.2)
    coat.cover((0.66, 0.61, 0.54), nails * step(coat.noise(0.035, 1), 0.3))
    coat.hair(0.05)
    coat.eyes((0.2, 0.12, 0.06))


def giraffe(coat: Coat) -> None:
    """Brown plates in a cream net; legs pale below, ossicones dark at the tip."""
    cream = coat.jitter((0.88, 0.77, 0.58), value=0.05)
    brown = coat.jitter((0.55, 0.31, 0.14))
    coat.cover(cream)
    plates = coat.cells(coat.random.uniform(0.17, 0.23), 0.12)
    inside = step(plates[:, 1] - plates[:, 0] - 0.13, 0.06)
    small = coat.cells(0.1, 0.12)
    fine = step(small[:, 1] - small[:, 0] - 0.15, 0.08)
    head = coat.parts("head", "muzzle")
    legs = coat.lower(0.95, 0.15) * coat.parts("lower", "cannon", "foot")
    mask = inside * (1 - head) * (1 - legs) + fine * legs * (1 - coat.lower(0.75, 0.25))
    coat.cover(brown * (0.85 + 0.3 * plates[:, 2:]), mask)
    coat.cover(0.6 * brown + 0.4 * cream, 0.75 * head * step(coat.canvas.normal[:, 1] + 0.1, 0.6))
    coat.cover(cream, coat.below(0.6, 0.3) * 0.7)
    coat.cover(coat.jitter((0.42, 0.22, 0.1)), coat.pieces("mane"))
    coat.cover((0.12, 0.08, 0.06), coat.pieces("tuft"))
    top = coat.pieces("horn") * step(coat.canvas.position[:, 1] - np.quantile(coat.canvas.position[:, 1], 0.995), 0.03)
    coat.cover((0.12, 0.09, 0.07), top)
    coat.cover(0.5 * brown, coat.near("nose", 1.6, 0.4) * 0.6)
    _hooves(coat, 0.11)
    coat.hair(0.06)
    coat.eyes()


def tiger(coat: Coat) -> None:
    """Orange with broken black stripes; white below, on cheeks and over the eyes."""
    orange = coat.jitter((0.80, 0.42, 0.12), value=0.06)
    coat.cover(orange)
    white = np.array([0.93, 0.89, 0.82])
    _countershade(coat, white, 0.25)
    coat.cover(white, _cheeks(coat))
    coat.cover(
        white,
        coat.near("left_eye", 2.8, 0.4) * step(coat.canvas.position[:, 1] - coat.canvas.marks["left_eye"][0][1], 0.02),
    )
    wave = coat.random.uniform(0.075, 0.1)
    phase = coat.canvas.course / wave + 0.3 * coat.noise(0.16, 2)
    width = 0.34 + 0.22 * coat.noise(0.2, 2) - 0.12 * coat.below(0.3, 0.4)
    face = coat.parts("muzzle", "eye", "foot")
    coat.cover((0.06, 0.05, 0.045), stripes(phase, width, 0.22) * (1 - face))
    _ears(coat, (0.08, 0.06, 0.05), (0.88, 0.82, 0.76))
    coat.cover((0.78, 0.48, 0.42), coat.near("nose", 0.75, 0.15))
    coat.hair(0.07)
    coat.eyes((0.72, 0.55, 0.14), 0.72)


def cat(coat: Coat) -> None:
    """Tabby, one colour, patches or points."""
    kind = coat.random.choice(["tabby", "plain", "patches", "points"], p=[0.45, 0.25, 0.2, 0.1])
    base = coat.pick(
        ((0.35, (0.52, 0.43, 0.33)), (0.3, (0.76, 0.49, 0.24)), (0.2, (0.47, 0.46, 0.45)), (0.15, (0.11, 0.1, 0.1)))
    )
    dark = 0.38 * base
    if kind == "points":
        base, dark = coat.jitter((0.85, 0.77, 0.64), value=0.04), coat.jitter((0.24, 0.16, 0.12))
    coat.cover(base)
    white = np.array([0.93, 0.91, 0.87])
    if kind == "tabby":
        phase = coat.canvas.course / coat.random.uniform(0.085, 0.12) + 0.3 * coat.noise(0.2, 2)
        coat.cover(
            dark, 0.85 * stripes(phase, 0.38 + 0.15 * coat.noise(0.25), 0.3) * (1 - coat.parts("muzzle", "foot"))
        )
    elif kind == "points":
        coat.cover(dark, np.maximum(coat.parts("ear", "foot", "tail_2", "tail_3"), coat.near("nose", 4.0, 0.5)))
        coat.cover(dark, 0.8 * coat.lower(0.3, 0.25) * coat.parts("cannon", "lower"))
    elif kind == "patches":
        coat.cover(coat.pick(((0.5, (0.09, 0.08, 0.08)), (0.5, (0.76, 0.46, 0.2)))), step(coat.noise(0.4) - 0.1, 0.05))
        coat.cover(white, step(coat.noise(0.5) - 0.1, 0.05))
    if kind != "points" and coat.chance(0.6):
        _countershade(coat, white, 0.3)
        coat.cover(white, coat.parts("foot"))
        coat.cover(white, coat.near("nose", 3.2, 0.2) * step(0.02 - coat.canvas.normal[:, 1], 0.6))
    _ears(coat, None, (0.83, 0.62, 0.57))
    coat.cover((0.74, 0.47, 0.44), coat.near("nose", 0.8, 0.15))
    coat.hair(0.09)
    coat.eyes(coat.jitter((0.62, 0.66, 0.2), hue=0.05), 0.75)


def dog(coat: Coat) -> None:
    """Saddled, golden, black and tan, white with patches, or grey like a husky."""
    kind = coat.random.choice(["saddle", "plain", "patches", "mask"], p=[0.35, 0.3, 0.2, 0.15])
    tan = coat.jitter((0.67, 0.44, 0.23))
    black = coat.jitter((0.1, 0.085, 0.08))
    white = np.array([0.92, 0.9, 0.86])
    if kind == "plain":
        coat.cover(
            coat.pick(
                (
                    (0.4, (0.78, 0.6, 0.36)),
                    (0.2, (0.1, 0.09, 0.085)),
                    (0.2, (0.36, 0.2, 0.11)),
                    (0.2, (0.9, 0.86, 0.78)),
                )
            )
        )
        coat.cover(1.1 * coat.colours[0], 0.5 * coat.below())
    elif kind == "saddle":
        coat.cover(tan)
        height = coat.canvas.normal[:, 1] + 0.35 * coat.noise(0.3)
        coat.cover(black, step(height + 0.15, 0.35) * coat.parts(*_TRUNK[:4], "tail_1", "tail_2", "tail_3"))
        coat.cover(black, coat.near("nose", 3.4, 0.6) * 0.85)
    elif kind == "patches":
        coat.cover(white)
        coat.cover(
            coat.pick(((0.5, (0.1, 0.09, 0.08)), (0.5, (0.45, 0.25, 0.13)))), step(coat.noise(0.45) - 0.02, 0.05)
        )
    else:
        coat.cover(coat.pick(((0.6, (0.34, 0.34, 0.35)), (0.4, (0.13, 0.12, 0.12)))))
        _countershade(coat, white, -0.05)
        coat.cover(white, _cheeks(coat))
        coat.cover(white, coat.parts("lower", "cannon", "foot") * coat.lower(0.5, 0.2))
    _ears(coat, None, (0.6, 0.45, 0.4))
    coat.cover((0.06, 0.055, 0.055), coat.near("nose", 1.0, 0.15))
    coat.hair(0.1)
    coat.eyes(coat.jitter((0.2, 0.11, 0.05)), 0.7)


def fox(coat: Coat) -> None:
    """Red above, white throat, belly and tail tip, black stockings and ears."""
    coat.cover(coat.jitter((0.74, 0.36, 0.12), value=0.07))
    white = np.array([0.94, 0.91, 0.86])
    _countershade(coat, white, 0.2)
    coat.cover(white, _cheeks(coat))
    black = np.array([0.09, 0.07, 0.065])
    coat.cover(black, coat.lower(0.42, 0.2) * coat.parts("lower", "cannon", "foot"))
    tip = coat.parts("tail_3") * step(coat.canvas.course.min() + 0.36 - coat.canvas.course, 0.12)
    coat.cover(white, tip)
    _ears(coat, (0.1, 0.08, 0.07), (0.85, 0.8, 0.74))
    coat.cover((0.06, 0.055, 0.055), coat.near("nose", 1.1, 0.15))
    coat.hair(0.12)
    coat.eyes((0.55, 0.32, 0.08), 0.72)


def deer(coat: Coat) -> None:
    """Fawn, pale below and behind; some spotted; antlers like bark."""
    fawn = coat.pick(((0.6, (0.56, 0.36, 0.2)), (0.4, (0.42, 0.3, 0.2))))
    coat.cover(fawn)
    pale = np.array([0.87, 0.8, 0.69])
    _countershade(coat, pale, 0.3)
    rump = step(-coat.canvas.normal[:, 2] - 0.55, 0.2) * coat.parts("trunk_rear", "tail_1", "tail_2", "hind_upper")
    coat.cover((0.93, 0.9, 0.84), rump * step(coat.canvas.position[:, 1] - 0.85, 0.2))
    if coat.chance(0.45):
        spots = coat.cells(0.085, 0.05)
        flank = coat.parts(*_TRUNK[:3]) * step(coat.canvas.normal[:, 1] + 0.35, 0.4)
        coat.cover((0.93, 0.88, 0.78), flank * step(0.24 - spots[:, 0], 0.08))
    coat.cover(coat.jitter((0.46, 0.34, 0.22)), coat.pieces("beam", "tine_1", "tine_2"))
    _ears(coat, None, (0.82, 0.74, 0.66))
    coat.cover(0.4 * fawn, 0.6 * coat.near("nose", 2.2, 0.4))
    coat.cover((0.06, 0.055, 0.055), coat.near("nose", 1.0, 0.15))
    _hooves(coat, 0.075)
    coat.hair(0.08)
    coat.eyes()


def bear(coat: Coat) -> None:
    """Brown, black or white; a paler muzzle."""
    fur = coat.pick(((0.5, (0.34, 0.21, 0.12)), (0.3, (0.1, 0.085, 0.08)), (0.2, (0.89, 0.86, 0.78))))
    coat.cover(fur)
    coat.shade(1 + 0.18 * coat.noise(0.45, 3) - 0.15 * coat.lower(0.45, 0.4))
    if fur.mean() < 0.6:
        coat.cover(0.6 * fur + 0.4 * np.array([0.72, 0.56, 0.38]), 0.8 * coat.parts("muzzle"))
    coat.cover((0.05, 0.045, 0.045), coat.near("nose", 1.0, 0.15))
    claws = coat.parts("foot") * coat.lower(0.06, 0.02) * step(coat.canvas.normal[:, 2] - 0.5, 0.2)
    coat.cover((0.12, 0.1, 0.09), claws * 0.8)
    coat.hair(0.13)
    coat.eyes((0.08, 0.05, 0.04))


def kangaroo_coat(coat: Coat) -> None:
    """Red-brown or grey, pale in front and below."""
    fur = coat.pick(((0.55, (0.57, 0.36, 0.22)), (0.45, (0.46, 0.42, 0.38))))
    coat.cover(fur)
    pale = 0.35 * fur + 0.65 * np.array([0.88, 0.81, 0.72])
    _countershade(coat, pale, 0.2)
    coat.cover(0.45 * fur, coat.parts("foot") * 0.8)
    coat.cover(0.7 * fur, 0.7 * coat.near("nose", 2.4, 0.4))
    _ears(coat, None, (0.78, 0.64, 0.57))
    coat.cover((0.1, 0.08, 0.08), coat.near("nose", 0.9, 0.15))
    coat.hair(0.1)
    coat.eyes()


def _hooves(coat: Coat, height: float) -> None:
    coat.cover(coat.jitter(_HOOF), coat.parts("foot") * coat.lower(height, 0.02))


def _countershade(coat: Coat, pale: np.ndarray, height: float) -> None:
    """Pale throat, belly and insides of the legs."""
    under = coat.below(height, 0.4) * coat.parts(*_TRUNK, "tail_1", "tail_2", "tail_3", "proboscis")
    inside = -np.sign(coat.canvas.position[:, 0]) * coat.canvas.normal[:, 0]
    legs = step(inside - 0.35, 0.4) * coat.parts("front_upper", "front_lower", "hind_upper", "hind_lower")
    coat.cover(pale, np.maximum(under, 0.8 * legs))


def _cheeks(coat: Coat) -> Mask:
    """Lower face: below the eyes, round the mouth."""
    (_, y, _), radius = coat.canvas.marks["left_eye"]
    return coat.parts("head", "muzzle") * step(y - 0.8 * radius - coat.canvas.position[:, 1], 2.2 * radius)


def _ears(coat: Coat, back: tuple[float, float, float] | None, inside: tuple[float, float, float]) -> None:
    front = step(coat.canvas.normal[:, 2] - 0.25, 0.4)
    if back is not None:
        coat.cover(back, coat.pieces("ear") * (1 - front))
    coat.cover(inside, 0.75 * coat.pieces("ear") * front)
