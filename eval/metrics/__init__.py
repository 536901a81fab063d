"""One metric per file, on arrays: overlap, keypoints, shapes, cameras, poses, pictures."""
