"""Several cameras and poses for each photo, how they are proposed, compared and dropped."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".color_consistency": "SampledColors expected_colors disagreement joint_loss color_confidence",
        ".expectation": "Expectation",
    },
)
