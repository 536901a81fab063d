"""Pictures against the pictures they should be, pixel by pixel: PSNR and SSIM, through scikit-image.

    PSNR = 10 log10(1 / mean squared error)    in dB, for values in [0, 1]
    SSIM = mean of (2 m_a m_b + c1)(2 s_ab + c2) / ((m_a^2 + m_b^2 + c1)(s_a^2 + s_b^2 + c2))    in [-1, 1]

with means m, variances s^2 and the covariance s_ab under a Gaussian window of sigma 1.5 (Wang et al., IEEE TIP 2004),
per channel, then averaged. CharacterGen's table (Peng et al., SIGGRAPH 2024, arXiv 2402.17214) has SSIM beside LPIPS
and FID: `lpips.py`, `fid.py`. All of them see the whole picture, background and all, which must be the same on both
sides.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

_WINDOW = 11
"""Pixels that scikit-image's Gaussian window of sigma 1.5 spans."""


def psnr(made: Float[Tensor, "B H W 3"], true: Float[Tensor, ...]) -> Float64[Tensor, " B"]:
    """Peak signal-to-noise ratio of each picture in dB; values in [0, 1]; equal pictures give infinity.

    Raises ValueError where the two differ in size.

    >>> psnr(torch.full((1, 8, 8, 3), 0.4), torch.full((1, 8, 8, 3), 0.5)).round(decimals=3).tolist()
    [20.0]
    """
    with np.errstate(divide="ignore"):
        return torch.tensor([peak_signal_noise_ratio(b, a, data_range=1.0) for a, b in _pairs(made, true)])


def ssim(made: Float[Tensor, "B H W 3"], true: Float[Tensor, ...]) -> Float64[Tensor, " B"]:
    """Structural similarity of each picture, 1 for equal ones; values in [0, 1].

    Raises ValueError where the two differ in size or are smaller than the window of 11 pixels.
    """
    if min(made.shape[1:3]) < _WINDOW:
        raise ValueError(f"pictures are {tuple(made.shape[1:3])}; SSIM looks at {_WINDOW} x {_WINDOW} pixels at least")
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    found = [np.asarray(structural_similarity(a, b, data_range=1.0, **wang)) for a, b in _pairs(made, true)]
    return torch.from_numpy(np.stack(found))


def _pairs(made: Tensor, true: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    if made.shape != true.shape:
        raise ValueError(f"pictures are {tuple(made.shape)} and {tuple(true.shape)}; they must have one size")
    arrays = [pictures.detach().cpu().double().numpy() for pictures in (made, true)]
    return list(zip(*arrays, strict=True))
