"""What stands before the camera, and what leaves the package.

Photos in: `photos/` (`collection.load_collection`), made-up ones `zoo/` and `photography/`, data sets of the field
`datasets/`. The fitted thing: `scene.Scene` with its `hypotheses/` (`FreeCameras`, or `KnownCameras` where cameras are
known); the finished one: `subject.Subject`. Files of others: `gltf/`, `motion/`. Out: `export/`, `mesh_file`; to look
at: `preview/`.
Errors whose message is for the user: `error`. This face imports no PyTorch.
"""

from ..lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".scene": "Scene",
        ".subject": "Subject load_subject save_subject",
        ".error": "InputError PhotoError",
        ".run_folder": "RunFolder",
        ".mesh_file": "read_ply write_ply write_obj",
    },
)
