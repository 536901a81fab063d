"""One metric per file, on arrays: overlap, keypoints, shapes, cameras, poses, pictures."""

from ...lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".silhouette": "mask_iou",
        ".keypoint_transfer": "score_transfers",
        ".image_quality": "psnr ssim",
        ".clip_similarity": "orbit_views load_clip",
        ".surface_pairs": "pair_surfaces",
        ".alignment": "Similarity",
        ".frechet": "frechet_distance",
    },
)
