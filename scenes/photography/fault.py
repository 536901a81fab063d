"""What a camera does to light: exposure, colour cast, lens and motion blur, noise, tone curve, JPEG.

In the order of a real one: the lens bends colours apart at the edges, darkens the corners and blurs; the sensor adds
noise, the variance growing with the light (Poisson) over a floor (Gauss); the processor balances white, raises the
contrast, encodes sRGB and compresses.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from ...representations.parallel import lean_jit

_STEPS = 2048
_BRIGHTEST = 4.0


@dataclass(frozen=True)
class FaultConfig:
    """How good the camera is. Shares are of all photos, apart from each other."""

    blur_share: float = 0.2
    """Photos a little out of focus."""
    motion_share: float = 0.1
    """Photos blurred by movement."""
    strong_share: float = 0.06
    """Photos with twice to three times as much of blur and noise as usual."""
    noise: tuple[float, float] = (0.004, 0.03)
    """Standard deviation at mid grey, linear light."""
    jpeg_quality: tuple[int, int] = (60, 95)
    cast: float = 0.07
    """Standard deviation of the colour channels' gains, as logarithms."""
    exposure: float = 0.22
    """Standard deviation of the exposure, as a logarithm."""


def develop(
    light: Float32[np.ndarray, "H W 3"],
    subject: Float32[np.ndarray, "H W"],
    rng: np.random.Generator,
    config: FaultConfig,
) -> bytes:
    """The JPEG file of a picture in linear light; its brightness follows the whole and, half, the `subject`."""
    height, width = light.shape[:2]
    strong = rng.uniform(2, 3) if rng.random() < config.strong_share else 1.0
    gain = _exposure(light, subject) * np.exp(rng.normal(0, config.exposure))
    gains = gain * np.exp(rng.normal(0, config.cast, 3) * [1, 0.4, 1])
    picture = _fringed(light, rng.uniform(-1, 1) * 0.0022 * strong)
    longest = max(height, width)
    if rng.random() < config.blur_share:
        picture = cv2.GaussianBlur(picture, (0, 0), strong * longest / 256 * rng.uniform(0.5, 1.2))
    else:
        picture = cv2.GaussianBlur(picture, (0, 0), longest / 256 * rng.uniform(0.25, 0.5))
    if rng.random() < config.motion_share:
        picture = _moved(picture, strong * longest / 256 * rng.uniform(2, 6), rng.uniform(0, np.pi))
    vignette = rng.uniform(0, 0.45) ** 1.5
    deviation = strong * np.exp(rng.uniform(*np.log(config.noise)))
    curve = _curve(rng.uniform(-0.12, 0.2), np.exp(rng.normal(0, 0.07)))
    coarse = rng.random() < 0.4
    noise = rng.standard_normal((height // 2 + 1, width // 2 + 1, 3) if coarse else (height, width, 3), np.float32)
    if coarse:
        # Noise after the camera's own smoothing, a pixel and a half wide.
        noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    saturation = rng.uniform(0.85, 1.2)
    out = np.empty((height, width, 3), np.uint8)
    _expose(picture, noise, gains, vignette, deviation, saturation, curve, np.empty(3), out)
    quality = int(rng.integers(config.jpeg_quality[0], config.jpeg_quality[1] + 1))
    done, file = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {width}x{height} photo as JPEG of quality {quality}")
    return file.tobytes()


def decoded(jpeg: bytes) -> UInt8[np.ndarray, "H W 3"]:
    """The photo in a JPEG file, RGB."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{len(jpeg)} bytes that OpenCV cannot decode as JPEG; pass what `develop` gave")
    return np.ascontiguousarray(picture[..., ::-1])


def _exposure(light: np.ndarray, subject: np.ndarray) -> float:
    """The gain that brings what matters to mid grey, the whole and the subject counting equally."""
    brightness = light @ np.array([0.25, 0.65, 0.1], np.float32)
    # A glint or the sun itself counts like a white wall.
    brightness = np.minimum(brightness, 4 * brightness.mean())
    whole = float(brightness.mean())
    body = float((brightness * subject).sum() / subject.sum()) if subject.sum() > 0 else whole
    # Half way between snow rendered white and snow rendered grey.
    return float(0.23 / np.sqrt(whole * body)) ** 0.85 if whole * body > 0 else 1.0


def _fringed(light: np.ndarray, strength: float) -> np.ndarray:
    """Red and blue a little larger and smaller than green."""
    height, width = light.shape[:2]
    picture = light.copy()
    for channel, sign in ((0, 1), (2, -1)):
        scale = 1 + sign * strength
        shift = np.array([[scale, 0, (1 - scale) * width / 2], [0, scale, (1 - scale) * height / 2]])
        picture[..., channel] = cv2.warpAffine(
            np.ascontiguousarray(light[..., channel]), shift, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
    return picture


def _moved(picture: np.ndarray, length: float, angle: float) -> np.ndarray:
    """The picture smeared along a line of `length` pixels."""
    side = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((side, side), np.float32)
    for s in np.linspace(-0.5, 0.5, 4 * side):
        x, y = side / 2 - 0.5 + s * length * np.cos(angle), side / 2 - 0.5 + s * length * np.sin(angle)
        kernel[round(float(y)), round(float(x))] += 1
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def _curve(contrast: float, gamma: float) -> np.ndarray:
    """Encoded values (0 to 255) of linear light from 0 to `_BRIGHTEST`: a soft shoulder, sRGB, contrast, gamma."""
    x = np.linspace(0, _BRIGHTEST, _STEPS)
    x = np.where(x < 0.6, x, 0.6 + 0.4 * (1 - np.exp(-(x - 0.6) / 0.55)))
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055) ** gamma
    y = y + contrast * (y * y * (3 - 2 * y) - y)
    return (255 * y.clip(0, 1)).astype(np.float32)


@lean_jit
def _expose(picture, noise, gains, vignette, deviation, saturation, curve, pixel, out):
    """Gain, corners, noise, saturation and tone curve; `out` is blue first, as OpenCV writes."""
    height, width = out.shape[0], out.shape[1]
    scale = 1.0 / (0.25 * (height * height + width * width))
    for r in range(height):
        for c in range(width):
            y, x = r + 0.5 - 0.5 * height, c + 0.5 - 0.5 * width
            corner = 1.0 - vignette * (x * x + y * y) * scale
            for n in range(3):
                value = picture[r, c, n] * gains[n] * corner
                pixel[n] = value + noise[r, c, n] * deviation * np.sqrt(0.15 + max(value, 0.0) / 0.25)
            grey = 0.25 * pixel[0] + 0.65 * pixel[1] + 0.1 * pixel[2]
            for n in range(3):
                value = grey + saturation * (pixel[n] - grey)
                place = min(max(value, 0.0) * ((_STEPS - 1) / _BRIGHTEST), _STEPS - 1.001)
                k = int(place)
                out[r, c, 2 - n] = np.uint8(curve[k] + (place - k) * (curve[k + 1] - curve[k]) + 0.5)
