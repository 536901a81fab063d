"""How a subject is fitted: observations, stages, losses, the fit, and what long runs need (checkpoints, metrics, bars).

`FitConfig` holds the options and `fit.fit` does the work; this face imports no PyTorch.
"""

from ..lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".config": "FitConfig check_supported",
        ".paint_config": "PaintConfig",
        ".descent": "Descent Progress",
        ".objective": "Objective Losses",
        ".output": "write_outputs",
        ".fit": "RunResult first_scene",
        ".prepare": "Prepared",
    },
)
