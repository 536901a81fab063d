"""The foreground of single photos from rembg's networks, an optional extra: pip install 'zoetrope[rembg]'.

rembg (Daniel Gatis, github.com/danielgatis/rembg, MIT) runs salient-object networks such as U2-Net (Qin et al., Pattern
Recognition 2020) and downloads one on its first use. It is imported only here, and only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .mask_refinement import as_bytes


def rembg_foreground(model: str = "u2net") -> Callable[[Tensor], Tensor]:
    """A function from pictures (B, H, W, 3) in [0, 1] to foreground probabilities (B, H, W), for `segment`.

    model: one of rembg's names: u2net, isnet-general-use, ... Raises OSError, one line, where rembg is not installed
    or cannot have the model.
    """
    try:
        from rembg import new_session, remove  # type: ignore[import-not-found]
    except ImportError as error:
        raise OSError("rembg is not installed; pip install 'zoetrope[rembg]'") from error
    try:
        session = new_session(model)
    except (ValueError, OSError) as error:
        raise OSError(f"rembg has no model {model!r} here and cannot download it; take one of its names") from error

    def foreground(pictures: Tensor) -> Tensor:
        pixels = as_bytes(pictures)
        masks = [np.asarray(remove(one, session=session, only_mask=True)) for one in pixels]
        return torch.from_numpy(np.stack(masks)).to(pictures.device).float() / 255

    return foreground
