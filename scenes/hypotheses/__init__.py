"""Hypotheses about photos: a camera and a pose for each, several of one photo while a fit is in doubt."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".hypotheses": "Hypotheses ColorEvidence",
        ".free_cameras": "FreeCameras FreeLens",
        ".known_cameras": "KnownCameras GivenCameras Worlds",
        ".selection": "responsibilities robust_weight best_of_photo",
    },
)
