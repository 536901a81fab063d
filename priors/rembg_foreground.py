"""The foreground of single photos from rembg's networks, an optional extra: pip install 'zoetrope[rembg]'.

rembg (Daniel Gatis, github.com/danielgatis/rembg, MIT) runs salient-object networks such as U2-Net (Qin et al., Pattern
Recognition 2020) and downloads one on its first use. It is imported only here, and only when it is asked for.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .mask_refinement import as_bytes


def require_rembg(model: str = "u2net", *, offline: bool = False) -> None:
    """Raises OSError, one line, where rembg is not installed or, `offline`, its model is not on this machine."""
    if sys.modules.get("rembg") is None and ("rembg" in sys.modules or importlib.util.find_spec("rembg") is None):
        raise OSError("rembg is not installed; pip install 'zoetrope[rembg]'")
    if offline and not _model_file(model).is_file():
        raise OSError(
            f"rembg's model {model} is not on this machine ({_model_file(model)}) and --offline downloads nothing; "
            "leave --offline out once, or put the file there"
        )


def rembg_foreground(model: str = "u2net", *, offline: bool = False) -> Callable[[Tensor], Tensor]:
    """A function from pictures (B, H, W, 3) in [0, 1] to foreground probabilities (B, H, W), for `segment`.

    model: one of rembg's names: u2net, isnet-general-use, ...; offline: it must be on this machine already. Raises
    OSError, one line, where rembg is not installed or cannot have the model.
    """
    require_rembg(model, offline=offline)
    try:
        from rembg import new_session, remove  # type: ignore[import-not-found]
    except ImportError as fault:
        raise OSError(f"rembg cannot be imported ({fault}); pip install 'zoetrope[rembg]'") from fault
    try:
        with _as_it_is() if offline else nullcontext():
            session = new_session(model)
    # onnxruntime raises RuntimeErrors of its own for a damaged file.
    except (ValueError, OSError, RuntimeError) as fault:
        why = f"cannot read {_model_file(model)}" if offline else "cannot download it"
        raise OSError(f"rembg has no model {model!r} here and {why}; take one of its names") from fault

    def foreground(pictures: Tensor) -> Tensor:
        pixels = as_bytes(pictures)
        masks = [np.asarray(remove(one, session=session, only_mask=True)) for one in pixels]
        return torch.from_numpy(np.stack(masks)).to(pictures.device).float() / 255

    return foreground


def _model_file(model: str) -> Path:
    """Where rembg keeps a model."""
    home = os.environ.get("U2NET_HOME") or os.path.join(os.environ.get("XDG_DATA_HOME") or "~", ".u2net")
    return Path(os.path.expanduser(home)) / f"{model}.onnx"


@contextmanager
def _as_it_is() -> Iterator[None]:
    """While it is entered, rembg takes its model as it lies there; it would download one whose checksum differs."""
    switch = "MODEL_CHECKSUM_DISABLED"
    before = os.environ.get(switch)
    os.environ[switch] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[switch]
        else:
            os.environ[switch] = before
