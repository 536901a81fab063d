"""Photos in: decoding, masks, cameras, keypoints, exact crops."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".collection": "Collection load_collection",
        ".photo": "Photo",
        ".camera_frame": "CameraFrame",
        ".nerfstudio": "read_transforms write_transforms",
        ".keypoints": "load_keypoints",
        ".crop": "Crop crop_for_photo",
    },
)
