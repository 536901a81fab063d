"""A skeleton found in the photos: medial axes and part labels drawn in 2D, lifted to 3D, checked."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".discover": "Discovery",
        ".sketch": "Sketch",
        ".skeleton_evidence": "SkeletonEvidence",
        ".skeleton_lift": "lift",
        ".reference_photo": "rank_photos",
    },
)
