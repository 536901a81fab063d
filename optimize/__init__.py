"""How a subject is fitted: observations, stages, losses, the fit, and what long runs need (checkpoints, metrics, bars).

`FitConfig` holds the options and `fit.fit` does the work; this face imports no PyTorch.
"""

from .config import FitConfig, check_supported

__all__ = ["FitConfig", "check_supported"]
