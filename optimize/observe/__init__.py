"""From photos to what a fit looks at: crops, masks, occlusion, feature maps, first focal lengths."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".observations": "Observations View Completion",
        ".semantic_prior": "SemanticPrior load_semantic_prior",
        ".estimated_masks": "with_masks load_run_photos",
        ".clean_up": "CleanUp CleanUpConfig",
    },
)
