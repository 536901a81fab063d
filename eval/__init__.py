"""How good a fit is, one protocol per file in `metrics/`. `run_score` takes all, `report` and `compare` print it.

In the photos: `silhouette`, `boundary`, `keypoint_transfer`, `side_flip`, `novel_view`. In pictures of the textured
subject (`redraw`, `novel_picture`, `picture_score`): `image_quality`, and where their networks are at hand `lpips`,
`fid`, `feature_distance`, `clip_similarity`. Against true shapes, cameras and rigs: `chamfer`, `normal_consistency`,
`volume_iou`, `animodel`, `camera_error`, `pose_error`. Alone: `thickness`.
"""

from ..lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(
    __name__,
    {
        ".run_score": "score_run",
        ".photo_score": "Thorough",
        ".truth": "Truth load_truth",
        ".prediction": "load_prediction",
        ".picture_score": "Judges load_judges",
        ".compare": "write_comparison",
    },
)
