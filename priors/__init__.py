"""What judges pictures: semantic and canonical networks, segmentation, diffusion models and rules to learn by them."""

from ..lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".canonical": "CanonicalPrior CanonicalMaps",
        ".canonical_network": "CanonicalNetwork",
        ".semantic": "SemanticNetwork load_semantic",
        ".segmentation": "segment EstimatedMask",
        ".prompts": "ViewPrompts view_weights",
    },
)
