"""Skeletons, templates, skinning, and the chart that all species share."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".template": "Template",
        ".skeleton": "Skeleton forward_kinematics posed_joints mirrored_pose",
        ".skinning": "skin",
        ".dual_quaternion": "skin_dual",
        ".chart": "part_index reference_point",
    },
)
