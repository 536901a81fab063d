"""The studio in words, as options of the command line name it: a light and a background."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from ..error import InputError
from .studio import Colour, Studio

BACKGROUNDS: dict[str, Colour | None] = {
    "studio": Studio.background,
    "white": (1.0, 1.0, 1.0),
    "black": (0.0, 0.0, 0.0),
    "transparent": None,
}

_STRONG = Studio(ambient=0.3, key=0.78)
LIGHTS: dict[str, Studio] = {
    "studio": Studio(),
    "flat": Studio(ambient=1.0, key=0.0),
    "key": _STRONG,
    "side": replace(_STRONG, key_direction=(-1.0, 0.15, 0.2)),
    "back": replace(_STRONG, key_direction=(-0.35, 0.6, -0.75)),
    "top": replace(_STRONG, key_direction=(0.0, 1.0, 0.1)),
}
"""Quiet; none that makes shadows; strong from above and left of the camera, from the left, from behind, from above."""

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_ANGLES = re.compile(r"\s*([-+]?[\d.]+)\s*,\s*([-+]?[\d.]+)\s*")


def studio_in_words(background: str = "studio", light: str = "studio") -> Studio:
    """The studio with a background (a word of `BACKGROUNDS`, #rgb or #rrggbb) and a light (a word of `LIGHTS`, or where
    a strong one comes from: AZIMUTH,ELEVATION in degrees).

    Angles are relative to the camera: azimuth 0 at the camera, 90 on its right, 180 behind the subject. Raises
    InputError for anything else.

    >>> studio_in_words("#ff0000").background
    (1.0, 0.0, 0.0)
    """
    return replace(_light(light), background=_background(background))


def _background(text: str) -> Colour | None:
    if text in BACKGROUNDS:
        return BACKGROUNDS[text]
    if not _HEX.fullmatch(text):
        raise InputError(f"--background is {text!r}; choose {', '.join(BACKGROUNDS)} or a colour like '#80c0ff'")
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    red, green, blue = bytes.fromhex(digits)
    return red / 255, green / 255, blue / 255


def _light(text: str) -> Studio:
    if text in LIGHTS:
        return LIGHTS[text]
    found = _ANGLES.fullmatch(text)
    try:
        azimuth, elevation = (math.radians(float(number)) for number in found.groups()) if found else (math.nan,) * 2
    except ValueError:
        azimuth = elevation = math.nan
    if not (abs(azimuth) <= 2 * math.pi and abs(elevation) <= math.pi / 2):
        raise InputError(
            f"--light is {text!r}; choose {', '.join(LIGHTS)} or AZIMUTH,ELEVATION in degrees from the camera, such as "
            "45,30 (-360 to 360, -90 to 90)"
        )
    level = math.cos(elevation)
    direction = (math.sin(azimuth) * level, math.sin(elevation), math.cos(azimuth) * level)
    return replace(_STRONG, key_direction=direction)
