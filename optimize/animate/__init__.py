"""A finished subject in motion: animations, their refinement by a diffusion prior, transfer between subjects."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".animate_config": "AnimateConfig",
        ".transfer": "TransferConfig",
        ".refine_animation": "RefineConfig RefinedAnimation baked",
    },
)
