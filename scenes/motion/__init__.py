"""Animations from files (BVH, glTF clips) and by name."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".motion_file": "load_motion is_motion_file",
        ".bvh": "Bvh read_bvh bvh_motion",
    },
)
