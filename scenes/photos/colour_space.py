"""Colours of pictures that say their colour space without an ICC profile: by EXIF, TIFF or PNG tags.

Cameras that shoot Adobe RGB need not embed a profile: the DCF standard (CIPA DC-009) marks such photos by the
interoperability index R03. TIFF and PNG may give the primaries themselves (TIFF 6.0, section 20; PNG, chunk cHRM).
Decoding is a power, then a matrix from the space's primaries to those of sRGB (IEC 61966-2-1), then sRGB's curve:

    linear = value ** gamma,    srgb_linear = M_srgb^-1 M_space linear,    M = P diag(P^-1 white),

with the primaries' chromaticities (x, y, 1 - x - y) / y as the columns of P. Colours outside sRGB are clipped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

_EXIF_BLOCK, _INTEROP_BLOCK = 0x8769, 0xA005
_COLOUR_SPACE, _INTEROP_INDEX, _GAMMA = 0xA001, 0x0001, 0xA500
_WHITE_POINT, _PRIMARIES = 318, 319
_ADOBE_BY_NUMBER = 2
"""ColorSpace of older cameras; the standard has 1 (sRGB) and 65535 (uncalibrated) only."""
_SAME = 0.015
"""Chromaticities closer than this are the same primary."""
_SLICE = 1 << 20


@dataclass(frozen=True)
class ColourSpace:
    """An RGB space whose curve is a power."""

    name: str
    gamma: float
    white: tuple[float, float]
    """Chromaticities x, y."""
    primaries: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    """Those of red, green and blue."""


D65 = (0.3127, 0.3290)
SRGB = ColourSpace("sRGB", 2.2, D65, ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)))
ADOBE_RGB = ColourSpace("Adobe RGB", 563 / 256, D65, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))


def tagged_space(image: Image.Image, exif: Image.Exif) -> ColourSpace | None:
    """The space that a picture without ICC profile says it has; None where it says sRGB or nothing."""
    index = exif.get_ifd(_INTEROP_BLOCK).get(_INTEROP_INDEX)
    index = index.decode("latin-1") if isinstance(index, bytes) else str(index or "")
    block = exif.get_ifd(_EXIF_BLOCK)
    if index.strip("\0 ").upper() == "R03" or block.get(_COLOUR_SPACE) == _ADOBE_BY_NUMBER:
        return ADOBE_RGB
    if index.strip("\0 ").upper() == "R98" or block.get(_COLOUR_SPACE) == 1 or "srgb" in image.info:
        return None
    # A PNG's gamma chunk holds the encoding power, 1/2.2 mostly.
    encoding = image.info.get("gamma")
    gamma = 1 / float(encoding) if encoding else _number(block.get(_GAMMA)) or 2.2
    values = image.info.get("chromaticity")
    if values is None:
        tags = getattr(image, "tag_v2", {})
        white = tags.get(_WHITE_POINT) or exif.get(_WHITE_POINT)
        primaries = tags.get(_PRIMARIES) or exif.get(_PRIMARIES)
        values = (*white, *primaries) if white and primaries else ()
    numbers = [_number(value) for value in values]
    if len(numbers) != 8 or None in numbers or not 1 <= gamma <= 4:
        return None
    white, red, green, blue = np.array(numbers, np.float64).reshape(4, 2)
    return _known(gamma, white, np.stack([red, green, blue]))


def to_srgb(pixels: UInt8[np.ndarray, "h w 3"], space: ColourSpace) -> UInt8[np.ndarray, "h w 3"]:
    """The same colours as sRGB bytes; what lies outside sRGB is clipped.

    >>> to_srgb(np.array([[[128, 128, 128]]], np.uint8), ADOBE_RGB).tolist()
    [[[129, 129, 129]]]
    """
    matrix = np.linalg.inv(_to_xyz(SRGB)) @ _to_xyz(space)
    decoded = (np.arange(256) / 255) ** space.gamma
    flat = pixels.reshape(-1, 3)
    result = np.empty_like(flat)
    for start in range(0, len(flat), _SLICE):
        linear = (decoded[flat[start : start + _SLICE]] @ matrix.T).clip(0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        result[start : start + _SLICE] = np.round(encoded * 255)
    return result.reshape(pixels.shape)


def _known(gamma: float, white: Float64[np.ndarray, 2], primaries: Float64[np.ndarray, "3 2"]) -> ColourSpace | None:
    if np.abs(primaries - np.array(SRGB.primaries)).max() < _SAME:
        return None
    if np.abs(primaries - np.array(ADOBE_RGB.primaries)).max() < _SAME:
        return ADOBE_RGB
    corners = np.column_stack([primaries, np.ones(3)])
    # Primaries on a line, or a white outside their triangle, are no colour space.
    if abs(np.linalg.det(corners)) < 1e-3 or np.linalg.solve(corners.T, np.append(white, 1)).min() <= 0.05:
        return None
    red, green, blue = ((float(x), float(y)) for x, y in primaries)
    return ColourSpace("its own primaries", gamma, (float(white[0]), float(white[1])), (red, green, blue))


def _to_xyz(space: ColourSpace) -> Float64[np.ndarray, "3 3"]:
    """From linear RGB to XYZ whose white has Y = 1."""
    x, y = np.array([*space.primaries, space.white], np.float64).T
    columns = np.stack([x, y, 1 - x - y]) / y
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def _number(value: object) -> float | None:
    try:
        return float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
