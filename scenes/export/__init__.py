"""A finished subject as files of other programs: GLB, USD, VRM, OBJ, PLY, videos."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".gltf_export": "write_glb",
        ".vrm_export": "write_vrm write_vrma",
        ".usd_export": "write_usd",
        ".write_subject": "export_subject write_turntables",
        ".t_pose": "stand_in_t_pose",
    },
)
